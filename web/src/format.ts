// Numbers and times as people read them: SI prefixes in powers of 1000, three significant
// digits, the unit always there. The exact integer belongs in the tooltip: see exact().

export const UNITS = ['bit/s', 'B/s', 'pkt/s'] as const;
export type Unit = (typeof UNITS)[number];

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
const NBSP = '\u00a0';

/** 412612345, "bit/s" → "413 Mbit/s"; what is below 1000 and whole stays whole. */
export function si(value: number, unit: string): string {
    let scaled = Math.abs(value);
    let prefix = 0;
    // 999.5 would round to 1000: it is 1.00 of the next prefix.
    while (scaled >= 999.5 && prefix < PREFIXES.length - 1) {
        scaled /= 1000;
        prefix++;
    }
    const digits = prefix === 0 && Number.isInteger(scaled) ? 0 : scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
    const sign = value < 0 ? '−' : '';
    return `${sign}${scaled.toFixed(digits)}${NBSP}${PREFIXES[prefix] ?? ''}${unit}`;
}

/** Axis labels: as si(), but 200 rather than 200.00 and 1.5 rather than 1.50. */
export function siShort(value: number, unit: string): string {
    const [number = '', rest = ''] = si(value, unit).split(NBSP);
    return `${number.includes('.') ? number.replace(/\.?0+$/, '') : number}${NBSP}${rest}`;
}

/** 412612345 → "412 612 345" */
export function count(value: number): string {
    return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** "1 drop", "2 drops" */
export function counted(value: number, noun: string): string {
    return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function exact(value: number, unit: string): string {
    return `${count(value)} ${unit}`;
}

/** Bits per second in the unit that the page shows; packets per second have their own figure. */
export function inUnit(bps: number, pps: number, unit: Unit): number {
    return unit === 'bit/s' ? bps : unit === 'B/s' ? bps / 8 : pps;
}

export function rate(bps: number, pps: number, unit: Unit): string {
    return si(Math.round(inUnit(bps, pps, unit)), unit);
}

export function bytes(value: number): string {
    return si(value, 'B');
}

function two(value: number): string {
    return value < 10 ? `0${value}` : String(value);
}

/** Local wall time, "14:03:27". Without Intl, which costs more than the rest of a row. */
export function clock(ts: number): string {
    const at = new Date(ts);
    return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function date(ts: number): string {
    const at = new Date(ts);
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** For tooltips: local date and time, and the same in UTC. */
export function clockTitle(ts: number): string {
    const utc = new Date(ts).toISOString();
    return `${date(ts)} ${clock(ts)} · ${utc.slice(0, 10)} ${utc.slice(11, 19)} UTC`;
}

/** Milliseconds as "8 s", "3 min 4 s", "2 h 5 min", "3 d 4 h". */
export function span(ms: number): string {
    const s = Math.max(0, Math.floor(ms / 1000));
    const both = (big: number, bigUnit: string, small: number, smallUnit: string) =>
        small ? `${big}${NBSP}${bigUnit} ${small}${NBSP}${smallUnit}` : `${big}${NBSP}${bigUnit}`;
    if (s < 60)
        return `${s}${NBSP}s`;
    if (s < 3600)
        return both(Math.floor(s / 60), 'min', s % 60, 's');
    if (s < 86400)
        return both(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
    return both(Math.floor(s / 86400), 'd', Math.floor((s % 86400) / 3600), 'h');
}

/** A share as "12 %", "0.4 %", "< 0.1 %". */
export function percent(share: number): string {
    const p = share * 100;
    const text = p === 0 ? '0' : p < 0.1 ? '< 0.1' : p < 9.95 ? p.toFixed(1) : p.toFixed(0);
    // 100 % is only what is all of it.
    return `${text === '100' && share < 1 ? '> 99' : text}${NBSP}%`;
}

/** How much more, or less, the interface's own counters have than what was seen: a part of that, or so many times it. */
export function beside(unseen: number, passed: number): string {
    const seen = passed - unseen;
    if (unseen === 0)
        return 'interface =';
    if (seen === 0)
        return `interface +${si(unseen, 'pkt')}`;
    if (unseen > seen)
        return `interface × ${count(passed / seen)}`;
    const more = percent(Math.abs(unseen) / seen);
    const sign = unseen > 0 ? '+' : '−';
    return more.startsWith('< ') ? `interface < ${sign}${more.slice(2)}` : `interface ${sign}${more}`;
}

/** "10.0.0.1:443", "[2001:db8::1]:443"; without a port the bare address. */
export function endpoint(ip: string, port?: number): string {
    return port === undefined ? ip : `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}

const FLAGS = [
    ['F', 'FIN'], ['S', 'SYN'], ['R', 'RST'], ['P', 'PSH'], ['A', 'ACK'], ['U', 'URG'], ['E', 'ECE'], ['W', 'CWR'],
] as const;

/** The TCP flags ever seen on a flow, in tcpdump's letters (A for ACK). */
export function tcpFlags(flags: number): { text: string; title: string } {
    const seen = FLAGS.filter((_, bit) => flags & (1 << bit));
    return { text: seen.map((f) => f[0]).join(''), title: seen.map((f) => f[1]).join(' ') };
}
