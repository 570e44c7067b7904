// What both charts share. uPlot has the scales, the axes and the crosshair; the data is painted
// here, step by step, since a second is a step and what was not measured is no line at all.

import uPlot from 'uplot';
import { clock, siShort } from '../format';
import { NO_STEPS, stepAt, type Steps } from '../steps';
import { make } from './dom';
import { palette } from './palette';

/** Draws into the plotting area; positions by x() and y(), in pixels of its canvas. */
export interface Pen {
    ctx: CanvasRenderingContext2D;
    width: number;
    height: number;
    dpr: number;
    /** What is to be drawn, from the nth step on; what is left of it stays as it is. */
    steps: Steps;
    first: number;
    x(second: number): number;
    y(value: number): number;
}

export interface PlotOptions {
    height: number;
    yAxis: boolean;
    unit: () => string;
    paint: (pen: Pen) => void;
    /** The second under the pointer; null when it has left. */
    hover: (second: number | null) => void;
}

export interface Frame {
    from: number;
    to: number;
    up: number;
    down: number;
}

const Y_AXIS = 78;

export class Plot {
    private readonly chart: uPlot;
    /** The data, above the grid and below the crosshair: the axes need not be drawn with every second. */
    private readonly canvas = make('canvas', { class: 'data' });
    private readonly ctx: CanvasRenderingContext2D | null = this.canvas.getContext('2d');
    private frame: Frame = { from: 0, to: 1, up: 1, down: 0 };
    private steps = NO_STEPS;

    constructor(private readonly parent: HTMLElement, private readonly options: PlotOptions) {
        this.chart = new uPlot(this.settings(), [[0, 1], [0, 0]], parent);
        this.chart.over.before(this.canvas);
        // Axes of nothing would be a lie: they appear with the first second.
        this.hide();
        new ResizeObserver(() => {
            this.resize();
        }).observe(parent);
    }

    /** Width of the plotting area, CSS pixels. */
    get width(): number {
        return this.chart.bbox.width / devicePixelRatio;
    }

    /** Draws the steps from the nth on; all of them, and the axes, where the scales are others or `anew` says so. */
    draw(frame: Frame, steps: Steps, first: number, anew: boolean): void {
        const same = !anew && (['from', 'to', 'up', 'down'] as const).every((key) => frame[key] === this.frame[key]);
        this.frame = frame;
        this.steps = steps;
        this.chart.root.style.visibility = '';
        if (same)
            this.paint(first);
        else
            this.chart.setData([[frame.from, frame.to], [0, 0]]);
    }

    /** There is nothing to draw. */
    hide(): void {
        this.chart.root.style.visibility = 'hidden';
    }

    private resize(): void {
        const width = this.parent.clientWidth;
        if (width > 0 && width !== this.chart.width)
            this.chart.setSize({ width, height: this.options.height });
    }

    private settings(): uPlot.Options {
        const { options } = this;
        return {
            width: Math.max(this.parent.clientWidth, 200), height: options.height, pxAlign: true,
            padding: [6, 10, 0, options.yAxis ? 0 : 10],
            legend: { show: false },
            cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
            scales: {
                x: { time: true, auto: false, range: () => [this.frame.from, this.frame.to] },
                y: { range: () => [-this.frame.down, this.frame.up] },
            },
            series: [{}, { paths: () => null, points: { show: false } }],
            axes: [this.timeAxis(), this.valueAxis()],
            hooks: {
                draw: [() => { this.paint(0); }],
                setCursor: [(u) => {
                    const left = u.cursor.left ?? -1;
                    options.hover(left < 0 ? null : u.posToVal(left, 'x'));
                }],
            },
        };
    }

    private timeAxis(): uPlot.Axis {
        return {
            ...lines(), size: 18, gap: 3, space: 70, ticks: { show: false },
            values: (u, splits, _i, _s, incr) => splits.map((second) => {
                // A label at the edge would be cut there, or stand on the other axis's.
                const x = u.valToPos(second, 'x'), edge = incr % 60 ? 26 : 16;
                if (x < edge || x > u.width - (this.options.yAxis ? Y_AXIS : 0) - edge)
                    return '';
                return incr % 60 ? clock(second * 1000) : clock(second * 1000).slice(0, 5);
            }),
        };
    }

    private valueAxis(): uPlot.Axis {
        return {
            ...lines(), show: this.options.yAxis, size: Y_AXIS, space: 32, ticks: { show: false },
            values: (_, splits) => splits.map((value) => (value === 0 ? '0' : siShort(Math.abs(value), this.options.unit()))),
        };
    }

    private paint(first: number): void {
        const { ctx, frame, steps } = this;
        const { width, height } = this.fit();
        if (!ctx || first >= steps.count)
            return;
        // Thousands of points need not ask uPlot for a scale that is a straight line.
        const perSecond = width / (frame.to - frame.from), perUnit = height / (frame.up + frame.down);
        const x = (second: number) => Math.round((second - frame.from) * perSecond);
        // A line of the step before may reach over its edge.
        const left = first > 0 ? Math.max(0, x(steps.from + first * steps.step) - 2 * devicePixelRatio) : 0;
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, width - left, height);
        ctx.clip();
        ctx.clearRect(left, 0, width - left, height);
        this.options.paint({
            ctx, width, height, dpr: devicePixelRatio, steps, first: Math.max(0, stepAt(steps, frame.from + Math.floor(left / perSecond)) - 1), x,
            y: (value) => Math.round((frame.up - value) * perUnit),
        });
        ctx.restore();
    }

    /** The canvas lies where uPlot has its plotting area. */
    private fit(): { width: number; height: number } {
        const { canvas } = this;
        const { left, top, width, height } = this.chart.bbox;
        if (canvas.width !== width || canvas.height !== height) {
            canvas.width = width;
            canvas.height = height;
            const place = { left, top, width, height };
            for (const [name, value] of Object.entries(place))
                canvas.style.setProperty(name, `${value / devicePixelRatio}px`);
        }
        return { width, height };
    }
}

