// The flow table. Only the rows in sight and a few beside them are in the document, between two
// spacers: a fixed row height makes their places plain arithmetic. Row elements are reused by
// position, so an update writes only the text that has changed, and that only in the rows in sight:
// those beside them wait for the scroll that brings them there.
//
// The order holds still while the pointer is over the rows, the keyboard is in one, one is selected,
// or Space froze it; a question of the reader's own (sort, filter) overrides that once, but not while
// the button is down on a row.

import { count, counted, percent } from '../format';
import { isEmpty, type Filter } from '../filter';
import { Order } from '../order';
import { isGap, type State, type Store, type View } from '../state';
import { flowsQuery as flowsQueryOf } from '../tables';
import type { FlowRow, FlowsAnswer } from '../wire';
import { byId, make, newer, part, say, setAttribute, setClass, setData, setHidden, setStyle, setText } from './dom';
import { COLUMNS, fillCell, fillTitles, makeCell, sortOf, type Context, type FlowColumn } from './flowcells';
import { pickFrom, type Picking } from './picking';
import { Press } from './press';

export interface FlowActions {
    picking: Picking;
    choose(change: Partial<View>): void;
    /** A row was chosen, or none. */
    select(id: number | null): void;
}

const MARGIN_ROWS = 6;

export class FlowTable {
    private readonly table = byId<HTMLTableElement>('flows');
    private readonly body = part<HTMLTableSectionElement>(this.table, 'tbody');
    private readonly above = make('tr', { class: 'spacer', attrs: { 'aria-hidden': 'true' } }, make('td'));
    private readonly below = make('tr', { class: 'spacer', attrs: { 'aria-hidden': 'true' } }, make('td'));
    private readonly rows: HTMLTableRowElement[] = [];
    private readonly heads: { column: FlowColumn; cell: HTMLElement }[] = [];
    private readonly order = new Order();
    private readonly press: Press;
    private state: State;
    private answered = '';
    private taken: FlowsAnswer | null = null;
    /** The filter of which a screen reader was told. */
    private told: Filter | null = null;
    /** What was over the rows last is a mouse: a finger leaves no pointer there. */
    private mouse = false;
    private held = false;
    private first = 0;
    /** How many rows there were when more were asked for. */
    private before = 0;
    private readonly changed = newer();
    private readonly asked = newer();

    constructor(store: Store, private readonly actions: FlowActions) {
        this.state = store.state;
        this.buildHead();
        this.body.append(this.above, this.below);
        this.press = new Press(this.body, (event) => { this.click(event); }, () => { store.changed(); });
        this.listen(store);
        store.onRender((state) => {
            this.state = state;
            this.takeAnswer();
            this.renderHead();
            this.renderRows();
            this.renderNotes();
        });
    }

    toggleHold(): void {
        this.held = !this.held;
        say(this.held ? 'The order of the table is frozen.' : 'The order of the table follows.');
    }

    private get frozen(): boolean {
        // A row that goes from under the pointer takes the event with it that the pointer has left.
        const hovered = this.mouse && this.body.matches(':hover');
        return this.held || hovered || this.state.selected !== null || this.keyboardInside;
    }

    /** A click leaves the focus on its row as well: that alone is no reason to hold still. */
    private get keyboardInside(): boolean {
        return this.body.querySelector('tr:focus-visible') !== null;
    }

    private takeAnswer(): void {
        const { flows, flowsQuery } = this.state;
        // Nothing is known any more: see Store.forget().
        if (!flows && this.taken)
            this.order.take([], false);
        if (!flows)
            this.taken = null;
        if (!flows || this.press.held || (flows === this.taken && (this.frozen || this.order.moved === 0)))
            return;
        this.order.take(flows.rows, this.frozen && flowsQuery === this.answered);
        this.taken = flows;
        this.answered = flowsQuery;
        this.tellFilter(flows);
    }

    /** What another filter has left, once its answer is there. */
    private tellFilter(flows: FlowsAnswer): void {
        const { view } = this.state;
        if (this.answered !== flowsQueryOf(view) || this.told === view.filter)
            return;
        if (this.told)
            say(`Flows: ${summaryOf(flows, view, this.order.shown.length)}`);
        this.told = view.filter;
    }

    private buildHead(): void {
        const row = make('tr', { attrs: { role: 'row' } });
        for (const column of COLUMNS) {
            const cell = make('th', {
                class: `c-${column.id}${column.numeric ? ' num' : ''}`, title: column.title,
                attrs: { scope: 'col', role: 'columnheader' },
            });
            if (column.sort) {
                const button = make('button', { text: column.label, attrs: { type: 'button' } });
                button.addEventListener('click', () => { this.sortBy(column); });
                cell.append(button);
            } else {
                cell.append(column.label || make('span', { class: 'hidden', text: column.title }));
            }
            row.append(cell);
            this.heads.push({ column, cell });
        }
        part(this.table, 'thead').append(row);
    }

