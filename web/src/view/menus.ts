// Menus that open below their name: one that is open closes when the pointer goes elsewhere.

import { part } from './dom';

/** Closes whichever is open, and gives the focus back to its name. False where none was. */
export function closeMenu(): boolean {
    const menu = document.querySelector<HTMLDetailsElement>('details.menu[open]');
    if (!menu)
        return false;
    const within = menu.contains(document.activeElement);
    menu.open = false;
    if (within)
        part(menu, 'summary').focus();
    return true;
}

export function menus(): void {
    document.addEventListener('pointerdown', ({ target }) => {
        for (const menu of document.querySelectorAll<HTMLDetailsElement>('details.menu[open]'))
            menu.open = target instanceof Node && menu.contains(target);
    });
}
