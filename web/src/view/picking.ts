// Values that can be clicked: a click shows only what has the value, a click with Alt hides it.

import type { Pick } from '../filter';

export interface Picking {
    only(picks: readonly Pick[]): void;
    not(pick: Pick): void;
}

const picks = new WeakMap<Element, Pick>();

export function setPick(element: Element, pick: Pick | undefined): void {
    if (pick)
        picks.set(element, pick);
    else
        picks.delete(element);
}

/** Whether there was such a value under the pointer, which then is filtered by. */
export function pickFrom(event: MouseEvent | KeyboardEvent, picking: Picking): boolean {
    const pick = event.target instanceof Element ? picks.get(event.target) : undefined;
    if (!pick)
        return false;
    if (event.altKey)
        picking.not(pick);
    else
        picking.only([pick]);
    return true;
}
