// Clicks in a list that goes on by itself. What the button was pressed on stays there until it is
// let go, and the second click of two is not taken: what it was meant for may have gone at the first.

export class Press {
    /** The button is down: nothing may take another's place. */
    held = false;

    /** `released` is told once what was held back may show. */
    constructor(list: HTMLElement, click: (event: MouseEvent) => void, released: () => void) {
        list.addEventListener('pointerdown', (event) => { this.held = event.isPrimary && event.button === 0; });
        list.addEventListener('click', (event) => {
            if (event.detail < 2)
                click(event);
        });
        const release = () => {
            if (!this.held)
                return;
            this.held = false;
            released();
        };
        // Wherever it is let go: the click itself comes before the next frame is drawn.
        for (const end of ['pointerup', 'pointercancel'])
            addEventListener(end, release, { capture: true });
        addEventListener('blur', release);
    }
}
