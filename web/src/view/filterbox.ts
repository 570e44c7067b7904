// The filter box. What is typed is applied when it makes sense, after a short rest; an error,
// found here or by the daemon, is told under the box, at its position.

import { filterText, parseFilter, positionOf, type Filter } from '../filter';
import type { State, Store } from '../state';
import { byId, setAttribute, setHidden, setStyle, setText } from './dom';

const REST_MS = 300;

export function filterBox(store: Store, apply: (filter: Filter) => void): { focus: () => void; refuse: (sentence: string) => void } {
    const form = byId<HTMLFormElement>('filter');
    const box = byId<HTMLInputElement>('filter-text');
    const error = byId('filter-error');
    const clear = byId('filter-clear');
    let timer = 0;
    let shown: Filter | null = null;
    let refusal: State['refusal'] = null;

    const tell = (message: string, pos?: number) => {
        setText(error, pos === undefined ? message : `↑ ${message}`);
        setStyle(error, 'text-indent', pos === undefined ? '0' : `${indentTo(box, pos)}px`);
        setAttribute(box, 'aria-invalid', String(message !== ''));
    };
    const read = () => {
        clearTimeout(timer);
        const parsed = parseFilter(box.value);
        if ('error' in parsed) {
            tell(parsed.error.message, parsed.error.pos);
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

    store.onRender((state) => {
        const { filter } = state.view;
        // Changed by other means than typing: a click in the table, the fragment.
        if (filter !== shown) {
            shown = filter;
            box.value = filterText(filter);
            tell('');
        }
        const other = state.refusal !== refusal;
        refusal = state.refusal;
        // What is being typed and makes no sense yet has its own error.
        if (other && 'filter' in parseFilter(box.value))
            tell(refusal?.message ?? '', refusal ? positionOf(box.value, refusal.key) : undefined);
        setHidden(clear, box.value === '');
    });
    return {
        refuse: (sentence) => { tell(sentence); },
        focus: () => {
            box.focus();
            box.select();
        },
    };
}

const pen = document.createElement('canvas').getContext('2d');

/** How far into the box this character stands, so that the arrow under it points there. */
function indentTo(box: HTMLInputElement, pos: number): number {
    if (!pen)
        return 0;
    pen.font = getComputedStyle(box).font;
    // On a narrow page the sentence needs the room.
    const room = box.clientWidth / 2;
    return Math.round(Math.max(0, Math.min(pen.measureText(box.value.slice(0, pos)).width - box.scrollLeft, room)));
}
