// What happened: the newest first. Interfaces that went and came, drops, clock steps, start and stop.

import { clock, clockTitle } from '../format';
import type { Store } from '../state';
import type { EventRow } from '../wire';
import { byId, make } from './dom';

const SHOWN = 50;
const LOSSES = new Set(['drops', 'iface_down', 'iface_gone']);

export function events(store: Store): void {
    const list = byId('events');
    let drawn: EventRow[] | null = null;
    store.onRender((state) => {
        if (state.events === drawn)
            return;
        drawn = state.events;
        const rows = drawn.slice(-SHOWN).reverse();
        list.replaceChildren(...(rows.length ? rows.map(line) : [make('li', { class: 'none', text: 'nothing to tell' })]));
    });
}

function line({ ts, event, detail }: EventRow): HTMLElement {
    const time = make('time', { text: clock(ts), title: clockTitle(ts) });
    const text = make('span', { class: LOSSES.has(event) ? 'loss' : '', text: detail || event, title: event });
    return make('li', {}, time, text);
}
