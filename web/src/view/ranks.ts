// Protocols and top talkers: ranked rows with a bar for their share. Rows stay where they are in
// the document and change their text, so that nothing flickers.

import { bytes, count, exact, inUnit, percent, rate } from '../format';
import { isEmpty, type Filter } from '../filter';
import { CLASSES } from '../wire';
import type { State, Store, Talker, TalkersBy, View } from '../state';
import { byId, choices, make, setClass, setData, setText, setTitle } from './dom';

interface Rank {
    label: string;
    labelTitle: string;
    cls: string;
    value: string;
    valueTitle: string;
    share: number;
    figure: number;
    filter: Filter;
}

type Parts = Record<'row' | 'mark' | 'label' | 'bar' | 'share' | 'value', HTMLElement>;

class Ranks {
    private readonly body = make('tbody');
    private filters: Filter[] = [];
    private readonly rows: Parts[] = [];

    constructor(private readonly table: HTMLElement, private readonly pick: (filter: Filter) => void) {
        table.append(this.body);
    }

    show(ranks: Rank[], ts: number): void {
        setData(this.table, 'ts', String(ts));
        this.filters = ranks.map((rank) => rank.filter);
        ranks.forEach((rank, i) => {
            const row = this.rows[i] ?? this.add();
            setClass(row.mark, `swatch ${rank.cls}`);
            setText(row.label, rank.label);
            setTitle(row.label, rank.labelTitle);
            row.bar.style.width = `${Math.min(100, rank.share * 100).toFixed(1)}%`;
            setClass(row.bar, `fill ${rank.cls}`);
            setText(row.share, percent(rank.share));
            setText(row.value, rank.value);
            setTitle(row.value, rank.valueTitle);
            setData(row.value, 'value', String(rank.figure));
            row.row.hidden = false;
        });
        for (const { row } of this.rows.slice(ranks.length))
            row.hidden = true;
    }

    private add(): Parts {
        const label = make('button', { attrs: { type: 'button' } });
        const mark = make('i', { class: 'swatch' });
        const bar = make('i', { class: 'fill' });
        const share = make('td', { class: 'share' });
        const value = make('td', { class: 'value' });
        const name = make('th', { attrs: { scope: 'row' } }, make('div', {}, mark, label));
        const row = make('tr', {}, name, make('td', { class: 'bar' }, make('div', {}, bar)), share, value);
        const at = this.rows.length;
        label.addEventListener('click', () => { this.pick(this.filters[at] ?? {}); });
        this.body.append(row);
        const parts = { row, mark, label, bar, share, value };
        this.rows.push(parts);
        return parts;
    }

}

export function protocols(store: Store, pick: (filter: Filter) => void): void {
    const ranks = new Ranks(byId('protocols'), pick);
    const note = byId('protocols-note');
    store.onRender((state) => {
        const frame = state.latest;
        setText(note, scope(state.view));
        ranks.show(CLASSES.map((name) => {
            const bps = frame?.by_proto[name] ?? 0;
            return {
                label: name, labelTitle: `Show only ${name} flows`, cls: name,
                value: frame ? rate(bps, bps, state.view.unit === 'B/s' ? 'B/s' : 'bit/s') : '–',
                valueTitle: exact(bps, 'bit/s'), figure: bps, share: frame?.bps ? bps / frame.bps : 0,
                filter: { proto: name },
            };
        }), frame?.ts ?? 0);
    });
}

/** The protocols' numbers are of all that is captured, whatever the filter selects. */
function scope(view: View): string {
    return isEmpty(view.filter) ? '' : 'all traffic, not filtered';
}

export function talkers(store: Store, pick: (filter: Filter) => void, choose: (by: TalkersBy) => void): void {
    const ranks = new Ranks(byId('talkers'), pick);
    const note = byId('talkers-note');
    const mark = choices(byId('by'), [['flow', 'flow'], ['pair', 'pair'], ['host', 'host'], ['port', 'port']] as const, choose);
    store.onRender((state) => {
        mark(state.view.by);
        setText(note, talkersNote(state));
        setData(note, 'error', state.talkersError ? 'yes' : '');
        ranks.show((state.talkers ?? []).map((talker) => rankOf(talker, state)), state.talkersTs);
    });
}

function talkersNote(state: State): string {
    if (state.talkersError)
        return state.talkersError;
    if (!state.talkers)
        return '';
    return state.talkers.length === 0 ? 'no traffic in the last second' : '';
}

function rankOf(talker: Talker, { view }: State): Rank {
    return {
        label: talker.label, labelTitle: talker.title, cls: talker.cls,
        value: rate(talker.bps, talker.pps, view.unit),
        valueTitle: `${exact(Math.round(inUnit(talker.bps, talker.pps, view.unit)), view.unit)} · ${bytes(talker.bytes)} (${count(talker.bytes)} B)`,
        figure: talker.bps, share: talker.share, filter: talker.filter,
    };
}
