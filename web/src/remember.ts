// What this browser remembers. One that refuses storage throws: then it lasts as long as the page.

export function recall(key: string): string | null {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

export function remember(key: string, value: string | null): void {
    try {
        if (value === null)
            localStorage.removeItem(key);
        else
            localStorage.setItem(key, value);
    } catch {
        // Nothing is lost but the memory of it.
    }
}
