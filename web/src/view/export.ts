// The flow table as shown, for a spreadsheet or a script: links that fetch it, and the curl line.

import { pathWith, type Params } from '../api';
import type { State, Store, View } from '../state';
import { byId, part, setHidden, setText } from './dom';

/** Every row that matches, in the table's order: no limit. */
function exportPath({ filter, sort, dir }: View, format: string): string {
    const params: Params = { ...filter, sort, dir, format };
    return pathWith('/api/flows', params);
}

export function exports(store: Store): void {
    const links = (['csv', 'json'] as const).map((format) => [format, byId<HTMLAnchorElement>(`export-${format}`)] as const);
    const details = byId<HTMLDetailsElement>('curl');
    const line = part(details, 'code');
    const said = part(details, 'output');
    part(details, 'button').addEventListener('click', () => {
        // Over plain HTTP from afar browsers have no clipboard: then the line is selected.
        const select = () => {
            getSelection()?.selectAllChildren(line);
            setText(said, 'selected: copy it with Ctrl+C');
        };
        const { clipboard } = navigator as { clipboard?: Clipboard };
        if (clipboard)
            clipboard.writeText(line.textContent).then(() => { setText(said, 'copied'); }, select);
        else
            select();
    });
    store.onRender((state) => {
        const { view, flows } = state;
        for (const [format, link] of links) {
            const path = exportPath(view, format);
            if (link.getAttribute('href') !== path)
                link.setAttribute('href', path);
            setHidden(link, !flows);
        }
        setHidden(details, !flows);
        const text = curlLine(state);
        if (line.textContent !== text)
            setText(said, '');
        setText(line, text);
    });
}

function curlLine({ view, stats }: State): string {
    const token = stats?.session ? '-H "Authorization: Bearer $TOKEN" ' : '';
    return `curl -s ${token}'${location.origin}${exportPath(view, 'csv')}'`;
}
