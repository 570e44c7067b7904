// The page's wiring: state, feeds that fill it, views that show it, and what the reader may change.

import 'uplot/dist/uPlot.min.css';
import './app.css';
import { Feed } from './feed';
import { only, without, type Filter, type Pick } from './filter';
import { UNITS } from './format';
import { droppedText, readFragment, writeFragment } from './fragment';
import { Store, type View } from './state';
import { Tables } from './tables';
import { chart } from './view/chart';
import { columns } from './view/columns';
import { byId, say } from './view/dom';
import { Drawer } from './view/drawer';
import { events } from './view/events';
import { exports } from './view/export';
import { filterBox } from './view/filterbox';
import { FlowTable } from './view/flowtable';
import { header } from './view/header';
import { keys } from './view/keys';
import { login } from './view/login';
import { closeMenu, menus } from './view/menus';
import { protocols, talkers } from './view/ranks';
import { status } from './view/status';
import { strip } from './view/strip';
import { theme } from './view/theme';

const store = new Store();
const { state } = store;
const tables = new Tables(store, () => { feed.unauthorized(); });
const feed = new Feed(store, () => { tables.refresh(); }, () => { tables.ranked(); });

function choose(change: Partial<View>): void {
    state.view = { ...state.view, ...change };
    // The link that it was about is no longer the one above.
    state.notice = null;
    if (change.filter)
        state.refusal = null;
    history.replaceState(null, '', location.pathname + writeFragment(state.view));
    tables.refresh();
    store.changed();
}

const picking = {
    only: (picks: readonly Pick[]) => {
        choose({ filter: only(state.view.filter, picks) });
    },
    not: (pick: Pick) => {
        const filter = without(state.view.filter, pick);
        if (typeof filter === 'string')
            box.refuse(filter);
        else
            choose({ filter });
    },
};

function select(id: number | null): void {
    state.selected = id;
    store.changed();
}

/** Closes the drawer; who was in it comes back to the row. False where none was open. */
function closeFlow(): boolean {
    const { selected } = state;
    if (selected === null)
        return false;
    if (byId('drawer').contains(document.activeElement))
        flows.focusRow(selected);
    select(null);
    return true;
}

function leaveFocus(): void {
    if (document.activeElement instanceof HTMLElement)
        document.activeElement.blur();
}

function leaveField(): boolean {
    const within = document.activeElement instanceof HTMLInputElement;
    if (within)
        leaveFocus();
    return within;
}

function cycleUnit(): void {
    const unit = UNITS[(UNITS.indexOf(state.view.unit) + 1) % UNITS.length] ?? 'bit/s';
    // The rate column keeps being what is sorted by, whichever unit it shows.
    const rate = unit === 'pkt/s' ? 'pps' : 'bps';
    say(`Rates in ${unit}.`);
    choose({ unit, sort: /^[bp]ps$/.test(state.view.sort) ? rate : state.view.sort });
}

function followFragment(): void {
    const { view, dropped } = readFragment(location.hash);
    state.view = view;
    state.refusal = null;
    state.notice = droppedText(dropped);
    tables.refresh();
    store.changed();
}

// The table measures where it stands before anybody writes: nothing is laid out twice in a frame.
const flows = new FlowTable(store, { picking, choose, select });
status(store, () => { feed.retry(); });
header(store, cycleUnit);
strip(store, byId('strip-note'));
chart(store, choose);
protocols(store, picking);
talkers(store, picking, (by) => { choose({ by }); });
events(store);
new Drawer(store, picking, closeFlow);
menus();
const columnList = columns(store, choose);
const box = filterBox(store, (filter: Filter) => { choose({ filter }); });
exports(store);
login(store, { entered: () => { feed.retry(); }, left: () => { feed.lock('out'); } });

keys(
    [
        { key: '/', does: 'go to the filter', run: box.focus },
        { key: 'u', does: 'bits, bytes or packets per second', run: cycleUnit },
        {
            key: ' ', shown: 'Space', does: 'freeze the order of the table, or let it go', run: () => {
                flows.toggleHold();
                store.changed();
            },
        },
        { key: 'c', does: 'choose the columns of the table', run: columnList.toggle },
        {
            key: 'Escape', shown: 'Esc', does: 'close the list or the flow, leave the filter or the table', run: () => {
                if (!closeMenu() && !leaveField() && !closeFlow())
                    leaveFocus();
            },
        },
    ],
    [
        ['↑ ↓ Home End', 'go through the table'], ['Enter', 'open the flow'],
        ['click', 'on a value: show only what has it'], ['Alt + click', 'on a value, or Alt + Enter: hide what has it'],
    ],
);

theme(() => { store.changed(); });
addEventListener('hashchange', followFragment);
document.addEventListener('visibilitychange', () => { tables.refresh(); });
followFragment();
feed.start();
