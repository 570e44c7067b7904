// Dark and light: as the system says, or as the reader does; remembered in this browser only.

import { recall, remember } from '../remember';
import { forgetPalette } from './palette';
import { byId, setText, setTitle } from './dom';

const THEMES = ['auto', 'dark', 'light'] as const;
const SIGNS = { auto: '◐', dark: '●', light: '○' };
const KEY = 'netwatch-theme';

export function theme(redraw: () => void): void {
    const button = byId('theme');
    const stored = recall(KEY);
    let chosen = THEMES.find((name) => name === stored) ?? 'auto';

    const apply = () => {
        if (chosen === 'auto')
            delete document.documentElement.dataset.theme;
        else
            document.documentElement.dataset.theme = chosen;
        setText(button, SIGNS[chosen]);
        const label = `Colours: ${chosen === 'auto' ? 'as the system' : chosen}`;
        button.setAttribute('aria-label', label);
        setTitle(button, label);
        forgetPalette();
        redraw();
    };
    button.addEventListener('click', () => {
        chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? 'auto';
        remember(KEY, chosen);
        apply();
    });
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
        matchMedia(query).addEventListener('change', apply);
    apply();
}
