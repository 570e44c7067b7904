// What the daemon says, as its API defines it. Times are Unix milliseconds.

export const CLASSES = ['tcp', 'udp', 'icmp', 'other'] as const;
export type Class = (typeof CLASSES)[number];
export type ByClass = Record<Class, number>;

export interface Volume {
    packets: number;
    bytes: number;
}

/** One direction. */
export interface WayVolume extends Volume {
    by_proto_packets: ByClass;
    by_proto_bytes: ByClass;
}

/** One second of /api/counters. */
export interface CounterPoint extends Volume {
    ts: number;
    pps: number;
    bps: number;
    by_proto: ByClass;
    in: WayVolume;
    out: WayVolume;
    by_proto_bytes: ByClass;
    by_proto_packets: ByClass;
    drops: number;
    new_flows: number;
    active_flows: number;
    partial: boolean;
    /** What of the second was captured. */
    span_ms: number;
    untracked: Volume;
    nonflow: Volume;
}

export interface Gap {
    from: number;
    to: number;
    reason: string;
}

export interface CountersAnswer {
    from: number;
    to: number;
    points: CounterPoint[];
    gaps: Gap[];
}

export interface FlowRow extends Volume {
    id: number;
    iface: string;
    a_ip: string;
    a_port: number;
    b_ip: string;
    b_port: number;
    initiator: 'a' | 'b' | null;
    direction: 'in' | 'out' | null;
    proto: Class;
    proto_number: number;
    proto_name: string | null;
    vlan: number;
    first_seen: number;
    last_seen: number;
    ab_packets: number;
    ba_packets: number;
    ab_bytes: number;
    ba_bytes: number;
    bps: number;
    pps: number;
    tcp_flags: number;
    state: 'active' | 'ended';
}

export interface FlowsAnswer {
    asof: number;
    total: number;
    matched: number;
    rows: FlowRow[];
    summary: {
        matched: Volume & { flows: number };
        unmatched: Volume & { flows: number };
    };
}

export interface IfaceStats {
    name: string;
    /** How the kernel calls its state; null for what is no live interface. */
    link: string | null;
    up: boolean;
    state: 'up' | 'down' | 'no_carrier' | 'gone' | 'refused';
    speed_bps: number | null;
    /** False where super-packets of an offload count as one packet each. */
    segments_known: boolean;
    frames_received: number;
    frames_counted: number;
    frames_dropped: number;
    frames_queued: number;
    /** Its own counters since the start, and what of them is neither seen nor dropped. */
    since_start: { rx_packets: number; tx_packets: number; unseen_packets: number };
}

export interface StatsAnswer {
    version: string;
    uptime_s: number;
    bpf: string;
    /** The capture file that is served; null live. */
    file: { name: string; speed: number | null; ended: boolean } | null;
    ifaces: IfaceStats[];
    /** Whether this browser came in by a session, which it can end. */
    session: boolean;
}

export interface EventRow {
    ts: number;
    event: string;
    detail: string;
}

export interface EventsAnswer {
    rows: EventRow[];
}

export interface TalkerRow extends Volume {
    a: string;
    b: string;
    proto: string;
    bps: number;
}

/** A row of /api/top; which parts it has depends on the grouping. */
export interface TopRow extends Volume {
    key: string;
    a_ip?: string;
    a_port?: number;
    b_ip?: string;
    b_port?: number;
    port?: number;
    proto?: string;
    bps: number;
    pps: number;
    share: number;
}

export interface TopAnswer {
    from: number;
    rows: TopRow[];
    /** What the rows leave over. */
    other: Volume & Pick<TopRow, 'bps' | 'pps' | 'share'>;
}

export interface RatesFrame {
    type: 'rates';
    ts: number;
    /** Not every millisecond of it was captured, or it is not over. */
    partial: boolean;
    pps: number;
    bps: number;
    by_proto: ByClass;
    by_proto_pps: ByClass;
    in_bps: number;
    in_pps: number;
    in_by_proto: ByClass;
    in_by_proto_pps: ByClass;
    out_bps: number;
    out_pps: number;
    out_by_proto: ByClass;
    out_by_proto_pps: ByClass;
    drops: number;
    active_flows: number;
    new_flows: number;
    skipped?: number;
}

/** In place of rates: a second in which no interface was up. */
export interface GapFrame {
    type: 'gap';
    ts: number;
    reason: string;
    skipped?: number;
}

export interface TalkersFrame {
    type: 'top_talkers';
    ts: number;
    rows: TalkerRow[];
    skipped?: number;
}

export interface EventFrame extends EventRow {
    type: 'events';
    skipped?: number;
}

export interface ErrorFrame {
    type: 'error';
    detail: string;
}

export type Frame = RatesFrame | GapFrame | TalkersFrame | EventFrame | ErrorFrame;
