// The main chart, second by second: in above the axis, out below it, stacked by protocol. What
// has neither direction stands above, lighter, so that nothing measured is missing from the area.
// Its legend shows the second under the pointer, else the last one.

import { CLASSES } from '../wire';
import { clock, clockTitle, count, exact, inUnit, rate } from '../format';
import { NO_STEPS, spreadOf, stepAt, WAYS, type Column, type Measure, type Steps, type Way } from '../seconds';
import { gapAt, type State, type Store, type View } from '../state';
import { byId, choices, make, newer, setHidden, setText, setTitle } from './dom';
import { faded, palette, type Palette } from './palette';
import { ceiling, EMPTY_SCALE, fillSteps, hatchGaps, markDrops, Plot, stepFor, strokeSteps, type Pen } from './plot';

const MINUTES: readonly number[] = [1, 5, 15, 60];
const HEIGHT = 216;

/** One layer of the stack; `side` −1 hangs below the axis. */
interface Layer {
    column: Column;
    side: 1 | -1;
    colour: (p: Palette) => string;
}

export function measureOf({ unit }: View): Measure {
    return unit === 'pkt/s' ? 'pps' : 'bps';
}

/** From the axis outwards. */
function layersOf(view: View, ways: readonly Way[]): Layer[] {
    const m = measureOf(view);
    return ways.flatMap((way): Layer[] => {
        const side = way === 'out' ? -1 : 1;
        const shade = (colour: string) => (way === 'none' ? faded(colour) : colour);
        if (view.stack === 'direction')
            return [{ column: `${way}.${m}`, side, colour: (p) => shade(way === 'out' ? p.second : p.accent) }];
        return CLASSES.map((cls) => ({ column: `${way}.${cls}.${m}`, side, colour: (p) => shade(p.classes[cls]) }));
    });
}

export function chart(store: Store, choose: (change: Partial<View>) => void): void {
    const markStack = choices(byId('stack'), [['protocol', 'by protocol'], ['direction', 'in / out']] as const,
        (stack) => { choose({ stack }); });
    const markMinutes = choices(byId('minutes'), MINUTES.map((m) => [m, `${m} min`] as const),
        (minutes) => { choose({ minutes }); });
    const legend = new Legend(byId('legend'));

    let state: State = store.state;
    let steps: Steps = NO_STEPS;
    let hovered: number | null = null;
    let undirected = false;
    const changed = newer();

    const plot = new Plot(byId('chart'), {
        height: HEIGHT, yAxis: true, unit: () => state.view.unit,
        paint: (pen) => { paint(pen, state.view, steps, undirected); },
        hover: (second) => {
            hovered = second;
            tell();
        },
    });
    const tell = () => {
        const under = stepAt(steps, hovered);
        legend.show(state, steps, under >= 0 ? under : steps.count - 1, undirected);
    };

    store.onRender((now) => {
        state = now;
        markStack(state.view.stack);
        markMinutes(state.view.minutes);
        const { seconds, view } = state;
        if (Number.isNaN(seconds.newest))
            plot.hide();
        if (Number.isNaN(seconds.newest) || !changed(seconds.version, view, palette(), plot.width))
            return;
        const to = seconds.newest + 1;
        const from = to - view.minutes * 60;
        const m = measureOf(view);
        undirected = seconds.sum(`none.${m}`, from, to) > 0;
        const ways: readonly Way[] = undirected ? WAYS : ['in', 'out'];
        const columns = ways.flatMap((way): Column[] => [`${way}.${m}`, ...CLASSES.map((cls) => `${way}.${cls}.${m}` as const)]);
        steps = seconds.steps(from, to, stepFor(to - from, plot.width), [m, ...columns]);
        const per = perUnit(view);
        const up = ceiling((most(spreadOf(steps, `in.${m}`).max) + most(spreadOf(steps, `none.${m}`).max)) / per);
        const down = ceiling(most(spreadOf(steps, `out.${m}`).max) / per);
        plot.draw({ from, to, up: up || (down ? 0 : EMPTY_SCALE), down });
        tell();
    });
}

/** What a column's figure is divided by to be in the unit shown. */
function perUnit({ unit }: View): number {
    return unit === 'B/s' ? 8 : 1;
}

function most(values: Float64Array): number {
    let ret = 0;
    for (const value of values)
        ret = value > ret ? value : ret;
    return ret;
}

