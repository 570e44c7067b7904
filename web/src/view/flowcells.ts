// The columns of the flow table: what stands in a cell, its tooltip, and what a click filters by.

import * as format from '../format';
import { endsOf, protoOf, type NamePart } from '../names';
import type { Sparks } from '../sparks';
import type { View } from '../state';
import type { FlowRow } from '../wire';
import { make, setClass, setText, setTitle } from './dom';
import { setPick } from './picking';
import { drawSparkline, makeSparkline, sparklineTitle } from './sparkline';

export interface Context {
    view: View;
    asof: number;
    /** False where the last second is a gap: then nothing has a rate. */
    measured: boolean;
    sparks: Sparks;
}

export interface FlowColumn {
    id: string;
    label: string;
    title: string;
    /** The API's name to sort by; null where it has none. */
    sort: string | null | ((view: View) => string);
    numeric?: boolean;
    /** It shows how long ago something was, of which the API has the time: the one falls as the other rises. */
    ago?: boolean;
    /** Parts of a cell, each of which a click may filter by; none where it is drawn. */
    parts: number;
    fill(row: FlowRow, context: Context): NamePart[];
}

const DIRECTIONS = {
    out: { text: '▲', title: 'out: the client\u2019s packets leave this host' },
    in: { text: '▼', title: 'in: the client\u2019s packets come in' },
    none: { text: '·', title: 'not known which of them this host is' },
};

const figure = (value: number, unit: string): NamePart[] => [{ text: format.si(value, unit), title: () => format.exact(value, unit) }];

export const COLUMNS: readonly FlowColumn[] = [
    {
        id: 'proto', label: 'proto', title: 'Protocol', sort: 'proto_number', parts: 2,
        fill: (row) => [
            { text: '', class: `swatch ${row.proto}` },
            { text: protoOf(row), title: `IP protocol ${row.proto_number}`, pick: { key: 'proto', value: protoOf(row) } },
        ],
    },
    {
        id: 'client', label: 'client', title: 'Who began the flow', sort: null, parts: 2,
        fill: (row) => endsOf(row).client.parts,
    },
    {
        id: 'way', label: '', title: 'In or out', sort: null, parts: 1,
        fill: (row) => [DIRECTIONS[row.direction ?? 'none']],
    },
    {
        id: 'server', label: 'server', title: 'Who was called', sort: null, parts: 2,
        fill: (row) => endsOf(row).server.parts,
    },
    {
        id: 'rate', label: 'rate', title: 'In the last second', numeric: true, parts: 1,
        sort: (view) => (view.unit === 'pkt/s' ? 'pps' : 'bps'),
        fill: (row, { view, measured }) => [measured ? {
            text: format.rate(row.bps, row.pps, view.unit),
            title: () => `${format.exact(row.bps, 'bit/s')}, ${format.exact(row.pps, 'pkt/s')}`,
            class: row.pps ? '' : 'idle',
        } : { text: '–', title: 'not measured', class: 'idle' }],
    },
    {
        id: 'spark', label: '60 s', title: 'Its rate in the last minute, as far as this page saw the flow', sort: null, parts: 0,
        fill: () => [],
    },
    {
        id: 'bytes', label: 'bytes', title: 'Both ways since first seen', sort: 'bytes', numeric: true, parts: 1,
        fill: (row) => figure(row.bytes, 'B'),
    },
    {
        id: 'sent', label: 'client →', title: 'Bytes from the client to the server', sort: null, numeric: true, parts: 1,
        fill: (row) => figure(endsOf(row).client.bytes, 'B'),
    },
    {
        id: 'received', label: '← server', title: 'Bytes from the server to the client', sort: null, numeric: true, parts: 1,
        fill: (row) => figure(endsOf(row).server.bytes, 'B'),
    },
    {
        id: 'packets', label: 'packets', title: 'Both ways since first seen', sort: 'packets', numeric: true, parts: 1,
        fill: (row) => figure(row.packets, 'pkt'),
    },
    {
        id: 'vlan', label: 'vlan', title: 'VLAN id', sort: 'vlan', numeric: true, parts: 1,
        fill: (row) => [{ text: row.vlan ? String(row.vlan) : '', title: `VLAN ${row.vlan}`, pick: { key: 'vlan', value: String(row.vlan) } }],
    },
    {
        id: 'iface', label: 'iface', title: 'Interface', sort: null, parts: 1,
        fill: ({ iface }) => [{ text: iface, title: `interface ${iface} · click: only this`, pick: { key: 'iface', value: iface } }],
    },
    {
        id: 'flags', label: 'flags', title: 'TCP flags seen', sort: 'tcp_flags', parts: 1,
        fill: (row) => [row.proto === 'tcp' ? format.tcpFlags(row.tcp_flags) : { text: '' }],
    },
    {
        id: 'age', label: 'age', title: 'Since first seen', sort: 'first_seen', ago: true, numeric: true, parts: 1,
        fill: (row, { asof }) => [{ text: format.span(asof - row.first_seen), title: () => `first seen ${format.clockTitle(row.first_seen)}` }],
    },
    {
        id: 'seen', label: 'last seen', title: 'Since the last packet', sort: 'last_seen', ago: true, numeric: true, parts: 1,
        fill: (row, { asof }) => [{
            text: row.state === 'ended' ? `ended ${format.clock(row.last_seen)}` : asof - row.last_seen < 1000 ? 'now' : format.span(asof - row.last_seen),
            title: () => `last seen ${format.clockTitle(row.last_seen)}`,
            ...(row.state === 'ended' ? { pick: { key: 'state' as const, value: 'ended' } } : {}),
        }],
    },
];

