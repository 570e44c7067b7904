// The flow table and the ranking: asked anew after every second, and at once when the reader
// changes the question.

import { ApiError, get, type Params } from './api';
import { isEmpty, type Filter } from './filter';
import { endpoint } from './format';
import { Poll } from './poll';
import type { State, Store, Talker, View } from './state';
import type { FlowsAnswer, TalkerRow, TalkersFrame, TopAnswer, TopRow } from './wire';

const TALKERS = 10;

function flowParams(view: View): Params {
    return { ...view.filter, limit: view.limit, sort: view.sort, dir: view.dir };
}

export function flowsQuery(view: View): string {
    return JSON.stringify(flowParams(view));
}

export class Tables {
    private readonly flows: Poll;
    private readonly talkers: Poll;

    constructor(private readonly store: Store) {
        this.flows = new Poll(() => this.loadFlows());
        this.talkers = new Poll(() => this.loadTalkers());
    }

    refresh(): void {
        // Nobody looks: the daemon is not asked.
        if (document.hidden)
            return;
        this.flows.want();
        this.talkers.want();
    }

    /** The stream's ranking has come. */
    ranked(): void {
        if (streamRanks(this.store.state.view))
            this.talkers.want();
    }

    private async loadFlows(): Promise<void> {
        const { state } = this.store;
        const query = flowsQuery(state.view);
        try {
            state.flows = await get<FlowsAnswer>('/api/flows', flowParams(state.view));
            state.flowsQuery = query;
            state.flowsError = null;
        } catch (error) {
            state.flowsError = errorText(error);
        }
        this.store.changed();
    }

    private async loadTalkers(): Promise<void> {
        const { state } = this.store;
        try {
            await fillTalkers(state);
            state.talkersError = null;
        } catch (error) {
            state.talkersError = errorText(error);
        }
        this.store.changed();
    }
}

/** The stream already ranks flows; whatever else is wanted is asked for. */
function streamRanks({ by, filter }: View): boolean {
    return by === 'flow' && isEmpty(filter);
}

async function fillTalkers(state: State): Promise<void> {
    const { by, filter } = state.view;
    const frame = state.talkersFrame;
    if (streamRanks(state.view)) {
        state.talkers = frame && ofFrame(frame, state.seconds.get('bps', frame.ts / 1000));
        state.talkersTs = frame?.ts ?? 0;
        return;
    }
    const answer = await get<TopAnswer>('/api/top', { ...topFilter(filter), by, limit: TALKERS });
    state.talkers = answer.rows.map(ofTopRow);
    state.talkersTs = answer.from;
}

/** The ranking is of one second: whether a flow has ended since is no matter. */
function topFilter(filter: Filter): Params {
    return Object.fromEntries(Object.entries(filter).filter(([key]) => key !== 'state'));
}

function ofTopRow(row: TopRow): Talker {
    const { bps, pps, bytes, share } = row;
    return { ...named(row), cls: row.proto ?? '', bps, pps, bytes, share };
}

function named(row: TopRow): Pick<Talker, 'label' | 'title' | 'filter'> {
    if (row.a_ip !== undefined && row.b_ip !== undefined) {
        // ICMP and the like have no ports: they come as 0.
        const port = (n: number | undefined) => (n || row.proto === 'tcp' || row.proto === 'udp' ? n : undefined);
        const a = endpoint(row.a_ip, port(row.a_port)), b = endpoint(row.b_ip, port(row.b_port));
        return { label: `${a} ↔ ${b}`, title: [row.proto, a, '↔', b].filter(Boolean).join(' '), filter: { ip: row.a_ip } };
    }
    if (row.port !== undefined)
        return {
            label: row.key, title: `${row.key}, the port of the service`,
            filter: { port: String(row.port), ...(row.proto ? { proto: row.proto } : {}) },
        };
    return { label: row.key, title: row.key, filter: { ip: row.key } };
}

function ofFrame(frame: TalkersFrame, totalBps: number): Talker[] {
    return frame.rows.slice(0, TALKERS).map((row) => ({
        ...named({ ...row, key: '', pps: 0, share: 0, ...endsOf(row) }),
        cls: row.proto,
        bps: row.bps,
        pps: row.bytes > 0 ? Math.round((row.packets * row.bps) / (row.bytes * 8)) : 0,
        bytes: row.bytes,
        share: totalBps > 0 ? row.bps / totalBps : 0,
    }));
}

/** "10.0.0.1:1234" → its parts; "[2001:db8::1]:443" likewise. */
function endsOf({ a, b }: TalkerRow): Pick<TopRow, 'a_ip' | 'a_port' | 'b_ip' | 'b_port'> {
    const split = (text: string) => {
        const colon = text.lastIndexOf(':');
        return [text.slice(0, colon).replace(/^\[|\]$/g, ''), Number(text.slice(colon + 1))] as const;
    };
    const [a_ip, a_port] = split(a), [b_ip, b_port] = split(b);
    return { a_ip, a_port, b_ip, b_port };
}

function errorText(error: unknown): string {
    if (error instanceof ApiError)
        return error.param ? `${error.param}: ${error.message}` : error.message;
    return String(error);
}

