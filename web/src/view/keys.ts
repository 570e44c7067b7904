// Keys, and the list of them. Those that are one character can be switched off, for who dictates
// to the browser or has a reader that takes them.

import { recall, remember } from '../remember';
import { byId, make, part } from './dom';

export interface Key {
    key: string;
    /** As it is printed, where that differs. */
    shown?: string;
    does: string;
    run: () => void;
}

const STORED = 'netwatch-keys';

/** Where the reader writes, every key is a letter. */
function isWriting(target: EventTarget | null): boolean {
    return target instanceof HTMLInputElement && target.type !== 'checkbox';
}

/** `more` are keys that work elsewhere and only want to be listed. */
export function keys(list: readonly Key[], more: readonly (readonly [string, string])[]): void {
    const dialog = byId<HTMLDialogElement>('keys');
    const help: Key = { key: '?', does: 'this list', run: () => { dialog.showModal(); } };
    const all = [...list, help];
    const lines = [...all.map((key) => [key.shown ?? key.key, key.does] as const), ...more];
    part(dialog, 'dl').append(...lines.flatMap(([key, does]) => [
        make('dt', {}, make('kbd', { text: key })), make('dd', { text: does }),
    ]));
    byId('keys-open').addEventListener('click', help.run);
    const on = byId<HTMLInputElement>('keys-on');
    on.checked = recall(STORED) !== 'off';
    on.addEventListener('change', () => { remember(STORED, on.checked ? null : 'off'); });

    document.addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || dialog.open)
            return;
        if (isWriting(event.target) && event.key !== 'Escape')
            return;
        if (event.key.length === 1 && !on.checked)
            return;
        // What is not shown without the token is not acted on either.
        if (document.documentElement.classList.contains('locked') && event.key !== help.key)
            return;
        // Space presses what has the focus.
        if (event.key === ' ' && event.target instanceof Element && event.target.matches('button, input, summary, a'))
            return;
        const found = all.find((key) => key.key === event.key);
        if (!found)
            return;
        event.preventDefault();
        found.run();
    });
}
