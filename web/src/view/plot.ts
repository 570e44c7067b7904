// What both charts share. uPlot has the scales, the axes and the crosshair; the data is painted
// here, step by step, since a second is a step and what was not measured is no line at all.

import uPlot from 'uplot';
import { clock, siShort } from '../format';
import type { Steps } from '../seconds';
import { palette } from './palette';

/** Draws into the plotting area; positions by x() and y(), in canvas pixels. */
export interface Pen {
    ctx: CanvasRenderingContext2D;
    box: uPlot.BBox;
    dpr: number;
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
    private frame: Frame = { from: 0, to: 1, up: 1, down: 0 };

    constructor(private readonly parent: HTMLElement, private readonly options: PlotOptions) {
        this.chart = new uPlot(this.settings(), [[0, 1], [0, 0]], parent);
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

    draw(frame: Frame): void {
        this.frame = frame;
        this.chart.root.style.visibility = '';
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
                draw: [(u) => { this.paint(u); }],
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

    private paint(u: uPlot): void {
        const { ctx, bbox: box } = u;
        ctx.save();
        ctx.beginPath();
        ctx.rect(box.left, box.top, box.width, box.height);
        ctx.clip();
        // Both scales are straight lines: thousands of points need not ask for each of them.
        const { from } = this.frame;
        const left = u.valToPos(from, 'x', true), perSecond = u.valToPos(from + 1, 'x', true) - left;
        const zero = u.valToPos(0, 'y', true), perUnit = box.height / (this.frame.up + this.frame.down);
        this.options.paint({
            ctx, box, dpr: devicePixelRatio,
            x: (second) => Math.round(left + (second - from) * perSecond),
            y: (value) => Math.round(zero - value * perUnit),
        });
        ctx.restore();
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

type Level = (step: number) => number;

/** Fills between two levels, one shape per run of measured steps. */
export function fillSteps(pen: Pen, steps: Steps, low: Level, high: Level, colour: string): void {
    const { ctx } = pen;
    ctx.fillStyle = colour;
    for (const [start, end] of runs(steps)) {
        ctx.beginPath();
        traceSteps(pen, steps, start, end, high, 1);
        traceSteps(pen, steps, start, end, low, -1);
        ctx.closePath();
        ctx.fill();
    }
}

export function strokeSteps(pen: Pen, steps: Steps, level: Level, colour: string, width = 1): void {
    const { ctx } = pen;
    ctx.strokeStyle = colour;
    ctx.lineWidth = width * pen.dpr;
    ctx.lineJoin = 'round';
    for (const [start, end] of runs(steps)) {
        ctx.beginPath();
        traceSteps(pen, steps, start, end, level, 1);
        ctx.stroke();
    }
}

function traceSteps(pen: Pen, { from, step }: Steps, start: number, end: number, level: Level, way: 1 | -1): void {
    const { ctx } = pen;
    let edge = pen.x(from + (way > 0 ? start : end) * step);
    for (let n = start; n < end; n++) {
        const i = way > 0 ? n : start + end - 1 - n;
        const height = pen.y(level(i));
        ctx.lineTo(edge, height);
        edge = pen.x(from + (way > 0 ? i + 1 : i) * step);
        ctx.lineTo(edge, height);
    }
}

/** Index ranges [start, end) of steps in which something was measured. */
function runs({ count, measured }: Steps): [number, number][] {
    const ret: [number, number][] = [];
    let start = -1;
    for (let i = 0; i <= count; i++) {
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
export function hatchGaps(pen: Pen, { from, step, count, measured }: Steps): void {
    const { ctx, box } = pen;
    ctx.beginPath();
    for (let i = 0; i < count; i++)
        if (measured[i] === 0)
            ctx.rect(pen.x(from + i * step), box.top, pen.x(from + (i + 1) * step) - pen.x(from + i * step), box.height);
    ctx.save();
    ctx.clip();
    ctx.strokeStyle = palette().gap;
    ctx.lineWidth = pen.dpr;
    ctx.beginPath();
    for (let x = box.left - box.height; x < box.left + box.width; x += 8 * pen.dpr) {
        ctx.moveTo(x, box.top + box.height);
        ctx.lineTo(x + box.height, box.top);
    }
    ctx.stroke();
    ctx.restore();
}

/** Drops in red at their second: a line through, and a block at the top that a pixel cannot lose. */
export function markDrops(pen: Pen, { from, step, count, drops }: Steps): void {
    const { ctx, box } = pen;
    ctx.fillStyle = palette().bad;
    for (let i = 0; i < count; i++) {
        if (!((drops[i] ?? 0) > 0))
            continue;
        const x = pen.x(from + i * step);
        const width = Math.max(pen.x(from + (i + 1) * step) - x, 3 * pen.dpr);
        ctx.fillRect(x, box.top, width, 5 * pen.dpr);
        ctx.fillRect(x, box.top, pen.dpr, box.height);
    }
}
