// The last hour as the page knows it: one slot per second, found by its time, so that a second
// told twice (a partial one, completed later) replaces itself and a second never told stays empty.
//
//     slot = second mod 3600      stamp[slot] = the second it holds
//
// Every figure is a column of its own: in, out, and what has neither direction, by protocol, in
// bits and in packets. What has no direction is the rest, so that the three add up to the whole.

import type { Unit } from './format';
import type { Spread } from './steps';
import { CLASSES, type ByClass, type Class, type CounterPoint, type RatesFrame } from './wire';

export const HOUR = 3600;
export const WAYS = ['in', 'out', 'none'] as const;
export type Way = (typeof WAYS)[number];
export const MEASURES = ['bps', 'pps'] as const;
export type Measure = (typeof MEASURES)[number];
/** Which of them a unit is of: bytes are bits by eight. */
export function measureOf(unit: Unit): Measure {
    return unit === 'pkt/s' ? 'pps' : 'bps';
}

export type Column = Measure | `${Way}.${Measure}` | `${Way}.${Class}.${Measure}` | 'drops';

export const COLUMNS: readonly Column[] = [
    ...MEASURES, 'drops',
    ...WAYS.flatMap((way) => MEASURES.flatMap((m) =>
        [`${way}.${m}` as const, ...CLASSES.map((cls) => `${way}.${cls}.${m}` as const)])),
];

/** How many changes are remembered one by one. */
const CHANGES_KEPT = 64;

export class Seconds {
    private stamp = new Float64Array(HOUR).fill(NaN);
    private columns = Object.fromEntries(COLUMNS.map((c) => [c, new Float64Array(HOUR)])) as Record<Column, Float64Array>;
    /** The newest second held, Unix seconds; NaN while there is none. */
    newest = NaN;

    /** Grows with every change: who has drawn this version need not draw it again. */
    version = 0;
    /** Which second each of the latest versions changed; NaN where it was more than one. */
    private readonly changes = new Float64Array(CHANGES_KEPT).fill(NaN);

    clear(): void {
        this.stamp.fill(NaN);
        this.newest = NaN;
        this.changed(NaN);
    }

    /** The seconds told anew since a version; null where that may be all of them. */
    changesSince(version: number): number[] | null {
        const count = this.version - version;
        if (version < 0 || count > CHANGES_KEPT)
            return null;
        const ret = Array.from({ length: count }, (_, i) => this.changes[(version + 1 + i) % CHANGES_KEPT] ?? NaN);
        return ret.some(Number.isNaN) ? null : ret;
    }

    private changed(second: number): void {
        this.version++;
        this.changes[this.version % CHANGES_KEPT] = second;
    }

    has(second: number): boolean {
        return this.stamp[slot(second)] === second;
    }

    /** NaN where that second was not measured. */
    get(column: Column, second: number): number {
        return this.has(second) ? (this.columns[column][slot(second)] ?? NaN) : NaN;
    }

    putRates(frame: RatesFrame): void {
        const i = this.open(frame.ts / 1000);
        if (i < 0)
            return;
        this.set('bps', i, frame.bps);
        this.set('pps', i, frame.pps);
        this.set('drops', i, frame.drops);
        this.setWays(i, {
            bps: [frame.by_proto, frame.in_by_proto, frame.out_by_proto],
            pps: [frame.by_proto_pps, frame.in_by_proto_pps, frame.out_by_proto_pps],
        });
    }

    /** A point that holds several seconds, since the daemon was held up, is the mean in each of them. */
    putPoint(point: CounterPoint): void {
        const count = Math.max(1, Math.round(point.span_ms / 1000));
        for (let n = 0; n < count; n++)
            this.putSecond(point.ts / 1000 + n, n === 0 ? point : { ...point, drops: 0 });
    }

