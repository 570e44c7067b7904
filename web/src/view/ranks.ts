// Protocols and top talkers: ranked rows with a bar for their share. Rows stay where they are in
// the document and change their text, so that nothing flickers.

import { exact, percent, rate } from '../format';
import { isEmpty, scopeOf } from '../filter';
import type { NamePart } from '../names';
import { CLASSES } from '../wire';
import { gapAt, isGap, type State, type Store, type Talker, type TalkersBy, type View } from '../state';
import { byId, choices, make, setClass, setData, setHidden, setStyle, setText, setTitle } from './dom';
import { pickFrom, setPick, type Picking } from './picking';
import { Press } from './press';

interface Rank {
    name: readonly NamePart[];
    cls: string;
    value: string;
    valueTitle: string;
    /** NaN where there is nothing to have a share of. */
    share: number;
    figure: number;
}

type Parts = Record<'row' | 'mark' | 'name' | 'bar' | 'share' | 'value', HTMLElement>;

class Ranks {
    private readonly body = make('tbody', { attrs: { role: 'rowgroup' } });
    private readonly rows: Parts[] = [];
    private readonly press: Press;
    private long = false;

    constructor(private readonly table: HTMLElement, store: Store, picking: Picking) {
        table.append(this.body);
        this.press = new Press(this.body, (event) => { pickFrom(event, picking); }, () => { store.changed(); });
        // With Alt, browsers do not take Enter for a click.
        this.body.addEventListener('keydown', (event) => {
            if (event.key === 'Enter' && event.altKey && pickFrom(event, picking))
                event.preventDefault();
        });
    }

    /** `of` says what the ranks are of, to a script. */
    show(ranks: Rank[], of: Record<string, string>): void {
        if (this.press.held)
            return;
        for (const [key, value] of Object.entries(of))
            setData(this.table, key, value);
        ranks.forEach((rank, i) => {
            const row = this.rows[i] ?? this.add();
            setClass(row.mark, `swatch ${rank.cls}`);
            fillName(row.name, rank.name);
            setWidth(row.bar, rank.share);
            setClass(row.bar, `fill ${rank.cls}`);
            setText(row.share, Number.isNaN(rank.share) ? '–' : percent(rank.share));
            setText(row.value, rank.value);
            setTitle(row.value, rank.valueTitle);
            setData(row.value, 'value', String(rank.figure));
            setHidden(row.row, false);
        });
        for (const { row } of this.rows.slice(ranks.length))
            setHidden(row, true);
        // As much room as was ever needed, so that what is below does not move when a row goes.
        const { parentElement } = this.table;
        if (parentElement)
            setStyle(parentElement, '--rows', String(this.rows.length));
        // Two ends of which one is long take a line each where the page is narrow, in every row alike.
        if (ranks.some(({ name }) => name.length > 1 && name.some((part) => part.class === 'long')))
            this.long = true;
        setData(this.table, 'long', this.long ? 'yes' : '');
    }

    private add(): Parts {
        const name = make('span', { class: 'name' });
        const mark = make('i', { class: 'swatch' });
        const bar = make('i', { class: 'fill' });
        const share = make('td', { class: 'share', attrs: { role: 'cell' } });
        const value = make('td', { class: 'value', attrs: { role: 'cell' } });
        const head = make('th', { attrs: { scope: 'row', role: 'rowheader' } }, make('div', {}, mark, name));
        const row = make('tr', { attrs: { role: 'row' } }, head, make('td', { class: 'bar', attrs: { role: 'cell' } }, make('div', {}, bar)), share, value);
        this.body.append(row);
        const parts = { row, mark, name, bar, share, value };
        this.rows.push(parts);
        return parts;
    }
}

/** To a tenth of a percent: a share that moves by less moves nothing. */
function setWidth(bar: HTMLElement, share: number): void {
    setStyle(bar, 'width', `${Number(Math.min(100, (share || 0) * 100).toFixed(1))}%`);
}

/** Each part that can be filtered by is a button, others are text; elements are kept while their kind stays. */
function fillName(parent: HTMLElement, parts: readonly NamePart[]): void {
    parts.forEach((part, i) => {
        const tag = part.pick ? 'BUTTON' : 'SPAN';
        let element = parent.children[i];
        if (!(element instanceof HTMLElement) || element.tagName !== tag) {
            const fresh = part.pick ? make('button', { attrs: { type: 'button' } }) : make('span');
            if (element)
                element.replaceWith(fresh);
            else
                parent.append(fresh);
            element = fresh;
        }
        const shown = element as HTMLElement;
        setText(shown, part.text);
        setClass(shown, part.class ?? '');
        setTitle(shown, typeof part.title === 'string' ? part.title : '');
        setPick(shown, part.pick);
    });
    while (parent.children.length > parts.length)
        parent.lastChild?.remove();
}

export function protocols(store: Store, picking: Picking): void {
    const ranks = new Ranks(byId('protocols'), store, picking);
    const note = byId('protocols-note');
    store.onRender((state) => {
        const frame = state.latest;
        const { unit } = state.view;
        const inPackets = unit === 'pkt/s';
        const whole = inPackets ? frame?.pps : frame?.bps;
        setText(note, scopeOf(state.view.filter));
        ranks.show(CLASSES.map((cls) => {
            const bps = frame?.by_proto[cls] ?? 0, pps = frame?.by_proto_pps[cls] ?? 0;
            return {
                name: [{ text: cls, title: `Show only ${cls} flows; with Alt all others`, pick: { key: 'proto', value: cls } as const }],
                cls, value: frame ? rate(bps, pps, unit) : '–',
                valueTitle: frame ? `${exact(bps, 'bit/s')}, ${exact(pps, 'pkt/s')}` : 'not measured',
                figure: inPackets ? pps : bps, share: whole ? (inPackets ? pps : bps) / whole : frame ? 0 : NaN,
            };
        }), { ts: String(frame?.ts ?? 0) });
    });
}

export function talkers(store: Store, picking: Picking, choose: (by: TalkersBy) => void): void {
    const ranks = new Ranks(byId('talkers'), store, picking);
    const note = byId('talkers-note');
    const mark = choices(byId('by'), [['flow', 'flow'], ['pair', 'pair'], ['host', 'host'], ['port', 'port']] as const, choose);
    store.onRender((state) => {
        mark(state.view.by);
        setText(note, talkersNote(state));
        setData(note, 'error', state.talkersError ? 'yes' : '');
        ranks.show((state.talkers ?? []).map((talker) => rankOf(talker, state.view)), { ts: String(state.talkersTs), by: state.talkersBy });
    });
}

function talkersNote(state: State): string {
    if (state.link.kind === 'lost')
        return '';
    if (state.talkersError)
        return state.talkersError;
    const { newest } = state.seconds;
    if (isGap(state, newest))
        return `not measured: ${gapAt(state, newest)}`;
    if (!state.talkers)
        return '';
    if (state.talkers.length === 0)
        return isEmpty(state.view.filter) ? 'no traffic in the last second' : 'nothing in the last second that matches the filter';
    return state.view.by === 'host' ? 'each byte counts at both its ends' : '';
}

function rankOf(talker: Talker, { unit }: View): Rank {
    const { name, cls, bps, pps, bytes, share } = talker;
    return {
        name, cls, value: rate(bps, pps, unit),
        valueTitle: `${exact(bps, 'bit/s')}, ${exact(pps, 'pkt/s')} · ${exact(bytes, 'B')}`,
        figure: unit === 'pkt/s' ? pps : bps, share,
    };
}
