// The filter box: words like `ip=10.0.0.0/24 port=443 tcp`, each of which becomes one parameter
// of the API, so that what is typed is what a script would ask for.
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

const CHECKS: Record<FilterKey, { ok: (value: string) => boolean; want: string }> = {
    ip: { ok: (v) => ADDRESS.test(v), want: 'an address or a network, such as 10.0.0.0/24' },
    port: { ok: (v) => isNumber(v, 65535), want: 'a number from 0 to 65535' },
    proto: { ok: (v) => /^[a-z0-9-]{1,20}$/.test(v), want: 'tcp, udp, icmp, other, or the name or number of an IP protocol' },
    vlan: { ok: (v) => isNumber(v, 4095), want: 'a number from 0 to 4095' },
    iface: { ok: (v) => v !== '', want: 'the name of an interface' },
    state: { ok: (v) => STATES.test(v), want: 'active, ended or all' },
};

function isNumber(text: string, max: number): boolean {
    return /^\d{1,5}$/.test(text) && Number(text) <= max;
}

function keyOf(word: string): FilterKey | null {
    if (PROTOS.test(word))
        return 'proto';
    if (STATES.test(word))
        return 'state';
    if (isNumber(word, 65535))
        return 'port';
    return ADDRESS.test(word) ? 'ip' : null;
}

function isKey(text: string): text is FilterKey {
    return (FILTER_KEYS as readonly string[]).includes(text);
}

/** Splits `name=value`; a bare word gets the one name that fits. */
function readWord(word: string, pos: number): { key: FilterKey; value: string } | FilterError {
    const equals = word.indexOf('=');
    if (equals < 0) {
        const key = keyOf(word);
        return key ? { key, value: word } : { pos, message: `“${word}” is none of ${FILTER_KEYS.join(', ')}` };
    }
    const key = word.slice(0, equals);
    const value = word.slice(equals + 1);
    if (!isKey(key))
        return { pos, message: `“${key}” cannot be filtered by; there are ${FILTER_KEYS.join(', ')}` };
    if (!CHECKS[key].ok(value))
        return { pos: pos + equals + 1, message: `${key} takes ${CHECKS[key].want}` };
    return { key, value };
}

export function parseFilter(text: string): { filter: Filter } | { error: FilterError } {
    const filter: Filter = {};
    for (const match of text.matchAll(/\S+/g)) {
        const word = match[0].toLowerCase();
        if (word === 'and')
            continue;
        const read = readWord(word.startsWith('iface=') ? match[0] : word, match.index);
        if ('message' in read)
            return { error: read };
        if (read.key in filter)
            return { error: { pos: match.index, message: `${read.key} is given twice` } };
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