    private sortBy(column: FlowColumn): void {
        const { view } = this.state;
        const sort = sortOf(column, view);
        if (sort === null)
            return;
        const dir = view.sort === sort && view.dir === 'desc' ? 'asc' : 'desc';
        this.actions.choose({ sort, dir });
    }

    private renderHead(): void {
        const { view } = this.state;
        for (const { column, cell } of this.heads) {
            setHidden(cell, view.hide.includes(column.id));
            const sorted = sortOf(column, view) === view.sort && column.sort !== null;
            // An age grows as the time that it is counted from lies further back.
            const rising = (view.dir === 'asc') !== (column.ago ?? false);
            const value = !sorted ? '' : rising ? 'ascending' : 'descending';
            if ((cell.getAttribute('aria-sort') ?? '') === value)
                continue;
            if (value)
                cell.setAttribute('aria-sort', value);
            else
                cell.removeAttribute('aria-sort');
        }
    }

    /** Rows [first, last) are in sight, or at most `margin` rows from it. */
    private range(top: number, margin: number): [number, number] {
        const height = rowHeight();
        const total = this.order.shown.length;
        const first = Math.min(total, Math.max(0, Math.floor(-top / height) - margin));
        const last = Math.min(total, Math.ceil((innerHeight - top) / height) + margin);
        return [first, Math.max(first, last)];
    }

    private renderRows(): void {
        const { top } = this.body.getBoundingClientRect();
        const [first, last] = this.range(top, MARGIN_ROWS);
        const [seen, unseen] = this.range(top, 0);
        const height = rowHeight();
        const places = this.order.shown;
        if (!this.changed(places, this.state.view, this.state.selected, seen, unseen, height))
            return;
        const otherwise = this.asked(this.state.view, this.state.selected);
        this.first = first;
        this.fit(last - first);
        setStyle(this.above, 'height', `${first * height}px`);
        setStyle(this.below, 'height', `${(places.length - last) * height}px`);
        const asof = this.taken?.asof ?? 0;
        const context = { view: this.state.view, asof, measured: !isGap(this.state, asof / 1000 - 1), sparks: this.state.sparks };
        for (const [i, element] of this.rows.entries()) {
            const place = places[first + i];
            const waits = (first + i < seen || first + i >= unseen) && element.dataset.id !== undefined;
            if (!place || (waits && !otherwise))
                continue;
            const { row, old } = place;
            const selected = row.id === this.state.selected;
            setClass(element, [old ? 'old' : '', row.state === 'ended' ? 'ended' : '', selected ? 'selected' : ''].join(' ').trim());
            setData(element, 'id', String(row.id));
            setAttribute(element, 'aria-rowindex', String(first + i + 2));
            setAttribute(element, 'aria-selected', String(selected));
            this.fillRow(element, row, context);
        }
        this.markStop(seen);
        setAttribute(this.table, 'aria-rowcount', String(places.length + 1));
    }

    private fillRow(element: HTMLTableRowElement, row: FlowRow, context: Context): void {
        const { hide } = context.view;
        COLUMNS.forEach((column, c) => {
            const cell = element.cells[c] as HTMLElement;
            const hidden = hide.includes(column.id);
            setHidden(cell, hidden);
            if (!hidden)
                fillCell(cell, column, row, context);
        });
    }

    /** As many row elements as are in sight. */
    private fit(wanted: number): void {
        while (this.rows.length < wanted) {
            const row = make('tr', { attrs: { tabindex: '-1', role: 'row' } }, ...COLUMNS.map(makeCell));
            this.rows.push(row);
            this.body.insertBefore(row, this.below);
        }
        for (const row of this.rows.splice(wanted))
            row.remove();
    }

    /** One of them is in the tab order: where the keyboard is, else the selected one, else the first in sight. */
    private markStop(seen: number): void {
        const { selected } = this.state;
        const here = this.rows.findIndex((row) => row === document.activeElement);
        const chosen = this.rows.findIndex((row) => Number(row.dataset.id) === selected);
        const stop = [here, chosen, Math.min(seen - this.first, this.rows.length - 1)].find((i) => i >= 0);
        this.rows.forEach((row, i) => { setAttribute(row, 'tabindex', i === stop ? '0' : '-1'); });
    }

    private renderNotes(): void {
        const { view, link } = this.state;
        const flows = this.taken;
        // Out of reach is said once, above.
        const flowsError = link.kind === 'lost' ? null : this.state.flowsError;
        const total = this.order.shown.length;
        setText(byId('flows-note'), flowsError ?? (flows ? summaryOf(flows, view, total) : ''));
        setData(byId('flows-note'), 'error', flowsError ? 'yes' : '');
        setData(this.table, 'asof', String(flows?.asof ?? ''));
        setData(this.table, 'query', this.answered);
        const chip = byId('frozen');
        const { moved } = this.order;
        setHidden(chip, !this.frozen || (moved === 0 && !this.held));
        setText(chip, frozenText(this.order, flows));
        const empty = byId('flows-empty');
        setHidden(empty, total > 0 || !flows);
        setText(empty, isEmpty(view.filter) ? 'No flow is alive.' : 'No flow matches the filter.');
        this.renderMore(flows);
    }

