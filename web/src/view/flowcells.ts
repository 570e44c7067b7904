// The columns of the flow table: what stands in a cell, its tooltip, and what a click filters by.

import * as format from '../format';
import type { Filter } from '../filter';
import type { FlowRow } from '../wire';
import type { View } from '../state';
import { make, setClass, setText, setTitle } from './dom';

export interface Context {
    view: View;
    asof: number;
}

export interface FlowColumn {
    id: string;
    label: string;
    title: string;
    /** The API's name to sort by; null where it has none. */
    sort: string | null | ((view: View) => string);
    numeric?: boolean;
    /** Parts of a cell, each of which a click may filter by. */
    parts: number;
    fill(row: FlowRow, context: Context): CellPart[];
}

export interface CellPart {
    text: string;
    /** Made when the pointer asks for it: exact figures and dates cost more than all else of a row. */
    title?: string | (() => string);
    class?: string;
    filter?: Filter;
}

interface Ends {
    client: CellPart[];
    server: CellPart[];
    sent: number;
    received: number;
    sentPackets: number;
    receivedPackets: number;
}

/** Who began the flow stands first; where nothing tells, A does. */
export function endsOf(row: FlowRow): Ends {
    const a = endpoint(row.a_ip, row.a_port, row.proto);
    const b = endpoint(row.b_ip, row.b_port, row.proto);
    return row.initiator === 'b'
        ? { client: b, server: a, sent: row.ba_bytes, received: row.ab_bytes, sentPackets: row.ba_packets, receivedPackets: row.ab_packets }
        : { client: a, server: b, sent: row.ab_bytes, received: row.ba_bytes, sentPackets: row.ab_packets, receivedPackets: row.ba_packets };
}

function endpoint(ip: string, port: number, proto: string): CellPart[] {
    const address = ip.includes(':') && port ? `[${ip}]` : ip;
    const parts: CellPart[] = [{ text: address, title: ip, filter: { ip } }];
    const hasPort = port !== 0 || proto === 'tcp' || proto === 'udp';
    parts.push(hasPort ? { text: `:${port}`, class: 'port', title: `port ${port}`, filter: { port: String(port) } } : { text: '' });
    return parts;
}

/** "other" has many names: its own says more. */
export function nameOf({ proto, proto_name, proto_number }: FlowRow): string {
    return proto === 'other' ? (proto_name ?? String(proto_number)) : proto;
}

const DIRECTIONS = {
    out: { text: '▲', title: 'out: the client\u2019s packets leave this host' },
    in: { text: '▼', title: 'in: the client\u2019s packets come in' },
    none: { text: '·', title: 'not known which of them this host is' },
};

const figure = (value: number, unit: string): CellPart[] => [{ text: format.si(value, unit), title: () => format.exact(value, unit) }];

