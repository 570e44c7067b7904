// The selected flow with every field it has, both directions apart. It is followed also when it
// has left the table; one that the daemon no longer holds keeps its last values and says so.

import * as format from '../format';
import type { Pick } from '../filter';
import { endsOf, nameOfEnd, protoOf, type End } from '../names';
import { isGap, type State, type Store } from '../state';
import type { FlowRow } from '../wire';
import { byId, make, setHidden, setText, setTitle } from './dom';
import type { Picking } from './picking';
import { drawSparkline, makeSparkline, sparklineTitle } from './sparkline';

type Line = readonly [name: string, text: string, title?: string, pick?: Pick];

interface Shown {
    value: HTMLElement;
    /** "only this" and "not this". */
    actions: HTMLElement;
    pick: Pick | undefined;
}

export class Drawer {
    private readonly drawer = byId('drawer');
    private readonly title = make('h2');
    private readonly note = make('p', { class: 'note' });
    private readonly spark = makeSparkline();
    private readonly sparkNote = make('p', { class: 'note' });
    private readonly list = make('dl');
    private readonly lines = new Map<string, Shown>();
    private readonly copied = make('span', { class: 'note', attrs: { role: 'status' } });
    private row: FlowRow | null = null;

    constructor(store: Store, private readonly picking: Picking, close: () => void) {
        const shut = make('button', { text: '✕', title: 'Close (Esc)', attrs: { type: 'button', 'aria-label': 'Close' } });
        shut.addEventListener('click', close);
        const copy = make('button', { text: 'copy as JSON', attrs: { type: 'button' } });
        copy.addEventListener('click', () => { void this.copy(); });
        this.drawer.append(make('div', { class: 'head' }, this.title, shut), this.note, this.spark, this.sparkNote, this.list,
            make('div', { class: 'actions' }, copy, this.copied));
        store.onRender((state) => { this.render(state); });
    }

    private async copy(): Promise<void> {
        try {
            await navigator.clipboard.writeText(JSON.stringify(this.row, null, 2));
            setText(this.copied, 'copied');
        } catch {
            // Over plain HTTP from afar browsers have no clipboard.
            setText(this.copied, 'this browser does not let the page copy');
        }
    }

    private render(state: State): void {
        setHidden(this.drawer, state.selected === null);
        if (state.selected === null) {
            this.forget();
            return;
        }
        // Just selected it is among the rows; later wherever the daemon still holds it.
        const now = [state.selectedRow, ...(state.flows?.rows ?? [])].find((row) => row?.id === state.selected);
        const fresh = this.row?.id !== state.selected;
        this.row = now ?? (fresh ? null : this.row);
        const { row } = this;
        setText(this.note, now ? '' : 'The daemon no longer holds this flow: these are its last known values.');
        if (!row)
            return;
        if (fresh)
            setText(this.copied, '');
        const { client, server } = endsOf(row);
        setText(this.title, `${protoOf(row)} ${nameOfEnd(client)} → ${nameOfEnd(server)}`);
        const top = drawSparkline(this.spark, state.sparks, row.id, row.proto, state.view.unit);
        setText(this.sparkNote, sparklineTitle(top, state.view.unit));
        for (const line of linesOf(row, state))
            this.write(line);
    }

    private forget(): void {
        if (!this.row)
            return;
        this.row = null;
        setText(this.title, '');
        for (const { value } of this.lines.values())
            setText(value, '');
    }

    private write([name, text, title, pick]: Line): void {
        const line = this.lines.get(name) ?? this.add(name);
        line.pick = pick;
        setText(line.value, text);
        setTitle(line.value, title ?? '');
        setHidden(line.actions, !pick);
    }

    private add(name: string): Shown {
        const shown: Shown = { value: make('span'), actions: make('span', { class: 'actions' }), pick: undefined };
        const action = (text: string, run: (pick: Pick) => void) => {
            const button = make('button', { text, attrs: { type: 'button', 'aria-label': `${text}: ${name}` } });
            button.addEventListener('click', () => {
                if (shown.pick)
                    run(shown.pick);
            });
            return button;
        };
        shown.actions.append(
            action('only this', (pick) => { this.picking.only([pick]); }),
            action('not this', (pick) => { this.picking.not(pick); }),
        );
        this.lines.set(name, shown);
        this.list.append(make('dt', { text: name }), make('dd', {}, shown.value, shown.actions));
        return shown;
    }
}

function endLines(name: string, { ip, port, parts }: End): Line[] {
    return [
        [name, ip, '', { key: 'ip', value: ip }],
        parts.some((part) => part.class === 'port') ? [`${name} port`, String(port), '', { key: 'port', value: String(port) }] : [`${name} port`, 'none'],
    ];
}

function linesOf(row: FlowRow, state: State): Line[] {
    const { view, flows } = state;
    const unmeasured = flows !== null && isGap(state, flows.asof / 1000 - 1);
    const { client, server } = endsOf(row);
    const proto = protoOf(row);
    const volume = (bytes: number, packets: number) => `${format.si(bytes, 'B')}, ${format.si(packets, 'pkt')}`;
    const exact = (bytes: number, packets: number) => `${format.exact(bytes, 'B')}, ${format.exact(packets, 'pkt')}`;
    return [
        unmeasured ? ['rate', 'not measured'] : ['rate', format.rate(row.bps, row.pps, view.unit), `${format.exact(row.bps, 'bit/s')}, ${format.exact(row.pps, 'pkt/s')}`],
        ['both ways', volume(row.bytes, row.packets), exact(row.bytes, row.packets)],
        ['client → server', volume(client.bytes, client.packets), exact(client.bytes, client.packets)],
        ['server → client', volume(server.bytes, server.packets), exact(server.bytes, server.packets)],
        ['protocol', proto === String(row.proto_number) ? proto : `${proto} (${row.proto_number})`, '', { key: 'proto', value: proto }],
        ...endLines('client', client),
        ...endLines('server', server),
        ['VLAN', row.vlan ? String(row.vlan) : 'none', '', { key: 'vlan', value: String(row.vlan) }],
        ['first seen', format.clock(row.first_seen), format.clockTitle(row.first_seen)],
        ['last seen', format.clock(row.last_seen), format.clockTitle(row.last_seen)],
        ['lasted', format.span(row.last_seen - row.first_seen)],
        ['state', row.state],
        ['direction', { in: 'in: begun elsewhere', out: 'out: begun by this host', none: 'not known' }[row.direction ?? 'none']],
        ['initiator', row.initiator ? (row.initiator === 'a' ? row.a_ip : row.b_ip) : 'not known'],
        ['TCP flags', row.proto === 'tcp' ? format.tcpFlags(row.tcp_flags).title || 'none' : '–'],
        ['interface', row.iface, '', { key: 'iface', value: row.iface }],
        ['id', String(row.id)],
    ];
}
