// The view in the URL's fragment, so that a link reproduces it and no address reaches a proxy's
// log. Only what differs from the default stands there. What a stranger's or another version's
// fragment says is used as far as it is understood; the rest is named.

import { filterText, parseFilter } from './filter';
import { UNITS } from './format';
import { DEFAULT_VIEW, type View } from './state';

/** Columns that may be hidden; who talks to whom always stands there. */
export const COLUMN_IDS = ['way', 'rate', 'spark', 'bytes', 'sent', 'received', 'packets', 'vlan', 'iface', 'flags', 'age', 'seen'];

/** What /api/flows sorts by. */
const SORTS = [
    'bytes', 'packets', 'ab_bytes', 'ba_bytes', 'ab_packets', 'ba_packets', 'bps', 'pps', 'first_seen', 'last_seen', 'id',
    'a_port', 'b_port', 'proto_number', 'vlan', 'tcp_flags',
] as const;

const NAME_MAX = 30;
const NAMES_MAX = 6;

type Reader = (text: string, view: View) => boolean;

function oneOf<T extends string | number>(options: readonly T[], set: (view: View, value: T) => void): Reader {
    return (text, view) => {
        const found = options.find((option) => String(option) === text);
        if (found !== undefined)
            set(view, found);
        return found !== undefined;
    };
}

const READERS: Record<string, Reader> = {
    filter: (text, view) => {
        const parsed = parseFilter(text);
        if ('filter' in parsed)
            view.filter = parsed.filter;
        return 'filter' in parsed;
    },
    sort: oneOf(SORTS, (view, sort) => { view.sort = sort; }),
    dir: oneOf(['asc', 'desc'] as const, (view, dir) => { view.dir = dir; }),
    limit: oneOf([200, 500, 1000], (view, limit) => { view.limit = limit; }),
    unit: oneOf(UNITS, (view, unit) => { view.unit = unit; }),
    minutes: oneOf([1, 5, 15, 60], (view, minutes) => { view.minutes = minutes; }),
    stack: oneOf(['protocol', 'direction'] as const, (view, stack) => { view.stack = stack; }),
    hide: (text, view) => {
        const ids = text ? text.split('.') : [];
        view.hide = COLUMN_IDS.filter((id) => ids.includes(id));
        return view.hide.length === ids.length;
    },
    by: oneOf(['flow', 'pair', 'host', 'port'] as const, (view, by) => { view.by = by; }),
};

export function readFragment(fragment: string): { view: View; dropped: string[] } {
    const view: View = { ...DEFAULT_VIEW, filter: {} };
    const dropped: string[] = [];
    const read = new Set<string>();
    for (const [key, text] of new URLSearchParams(fragment.replace(/^#/, ''))) {
        const reader = Object.hasOwn(READERS, key) && !read.has(key) ? READERS[key] : undefined;
        read.add(key);
        if (!reader?.(text, view))
            dropped.push(key);
    }
    return { view, dropped };
}

/** A stranger's fragment may be of any length: the sentence about it is not. */
export function droppedText(dropped: readonly string[]): string | null {
    if (dropped.length === 0)
        return null;
    const names = [...new Set(dropped)].map((name) => (name.length > NAME_MAX ? `${name.slice(0, NAME_MAX)}…` : name || '(nothing)'));
    const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
    return `Not understood in this link, and left out: ${names.slice(0, NAMES_MAX).join(', ')}${more}.`;
}

export function writeFragment(view: View): string {
    const params = new URLSearchParams();
    const filter = filterText(view.filter);
    if (filter)
        params.set('filter', filter);
    for (const key of ['sort', 'dir', 'limit', 'unit', 'minutes', 'stack', 'by'] as const)
        if (view[key] !== DEFAULT_VIEW[key])
            params.set(key, String(view[key]));
    if (view.hide.join('.') !== DEFAULT_VIEW.hide.join('.'))
        params.set('hide', view.hide.join('.'));
    const text = params.toString();
    return text ? `#${text}` : '';
}
