// The flow table and the ranking: asked anew after every second, and at once when the reader
// changes the question.

import { ApiError, get, type Params } from './api';
import { isEmpty, isKey, type Filter } from './filter';
import { Poll } from './poll';
import { addressPart, portPart, type NamePart } from './names';
import { isGap, type State, type Store, type Talker, type View } from './state';
import type { FlowRow, FlowsAnswer, TalkerRow, TalkersFrame, TopAnswer, TopRow } from './wire';

/** Beside them stands what they leave over. */
const TALKERS = 7;

function flowParams(view: View): Params {
    return { ...view.filter, limit: view.limit, sort: view.sort, dir: view.dir };
}

export function flowsQuery(view: View): string {
    return JSON.stringify(flowParams(view));
}

export class Tables {
    private readonly flows: Poll;
    private readonly talkers: Poll;

    /** `unauthorized` is told when the daemon no longer knows this browser. */
    constructor(private readonly store: Store, private readonly unauthorized: () => void) {
        this.flows = new Poll(() => this.loadFlows());
        this.talkers = new Poll(() => this.loadTalkers());
    }

    refresh(): void {
        // Nobody looks, or nobody may: the daemon is not asked.
        if (document.hidden || this.store.state.link.kind === 'token')
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
            const answer = await get<FlowsAnswer>('/api/flows', flowParams(state.view));
            state.sparks.put(answer.asof, answer.rows, !isGap(state, answer.asof / 1000 - 1));
            state.selectedRow = await this.selectedRow(answer);
            state.flows = answer;
            state.flowsQuery = query;
            state.flowsError = null;
            state.refusal = null;
        } catch (error) {
            // An answer to a question that is no longer asked says nothing of the filter.
            state.refusal = query === flowsQuery(state.view) ? refusalOf(error) : null;
            state.flowsError = this.tell(error);
        }
        this.store.changed();
    }

    /** The selected flow is followed also where it is no longer among the table's rows. */
    private async selectedRow({ rows }: FlowsAnswer): Promise<FlowRow | null> {
        const { selected } = this.store.state;
        const found = rows.find((row) => row.id === selected);
        if (selected === null || found)
            return found ?? null;
        const answer = await get<FlowsAnswer>('/api/flows', { flow: selected, state: 'all' });
        return answer.rows[0] ?? null;
    }

    private async loadTalkers(): Promise<void> {
        const { state } = this.store;
        try {
            await fillTalkers(state);
            state.talkersError = null;
        } catch (error) {
            state.talkersError = this.tell(error);
        }
        this.store.soon();
    }

    private tell(error: unknown): string {
        if (!(error instanceof ApiError))
            return String(error);
        if (error.status === 401)
            this.unauthorized();
        return refusalOf(error) ? 'not of this filter: the daemon refuses it' : error.message;
    }
}

function refusalOf(error: unknown): State['refusal'] {
    const key = error instanceof ApiError && error.status === 400 ? error.param : null;
    return key !== null && isKey(key) ? { key, message: (error as ApiError).message } : null;
}

/** The stream already ranks flows by bytes; whatever else is wanted is asked for. */
function streamRanks({ by, filter, unit }: View): boolean {
    return by === 'flow' && isEmpty(filter) && unit !== 'pkt/s';
}

async function fillTalkers(state: State): Promise<void> {
    const { view } = state;
    const frame = state.talkersFrame;
    if (streamRanks(view)) {
        state.talkers = frame && ofFrame(frame, state);
        state.talkersTs = frame?.ts ?? 0;
        state.talkersBy = view.by;
        return;
    }
    const metric = view.unit === 'pkt/s' ? 'packets' : 'bytes';
    const answer = await get<TopAnswer>('/api/top', { ...topFilter(view.filter), by: view.by, metric, limit: TALKERS });
    state.talkers = answer.rows.map((row) => ({ ...row, cls: row.proto ?? '', name: nameOf(row) }));
    if (answer.other.packets > 0)
        state.talkers.push({ ...answer.other, cls: 'other', name: REST });
    state.talkersTs = answer.from;
    state.talkersBy = view.by;
}

const REST: readonly NamePart[] = [{ text: 'all others', title: 'What the rows above leave over, so that the column adds up' }];

/** The ranking is of one second: whether a flow has ended since is no matter. */
function topFilter(filter: Filter): Params {
    return Object.fromEntries(Object.entries(filter).filter(([key]) => key !== 'state'));
}

function nameOf(row: Partial<TopRow> & { key: string }): readonly NamePart[] {
    if (row.a_ip !== undefined && row.b_ip !== undefined) {
        // ICMP and the like have no ports: they come as 0.
        const end = (ip: string, port: number | undefined) =>
            (port || row.proto === 'tcp' || row.proto === 'udp') && port !== undefined
                ? [addressPart(ip, true), portPart(port)] : [addressPart(ip, false)];
        return [...end(row.a_ip, row.a_port), { text: ' ↔ ', class: 'to' }, ...end(row.b_ip, row.b_port)];
    }
    if (row.port !== undefined)
        return [{ ...portPart(row.port), text: row.key, title: `${row.key}, the port of the service · click: only this · Alt+click: not this` }];
    return [addressPart(row.key, false)];
}

function ofFrame(frame: TalkersFrame, { seconds }: State): Talker[] {
    const totalBps = seconds.get('bps', frame.ts / 1000), totalPps = seconds.get('pps', frame.ts / 1000);
    const share = (bps: number) => (totalBps > 0 ? bps / totalBps : 0);
    const talkers = frame.rows.slice(0, TALKERS).map((row): Talker => ({
        name: nameOf({ key: '', proto: row.proto, ...endsOf(row) }),
        cls: row.proto,
        bps: row.bps,
        pps: row.bytes > 0 ? Math.round((row.packets * row.bps) / (row.bytes * 8)) : 0,
        bytes: row.bytes,
        share: share(row.bps),
    }));
    const left = (total: number, figure: 'bps' | 'pps') => talkers.reduce((rest, row) => rest - row[figure], total);
    const bps = left(totalBps, 'bps');
    if (bps > 0)
        talkers.push({ name: REST, cls: 'other', bps, pps: Math.max(0, left(totalPps, 'pps')), bytes: Math.round(bps / 8), share: share(bps) });
    return talkers;
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
