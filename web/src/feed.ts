// Keeps the state fed: first the last hour by REST, then a second at a time by WebSocket, and
// after a loss the same again, with growing pauses.
//
//     connecting ──stats, counters──> stream open ──first rates──> live ⇄ silent
//         ^                                │ closed, no answer            │
//         └── pause 0.5 s, 1 s, … 15 s ── lost <───────────────────────────┘      401 → token
//
// What the stream did not tell (frames skipped, a pause of the browser) is fetched from the
// counters; what is missing there too is a gap, and stays one.

import { ApiError, get, type Params } from './api';
import { Poll } from './poll';
import { HOUR } from './seconds';
import type { LoginReason, LossReason, Store } from './state';
import { Stream } from './stream';
import type { CountersAnswer, EventRow, EventsAnswer, Frame, Gap, GapFrame, RatesFrame, StatsAnswer } from './wire';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const SILENT_MS = 3500;
const DEAD_MS = 15_000;
const STATS_EVERY_MS = 5000;
const EVENTS_KEPT = 100;
/** An answer has at most an hour of points, and ends a little later than what asked for it. */
const SLACK_S = 10;
/** The close code of a WebSocket whose session is over. */
const SESSION_ENDED = 4401;

export class Feed {
    private stream: Stream | null = null;
    private pauseMs = FIRST_PAUSE_MS;
    private retryTimer = 0;
    private lastFrameAt = 0;
    /** The first second that the stream left out and that was not fetched yet. */
    private hole = Infinity;
    private readonly stats = new Poll(() => this.loadStats().catch((error: unknown) => { this.refused(error); }));
    private readonly missing = new Poll(() => this.loadMissing().catch((error: unknown) => { this.refused(error); }));

    /** `onSecond` is called with each rates frame: what else is shown follows that one clock. */
    constructor(
        private readonly store: Store, private readonly onSecond: () => void, private readonly onTalkers: () => void,
    ) {}

    start(): void {
        void this.connect();
        setInterval(() => {
            this.watch();
        }, 500);
        setInterval(() => {
            if (this.store.state.link.kind === 'live')
                this.stats.want();
        }, STATS_EVERY_MS);
    }

    /** At once, without the rest of the pause. */
    retry(): void {
        clearTimeout(this.retryTimer);
        this.pauseMs = FIRST_PAUSE_MS;
        if (this.store.state.link.kind === 'token')
            this.store.state.link = { kind: 'connecting' };
        this.store.changed();
        void this.connect();
    }

    private async connect(): Promise<void> {
        try {
            await this.loadStats();
            const { to } = await this.loadCounters(this.store.state.stats?.file ? {} : { from: '-60m' });
            // No stream is open: what the page holds of later seconds bears times that were taken back.
            if (to / 1000 <= this.store.state.seconds.newest)
                this.turnBack(to / 1000);
            await this.loadEvents();
        } catch (error) {
            this.fail(error);
            return;
        }
        if (this.store.state.link.kind === 'token')
            return;
        // A file may be over, or silent for long: nothing more need come.
        if (this.store.state.stats?.file)
            this.store.state.link = { kind: 'live' };
        this.stream?.close();
        this.stream = new Stream({
            frame: (frame) => { this.take(frame); },
            closed: (code, wasOpen) => {
                if (code === SESSION_ENDED)
                    this.lock('expired');
                else
                    this.lose(wasOpen ? 'silence' : 'no stream');
            },
        });
    }

    /** The daemon wants its token, and nothing that it told before is shown without it. */
    lock(reason: LoginReason): void {
        this.stream?.close();
        this.stream = null;
        clearTimeout(this.retryTimer);
        this.store.state.link = { kind: 'token', reason };
        this.store.forget();
        this.store.changed();
    }

    /** An answer said 401: either nobody has logged in yet, or no longer. */
    unauthorized(): void {
        if (this.store.state.link.kind !== 'token')
            this.lock(this.store.state.stats ? 'expired' : 'needed');
    }

    /** What fails beside the stream is asked for again; only a 401 says that there is no use in it. */
    private refused(error: unknown): void {
        if (error instanceof ApiError && error.status === 401)
            this.unauthorized();
    }

    /** No answer, or one that says why there is none. */
    private fail(error: unknown): void {
        if (error instanceof ApiError && error.status === 401)
            this.unauthorized();
        else
            this.lose(error instanceof ApiError && error.status > 0 ? { says: error.message } : 'silence');
    }

    private lose(why: LossReason): void {
        const { state } = this.store;
        this.stream?.close();
        this.stream = null;
        const now = Date.now();
        // A little apart from each other, so that many pages do not return in the same moment.
        const pause = this.pauseMs * (0.9 + 0.2 * Math.random());
        state.link = { kind: 'lost', retryAt: now + pause, why };
        this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
        this.retryTimer = window.setTimeout(() => void this.connect(), pause);
        this.store.changed();
    }

    private async loadStats(): Promise<void> {
        const { state } = this.store;
        const before = state.stats;
        state.stats = await get<StatsAnswer>('/api/stats');
        if (before && watchesOther(before, state.stats)) {
            // Another interface or filter: what was measured before is about something else.
            state.seconds.clear();
            state.sparks.clear();
            state.latest = null;
            state.gaps = [];
        }
        this.store.soon();
    }

