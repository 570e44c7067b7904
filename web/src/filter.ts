// The filter box: words like `ip=10.0.0.0/24 port=80,443 proto=!udp`, each of which becomes one
// parameter of the API, so that what is typed is what a script would ask for.
//
//     port=80,443       any of them          port=!22,!53      none of them
//
// A word without a name is understood where only one meaning is possible. A name may stand
// once, since the API refuses repeated parameters. An error says where it is.

export const FILTER_KEYS = ['ip', 'port', 'proto', 'vlan', 'iface', 'state'] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];
export type Filter = Partial<Record<FilterKey, string>>;

export interface FilterError {
    message: string;
    pos: number;
}

const PROTOS = /^(tcp|udp|icmp|other)$/;
const STATES = /^(active|ended|all)$/;
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)(\/\d{1,3})?$/;

/** How many values a list may have; the API's limit. */
const VALUES_MAX = 8;

interface Check {
    ok: (value: string) => boolean;
    want: string;
    /** Takes several values, and their opposite. */
    list: boolean;
}

const CHECKS: Record<FilterKey, Check> = {
    ip: { ok: isAddress, want: 'an address or a network, such as 10.0.0.0/24', list: true },
    port: { ok: (v) => isNumber(v, 65535), want: 'a number from 0 to 65535', list: true },
    proto: { ok: (v) => /^[a-z0-9-]{1,20}$/.test(v), want: 'tcp, udp, icmp, other, or the name or number of an IP protocol', list: true },
    vlan: { ok: (v) => isNumber(v, 4095), want: 'a number from 0 to 4095', list: true },
    iface: { ok: (v) => v !== '', want: 'the name of an interface', list: false },
    state: { ok: (v) => STATES.test(v), want: 'active, ended or all', list: false },
};

/** Nearly: what only looks like one is found out by the daemon. */
function isAddress(text: string): boolean {
    const [address = '', bits] = text.split('/');
    const v4 = /^\d/.test(address) && !address.includes(':');
    if (!ADDRESS.test(text) || (bits !== undefined && Number(bits) > (v4 ? 32 : 128)))
        return false;
    return !v4 || address.split('.').every((octet) => Number(octet) <= 255);
}

function isNumber(text: string, max: number): boolean {
    return /^\d{1,5}$/.test(text) && Number(text) <= max;
}

function keyOf(list: string): FilterKey | null {
    const word = list.split(',')[0]?.replace(/^!/, '') ?? '';
    if (PROTOS.test(word))
        return 'proto';
    if (STATES.test(word))
        return 'state';
    if (isNumber(word, 65535))
        return 'port';
    return isAddress(word) ? 'ip' : null;
}

export function isKey(text: string): text is FilterKey {
    return (FILTER_KEYS as readonly string[]).includes(text);
}

/** Whether each value of a list is one, and all of them or none bear a `!`. */
function checkValues(key: FilterKey, text: string, pos: number): FilterError | null {
    const check = CHECKS[key];
    const values = check.list ? text.split(',') : [text];
    if (values.length > VALUES_MAX)
        return { pos, message: `${key} takes at most ${VALUES_MAX} values` };
    const excluding = values[0]?.startsWith('!') ?? false;
    let at = pos;
    for (const value of values) {
        const excluded = check.list && value.startsWith('!');
        if (excluded !== excluding && check.list)
            return { pos: at, message: 'either all of the values bear a ! or none does' };
        if (!check.ok(excluded ? value.slice(1) : value))
            return { pos: at, message: `${key} takes ${check.want}${check.list ? ', several with commas, a ! before each to exclude them' : ''}` };
        at += value.length + 1;
    }
    return null;
}

/** Splits `name=value`; a bare word gets the one name that fits. */
function readWord(word: string, pos: number): { key: FilterKey; value: string } | FilterError {
    const equals = word.indexOf('=');
    const name = equals < 0 ? keyOf(word) : word.slice(0, equals);
    if (name === null)
        return { pos, message: `“${word}” is none of ${FILTER_KEYS.join(', ')}` };
    if (!isKey(name))
        return { pos, message: `“${name}” cannot be filtered by; there are ${FILTER_KEYS.join(', ')}` };
    const value = word.slice(equals + 1);
    return checkValues(name, value, pos + equals + 1) ?? { key: name, value };
}

/** Each word of the text as it is understood, and where it begins. */
function* words(text: string): Generator<{ read: ReturnType<typeof readWord>; index: number }> {
    for (const match of text.matchAll(/\S+/g)) {
        const word = match[0].toLowerCase();
        if (word !== 'and')
            yield { read: readWord(word.startsWith('iface=') ? match[0] : word, match.index), index: match.index };
    }
}

/** Where the text speaks of this key; its end where it does not. */
export function positionOf(text: string, key: FilterKey): number {
    for (const { read, index } of words(text))
        if ('key' in read && read.key === key)
            return index;
    return text.length;
}

export function parseFilter(text: string): { filter: Filter } | { error: FilterError } {
    const filter: Filter = {};
    for (const { read, index } of words(text)) {
        if ('message' in read)
            return { error: read };
        if (read.key in filter)
            return { error: { pos: index, message: `${read.key} is given twice` } };
        filter[read.key] = read.value;
    }
    return { filter };
}

export function filterText(filter: Filter): string {
    return FILTER_KEYS.flatMap((key) => {
        const value = filter[key];
        return value === undefined ? [] : [`${key}=${value}`];
    }).join(' ');
}

export function isEmpty(filter: Filter): boolean {
    return Object.keys(filter).length === 0;
}

/** What is said where the numbers are of all that is captured, whatever the filter selects. */
export function scopeOf(filter: Filter): string {
    return isEmpty(filter) ? '' : 'all traffic, not filtered';
}

/** One value that was pointed at: to be shown alone, or not at all. */
export interface Pick {
    key: FilterKey;
    value: string;
}

/** Only what has this value: it takes the place of what was said of its kind before. */
export function only(filter: Filter, picks: readonly Pick[]): Filter {
    return picks.reduce((sum, { key, value }) => ({ ...sum, [key]: value }), filter);
}

/** Without what has this value; a sentence where the filter's words cannot say that. */
export function without(filter: Filter, { key, value }: Pick): Filter | string {
    const now = filter[key]?.split(',') ?? [];
    if (!CHECKS[key].list)
        return `${key} cannot be excluded.`;
    if (now.length === 0 || now[0]?.startsWith('!')) {
        const values = [...new Set([...now, `!${value}`])];
        return values.length > VALUES_MAX ? `${key} takes at most ${VALUES_MAX} values.` : { ...filter, [key]: values.join(',') };
    }
    const left = now.filter((each) => each !== value);
    if (left.length === now.length)
        return `The filter already selects by ${key}=${filter[key] ?? ''}: it cannot exclude ${value} beside that.`;
    if (left.length === 0)
        return { ...filter, [key]: `!${value}` };
    return { ...filter, [key]: left.join(',') };
}
