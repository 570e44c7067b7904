// The main chart, second by second: stacked by protocol, or in above and out below the axis.
// Its legend shows the second under the pointer, else the last one.

import { CLASSES } from '../wire';
import { clock, count, rate, inUnit, exact } from '../format';
import type { Bucket, Column, Second } from '../seconds';
import type { State, Store, View } from '../state';
import { byId, choices, make, newer, setClass, setText, setTitle } from './dom';
import { palette, type Palette } from './palette';
import { ceiling, EMPTY_SCALE, fillSteps, hatchGaps, markDrops, Plot, stepFor, strokeSteps, type Pen } from './plot';

const MINUTES: readonly number[] = [1, 5, 15, 60];

const GAP_REASONS: Record<string, string> = {
    not_started: 'the capture had not begun',
    expired: 'no longer held',
    no_capture: 'nothing was captured',
};

/** One layer of the stack; `side` −1 hangs below the axis. */
interface Layer {
    name: string;
    column: Column;
    side: 1 | -1;
    colour: (p: Palette) => string;
    swatch: string;
}

const PROTOCOLS: readonly Layer[] = CLASSES.map((name) => ({
    name, column: name, side: 1, colour: (p) => p.classes[name], swatch: name,
}));

const DIRECTIONS = (inward: Column, outward: Column): readonly Layer[] => [
    { name: 'in ▼', column: inward, side: 1, colour: (p) => p.accent, swatch: 'accent' },
    { name: 'out ▲', column: outward, side: -1, colour: (p) => p.second, swatch: 'second' },
];

const PACKETS: readonly Layer[] = [
    { name: 'all', column: 'pps', side: 1, colour: (p) => p.accent, swatch: 'accent' },
];

/** Packets are told as a whole and by direction, not by protocol. */
function layersOf({ unit, stack }: View): readonly Layer[] {
    if (unit === 'pkt/s')
        return stack === 'direction' ? DIRECTIONS('inPps', 'outPps') : PACKETS;
    return stack === 'direction' ? DIRECTIONS('inBps', 'outBps') : PROTOCOLS;
}

export function chart(store: Store, choose: (change: Partial<View>) => void): void {
    const markStack = choices(byId('stack'), [['protocol', 'protocol'], ['direction', 'in / out']] as const,
        (stack) => { choose({ stack }); });
    const markMinutes = choices(byId('minutes'), MINUTES.map((m) => [m, `${m} min`] as const),
        (minutes) => { choose({ minutes }); });
    const legend = new Legend(byId('legend'));

    let state: State = store.state;
    let buckets: Bucket[] = [];
    let step = 1;
    let hovered: number | null = null;
    const changed = newer();

    const plot = new Plot(byId('chart'), {
        height: 240, yAxis: true, unit: () => state.view.unit,
        paint: (pen) => { paint(pen, state, buckets, step); },
        hover: (second) => {
            hovered = second;
            tell();
        },
    });
    const tell = () => {
        const at = hovered;
        const under = at === null ? undefined : buckets.find((b) => at >= b.from && at < b.from + step);
        legend.show(state.view, under ?? buckets.at(-1), under ? step : 1, state);
    };

    store.onRender((now) => {
        state = now;
        markStack(state.view.stack);
        markMinutes(state.view.minutes);
        const { newest } = state.seconds;
        if (Number.isNaN(newest) || !changed(state.seconds.version, state.view, palette(), plot.width))
            return;
        const to = newest + 1;
        const from = to - state.view.minutes * 60;
        step = stepFor(to - from, plot.width);
        buckets = state.seconds.buckets(from, to, step);
        const layers = layersOf(state.view);
        const up = ceiling(highest(buckets, layers, 1) / bits(state.view));
        const down = ceiling(highest(buckets, layers, -1) / bits(state.view));
        plot.draw({ from, to, up: up || (down ? 0 : EMPTY_SCALE), down });
        tell();
    });
}

/** What a column's figure is divided by to be in the unit shown. */
function bits({ unit }: View): number {
    return unit === 'B/s' ? 8 : 1;
}