export function sortOf(column: FlowColumn, view: View): string | null {
    return typeof column.sort === 'function' ? column.sort(view) : column.sort;
}

export function makeCell(column: FlowColumn): HTMLTableCellElement {
    const cell = make('td', { class: `c-${column.id}${column.numeric ? ' num' : ''}`, attrs: { role: 'cell' } });
    const spans = Array.from({ length: column.parts }, () => make('span'));
    if (column.parts === 0)
        cell.append(makeSparkline());
    // An address that is too long is cut, its port is not.
    else if (column.parts > 1)
        cell.append(make('div', {}, ...spans));
    else
        cell.append(...spans);
    return cell;
}

/** What each cell was filled with last, and where its parts are. */
const filled = new WeakMap<Element, NamePart[]>();

function spanOf(cell: Element, i: number): Element {
    const parent = cell.firstElementChild instanceof HTMLDivElement ? cell.firstElementChild : cell;
    return parent.children[i] ?? parent;
}

export function fillCell(cell: HTMLElement, column: FlowColumn, row: FlowRow, context: Context): void {
    if (column.parts === 0) {
        fillSpark(cell, row, context);
        return;
    }
    const parts = column.fill(row, context);
    filled.set(cell, parts);
    parts.forEach((part, i) => {
        const span = spanOf(cell, i) as HTMLElement;
        setText(span, part.text);
        setClass(span, `${part.class ?? ''}${part.pick ? ' pick' : ''}`.trim());
        setPick(span, part.pick);
        if (span.title)
            setTitle(span, titleOf(part));
    });
}

function fillSpark(cell: HTMLElement, row: FlowRow, { sparks, view }: Context): void {
    const top = drawSparkline(cell.firstElementChild as SVGSVGElement, sparks, row.id, row.proto, view.unit);
    filled.set(cell, [{ text: '', title: () => sparklineTitle(top, view.unit) }]);
}

function titleOf({ title }: NamePart): string {
    return typeof title === 'function' ? title() : (title ?? '');
}

/** The pointer is over this element: its cell gets its tooltips. */
export function fillTitles(target: EventTarget | null): void {
    const cell = target instanceof Element ? target.closest('td') : null;
    if (cell)
        filled.get(cell)?.forEach((part, i) => {
            const span = spanOf(cell, i);
            setTitle(span instanceof HTMLElement ? span : cell, titleOf(part));
        });
}