export const COLUMNS: readonly FlowColumn[] = [
    {
        id: 'proto', label: 'proto', title: 'Protocol', sort: 'proto_number', parts: 2,
        fill: (row) => [
            { text: '', class: `swatch ${row.proto}` },
            { text: nameOf(row), title: `IP protocol ${row.proto_number}`, filter: { proto: nameOf(row) } },
        ],
    },
    {
        id: 'client', label: 'client', title: 'Who began the flow', sort: null, parts: 2,
        fill: (row) => endsOf(row).client,
    },
    {
        id: 'way', label: '', title: 'In or out', sort: null, parts: 1,
        fill: (row) => [DIRECTIONS[row.direction ?? 'none']],
    },
    {
        id: 'server', label: 'server', title: 'Who was called', sort: null, parts: 2,
        fill: (row) => endsOf(row).server,
    },
    {
        id: 'rate', label: 'rate', title: 'In the last second', numeric: true, parts: 1,
        sort: (view) => (view.unit === 'pkt/s' ? 'pps' : 'bps'),
        fill: (row, { view }) => [{
            text: format.rate(row.bps, row.pps, view.unit),
            title: () => `${format.exact(row.bps, 'bit/s')}, ${format.exact(row.pps, 'pkt/s')}`,
            class: row.pps ? '' : 'idle',
        }],
    },
    {
        id: 'bytes', label: 'bytes', title: 'Both ways since first seen', sort: 'bytes', numeric: true, parts: 1,
        fill: (row) => figure(row.bytes, 'B'),
    },
    {
        id: 'sent', label: 'client →', title: 'Bytes from the client to the server', sort: null, numeric: true, parts: 1,
        fill: (row) => figure(endsOf(row).sent, 'B'),
    },
    {
        id: 'received', label: '← server', title: 'Bytes from the server to the client', sort: null, numeric: true, parts: 1,
        fill: (row) => figure(endsOf(row).received, 'B'),
    },
    {
        id: 'packets', label: 'packets', title: 'Both ways since first seen', sort: 'packets', numeric: true, parts: 1,
        fill: (row) => figure(row.packets, 'pkt'),
    },
    {
        id: 'vlan', label: 'vlan', title: 'VLAN id', sort: 'vlan', numeric: true, parts: 1,
        fill: (row) => [{ text: row.vlan ? String(row.vlan) : '', title: `VLAN ${row.vlan}`, filter: { vlan: String(row.vlan) } }],
    },
    {
        id: 'flags', label: 'flags', title: 'TCP flags seen', sort: 'tcp_flags', parts: 1,
        fill: (row) => [row.proto === 'tcp' ? format.tcpFlags(row.tcp_flags) : { text: '' }],
    },
    {
        id: 'age', label: 'age', title: 'Since first seen', sort: 'first_seen', numeric: true, parts: 1,
        fill: (row, { asof }) => [{ text: format.span(asof - row.first_seen), title: () => `first seen ${format.clockTitle(row.first_seen)}` }],
    },
    {
        id: 'seen', label: 'last seen', title: 'Since the last packet', sort: 'last_seen', numeric: true, parts: 1,
        fill: (row, { asof }) => [{
            text: row.state === 'ended' ? `ended ${format.clock(row.last_seen)}` : asof - row.last_seen < 1000 ? 'now' : format.span(asof - row.last_seen),
            title: () => `last seen ${format.clockTitle(row.last_seen)}`,
            ...(row.state === 'ended' ? { filter: { state: 'ended' } } : {}),
        }],
    },
];

export function sortOf(column: FlowColumn, view: View): string | null {
    return typeof column.sort === 'function' ? column.sort(view) : column.sort;
}

export function makeCell(column: FlowColumn): HTMLTableCellElement {
    const cell = make('td', { class: `c-${column.id}${column.numeric ? ' num' : ''}`, attrs: { role: 'cell' } });
    const spans = Array.from({ length: column.parts }, () => make('span'));
    // An address that is too long is cut, its port is not.
    if (column.parts > 1)
        cell.append(make('div', {}, ...spans));
    else
        cell.append(...spans);
    return cell;
}

/** What each cell was filled with last. */
const filled = new WeakMap<Element, CellPart[]>();

function spanOf(cell: HTMLElement, i: number): HTMLElement {
    const parent = cell.firstElementChild instanceof HTMLDivElement ? cell.firstElementChild : cell;
    return parent.children[i] as HTMLElement;
}

export function fillCell(cell: HTMLElement, parts: CellPart[]): void {
    filled.set(cell, parts);
    parts.forEach((part, i) => {
        const span = spanOf(cell, i);
        setText(span, part.text);
        setClass(span, `${part.class ?? ''}${part.filter ? ' pick' : ''}`.trim());
        if (span.title)
            setTitle(span, titleOf(part));
    });
}

function titleOf({ title }: CellPart): string {
    return typeof title === 'function' ? title() : (title ?? '');
}

/** The pointer is over this element: its cell gets its tooltips. */
export function fillTitles(target: EventTarget | null): void {
    const cell = target instanceof Element ? target.closest('td') : null;
    if (cell)
        filled.get(cell)?.forEach((part, i) => { setTitle(spanOf(cell, i), titleOf(part)); });
}

/** What a click on this element filters by, if anything. */
export function filterOf(target: EventTarget | null): Filter | null {
    const cell = target instanceof Element ? target.closest('td') : null;
    if (!cell)
        return null;
    return filled.get(cell)?.find((part, i) => part.filter && spanOf(cell, i) === target)?.filter ?? null;
}
