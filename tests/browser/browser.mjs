// Chromium, and a page that is watched: whatever it logs as an error, whatever breaks the content
// security policy, whatever it asks of another host is kept, to be asserted empty.

import { strict as assert } from 'node:assert';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The packages are those of web/, pinned by its lock file.
const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axe = require('axe-core').source;

export const CHROMIUM = '/usr/bin/chromium';
export const ARGS = [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
    '--disable-quic', '--no-first-run', '--disable-sync', '--disable-dev-shm-usage',
];

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 360, height: 780 };

export function launch() {
    return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** Opens the page. `expected` matches the console errors that belong to the test, such as a refused connection. */
export async function open(browser, url, { viewport = WIDE, colorScheme = 'light', expected = null } = {}) {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    const faults = [];
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()) && !expected?.test(message.text()))
            faults.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`thrown: ${error.stack}`));
    page.on('request', (request) => {
        if (new URL(request.url()).host !== new URL(url).host)
            faults.push(`asked another host: ${request.url()}`);
    });
    await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.sourceFile}`));
    });
    // The sentence above it moves the whole page when it comes or goes.
    await page.addInitScript(() => document.addEventListener('DOMContentLoaded', () => {
        const shown = document.getElementById('page');
        if (!shown)
            return;
        let top = shown.offsetTop;
        globalThis.moves = 0;
        new MutationObserver(() => {
            globalThis.moves += shown.offsetTop === top ? 0 : 1;
            top = shown.offsetTop;
        }).observe(document.getElementById('state'), { subtree: true, childList: true, characterData: true, attributes: true });
    }));
    await page.goto(url);
    return {
        page,
        close: async () => {
            await context.close();
            assert.deepEqual(faults, []);
        },
    };
}

/** What needs the page to stay where it is: `act` gets a function that tells whether it was moved, returns false where that
 * was so, and is tried again after `reset`. */
export async function unmoved(page, act, reset) {
    const moves = () => page.evaluate(() => globalThis.moves);
    for (const end = Date.now() + 2 * DEADLINE_MS; ; await reset()) {
        assert.ok(Date.now() < end, 'the page is moved again and again');
        const before = await moves();
        if (await act(async () => await moves() !== before) !== false)
            return;
    }
}

export async function untilLive(page) {
    await until(page, () => document.getElementById('pill').textContent.startsWith('LIVE'));
}

/** Long enough for a machine that is busy with other things: what never comes is late by any measure. */
export const DEADLINE_MS = 30_000;

/** Waits until `check`, run in the page, is true. */
export async function until(page, check, argument) {
    const given = argument === undefined ? '' : `, given ${JSON.stringify(argument)}`;
    await told(page, `never true: ${check}${given}`, () => page.waitForFunction(check, argument, { timeout: DEADLINE_MS, polling: 50 }));
}

/** Runs a check of the page; where it fails, says what it was for and what the page showed. */
export async function told(page, what, check) {
    try {
        await check();
    } catch (error) {
        throw new Error(`${what}\n${error.message}\n${await shown(page)}`);
    }
}

/** What the page shows that tells why it does not show something else, to be read in a log. */
async function shown(page) {
    try {
        return await page.evaluate(() => {
            const text = (selector) => document.querySelector(selector)?.textContent ?? 'not there';
            const { query, asof } = document.getElementById('flows').dataset;
            const rows = [...document.querySelectorAll('#flows tbody tr[data-id]')].map((row) =>
                `  ${row.className} ${[...row.cells].map((cell) => cell.textContent).join(' | ')}`);
            const focus = document.activeElement;
            return [
                `page: ${location.hash} · ${text('#pill')} · ${text('#state')}`,
                `figures: in ${text('#n-in')} · out ${text('#n-out')} · drops ${text('#n-drops')} · ${text('#n-trust')}`,
                `filter: "${document.getElementById('filter-text').value}" ${text('#filter-error')} · focus on ${focus.tagName} #${focus.id}`,
                `table: ${query} as of ${asof} · ${text('#flows-note')} · ${document.getElementById('frozen').hidden ? 'not frozen' : text('#frozen')}`,
                `rows in the document: ${rows.length}, of them:`, ...rows.slice(0, 20),
                `events: ${[...document.querySelectorAll('#events li')].slice(0, 5).map((item) => item.textContent).join(' / ')}`,
            ].join('\n');
        });
    } catch (error) {
        return `and the page does not answer: ${error.message}`;
    }
}

/** The page at this size and in these colours, once it is drawn so: nothing of it lies beyond the edge. */
export async function resize(page, viewport, colorScheme) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await fits(page, viewport);
}

export async function fits(page, { width }) {
    await until(page, (wanted) => innerWidth === wanted && document.documentElement.scrollWidth === wanted, width);
}

/** What axe finds, as short lines; the page's policy does not bind what the test puts in. */
export async function axeFindings(page) {
    await page.evaluate(axe);
    return page.evaluate(async () => {
        const result = await globalThis.axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        });
        return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')} (${v.nodes[0]?.any[0]?.message ?? v.help})`);
    });
}

export async function screenshot(page, name) {
    const folder = process.env.SCREENSHOTS ?? join(tmpdir(), 'netwatch-screenshots');
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`) });
}
