// The last hour as the page knows it: one slot per second, found by its time, so that a second
// told twice (a partial one, completed later) replaces itself and a second never told stays empty.
//
//     slot = second mod 3600      stamp[slot] = the second it holds
//
// NaN means "was not told", which is not zero: the rates frame has no packets per direction.

import { CLASSES, type CounterPoint, type RatesFrame } from './wire';

export const HOUR = 3600;
const COLUMNS = ['bps', 'pps', ...CLASSES, 'inBps', 'outBps', 'inPps', 'outPps', 'drops', 'newFlows', 'flows'] as const;
export type Column = (typeof COLUMNS)[number];
export type Second = Record<Column, number>;

/** A run of seconds as one step of a chart: the mean of what was measured, and its range. */
export interface Bucket {
    from: number;
    /** How many of its seconds were measured; with none the figures are NaN. */
    measured: number;
    /** Drops are the sum, not the mean: none of them may fade. */
    mean: Second;
    min: Second;
    max: Second;
}

export class Seconds {
    private stamp = new Float64Array(HOUR).fill(NaN);
    private columns = Object.fromEntries(COLUMNS.map((c) => [c, new Float64Array(HOUR)])) as Record<Column, Float64Array>;
    /** The newest second held, Unix seconds; NaN while there is none. */
    newest = NaN;
    /** The oldest second ever told since the last clear(). */
    oldest = NaN;

    /** Grows with every change: who has drawn this version need not draw it again. */
    version = 0;

    clear(): void {
        this.version++;
        this.stamp.fill(NaN);
        this.newest = NaN;
        this.oldest = NaN;
    }

    has(second: number): boolean {
        return this.stamp[slot(second)] === second;
    }

    /** NaN where that second was not measured, or that figure of it not told. */
    get(column: Column, second: number): number {
        return this.has(second) ? (this.columns[column][slot(second)] ?? NaN) : NaN;
    }

    putRates(frame: RatesFrame): void {
        this.put(frame.ts / 1000, {
            bps: frame.bps, pps: frame.pps, ...frame.by_proto, inBps: frame.in_bps, outBps: frame.out_bps,
            drops: frame.drops, newFlows: frame.new_flows, flows: frame.active_flows,
        });
    }

    putPoint(point: CounterPoint): void {
        const span = point.span_ms / 1000 || 1;
        this.put(point.ts / 1000, {
            bps: point.bps, pps: point.pps, ...point.by_proto,
            inBps: Math.round((point.in.bytes * 8) / span), outBps: Math.round((point.out.bytes * 8) / span),
            inPps: Math.round(point.in.packets / span), outPps: Math.round(point.out.packets / span),
            drops: point.drops, newFlows: point.new_flows, flows: point.active_flows,
        });
    }

    /** The first second held of which this figure was not told; the frames of the stream lack some. */
    firstWithout(column: Column): number | null {
        for (let s = Math.max(this.oldest, this.newest - HOUR + 1); s <= this.newest; s++)
            if (this.has(s) && Number.isNaN(this.get(column, s)))
                return s;
        return null;
    }

    /** Sums of one column over [from, to), of what was measured. */
    sum(column: Column, from: number, to: number): number {
        let sum = 0;
        for (let s = from; s < to; s++)
            sum += this.get(column, s) || 0;
        return sum;
    }

    /** [from, to) in steps of `step` seconds, aligned to the epoch so that they do not wander as time goes on. */
    buckets(from: number, to: number, step: number): Bucket[] {
        const ret: Bucket[] = [];
        for (let s = Math.floor(from / step) * step; s < to; s += step)
            ret.push(this.bucket(s, step));
        return ret;
    }

    private bucket(from: number, step: number): Bucket {
        const slots: number[] = [];
        for (let s = from; s < from + step; s++)
            if (this.has(s))
                slots.push(slot(s));
        const bucket = { from, measured: slots.length, mean: empty(), min: empty(), max: empty() };
        for (const c of COLUMNS) {
            const column = this.columns[c];
            let sum = 0, min = Infinity, max = -Infinity;
            for (const i of slots) {
                const value = column[i] ?? NaN;
                sum += value;
                min = value < min ? value : min;
                max = value > max ? value : max;
            }
            if (slots.length === 0)
                continue;
            bucket.mean[c] = c === 'drops' ? sum : sum / slots.length;
            bucket.min[c] = min;
            bucket.max[c] = max;
        }
        return bucket;
    }

    private put(second: number, figures: Partial<Second>): void {
        if (this.newest - second >= HOUR)
            return;
        this.version++;
        const i = slot(second);
        // A frame that tells less must not wipe what a fuller answer said of the same packets.
        const known = this.has(second) && this.get('pps', second) === figures.pps;
        for (const c of COLUMNS) {
            const figure = figures[c];
            if (figure !== undefined)
                this.columns[c][i] = figure;
            else if (!known)
                this.columns[c][i] = NaN;
        }
        this.stamp[i] = second;
        this.newest = Math.max(second, Number.isNaN(this.newest) ? second : this.newest);
        this.oldest = Math.min(second, Number.isNaN(this.oldest) ? second : this.oldest);
    }
}

function slot(second: number): number {
    return ((second % HOUR) + HOUR) % HOUR;
}

const EMPTY = Object.fromEntries(COLUMNS.map((c) => [c, NaN])) as Second;

function empty(): Second {
    return { ...EMPTY };
}
