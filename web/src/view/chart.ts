// The main chart, second by second: in above the axis, out below it, stacked by protocol. What
// has neither direction stands above, lighter, so that nothing measured is missing from the area.
// Its legend shows the second under the pointer, else the last one.

import { CLASSES } from '../wire';
import { scopeOf } from '../filter';
import { clock, clockTitle, counted, exact, inUnit, rate } from '../format';
import { COLUMNS, measureOf, type Column, type Way } from '../seconds';
import { gapAt, type State, type Store, type View } from '../state';
import { NO_STEPS, spreadOf, stepAt, Stepped, type Steps } from '../steps';
import { byId, choices, make, newer, setClass, setHidden, setText, setTitle } from './dom';
import { faded, palette, type Palette } from './palette';
import { ceiling, EMPTY_SCALE, fillSteps, hatchGaps, markDrops, most, Plot, stepFor, strokeSteps, type Pen } from './plot';

const MINUTES: readonly number[] = [1, 5, 15, 60];
const HEIGHT = 216;

/** One layer of the stack; `side` −1 hangs below the axis. */
interface Layer {
    column: Column;
    side: 1 | -1;
    colour: (p: Palette) => string;
}

/** From the axis outwards. */
function layersOf(view: View, ways: readonly Way[]): Layer[] {
    const m = measureOf(view.unit);
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
    const changed = newer(), otherwise = newer();
    const stepped = new Stepped(store.state.seconds, COLUMNS);

    const plot = new Plot(byId('chart'), {
        height: HEIGHT, yAxis: true, unit: () => state.view.unit,
        paint: (pen) => { paint(pen, state.view, undirected); },
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
        const span = view.minutes * 60;
        const step = stepFor(span, plot.width);
        const to = Math.ceil((seconds.newest + 1) / step) * step;
        const taken = stepped.take(to - span, to, step);
        steps = taken.steps;
        const m = measureOf(view.unit);
        const top = (way: Way) => most(spreadOf(steps, `${way}.${m}`).max);
        const none = top('none');
        undirected = none > 0;
        const per = perUnit(view);
        const up = ceiling((top('in') + none) / per), down = ceiling(top('out') / per);
        const frame = { from: to - span, to, up: up || (down ? 0 : EMPTY_SCALE), down };
        plot.draw(frame, steps, taken.first, otherwise(view, palette(), plot.width, undirected));
        tell();
    });
}

/** What a column's figure is divided by to be in the unit shown. */
function perUnit({ unit }: View): number {
    return unit === 'B/s' ? 8 : 1;
}

function paint(pen: Pen, view: View, undirected: boolean): void {
    const colours = palette();
    const { steps } = pen;
    const m = measureOf(view.unit);
    const per = perUnit(view);
    hatchGaps(pen);
    for (const side of [1, -1] as const) {
        const ways: readonly Way[] = side < 0 ? ['out'] : undirected ? ['in', 'none'] : ['in'];
        let low = new Float64Array(steps.count);
        for (const { column, colour } of layersOf(view, ways)) {
            const high = stacked(low, spreadOf(steps, column).mean, side / per, pen.first);
            if (high)
                fillSteps(pen, (i) => low[i] ?? 0, (i) => high[i] ?? 0, colour(colours));
            low = high ?? low;
        }
        // Where a step covers several seconds, the line is the highest of them.
        if (steps.step > 1) {
            const { max } = spreadOf(steps, side < 0 ? `out.${m}` : undirected ? m : `in.${m}`);
            strokeSteps(pen, (i) => (side * (max[i] ?? 0)) / per, colours.muted);
        }
    }
    axis(pen, colours.muted);
    markDrops(pen);
}

/** A layer upon the one below it; null for an empty one, as most layers of most networks are. */
function stacked(low: Float64Array, layer: Float64Array, factor: number, first: number): Float64Array<ArrayBuffer> | null {
    const ret = new Float64Array(low);
    let empty = true;
    for (let i = first; i < low.length; i++) {
        const value = layer[i] ?? 0;
        ret[i] = (low[i] ?? 0) + value * factor;
        empty &&= !(value > 0);
    }
    return empty ? null : ret;
}

function axis(pen: Pen, colour: string): void {
    pen.ctx.fillStyle = colour;
    pen.ctx.fillRect(0, pen.y(0) - pen.dpr / 2, pen.width, pen.dpr);
}

const MARKS: Record<Way, string> = { in: '▼', out: '▲', none: '◆' };
const MARK_TITLES: Record<Way, string> = { in: 'in', out: 'out', none: 'neither in nor out is known' };

/** What has no direction is said where it is drawn. */
class Legend {
    private readonly time = make('span', { class: 'time' });
    /** Beside the chart's name, where a sentence that comes and goes moves nothing. */
    private readonly note = byId('chart-note');
    private readonly protocols = CLASSES.map((cls) => new Item(cls, cls, ['in', 'out', 'none']));
    private readonly ways = [new Item('in', 'accent', ['in']), new Item('out', 'second', ['out']), new Item('no direction', 'accent faded', ['none'])];

    constructor(private readonly parent: HTMLElement) {
        parent.append(this.time, ...this.protocols.map((item) => item.element), ...this.ways.map((item) => item.element));
    }

    show(state: State, steps: Steps, n: number, undirected: boolean): void {
        const { view } = state;
        if (n < 0)
            return;
        const from = (steps.from + n * steps.step) * 1000;
        setText(this.time, clock(from) + (steps.step > 1 ? ` + ${steps.step} s` : ''));
        setClass(this.time, steps.step > 1 ? 'time wide' : 'time');
        setClass(this.parent, undirected ? 'legend three' : 'legend');
        setTitle(this.time, clockTitle(from));
        const m = measureOf(view.unit);
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
        const note = noteOf(state, steps, n, undirected);
        setText(this.note, note);
        setTitle(this.note, note);
    }
}

/** A swatch, its name, and its figure each way. */
class Item {
    readonly element: HTMLElement;
    private readonly values: [Way, HTMLElement, HTMLElement][];

    constructor(name: string, swatch: string, ways: readonly Way[]) {
        this.values = ways.map((way) => {
            const value = make('b');
            const mark = make('span', { class: 'mark', text: MARKS[way], title: MARK_TITLES[way], attrs: { role: 'img', 'aria-label': MARK_TITLES[way] } });
            return [way, make('span', { class: 'way' }, mark, value), value];
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
    const axis = 'in above, out below the axis';
    const scope = scopeOf(state.view.filter);
    if (steps.measured[n] === 0)
        return [`not measured: ${gapAt(state, steps.from + n * steps.step)}`, scope, axis].filter(Boolean).join(' · ');
    const drops = steps.drops[n] ?? 0;
    return [
        steps.step > 1 ? `mean of ${steps.measured[n] ?? 0} s, line: highest second` : '',
        drops > 0 ? counted(drops, 'drop') : '',
        scope,
        undirected ? '◆ neither in nor out is known; --local-net names our side' : '',
        axis,
    ].filter(Boolean).join(' · ');
}
