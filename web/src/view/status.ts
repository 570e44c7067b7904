// How the page stands with the daemon, told honestly: a pill beside the filter, and wherever
// the numbers are not what they seem, a sentence that says so and what to do.

import { clock, clockTitle, count, counted, date, span } from '../format';
import { HOUR } from '../seconds';
import type { LossReason, State, Store } from '../state';
import type { IfaceStats } from '../wire';
import { byId, make, setClass, setText, setTitle } from './dom';

const KINDS = ['wait', 'live', 'warn', 'lost'] as const;

interface Status {
    pill: string;
    /** How the pill looks; also marks the whole page. */
    kind: (typeof KINDS)[number];
    /** Announced once per change: no figures that change by the second in it. */
    sentence: string;
    /** Such figures. */
    detail?: string;
    retry?: boolean;
}

export function status(store: Store, retry: () => void): void {
    const pill = byId('pill');
    const box = byId('state');
    const sentence = make('span');
    const detail = make('span', { class: 'detail', attrs: { 'aria-hidden': 'true' } });
    const button = make('button', { text: 'Try now', attrs: { type: 'button' } });
    button.addEventListener('click', retry);
    box.append(sentence, detail, button);

    store.onRender((state) => {
        const now = statusOf(state, Date.now());
        setText(pill, now.pill);
        setClass(pill, `pill ${now.kind}${state.stats?.file ? ' dated' : ''}`);
        setTitle(pill, state.latest ? clockTitle(state.latest.ts) : '');
        for (const kind of KINDS)
            document.documentElement.classList.toggle(`is-${kind}`, kind === now.kind);
        setClass(box, now.sentence ? now.kind : '');
        setText(sentence, now.sentence);
        setText(detail, now.detail ?? '');
        button.hidden = !now.retry;
    });
}

function statusOf(state: State, now: number): Status {
    const { link, latest } = state;
    switch (link.kind) {
    case 'connecting':
        return { pill: 'connecting', kind: 'wait', sentence: 'Connecting to the daemon …' };
    case 'token':
        // Its sentence stands above the form: see login.ts.
        return { pill: 'token needed', kind: 'wait', sentence: '' };
    case 'lost':
        return {
            pill: 'disconnected', kind: 'lost', retry: true,
            sentence: lossSentence(link.why, latest !== null),
            detail: `${latest ? `Last second ${clock(latest.ts)}. ` : ''}Next try in ${span(link.retryAt - now + 999)}.`,
        };
    case 'silent':
        return {
            pill: 'no ticks', kind: 'warn',
            sentence: 'Connected, but the daemon has closed no second for a while. Is it stopped, or starved of CPU?',
            detail: `The last one came ${span(now - link.since)} ago.`,
        };
    case 'live':
        return noticed(liveStatus(state), state);
    }
}

function lossSentence(why: LossReason, old: boolean): string {
    const numbers = old ? ', the numbers below are old' : '';
    if (why === 'silence')
        return `The daemon is out of reach${numbers}. Is netwatchd running?`;
    if (why === 'no stream')
        return `The daemon answers, but this page gets no live stream of it${numbers}. ` +
            'Either it has as many pages as it takes (--max-ws), or a proxy on the way does not let WebSockets through.';
    return `The daemon cannot answer${numbers}: ${why.says}`;
}

/** What the link said that was not understood is told beside whatever else is to be told. */
function noticed(status: Status, { notice }: State): Status {
    return { ...status, sentence: [status.sentence, notice].filter(Boolean).join(' ') };
}

