// The last minute of a flow, small: a bar for each second that was seen, its height a share of
// the highest of them; nothing for a second that was not, a hair's breadth for a measured zero.
// A path and not a canvas: each canvas is a layer of its own, and the table has a hundred rows.

import { rate, type Unit } from '../format';
import { measureOf } from '../seconds';
import { SPARK_SECONDS, type Sparks } from '../sparks';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 16;

const values = new Float32Array(SPARK_SECONDS);

export function makeSparkline(): SVGSVGElement {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${SPARK_SECONDS} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('shape-rendering', 'crispEdges');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(document.createElementNS(SVG, 'path'));
    return svg;
}

/** Draws it, and returns its highest second: bits per second, or packets where the unit is of those. */
export function drawSparkline(svg: SVGElement, sparks: Sparks, id: number, cls: string, unit: Unit): number {
    sparks.read(id, measureOf(unit), values);
    let top = 0;
    for (const value of values)
        top = value > top ? value : top;
    const path = svg.firstElementChild;
    const shape = outline(top);
    if (path && path.getAttribute('d') !== shape)
        path.setAttribute('d', shape);
    if (path && path.getAttribute('class') !== cls)
        path.setAttribute('class', cls);
    return top;
}

function outline(top: number): string {
    let ret = '';
    let open = false;
    for (let i = 0; i <= SPARK_SECONDS; i++) {
        const value = i < SPARK_SECONDS ? (values[i] ?? NaN) : NaN;
        if (Number.isNaN(value)) {
            ret += open ? `V${HEIGHT}Z` : '';
            open = false;
            continue;
        }
        const y = HEIGHT - Math.max(1, top > 0 ? Math.round((value / top) * HEIGHT) : 0);
        ret += open ? `V${y}H${i + 1}` : `M${i} ${HEIGHT}V${y}H${i + 1}`;
        open = true;
    }
    return ret;
}

export function sparklineTitle(top: number, unit: Unit): string {
    return `The last 60 s, as far as this page saw the flow; highest ${rate(top, top, unit)}`;
}
