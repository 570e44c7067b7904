// A table that holds still. While it is frozen its rows keep their places and only their values
// change; a row of which the newest answer says nothing stays, marked as old.

import type { FlowRow } from './wire';

export interface Place {
    row: FlowRow;
    /** The newest answer does not hold it: its values are those of an earlier second. */
    old: boolean;
}

export class Order {
    private places: Place[] = [];
    /** How many rows the newest answer would put elsewhere. */
    moved = 0;

    get shown(): readonly Place[] {
        return this.places;
    }

    /** How many rows the newest answer does not hold. */
    get old(): number {
        return this.places.reduce((sum, { old }) => sum + (old ? 1 : 0), 0);
    }

    take(rows: readonly FlowRow[], frozen: boolean): void {
        if (!frozen || this.places.length === 0) {
            this.places = rows.map((row) => ({ row, old: false }));
            this.moved = 0;
            return;
        }
        const byId = new Map(rows.map((row) => [row.id, row]));
        this.places = this.places.map(({ row }) => {
            const now = byId.get(row.id);
            return now ? { row: now, old: false } : { row, old: true };
        });
        this.moved = 0;
        for (let i = 0; i < Math.max(rows.length, this.places.length); i++)
            this.moved += this.places[i]?.row.id === rows[i]?.id ? 0 : 1;
    }
}