    private putSecond(second: number, point: CounterPoint): void {
        const i = this.open(second);
        if (i < 0)
            return;
        const span = point.span_ms / 1000 || 1;
        const rates = (amounts: ByClass, factor: number) =>
            Object.fromEntries(CLASSES.map((cls) => [cls, Math.round((amounts[cls] * factor) / span)])) as ByClass;
        this.set('bps', i, point.bps);
        this.set('pps', i, point.pps);
        this.set('drops', i, point.drops);
        const both = [point, point.in, point.out] as const;
        this.setWays(i, {
            bps: both.map((way) => rates(way.by_proto_bytes, 8)),
            pps: both.map((way) => rates(way.by_proto_packets, 1)),
        });
    }

    /** A second in which nothing was measured. */
    putGap(second: number): void {
        const i = this.open(second);
        if (i >= 0)
            this.stamp[i] = NaN;
    }

    /** The clock was set back to this second: who bore it and later ones before bears them no longer. */
    turnBack(second: number): void {
        for (let i = 0; i < HOUR; i++)
            if ((this.stamp[i] ?? NaN) >= second)
                this.stamp[i] = NaN;
        const last = this.stamp.reduce((newest, stamp) => (stamp > newest ? stamp : newest), -Infinity);
        this.newest = last === -Infinity ? NaN : last;
        this.changed(NaN);
    }

    /** Sums of one column over [from, to), of what was measured. */
    sum(column: Column, from: number, to: number): number {
        const values = this.columns[column];
        let sum = 0;
        for (let s = from, i = slot(from); s < to; s++, i = i + 1 < HOUR ? i + 1 : 0)
            if (this.stamp[i] === s)
                sum += values[i] ?? 0;
        return sum;
    }

    /** How many seconds of [from, to) were measured. */
    measured(from: number, to: number): number {
        let count = 0;
        for (let s = from; s < to; s++)
            count += this.has(s) ? 1 : 0;
        return count;
    }

    /** Mean, least and most of [from, to) into the nth place of `ret`; NaN where nothing was measured. */
    spread(column: Column, from: number, to: number, ret: Spread, n: number): void {
        const values = this.columns[column];
        let sum = 0, count = 0, least = Infinity, most = -Infinity;
        for (let s = from; s < to; s++) {
            const i = slot(s);
            if (this.stamp[i] !== s)
                continue;
            const value = values[i] ?? 0;
            sum += value;
            count++;
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
        ret.mean[n] = count > 0 ? sum / count : NaN;
        ret.min[n] = count > 0 ? least : NaN;
        ret.max[n] = count > 0 ? most : NaN;
    }

    /** The slot of a second, which from now on holds it; −1 for what is more than an hour old. */
    private open(second: number): number {
        if (this.newest - second >= HOUR)
            return -1;
        this.changed(second);
        this.stamp[slot(second)] = second;
        this.newest = Math.max(second, Number.isNaN(this.newest) ? second : this.newest);
        return slot(second);
    }

    private set(column: Column, i: number, value: number): void {
        this.columns[column][i] = value;
    }

    /** All, in and out of each measure; what is left over has neither direction. */
    private setWays(i: number, rates: Record<Measure, readonly ByClass[]>): void {
        const rest = (measure: Measure, cls: Class) => {
            const [all, inward, outward] = rates[measure].map((way) => way[cls]);
            return (all ?? 0) - (inward ?? 0) - (outward ?? 0);
        };
        for (const measure of MEASURES) {
            const [, inward, outward] = rates[measure];
            let inSum = 0, outSum = 0, noneSum = 0;
            for (const cls of CLASSES) {
                // Rates of a part of a second are rounded each by itself: a rest of one or two bits is that, and no packet.
                const none = rest('bps', cls) > 2 ? Math.max(0, rest(measure, cls)) : 0;
                this.set(`in.${cls}.${measure}`, i, inward?.[cls] ?? 0);
                this.set(`out.${cls}.${measure}`, i, outward?.[cls] ?? 0);
                this.set(`none.${cls}.${measure}`, i, none);
                inSum += inward?.[cls] ?? 0;
                outSum += outward?.[cls] ?? 0;
                noneSum += none;
            }
            this.set(`in.${measure}`, i, inSum);
            this.set(`out.${measure}`, i, outSum);
            this.set(`none.${measure}`, i, noneSum);
        }
    }
}

function slot(second: number): number {
    return ((second % HOUR) + HOUR) % HOUR;
}
