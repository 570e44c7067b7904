// How the two ends of a flow are named, in parts, each of which can be filtered by.

import type { Pick } from './filter';
import type { FlowRow } from './wire';

export interface NamePart {
    text: string;
    /** Made when the pointer asks for it: exact figures and dates cost more than all else of a row. */
    title?: string | (() => string);
    class?: string;
    pick?: Pick;
}

const HOW = 'click: only this · Alt+click: not this';

/** Before a port an IPv6 address stands in brackets. */
export function addressPart(ip: string, beforePort: boolean): NamePart {
    const text = beforePort && ip.includes(':') ? `[${ip}]` : ip;
    return { text, class: ip.includes(':') ? 'long' : '', title: `${ip} · ${HOW}`, pick: { key: 'ip', value: ip } };
}

export function portPart(port: number): NamePart {
    return { text: `:${port}`, class: 'port', title: `port ${port} · ${HOW}`, pick: { key: 'port', value: String(port) } };
}

export interface End {
    ip: string;
    port: number;
    /** What it sent. */
    bytes: number;
    packets: number;
    parts: NamePart[];
}

/** Who began the flow is the client; where nothing tells, A is. */
export function endsOf(row: FlowRow): { client: End; server: End } {
    const a = { ...end(row.a_ip, row.a_port, row.proto), bytes: row.ab_bytes, packets: row.ab_packets };
    const b = { ...end(row.b_ip, row.b_port, row.proto), bytes: row.ba_bytes, packets: row.ba_packets };
    return row.initiator === 'b' ? { client: b, server: a } : { client: a, server: b };
}

function end(ip: string, port: number, proto: string) {
    const hasPort = port !== 0 || proto === 'tcp' || proto === 'udp';
    return { ip, port, parts: [addressPart(ip, hasPort), hasPort ? portPart(port) : { text: '' }] };
}

export function nameOfEnd({ parts }: End): string {
    return parts.map((part) => part.text).join('');
}

/** "other" has many names: its own says more. */
export function protoOf({ proto, proto_name, proto_number }: FlowRow): string {
    return proto === 'other' ? (proto_name ?? String(proto_number)) : proto;
}
