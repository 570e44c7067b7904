// A question asked again and again, never twice at once: what is wanted while one is under way
// is asked once more when that has been answered.

export class Poll {
    private running = false;
    private again = false;

    constructor(private readonly ask: () => Promise<void>) {}

    want(): void {
        if (this.running) {
            this.again = true;
            return;
        }
        this.running = true;
        void this.ask().finally(() => {
            this.running = false;
            if (this.again) {
                this.again = false;
                this.want();
            }
        });
    }
}
