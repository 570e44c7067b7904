// A stretch of seconds summed up in steps, kept from one drawing to the next: steps are aligned to
// the epoch and do not wander, so a new second changes one of them, and the others only move.

import type { Column, Seconds } from './seconds';

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

export interface Spread {
    mean: Float64Array;
    min: Float64Array;
    max: Float64Array;
}

export const NO_STEPS: Steps = {
    from: 0, step: 1, count: 0, measured: new Uint16Array(), drops: new Float64Array(), columns: new Map(),
};

const NOTHING = new Float64Array();
const NO_SPREAD: Spread = { mean: NOTHING, min: NOTHING, max: NOTHING };

export function spreadOf(steps: Steps, column: Column): Spread {
    return steps.columns.get(column) ?? NO_SPREAD;
}

/** Which step holds this second; −1 for none. */
export function stepAt({ from, step, count }: Steps, second: number | null): number {
    const n = second === null ? -1 : Math.floor((second - from) / step);
    return n < count ? n : -1;
}

export interface Taken {
    steps: Steps;
    /** The first step that is another than at the last take(), by its number now; `count` if none is. */
    first: number;
    /** By how many steps the stretch has moved since. */
    moved: number;
}

export class Stepped {
    private steps = NO_STEPS;
    private version = -1;

    constructor(private readonly seconds: Seconds, private readonly columns: readonly Column[]) {}

    /** [from, to) in steps; what it returns changes with the next call. */
    take(from: number, to: number, step: number): Taken {
        const start = Math.floor(from / step) * step;
        const count = Math.max(0, Math.ceil((to - start) / step));
        const changes = this.seconds.changesSince(this.version);
        this.version = this.seconds.version;
        const moved = (start - this.steps.from) / step;
        if (!changes || this.steps.step !== step || this.steps.count !== count || moved < 0 || moved >= count)
            return this.anew(start, step, count);
        this.move(moved);
        let first = count - moved;
        for (const second of changes) {
            const n = stepAt(this.steps, second);
            if (n < 0)
                continue;
            this.fill(n);
            first = Math.min(first, n);
        }
        for (let n = count - moved; n < count; n++)
            this.fill(n);
        return { steps: this.steps, first, moved };
    }

    private anew(from: number, step: number, count: number): Taken {
        const column = () => new Float64Array(count);
        this.steps = {
            from, step, count, measured: new Uint16Array(count), drops: column(),
            columns: new Map(this.columns.map((name) => [name, { mean: column(), min: column(), max: column() }])),
        };
        for (let n = 0; n < count; n++)
            this.fill(n);
        return { steps: this.steps, first: 0, moved: 0 };
    }

    private move(by: number): void {
        if (by === 0)
            return;
        const { steps } = this;
        steps.from += by * steps.step;
        steps.measured.copyWithin(0, by);
        steps.drops.copyWithin(0, by);
        for (const { mean, min, max } of steps.columns.values())
            for (const values of [mean, min, max])
                values.copyWithin(0, by);
    }

    private fill(n: number): void {
        const { seconds, steps } = this;
        const from = steps.from + n * steps.step, to = from + steps.step;
        steps.measured[n] = seconds.measured(from, to);
        steps.drops[n] = seconds.sum('drops', from, to);
        for (const [column, spread] of steps.columns)
            seconds.spread(column, from, to, spread, n);
    }
}
