// The last minute of a flow, small: a bar for each second that was seen, its height a share of
// the highest of them; nothing for a second that was not, a hair's breadth for a measured zero.

import { rate, type Unit } from '../format';
import { SPARK_SECONDS, type Sparks } from '../sparks';
import { make } from './dom';

const values = new Float32Array(SPARK_SECONDS);

export function makeSparkline(width: number, height: number): HTMLCanvasElement {
    const canvas = make('canvas', { attrs: { 'aria-hidden': 'true' } });
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    return canvas;
}

/** Draws it, and returns its highest second, bits per second. */
export function drawSparkline(canvas: HTMLCanvasElement, sparks: Sparks, id: number, colour: string): number {
    const ctx = canvas.getContext('2d');
    if (!ctx)
        return 0;
    sparks.read(id, values);
    let top = 0;
    for (const value of values)
        top = value > top ? value : top;
    // One pixel a second where it is as wide as the seconds are many.
    const { width, height } = canvas;
    ctx.clearRect(0, 0, width, height);
    ctx.fillStyle = colour;
    ctx.beginPath();
    for (let i = 0; i < SPARK_SECONDS; i++) {
        const value = values[i] ?? NaN;
        if (Number.isNaN(value))
            continue;
        const left = Math.round((i * width) / SPARK_SECONDS), right = Math.round(((i + 1) * width) / SPARK_SECONDS);
        const tall = Math.max(top > 0 ? (value / top) * height : 0, devicePixelRatio);
        ctx.rect(left, height - tall, right - left, tall);
    }
    ctx.fill();
    return top;
}

export function sparklineTitle(top: number, unit: Unit): string {
    return `The last 60 s, as far as this page saw the flow; highest ${rate(top, top, unit === 'B/s' ? 'B/s' : 'bit/s')}`;
}