function lines(): uPlot.Axis {
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    return { font, stroke: () => palette().muted, grid: { stroke: () => palette().grid, width: 1 } };
}

/** Where a scale ends that has nothing to show. */
export const EMPTY_SCALE = 1000;

/** The least number of seconds per step that leaves each step a pixel, of those that divide an hour. */
export function stepFor(seconds: number, width: number): number {
    const steps = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60];
    return steps.find((step) => seconds / step <= Math.max(width, 1)) ?? 60;
}

/** A scale's end that does not move with every second: the next of 1, 1.5, 2, 3, 4, 5, 6, 8 × 10ⁿ. */
export function ceiling(value: number): number {
    if (!(value > 0))
        return 0;
    const power = 10 ** Math.floor(Math.log10(value));
    return power * ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((nice) => nice * power >= value) ?? 10);
}

export function most(values: Float64Array): number {
    let ret = 0;
    for (const value of values)
        ret = value > ret ? value : ret;
    return ret;
}

type Level = (step: number) => number;

/** Fills between two levels, one shape per run of measured steps. */
export function fillSteps(pen: Pen, low: Level, high: Level, colour: string): void {
    const { ctx } = pen;
    ctx.fillStyle = colour;
    for (const [start, end] of runs(pen)) {
        ctx.beginPath();
        traceSteps(pen, start, end, high, 1);
        traceSteps(pen, start, end, low, -1);
        ctx.closePath();
        ctx.fill();
    }
}

export function strokeSteps(pen: Pen, level: Level, colour: string, width = 1): void {
    const { ctx } = pen;
    ctx.strokeStyle = colour;
    ctx.lineWidth = width * pen.dpr;
    ctx.lineJoin = 'round';
    for (const [start, end] of runs(pen)) {
        ctx.beginPath();
        traceSteps(pen, start, end, level, 1);
        ctx.stroke();
    }
}

/** Steps of one height are one line. */
function traceSteps(pen: Pen, start: number, end: number, level: Level, way: 1 | -1): void {
    const { ctx, steps: { from, step } } = pen;
    let edge = pen.x(from + (way > 0 ? start : end) * step), last = NaN;
    for (let n = start; n < end; n++) {
        const i = way > 0 ? n : start + end - 1 - n;
        const height = pen.y(level(i));
        if (height !== last) {
            if (n > start)
                ctx.lineTo(edge, last);
            ctx.lineTo(edge, height);
        }
        last = height;
        edge = pen.x(from + (way > 0 ? i + 1 : i) * step);
    }
    ctx.lineTo(edge, last);
}

/** Index ranges [start, end) of steps in which something was measured. */
function runs({ steps: { count, measured }, first }: Pen): [number, number][] {
    const ret: [number, number][] = [];
    let start = -1;
    for (let i = first; i <= count; i++) {
        const some = (measured[i] ?? 0) > 0;
        if (some && start < 0)
            start = i;
        if (!some && start >= 0) {
            ret.push([start, i]);
            start = -1;
        }
    }
    return ret;
}

/** Hatches what was not measured, also before there was anything to measure. */
export function hatchGaps(pen: Pen): void {
    const { ctx, width, height, first, steps: { from, step, count, measured } } = pen;
    let left = NaN, right = 0;
    ctx.beginPath();
    for (let i = first; i < count; i++) {
        if (measured[i] !== 0)
            continue;
        const x = pen.x(from + i * step);
        left = Number.isNaN(left) ? x : left;
        right = pen.x(from + (i + 1) * step);
        ctx.rect(x, 0, right - x, height);
    }
    if (Number.isNaN(left))
        return;
    ctx.save();
    ctx.clip();
    ctx.strokeStyle = palette().gap;
    ctx.lineWidth = pen.dpr;
    ctx.beginPath();
    const apart = 8 * pen.dpr;
    for (let x = Math.floor((left - height) / apart) * apart; x < Math.min(right, width); x += apart) {
        ctx.moveTo(x, height);
        ctx.lineTo(x + height, 0);
    }
    ctx.stroke();
    ctx.restore();
}

/** Drops in red at their second: a line through, and a block at the top that a pixel cannot lose. */
export function markDrops(pen: Pen): void {
    const { ctx, first, steps: { from, step, count, drops } } = pen;
    ctx.fillStyle = palette().bad;
    for (let i = Math.max(0, first - 3); i < count; i++) {
        if (!((drops[i] ?? 0) > 0))
            continue;
        const x = pen.x(from + i * step);
        const width = Math.max(pen.x(from + (i + 1) * step) - x, 3 * pen.dpr);
        ctx.fillRect(x, 0, width, 5 * pen.dpr);
        ctx.fillRect(x, 0, pen.dpr, pen.height);
    }
}