function liveStatus(state: State): Status {
    const file = state.stats?.file;
    const pill = [file ? 'FILE' : 'LIVE', state.latest && `${file ? `${date(state.latest.ts)} ` : ''}${clock(state.latest.ts)}`].filter(Boolean).join(' ');
    const warnings = [downWarning(state.stats?.ifaces ?? []), dropsWarning(state), lagWarning(state)].filter((each) => each !== null);
    if (warnings.length > 0)
        return {
            pill, kind: 'warn', sentence: warnings.map(({ sentence }) => sentence).join(' '),
            detail: warnings.map(({ detail }) => detail).filter(Boolean).join(' '),
        };
    if (!hasTraffic(state))
        return {
            pill, kind: 'live',
            sentence: silence(state),
            ...(state.stats?.bpf ? { detail: `BPF: ${state.stats.bpf}` } : {}),
        };
    return { pill, kind: 'live', sentence: '' };
}

/** Who has been silent for an hour may have said much before. */
function silence({ stats }: State): string {
    const ifaces = stats?.ifaces ?? [];
    const what = `no packet ${stats?.file ? 'of' : 'on'} ${namesOf(ifaces.map(({ name }) => name)) || 'the interface'} has passed the capture filter`;
    if (ifaces.some((iface) => iface.frames_received > 0))
        return `No traffic: ${what} in the last 60 minutes, as far as they are held.`;
    return `No traffic${stats?.file?.ended ? '' : ' yet'}: ${what} so far.`;
}

function dropsOfMinute({ seconds }: State): number {
    return Number.isNaN(seconds.newest) ? 0 : seconds.sum('drops', seconds.newest - 59, seconds.newest + 1);
}

type Warning = Pick<Status, 'sentence' | 'detail'>;

function dropsWarning(state: State): Warning | null {
    const lost = dropsOfMinute(state);
    return lost === 0 ? null : {
        sentence: 'The kernel dropped frames: in the seconds marked red more came than is counted. A larger ring (--ring) or a narrower filter (--bpf) helps.',
        detail: `${count(lost)} in the last minute.`,
    };
}

function lagWarning({ lag }: State): Warning | null {
    return lag && {
        sentence: 'Seconds were skipped on the way here: this browser, the network or the daemon is too slow. They were fetched afterwards.',
        detail: `${counted(lag.frames, 'frame')} skipped.`,
    };
}

/** What each state of interfaces other than up means, and what to do. */
const DOWN_SENTENCES: Record<Exclude<IfaceStats['state'], 'up'>, { one: (name: string) => string; many: (names: string) => string }> = {
    down: {
        one: (name) => `${name} is down: nothing can be captured there until it is up again (ip link set ${name} up).`,
        many: (names) => `${names} are down: nothing can be captured there until they are up again (ip link set … up).`,
    },
    no_carrier: {
        one: (name) => `${name} has no link: nothing can be captured there until its cable, or the other end of it, is back.`,
        many: (names) => `${names} have no link: nothing can be captured there until their cables, or the other ends of them, are back.`,
    },
    gone: {
        one: (name) => `${name} is gone: nothing can be captured there until it is back.`,
        many: (names) => `${names} are gone: nothing can be captured there until they are back.`,
    },
    refused: {
        one: (name) => `${name} is back with a kind of link that cannot be captured: restart the daemon with another interface.`,
        many: (names) => `${names} are back with kinds of link that cannot be captured: restart the daemon with other interfaces.`,
    },
};

const NAMED = 3;

function namesOf(names: readonly string[]): string {
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
    return names.slice(0, NAMED).join(', ') + more;
}

/** What is captured from and cannot deliver. */
function downWarning(ifaces: readonly IfaceStats[]): Warning | null {
    const sentences = (['down', 'no_carrier', 'gone', 'refused'] as const).flatMap((state) => {
        const names = ifaces.filter((iface) => iface.state === state).map(({ name }) => name);
        const [first, ...others] = names;
        if (first === undefined)
            return [];
        return others.length === 0 ? DOWN_SENTENCES[state].one(first) : DOWN_SENTENCES[state].many(namesOf(names));
    });
    return sentences.length > 0 ? { sentence: sentences.join(' ') } : null;
}

function hasTraffic({ seconds, latest }: State): boolean {
    if (latest && latest.pps > 0)
        return true;
    return seconds.sum('pps', seconds.newest - HOUR + 1, seconds.newest + 1) > 0;
}
