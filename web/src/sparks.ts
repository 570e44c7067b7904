// What the page itself has seen of each flow in the last minute, for the small charts of the
// table: bits and packets per second, one figure per second. A second in which the table's answer did not
// hold the flow was not seen: it stays a gap and is never taken for zero.

import { MEASURES, type Measure } from './seconds';
import type { FlowRow } from './wire';

export const SPARK_SECONDS = 60;

interface Spark extends Record<Measure, Float32Array> {
    /** The newest second seen. */
    newest: number;
}

export class Sparks {
    private readonly flows = new Map<number, Spark>();
    private newest = 0;

    clear(): void {
        this.flows.clear();
        this.newest = 0;
    }

    /** An answer's rows carry the rates of the second before `asof`; in a gap they have none. */
    put(asof: number, rows: readonly FlowRow[], measured = true): void {
        const second = asof / 1000 - 1;
        // The clock was set back: what was seen later has no time any more.
        if (second < this.newest)
            this.clear();
        this.newest = Math.max(this.newest, second);
        for (const row of rows) {
            const spark = this.flows.get(row.id) ?? { bps: unseen(), pps: unseen(), newest: second };
            this.flows.set(row.id, spark);
            for (const measure of MEASURES) {
                for (let skipped = Math.max(spark.newest + 1, second - SPARK_SECONDS + 1); skipped < second; skipped++)
                    spark[measure][skipped % SPARK_SECONDS] = NaN;
                spark[measure][second % SPARK_SECONDS] = measured ? row[measure] : NaN;
            }
            spark.newest = Math.max(spark.newest, second);
        }
        for (const [id, spark] of this.flows)
            if (spark.newest <= this.newest - SPARK_SECONDS)
                this.flows.delete(id);
    }

    /** The last minute of one flow into `ret`, oldest first; NaN where it was not seen. */
    read(id: number, measure: Measure, ret: Float32Array): void {
        const spark = this.flows.get(id);
        for (let i = 0; i < SPARK_SECONDS; i++) {
            const second = this.newest - SPARK_SECONDS + 1 + i;
            ret[i] = spark && second <= spark.newest ? (spark[measure][second % SPARK_SECONDS] ?? NaN) : NaN;
        }
    }

    get size(): number {
        return this.flows.size;
    }
}

function unseen(): Float32Array {
    return new Float32Array(SPARK_SECONDS).fill(NaN);
}
