// The colours of the style sheet, resolved for a canvas: whichever of dark and light is on.

import { CLASSES, type Class } from '../wire';
import { make } from './dom';

export interface Palette {
    text: string;
    muted: string;
    grid: string;
    accent: string;
    second: string;
    bad: string;
    gap: string;
    band: string;
    classes: Record<Class, string>;
}

let probe: HTMLElement | null = null;

function colour(name: string): string {
    if (!probe) {
        probe = make('span', { class: 'hidden probe', attrs: { 'aria-hidden': 'true' } });
        document.body.append(probe);
    }
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
}

function read(): Palette {
    return {
        text: colour('text'), muted: colour('muted'), grid: colour('grid'), accent: colour('accent'),
        second: colour('second'), bad: colour('bad'), gap: colour('gap'), band: colour('band'),
        classes: Object.fromEntries(CLASSES.map((c) => [c, colour(c)])) as Record<Class, string>,
    };
}

let current: Palette | null = null;

export function palette(): Palette {
    current ??= read();
    return current;
}

/** Dark or light has changed: the next palette() reads anew. */
export function forgetPalette(): void {
    current = null;
}

/** A colour for what is of its kind, but not surely of its place. */
export function faded(colour: string): string {
    return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.45)');
}
