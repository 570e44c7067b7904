// The last 60 minutes at a glance: the mean as a line within the band of what it covers.

import { clock, counted, exact, inUnit, rate } from '../format';
import { HOUR, measureOf, MEASURES } from '../seconds';
import { gapAt, type State, type Store } from '../state';
import { NO_STEPS, spreadOf, stepAt, Stepped, type Steps } from '../steps';
import { byId, newer, setText } from './dom';
import { palette } from './palette';
import { ceiling, EMPTY_SCALE, fillSteps, hatchGaps, markDrops, most, Plot, stepFor, strokeSteps, type Pen } from './plot';

const HEIGHT = 64;

export function strip(store: Store, readout: HTMLElement): void {
    let steps: Steps = NO_STEPS;
    let state: State = store.state;
    let hovered: number | null = null;
    const changed = newer(), otherwise = newer();
    const stepped = new Stepped(store.state.seconds, MEASURES);

    const paint = (pen: Pen) => {
        const { mean, min, max } = spreadOf(steps, measureOf(state.view.unit));
        const { accent, band } = palette();
        const per = state.view.unit === 'B/s' ? 8 : 1;
        hatchGaps(pen);
        fillSteps(pen, (i) => (min[i] ?? 0) / per, (i) => (max[i] ?? 0) / per, band);
        strokeSteps(pen, (i) => (mean[i] ?? 0) / per, accent);
        markDrops(pen);
    };
    const plot = new Plot(byId('strip'), {
        height: HEIGHT, yAxis: false, unit: () => state.view.unit, paint,
        hover: (second) => {
            hovered = second;
            tell();
        },
    });
    const tell = () => {
        const under = stepAt(steps, hovered);
        setText(readout, under >= 0 ? describe(state, steps, under) : peakOf(state, steps));
    };

    store.onRender((now) => {
        state = now;
        const { seconds, view } = state;
        if (Number.isNaN(seconds.newest))
            plot.hide();
        if (Number.isNaN(seconds.newest) || !changed(seconds.version, view, palette(), plot.width))
            return;
        const step = stepFor(HOUR, plot.width);
        const to = Math.ceil((seconds.newest + 1) / step) * step;
        const taken = stepped.take(to - HOUR, to, step);
        steps = taken.steps;
        const top = most(spreadOf(steps, measureOf(view.unit)).max);
        const frame = { from: to - HOUR, to, up: ceiling(view.unit === 'B/s' ? top / 8 : top) || EMPTY_SCALE, down: 0 };
        plot.draw(frame, steps, taken.first, otherwise(view, palette(), plot.width));
        tell();
    });
}

/** The highest second; the scale of the strip ends a little above it. */
function peakOf({ seconds, view }: State, steps: Steps): string {
    const m = measureOf(view.unit);
    const { max } = spreadOf(steps, m);
    let best = -1;
    max.forEach((value, i) => { best = value > (max[best] ?? 0) ? i : best; });
    if (best < 0)
        return '';
    const top = max[best] ?? 0;
    const first = steps.from + best * steps.step;
    let at = first;
    while (at < first + steps.step - 1 && seconds.get(m, at) !== top)
        at++;
    return `peak ${rate(top, top, view.unit)} at ${clock(at * 1000)}`;
}

function describe(state: State, steps: Steps, n: number): string {
    const { unit } = state.view;
    const second = steps.from + n * steps.step;
    const time = clock(second * 1000) + (steps.step > 1 ? ` + ${steps.step} s` : '');
    if (steps.measured[n] === 0)
        return `${time} · not measured: ${gapAt(state, second)}`;
    const { mean, min, max } = spreadOf(steps, measureOf(state.view.unit));
    const text = (values: Float64Array) => rate(values[n] ?? 0, values[n] ?? 0, unit);
    const lost = steps.drops[n] ?? 0;
    const drops = lost > 0 ? ` · ${counted(lost, 'drop')}` : '';
    if (steps.step === 1)
        return `${time} · ${text(mean)} (${exact(inUnit(mean[n] ?? 0, mean[n] ?? 0, unit), unit)})${drops}`;
    return `${time} · mean ${text(mean)}, ${text(min)} to ${text(max)}${drops}`;
}
