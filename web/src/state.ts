// All that the page shows, in one place. Feeds write it and say changed(); views read it, and are
// called once per animation frame, however much has changed.

import type { Filter, FilterKey } from './filter';
import type { Unit } from './format';
import type { NamePart } from './names';
import { Seconds } from './seconds';
import { Sparks } from './sparks';
import type { EventRow, FlowRow, FlowsAnswer, Gap, RatesFrame, StatsAnswer, TalkersFrame } from './wire';

/** How the page stands with the daemon. Each has its own sentence: see view/status.ts. */
export type Link =
    | { kind: 'connecting' }
    | { kind: 'live' }
    /** Connected, but no second has come for a while. */
    | { kind: 'silent'; since: number }
    | { kind: 'lost'; retryAt: number; why: LossReason }
    | { kind: 'token'; reason: LoginReason };

/** It does not answer; it answers, but not with a stream; or it says what is wrong. */
export type LossReason = 'silence' | 'no stream' | { says: string };

/** Why the token is asked for. */
export type LoginReason = 'needed' | 'expired' | 'out';

export type Stack = 'protocol' | 'direction';
export type TalkersBy = 'flow' | 'pair' | 'host' | 'port';

/** What the reader chose: it lives in the URL's fragment. */
export interface View {
    filter: Filter;
    sort: string;
    dir: 'asc' | 'desc';
    limit: number;
    unit: Unit;
    /** Minutes in the main chart. */
    minutes: number;
    stack: Stack;
    by: TalkersBy;
    /** Columns of the flow table that are not shown. */
    hide: readonly string[];
}

export const DEFAULT_VIEW: Readonly<View> = {
    filter: {}, sort: 'bps', dir: 'desc', limit: 200, unit: 'bit/s', minutes: 5, stack: 'protocol', by: 'flow',
    // With both of these an IPv6 address and its port would not fit beside them on a laptop.
    hide: ['sent', 'received', 'vlan', 'iface'],
};

/** A ranked row, whatever it was grouped by. */
export interface Talker {
    name: readonly NamePart[];
    cls: string;
    bps: number;
    pps: number;
    bytes: number;
    share: number;
}

export interface State {
    link: Link;
    seconds: Seconds;
    gaps: Gap[];
    latest: RatesFrame | null;
    /** Frames that this browser was too slow to read, and when the last was missed. */
    lag: { frames: number; at: number } | null;
    talkersFrame: TalkersFrame | null;
    talkers: Talker[] | null;
    /** The second that they are of, and what they are grouped by. */
    talkersTs: number;
    talkersBy: TalkersBy;
    talkersError: string | null;
    flows: FlowsAnswer | null;
    /** The query that `flows` answers, so that a table knows an answer to a new question. */
    flowsQuery: string;
    flowsError: string | null;
    /** Which word of the filter the daemon refuses, and why. */
    refusal: { key: FilterKey; message: string } | null;
    /** What was seen of each flow in the last minute. */
    sparks: Sparks;
    /** The flow that the reader selected, by id. */
    selected: number | null;
    /** What the newest answer says of it; null where the daemon no longer holds it. */
    selectedRow: FlowRow | null;
    stats: StatsAnswer | null;
    events: EventRow[];
    view: View;
    /** What the fragment said that was not understood. */
    notice: string | null;
}

export function newState(): State {
    return {
        link: { kind: 'connecting' }, seconds: new Seconds(), gaps: [], latest: null, lag: null,
        talkersFrame: null, talkers: null, talkersTs: 0, talkersBy: 'flow', talkersError: null, flows: null, flowsQuery: '', flowsError: null, refusal: null, sparks: new Sparks(), selected: null, selectedRow: null,
        stats: null, events: [], view: { ...DEFAULT_VIEW, filter: {} }, notice: null,
    };
}

const GAP_REASONS: Record<string, string> = {
    not_started: 'the capture had not begun',
    not_yet: 'not over yet',
    expired: 'no longer held',
    no_capture: 'nothing was captured',
    stopped: 'the daemon did not run',
    interface_down: 'the interface was down',
    interface_gone: 'the interface was gone',
    clock_step: 'the clock was set forward over it',
    sleep: 'the machine slept',
};

/** Why there is nothing of this second, as the daemon says. */
export function gapAt({ gaps }: State, second: number): string {
    const at = second * 1000;
    const reason = gaps.find((gap) => gap.from <= at && at < gap.to)?.reason ?? '';
    // A reason of a later version is better than none.
    return GAP_REASONS[reason] ?? (reason.replaceAll('_', ' ') || 'no data');
}

/** Whether a second is known to be a gap, and not only late. */
export function isGap({ gaps, seconds }: State, second: number): boolean {
    const at = second * 1000;
    return !seconds.has(second) && gaps.some(({ from, to, reason }) => from <= at && at < to && reason !== 'not_yet');
}

export type Render = (state: State) => void;

/** How long the parts of one second wait for each other. */
const TOGETHER_MS = 150;

export class Store {
    readonly state = newState();
    private readonly renders: Render[] = [];
    private scheduled = false;
    private timer = 0;

    onRender(render: Render): void {
        this.renders.push(render);
    }

    /** Takes off the page all that the daemon told; what the reader chose stays. */
    forget(): void {
        const { state } = this;
        const { link, view, notice } = state;
        state.seconds.clear();
        state.sparks.clear();
        Object.assign(state, { ...newState(), link, view, notice, seconds: state.seconds, sparks: state.sparks });
    }

    /** As changed(), but what else belongs to this second may come first: all of it is shown at once. */
    soon(): void {
        this.timer ||= window.setTimeout(() => { this.changed(); }, TOGETHER_MS);
    }

    changed(): void {
        clearTimeout(this.timer);
        this.timer = 0;
        if (this.scheduled)
            return;
        this.scheduled = true;
        requestAnimationFrame(() => {
            this.scheduled = false;
            for (const render of this.renders)
                render(this.state);
        });
    }
}