function highest(buckets: Bucket[], layers: readonly Layer[], side: 1 | -1): number {
    const mine = layers.filter((layer) => layer.side === side);
    const [only] = mine;
    if (!only)
        return 0;
    // The stack of protocols adds up to the total: its highest second is the total's.
    const column = mine.length > 1 ? 'bps' : only.column;
    return Math.max(0, ...buckets.map((b) => b.max[column] || 0));
}

function paint(pen: Pen, state: State, buckets: Bucket[], step: number): void {
    const colours = palette();
    const layers = layersOf(state.view);
    const per = bits(state.view);
    hatchGaps(pen, buckets, step, state.seconds.oldest, state.seconds.newest);
    for (const side of [1, -1] as const) {
        const base = new Float64Array(buckets.length);
        for (const layer of layers.filter((l) => l.side === side)) {
            const low = base.slice();
            buckets.forEach((b, i) => { base[i] = (base[i] ?? 0) + (side * (b.mean[layer.column] || 0)) / per; });
            fillSteps(pen, buckets, step, (_, i) => low[i] ?? 0, (_, i) => base[i] ?? 0, layer.colour(colours));
            if (step > 1 && layers.length < 3)
                strokeSteps(pen, buckets, step, (b) => (side * b.max[layer.column]) / per, layer.colour(colours));
        }
    }
    // Where a step covers several seconds, the line is the highest of them.
    if (step > 1 && layers.length > 2)
        strokeSteps(pen, buckets, step, (b) => b.max.bps / per, colours.muted);
    axis(pen, colours.muted);
    markDrops(pen, buckets, step);
}

function axis(pen: Pen, colour: string): void {
    const { ctx, box, dpr } = pen;
    ctx.fillStyle = colour;
    ctx.fillRect(box.left, Math.round(pen.y(0)) - dpr / 2, box.width, dpr);
}

class Legend {
    private readonly time = make('span', { class: 'time' });
    private readonly notes = make('span', { class: 'note' });
    private items: { name: HTMLElement; value: HTMLElement; column: Column }[] = [];
    private drawn: readonly Layer[] = [];

    constructor(private readonly parent: HTMLElement) {}

    show(view: View, bucket: Bucket | undefined, step: number, state: State): void {
        const layers = layersOf(view);
        if (layers.map((l) => l.column).join() !== this.drawn.map((l) => l.column).join())
            this.build(layers);
        if (!bucket)
            return;
        setText(this.time, clock(bucket.from * 1000) + (step > 1 ? ` + ${step} s` : ''));
        const mean: Second = bucket.mean;
        for (const { value, column } of this.items) {
            const figure = mean[column];
            const known = bucket.measured > 0 && !Number.isNaN(figure);
            setText(value, known ? rate(figure, figure, view.unit) : '–');
            setTitle(value, known ? exact(inUnit(figure, figure, view.unit), view.unit) : 'not measured');
        }
        setText(this.notes, noteOf(bucket, step, state));
    }

    private build(layers: readonly Layer[]): void {
        this.drawn = layers;
        this.items = layers.map(({ name, column }) => ({
            name: make('span', { text: name }), value: make('b'), column,
        }));
        const shown = this.items.map(({ name, value }, i) =>
            make('span', { class: 'item' }, make('i', { class: `swatch ${layers[i]?.swatch ?? ''}` }), name, value));
        this.parent.replaceChildren(this.time, ...shown, this.notes);
        setClass(this.parent, 'legend');
    }
}

function noteOf(bucket: Bucket, step: number, state: State): string {
    if (bucket.measured === 0) {
        const at = bucket.from * 1000;
        const reason = state.gaps.find((gap) => gap.from <= at && at < gap.to)?.reason ?? '';
        return `not measured: ${GAP_REASONS[reason] ?? 'no data'}`;
    }
    const drops = bucket.mean.drops > 0 ? `${count(bucket.mean.drops)} drops` : '';
    return step > 1 ? [`mean of ${bucket.measured} s`, drops].filter(Boolean).join(' · ') : drops;
}