    private renderMore(flows: FlowsAnswer | null): void {
        const more = byId('more');
        const shown = flows?.rows.length ?? 0;
        const next = moreThan(shown);
        setText(more, flows && flows.matched > next ? `show the first ${count(next)}` : `show all ${count(flows?.matched ?? 0)}`);
        const hidden = !flows || flows.matched <= shown || shown >= next;
        // Who pressed it goes on with the first of the rows that came.
        const leave = hidden && document.activeElement === more;
        setHidden(more, hidden);
        if (leave)
            this.focus(Math.min(this.before, this.order.shown.length - 1));
    }

    private listen(store: Store): void {
        const { body } = this;
        body.addEventListener('pointerenter', (event) => { this.mouse = event.pointerType === 'mouse'; });
        body.addEventListener('pointerleave', () => { store.changed(); });
        body.addEventListener('focusin', () => { this.markStop(this.first); });
        body.addEventListener('focusout', () => { store.changed(); });
        body.addEventListener('pointerover', (event) => { fillTitles(event.target); });
        body.addEventListener('keydown', (event) => { this.key(event); });
        byId('frozen').addEventListener('click', () => {
            this.held = false;
            this.actions.select(null);
            store.changed();
        });
        byId('more').addEventListener('click', () => {
            this.before = this.order.shown.length;
            this.actions.choose({ limit: moreThan(this.state.view.limit) });
        });
        const redraw = () => { this.renderRows(); };
        addEventListener('scroll', redraw, { passive: true });
        addEventListener('resize', redraw, { passive: true });
    }

    private click(event: MouseEvent): void {
        if (!pickFrom(event, this.actions.picking))
            this.selectAt(event.target);
        // The press left the focus on its row, which would hold the order when the pointer has long gone.
        const focus = document.activeElement;
        if (this.state.selected === null && focus instanceof HTMLElement && this.body.contains(focus))
            focus.blur();
    }

    private selectAt(target: EventTarget | null): void {
        const row = target instanceof Element ? target.closest('tr') : null;
        const id = Number(row?.dataset.id);
        if (row && !Number.isNaN(id))
            this.actions.select(id === this.state.selected ? null : id);
    }

    private key(event: KeyboardEvent): void {
        const at = this.rows.findIndex((row) => row === document.activeElement);
        if (at < 0 || event.ctrlKey || event.altKey || event.metaKey)
            return;
        const place = this.first + at, last = this.order.shown.length - 1;
        const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last }[event.key];
        if (to !== undefined)
            this.focus(Math.max(0, Math.min(last, to)));
        else if (event.key === 'Enter')
            this.actions.select(Number(this.rows[at]?.dataset.id));
        else
            return;
        event.preventDefault();
    }

    /** The keyboard goes to this flow's row, or to the first one where it is no longer there. */
    focusRow(id: number): void {
        this.focus(Math.max(0, this.order.shown.findIndex(({ row }) => row.id === id)));
    }

    private focus(index: number): void {
        const height = rowHeight();
        const top = this.body.getBoundingClientRect().top + index * height;
        if (top < 80 || top + height > innerHeight)
            scrollBy({ top: top < 80 ? top - 80 : top + height - innerHeight });
        this.renderRows();
        this.rows[index - this.first]?.focus({ preventScroll: true });
    }
}

/** Grey rows are those that the newest answer no longer holds: they have ended, or others have overtaken them. */
function frozenText({ moved, old }: Order, flows: FlowsAnswer | null): string {
    const why = flows && flows.matched > flows.rows.length ? `no longer among the first ${count(flows.rows.length)}` : 'ended';
    return ['❄ frozen', moved > 0 ? `${counted(moved, 'row')} moved` : '', old > 0 ? `${count(old)} grey: ${why}` : ''].filter(Boolean).join(' · ');
}

/** The next of the table's sizes; the last is the most that the API gives at once. */
function moreThan(limit: number): number {
    return limit < 500 ? 500 : 1000;
}

let measured: number | null = null;

/** The style sheet's row height: two lines on a narrow page. */
function rowHeight(): number {
    measured ??= Number.parseFloat(getComputedStyle(byId('flows')).getPropertyValue('--row'));
    return measured || 24;
}

addEventListener('resize', () => { measured = null; });

function summaryOf(flows: FlowsAnswer, view: View, shown: number): string {
    const { matched, unmatched } = flows.summary;
    const total = isEmpty(view.filter)
        ? count(flows.matched)
        : `${count(flows.matched)} of ${count(flows.total)} ${flows.matched === 1 ? 'matches' : 'match'} = ${percent(matched.bytes / (matched.bytes + unmatched.bytes || 1))} of bytes`;
    return shown < flows.matched ? `${total} · first ${count(shown)} shown` : total;
}
