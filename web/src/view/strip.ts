// The last 60 minutes at a glance: the mean as a line within the band of what it covers.

import { exact, inUnit, rate, clock, count } from '../format';
import { HOUR, type Bucket } from '../seconds';
import type { State, Store } from '../state';
import { byId, newer, setText } from './dom';
import { palette } from './palette';
import { ceiling, EMPTY_SCALE, fillSteps, hatchGaps, markDrops, Plot, stepFor, strokeSteps, type Pen } from './plot';

export function strip(store: Store, readout: HTMLElement): void {
    let buckets: Bucket[] = [];
    let step = 1;
    let state: State = store.state;
    let hovered: number | null = null;
    const changed = newer();

    const column = () => (state.view.unit === 'pkt/s' ? 'pps' : 'bps');
    const paint = (pen: Pen) => {
        const c = column();
        const { accent, band } = palette();
        hatchGaps(pen, buckets, step, state.seconds.oldest, state.seconds.newest);
        fillSteps(pen, buckets, step, (b) => b.min[c], (b) => b.max[c], band);
        strokeSteps(pen, buckets, step, (b) => b.mean[c], accent);
        markDrops(pen, buckets, step);
    };
    const plot = new Plot(byId('strip'), {
        height: 74, yAxis: false, unit: () => state.view.unit, paint,
        hover: (second) => {
            hovered = second;
            tell();
        },
    });

    const tell = () => {
        const at = hovered;
        const bucket = at === null ? undefined : buckets.find((b) => at >= b.from && at < b.from + step);
        setText(readout, bucket ? describe(bucket, step, state) : peakOf(buckets, column(), step, state));
    };

    store.onRender((now) => {
        state = now;
        const { newest } = state.seconds;
        if (Number.isNaN(newest) || !changed(state.seconds.version, state.view, palette(), plot.width))
            return;
        const to = newest + 1;
        step = stepFor(HOUR, plot.width);
        buckets = state.seconds.buckets(to - HOUR, to, step);
        const c = column();
        const up = ceiling(Math.max(0, ...buckets.map((b) => b.max[c] || 0)));
        plot.draw({ from: to - HOUR, to, up: up || EMPTY_SCALE, down: 0 });
        tell();
    });
}

/** The highest second; the scale of the strip ends a little above it. */
function peakOf(buckets: Bucket[], column: 'bps' | 'pps', step: number, { seconds, view }: State): string {
    const top = buckets.reduce<Bucket | null>((best, b) => (b.max[column] > (best?.max[column] ?? 0) ? b : best), null);
    if (!top)
        return '';
    let at = top.from;
    while (at < top.from + step && seconds.get(column, at) !== top.max[column])
        at++;
    return `peak ${rate(top.max.bps, top.max.pps, view.unit)} at ${clock(at * 1000)}`;
}

function describe(bucket: Bucket, step: number, { view: { unit } }: State): string {
    const from = clock(bucket.from * 1000);
    const time = step === 1 ? from : `${from} + ${step} s`;
    if (bucket.measured === 0)
        return `${time} · not measured`;
    const { mean, min, max } = bucket;
    const drops = mean.drops > 0 ? ` · ${count(mean.drops)} drops` : '';
    if (step === 1)
        return `${time} · ${rate(mean.bps, mean.pps, unit)} (${exact(inUnit(mean.bps, mean.pps, unit), unit)})${drops}`;
    return `${time} · mean ${rate(mean.bps, mean.pps, unit)}, ${rate(min.bps, min.pps, unit)} to ${rate(max.bps, max.pps, unit)}${drops}`;
}
