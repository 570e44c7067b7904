// The filter box. What is typed is applied when it makes sense, after a short rest; an error
// is told under the box, at its position.

import { filterText, parseFilter, type Filter } from '../filter';
import type { Store } from '../state';
import { byId, setHidden, setText } from './dom';

const REST_MS = 300;

export function filterBox(store: Store, apply: (filter: Filter) => void): { focus: () => void; refuse: (sentence: string) => void } {
    const form = byId<HTMLFormElement>('filter');
    const box = byId<HTMLInputElement>('filter-text');
    const error = byId('filter-error');
    const clear = byId('filter-clear');
    let timer = 0;
    let shown: Filter | null = null;

    const tell = (message: string) => {
        setText(error, message);
        box.setAttribute('aria-invalid', String(message !== ''));
    };
    const read = () => {
        clearTimeout(timer);
        const parsed = parseFilter(box.value);
        if ('error' in parsed) {
            tell(`${'\u00a0'.repeat(Math.min(parsed.error.pos, 40))}↑ ${parsed.error.message}`);
            return;
        }
        tell('');
        shown = parsed.filter;
        apply(parsed.filter);
    };

    box.addEventListener('input', () => {
        clearTimeout(timer);
        timer = window.setTimeout(read, REST_MS);
        setHidden(clear, box.value === '');
    });
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        read();
    });
    clear.addEventListener('click', () => {
        box.value = '';
        read();
        box.focus();
    });

    store.onRender(({ view }) => {
        // Changed by other means than typing: a click in the table, the fragment.
        if (view.filter !== shown) {
            shown = view.filter;
            box.value = filterText(view.filter);
            tell('');
        }
        setHidden(clear, box.value === '');
    });
    return {
        refuse: tell,
        focus: () => {
            box.focus();
            box.select();
        },
    };
}