    private async loadCounters(params: Params): Promise<CountersAnswer> {
        const { state } = this.store;
        const answer = await get<CountersAnswer>('/api/counters', params);
        for (const point of answer.points)
            state.seconds.putPoint(point);
        // What an earlier answer said of the time before this one stays true, for as long as it can be seen.
        const before = state.gaps
            .map((gap) => ({ ...gap, to: Math.min(gap.to, answer.from) }))
            .filter((gap) => gap.from < gap.to && gap.to > answer.to - HOUR * 1000);
        state.gaps = before.concat(answer.gaps);
        this.store.changed();
        return answer;
    }

    /** Those that the stream tells, and again on subscribing, are recognised by what they say. They stay in the
     * order in which they were told: after a step of the clock their times have another. */
    private async loadEvents(): Promise<void> {
        const answer = await get<EventsAnswer>('/api/events');
        this.addEvents(answer.rows);
        this.store.changed();
    }

    private addEvents(rows: EventRow[]): void {
        const { state } = this.store;
        const known = new Set(state.events.map((row) => JSON.stringify([row.ts, row.event, row.detail])));
        const fresh = rows.filter((row) => !known.has(JSON.stringify([row.ts, row.event, row.detail])));
        if (fresh.length > 0)
            state.events = [...state.events, ...fresh].slice(-EVENTS_KEPT);
    }

    private take(frame: Frame): void {
        const { state } = this.store;
        if (frame.type === 'error')
            return;
        // A file that is read at full speed is told of by its newest second only.
        if (frame.skipped && !state.stats?.file)
            state.lag = { frames: (state.lag?.frames ?? 0) + frame.skipped, at: Date.now() };
        if (frame.type === 'rates') {
            this.takeRates(frame);
        } else if (frame.type === 'gap') {
            this.takeGap(frame);
        } else if (frame.type === 'top_talkers') {
            state.talkersFrame = frame;
            this.onTalkers();
        } else {
            this.addEvents([frame]);
            this.stats.want();
        }
        this.store.soon();
    }

    private takeRates(frame: RatesFrame): void {
        const { state } = this.store;
        this.enter(frame.ts / 1000);
        state.seconds.putRates(frame);
        state.latest = frame;
        this.onSecond();
    }

    /** Nothing was measured: what stood there is no longer so, and nothing takes its place. */
    private takeGap(frame: GapFrame): void {
        const { state } = this.store;
        this.enter(frame.ts / 1000);
        state.seconds.putGap(frame.ts / 1000);
        state.latest = null;
        state.talkersFrame = null;
        state.gaps = joined(state.gaps, { from: frame.ts, to: frame.ts + 1000, reason: frame.reason });
        // What flows there were goes on ageing, and no flow has a rate any more.
        this.onSecond();
    }

    /** The stream tells of a second: the next one, or one that a step of the daemon's clock led to. */
    private enter(second: number): void {
        const { state } = this.store;
        const { newest } = state.seconds;
        if (second < newest)
            this.turnBack(second);
        // The first second is shown early and told again when it is whole, which may have been skipped as well.
        const known = state.latest?.partial && state.latest.ts === newest * 1000 ? newest - 1 : newest;
        if (second > newest && second > known + 1) {
            this.hole = Math.max(Math.min(this.hole, known + 1), second - HOUR + SLACK_S);
            this.missing.want();
        }
        state.link = { kind: 'live' };
        this.lastFrameAt = Date.now();
        this.pauseMs = FIRST_PAUSE_MS;
    }

    /** The clock was set back: the newest second that bears a time is the one that has it. */
    private turnBack(second: number): void {
        const { state } = this.store;
        state.seconds.turnBack(second);
        state.gaps = state.gaps.filter((gap) => gap.from < second * 1000)
            .map((gap) => ({ ...gap, to: Math.min(gap.to, second * 1000) }));
        this.hole = Infinity;
    }

    private async loadMissing(): Promise<void> {
        const from = this.hole;
        this.hole = Infinity;
        // With the second before it, which may hold what seems to be missing: see Seconds.putPoint().
        if (from !== Infinity)
            await this.loadCounters({ from: (from - 1) * 1000 });
    }

    /** Twice a second: has the stream gone quiet, has the browser caught up? */
    private watch(): void {
        const { state } = this.store;
        const now = Date.now();
        if (state.link.kind === 'live' && !state.stats?.file && now - this.lastFrameAt > SILENT_MS)
            state.link = { kind: 'silent', since: this.lastFrameAt };
        // A machine that slept has a connection whose end it was never told of.
        if (state.link.kind === 'silent' && now - this.lastFrameAt > DEAD_MS)
            this.lose('silence');
        if (state.lag && now - state.lag.at > 10_000)
            state.lag = null;
        if (state.link.kind !== 'live')
            this.store.changed();
    }
}

/** Seconds of one reason that follow each other are one gap; what is more than an hour old is forgotten. */
function joined(gaps: readonly Gap[], next: Gap): Gap[] {
    const kept = gaps.filter((gap) => gap.to > next.to - HOUR * 1000);
    const last = kept.at(-1);
    if (last?.to === next.from && last.reason === next.reason)
        return [...kept.slice(0, -1), { ...last, to: next.to }];
    return [...kept, next];
}

/** An interface that was renamed is still the same; another name after a restart is another interface. */
function watchesOther(before: StatsAnswer, now: StatsAnswer): boolean {
    const names = (stats: StatsAnswer): string => stats.ifaces.map((iface) => iface.name).join();
    return before.bpf !== now.bpf || (names(before) !== names(now) && now.uptime_s < before.uptime_s);
}