function paint(pen: Pen, view: View, steps: Steps, undirected: boolean): void {
    const colours = palette();
    const m = measureOf(view);
    const per = perUnit(view);
    hatchGaps(pen, steps);
    for (const side of [1, -1] as const) {
        const ways: readonly Way[] = side < 0 ? ['out'] : undirected ? ['in', 'none'] : ['in'];
        let base = new Float64Array(steps.count);
        for (const { column, colour } of layersOf(view, ways)) {
            const { mean } = spreadOf(steps, column);
            // Most layers of most networks are empty: nothing to draw, nothing to add.
            if (most(mean) === 0)
                continue;
            const low = base, high = base.map((value, i) => value + (side * (mean[i] ?? 0)) / per);
            fillSteps(pen, steps, (i) => low[i] ?? 0, (i) => high[i] ?? 0, colour(colours));
            base = high;
        }
        // Where a step covers several seconds, the line is the highest of them.
        if (steps.step > 1) {
            const { max } = spreadOf(steps, side < 0 ? `out.${m}` : undirected ? m : `in.${m}`);
            strokeSteps(pen, steps, (i) => (side * (max[i] ?? 0)) / per, colours.muted);
        }
    }
    axis(pen, colours.muted);
    markDrops(pen, steps);
}

function axis(pen: Pen, colour: string): void {
    const { ctx, box, dpr } = pen;
    ctx.fillStyle = colour;
    ctx.fillRect(box.left, Math.round(pen.y(0)) - dpr / 2, box.width, dpr);
}

const MARKS: Record<Way, string> = { in: '▼', out: '▲', none: '◆' };
const MARK_TITLES: Record<Way, string> = { in: 'in', out: 'out', none: 'neither in nor out is known' };

/** What has no direction is said where it is drawn. */
class Legend {
    private readonly time = make('span', { class: 'time' });
    private readonly note = make('span', { class: 'note' });
    private readonly protocols = CLASSES.map((cls) => new Item(cls, cls, ['in', 'out', 'none']));
    private readonly ways = [new Item('in', 'accent', ['in']), new Item('out', 'second', ['out']), new Item('no direction', 'accent faded', ['none'])];

    constructor(parent: HTMLElement) {
        parent.append(this.time, ...this.protocols.map((item) => item.element), ...this.ways.map((item) => item.element), this.note);
    }

    show(state: State, steps: Steps, n: number, undirected: boolean): void {
        const { view } = state;
        if (n < 0)
            return;
        const from = (steps.from + n * steps.step) * 1000;
        setText(this.time, clock(from) + (steps.step > 1 ? ` + ${steps.step} s` : ''));
        setTitle(this.time, clockTitle(from));
        const m = measureOf(view);
        const value = (column: Column) => spreadOf(steps, column).mean[n] ?? NaN;
        const byProtocol = view.stack === 'protocol';
        this.protocols.forEach((item, i) => {
            setHidden(item.element, !byProtocol);
            item.show(view, undirected, (way) => value(`${way}.${CLASSES[i] ?? 'other'}.${m}`));
        });
        for (const [i, item] of this.ways.entries()) {
            setHidden(item.element, byProtocol || (i === 2 && !undirected));
            item.show(view, true, (way) => value(`${way}.${m}`));
        }
        setText(this.note, noteOf(state, steps, n, undirected));
    }
}

/** A swatch, its name, and its figure each way. */
class Item {
    readonly element: HTMLElement;
    private readonly values: [Way, HTMLElement, HTMLElement][];

    constructor(name: string, swatch: string, ways: readonly Way[]) {
        this.values = ways.map((way) => {
            const value = make('b');
            const mark = make('span', { class: 'mark', text: MARKS[way], title: MARK_TITLES[way], attrs: { 'aria-hidden': 'true' } });
            return [way, make('span', { class: 'way' }, mark, make('span', { class: 'hidden', text: MARK_TITLES[way] }), value), value];
        });
        this.element = make('span', { class: 'item' }, make('i', { class: `swatch ${swatch}` }),
            make('span', { text: name }), ...this.values.map(([, shown]) => shown));
    }

    show(view: View, undirected: boolean, figure: (way: Way) => number): void {
        for (const [way, shown, value] of this.values) {
            setHidden(shown, way === 'none' && !undirected);
            const number = figure(way);
            const known = !Number.isNaN(number);
            setText(value, known ? rate(number, number, view.unit) : '–');
            setTitle(value, known ? exact(Math.round(inUnit(number, number, view.unit)), view.unit) : 'not measured');
        }
    }
}

function noteOf(state: State, steps: Steps, n: number, undirected: boolean): string {
    if (steps.measured[n] === 0)
        return `not measured: ${gapAt(state, steps.from + n * steps.step)}`;
    const drops = steps.drops[n] ?? 0;
    return [
        steps.step > 1 ? `mean of ${steps.measured[n] ?? 0} s, line: highest second` : '',
        drops > 0 ? `${count(drops)} drops` : '',
        undirected ? '◆ neither in nor out is known; --local-net names our side' : '',
    ].filter(Boolean).join(' · ');
}
