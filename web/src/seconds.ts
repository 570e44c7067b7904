// The last hour as the page knows it: one slot per second, found by its time, so that a second
// told twice (a partial one, completed later) replaces itself and a second never told stays empty.
//
//     slot = second mod 3600      stamp[slot] = the second it holds
//
// Every figure is a column of its own: in, out, and what has neither direction, by protocol, in
// bits and in packets. What has no direction is the rest, so that the three add up to the whole.

import { CLASSES, type ByClass, type Class, type CounterPoint, type RatesFrame } from './wire';

export const HOUR = 3600;
export const WAYS = ['in', 'out', 'none'] as const;
export type Way = (typeof WAYS)[number];
export const MEASURES = ['bps', 'pps'] as const;
export type Measure = (typeof MEASURES)[number];
export type Column = Measure | `${Way}.${Measure}` | `${Way}.${Class}.${Measure}` | 'drops';

const COLUMNS: readonly Column[] = [
    ...MEASURES, 'drops',
    ...WAYS.flatMap((way) => MEASURES.flatMap((m) =>
        [`${way}.${m}` as const, ...CLASSES.map((cls) => `${way}.${cls}.${m}` as const)])),
];

/** A stretch of seconds in steps of `step`. */
export interface Steps {
    /** The first second of the first step. */
    from: number;
    step: number;
    /** How many steps there are. */
    count: number;
    /** How many seconds of each step were measured; where none was, its figures are NaN. */
    measured: Uint16Array;
    /** Sums, not means: none of them may fade. */
    drops: Float64Array;
    columns: Map<Column, Spread>;
}

export const NO_STEPS: Steps = {
    from: 0, step: 1, count: 0, measured: new Uint16Array(), drops: new Float64Array(), columns: new Map(),
};

const NOTHING = new Float64Array();

export function spreadOf(steps: Steps, column: Column): Spread {
    return steps.columns.get(column) ?? { mean: NOTHING, min: NOTHING, max: NOTHING };
}

/** Which step holds this second; −1 for none. */
export function stepAt({ from, step, count }: Steps, second: number | null): number {
    const n = second === null ? -1 : Math.floor((second - from) / step);
    return n < count ? n : -1;
}

export interface Spread {
    mean: Float64Array;
    min: Float64Array;
    max: Float64Array;
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
        this.setWays('bps', i, frame.by_proto, frame.in_by_proto, frame.out_by_proto);
        this.setWays('pps', i, frame.by_proto_pps, frame.in_by_proto_pps, frame.out_by_proto_pps);
    }

    putPoint(point: CounterPoint): void {
        const i = this.open(point.ts / 1000);
        if (i < 0)
            return;
        const span = point.span_ms / 1000 || 1;
        const rates = (amounts: ByClass, factor: number) =>
            Object.fromEntries(CLASSES.map((cls) => [cls, Math.round((amounts[cls] * factor) / span)])) as ByClass;
        this.set('bps', i, point.bps);
        this.set('pps', i, point.pps);
        this.set('drops', i, point.drops);
        this.setWays('bps', i, rates(point.by_proto_bytes, 8), rates(point.in.by_proto_bytes, 8), rates(point.out.by_proto_bytes, 8));
        this.setWays('pps', i, rates(point.by_proto_packets, 1), rates(point.in.by_proto_packets, 1), rates(point.out.by_proto_packets, 1));
    }

    /** Sums of one column over [from, to), of what was measured. */
    sum(column: Column, from: number, to: number): number {
        let sum = 0;
        for (let s = from; s < to; s++)
            sum += this.get(column, s) || 0;
        return sum;
    }

    /** [from, to) in steps aligned to the epoch, so that they do not wander as time goes on. */
    steps(from: number, to: number, step: number, columns: readonly Column[]): Steps {
        const first = Math.floor(from / step) * step;
        const count = Math.max(0, Math.ceil((to - first) / step));
        const stretch: Stretch = { slots: new Int16Array(count * step), measured: new Uint16Array(count), step };
        for (let k = 0; k < count * step; k++) {
            const has = this.has(first + k);
            stretch.slots[k] = has ? slot(first + k) : -1;
            if (has)
                stretch.measured[Math.floor(k / step)] = (stretch.measured[Math.floor(k / step)] ?? 0) + 1;
        }
        const { mean: drops } = spread(this.columns.drops, stretch);
        drops.forEach((mean, n) => { drops[n] = Math.round((mean || 0) * (stretch.measured[n] ?? 0)); });
        return {
            from: first, step, count, measured: stretch.measured, drops,
            columns: new Map(columns.map((column) => [column, spread(this.columns[column], stretch)])),
        };
    }

    /** The slot of a second, which from now on holds it; −1 for what is more than an hour old. */
    private open(second: number): number {
        if (this.newest - second >= HOUR)
            return -1;
        this.version++;
        this.stamp[slot(second)] = second;
        this.newest = Math.max(second, Number.isNaN(this.newest) ? second : this.newest);
        this.oldest = Math.min(second, Number.isNaN(this.oldest) ? second : this.oldest);
        return slot(second);
    }

    private set(column: Column, i: number, value: number): void {
        this.columns[column][i] = value;
    }

    private setWays(measure: Measure, i: number, all: ByClass, inward: ByClass, outward: ByClass): void {
        let inSum = 0, outSum = 0, noneSum = 0;
        for (const cls of CLASSES) {
            // Rates of a part of a second are rounded each by itself: a rest of one or two is that.
            const rest = all[cls] - inward[cls] - outward[cls];
            const none = rest > 2 ? rest : 0;
            this.set(`in.${cls}.${measure}`, i, inward[cls]);
            this.set(`out.${cls}.${measure}`, i, outward[cls]);
            this.set(`none.${cls}.${measure}`, i, none);
            inSum += inward[cls];
            outSum += outward[cls];
            noneSum += none;
        }
        this.set(`in.${measure}`, i, inSum);
        this.set(`out.${measure}`, i, outSum);
        this.set(`none.${measure}`, i, noneSum);
    }
}

/** Where the seconds of a stretch are held; −1 where they were not measured. */
interface Stretch {
    slots: Int16Array;
    measured: Uint16Array;
    step: number;
}

function spread(values: Float64Array, { slots, measured, step }: Stretch): Spread {
    const { length } = measured;
    const mean = new Float64Array(length), min = new Float64Array(length), max = new Float64Array(length);
    for (let n = 0; n < length; n++) {
        let sum = 0, least = Infinity, most = -Infinity;
        for (let k = n * step, end = k + step; k < end; k++) {
            const i = slots[k] ?? -1;
            if (i < 0)
                continue;
            const value = values[i] ?? NaN;
            sum += value;
            if (value < least)
                least = value;
            if (value > most)
                most = value;
        }
        const seconds = measured[n] ?? 0;
        mean[n] = seconds > 0 ? sum / seconds : NaN;
        min[n] = seconds > 0 ? least : NaN;
        max[n] = seconds > 0 ? most : NaN;
    }
    return { mean, min, max };
}

function slot(second: number): number {
    return ((second % HOUR) + HOUR) % HOUR;
}
