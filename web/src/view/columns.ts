// Which columns the flow table shows.

import { COLUMN_IDS } from '../fragment';
import type { Store, View } from '../state';
import { byId, make, part } from './dom';
import { COLUMNS } from './flowcells';

export function columns(store: Store, choose: (change: Partial<View>) => void): { toggle: () => void } {
    const details = byId<HTMLDetailsElement>('columns');
    const boxes = COLUMNS.filter((column) => COLUMN_IDS.includes(column.id)).map((column) => {
        const box = make('input', { attrs: { type: 'checkbox', name: column.id } });
        box.addEventListener('change', () => {
            choose({ hide: boxes.filter((each) => !each.checked).map((each) => each.name) });
        });
        const label = make('label', { class: `c-${column.id}`, title: column.title }, box);
        label.append(column.label || column.title.toLowerCase());
        part(details, 'div').append(label);
        return box;
    });
    part(details, 'div').append(make('p', { text: 'There is room for more in a wider window.' }));
    store.onRender(({ view }) => {
        for (const box of boxes)
            box.checked = !view.hide.includes(box.name);
    });
    return {
        toggle: () => {
            details.open = !details.open;
            part(details, details.open ? 'input' : 'summary').focus();
        },
    };
}
