// The selected flow with every field it has, both directions apart. Its values follow the table's;
// a flow that the newest answer no longer holds keeps its last ones and says so.

import * as format from '../format';
import type { Filter } from '../filter';
import type { State, Store } from '../state';
import type { FlowRow } from '../wire';
import { byId, make, setHidden, setText, setTitle } from './dom';
import { endsOf, nameOf } from './flowcells';

type Line = readonly [name: string, text: string, title?: string];

export class Drawer {
    private readonly drawer = byId('drawer');
    private readonly title = make('h2');
    private readonly note = make('p', { class: 'note' });
    private readonly list = make('dl');
    private readonly actions = make('div', { class: 'choices' });
    private readonly values = new Map<string, HTMLElement>();
    private row: FlowRow | null = null;

    constructor(store: Store, private readonly pick: (filter: Filter) => void, close: () => void) {
        const shut = make('button', { text: '✕', title: 'Close (Esc)', attrs: { type: 'button', 'aria-label': 'Close' } });
        shut.addEventListener('click', close);
        const copy = make('button', { text: 'copy as JSON', attrs: { type: 'button' } });
        copy.addEventListener('click', () => void navigator.clipboard.writeText(JSON.stringify(this.row, null, 2)));
        this.drawer.append(make('div', { class: 'head' }, this.title, shut), this.note, this.actions, this.list, copy);
        store.onRender((state) => { this.render(state); });
    }

    private render(state: State): void {
        setHidden(this.drawer, state.selected === null);
        if (state.selected === null) {
            this.row = null;
            return;
        }
        const now = state.flows?.rows.find((row) => row.id === state.selected);
        const fresh = this.row?.id !== state.selected;
        this.row = now ?? (fresh ? null : this.row);
        const { row } = this;
        setText(this.note, now ? '' : 'Not among the rows of the newest answer: these are its last known values.');
        if (!row)
            return;
        setText(this.title, `${nameOf(row)} ${text(endsOf(row).client)} → ${text(endsOf(row).server)}`);
        if (fresh)
            this.offer(row);
        for (const line of linesOf(row, state))
            this.write(line);
    }

    private write([name, value, title]: Line): void {
        let element = this.values.get(name);
        if (!element) {
            element = make('dd');
            this.values.set(name, element);
            this.list.append(make('dt', { text: name }), element);
        }
        setText(element, value);
        setTitle(element, title ?? '');
    }

    /** What the table filters by when it is clicked, for those who do not click. */
    private offer(row: FlowRow): void {
        const offers: [string, Filter][] = [
            [`only ${row.a_ip}`, { ip: row.a_ip }], [`only ${row.b_ip}`, { ip: row.b_ip }],
            [`only ${nameOf(row)}`, { proto: nameOf(row) }],
        ];
        for (const port of new Set([row.a_port, row.b_port].filter((p) => p > 0)))
            offers.push([`only port ${port}`, { port: String(port) }]);
        if (row.vlan)
            offers.push([`only vlan ${row.vlan}`, { vlan: String(row.vlan) }]);
        this.actions.replaceChildren(...offers.map(([label, filter]) => {
            const button = make('button', { text: label, attrs: { type: 'button' } });
            button.addEventListener('click', () => { this.pick(filter); });
            return button;
        }));
    }
}

function text(parts: { text: string }[]): string {
    return parts.map((part) => part.text).join('');
}

function linesOf(row: FlowRow, { view }: State): Line[] {
    const ends = endsOf(row);
    const volume = (bytes: number, packets: number) => `${format.si(bytes, 'B')}, ${format.si(packets, 'pkt')}`;
    const exact = (bytes: number, packets: number) => `${format.exact(bytes, 'B')}, ${format.exact(packets, 'pkt')}`;
    return [
        ['rate', format.rate(row.bps, row.pps, view.unit), `${format.exact(row.bps, 'bit/s')}, ${format.exact(row.pps, 'pkt/s')}`],
        ['both ways', volume(row.bytes, row.packets), exact(row.bytes, row.packets)],
        ['client → server', volume(ends.sent, ends.sentPackets), exact(ends.sent, ends.sentPackets)],
        ['server → client', volume(ends.received, ends.receivedPackets), exact(ends.received, ends.receivedPackets)],
        ['first seen', format.clock(row.first_seen), format.clockTitle(row.first_seen)],
        ['last seen', format.clock(row.last_seen), format.clockTitle(row.last_seen)],
        ['lasted', format.span(row.last_seen - row.first_seen)],
        ['state', row.state],
        ['direction', { in: 'in: begun elsewhere', out: 'out: begun by this host', none: 'not known' }[row.direction ?? 'none']],
        ['initiator', row.initiator ? (row.initiator === 'a' ? row.a_ip : row.b_ip) : 'not known'],
        ['protocol', `${nameOf(row)} (${row.proto_number})`],
        ['TCP flags', row.proto === 'tcp' ? format.tcpFlags(row.tcp_flags).title || 'none' : '–'],
        ['VLAN', row.vlan ? String(row.vlan) : 'none'],
        ['interface', row.iface],
        ['id', String(row.id)],
    ];
}
