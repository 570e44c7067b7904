// Names and values that are not ours never become markup: interfaces that are named like elements
// and like shell, and a stream that says such things wherever it says text.

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { launch, open, screenshot, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startTagged } from './traffic.mjs';
import { ip } from './world.mjs';

/** As long as an interface's name may be, and what a shell and a URL would make of it. */
const NAMES = ['<b>&amp;<i>', '"a\'$(id)`;&#\\'];
const MARKUP = '<img src=x onerror=document.title="taken">';

describe('hostile', () => {
    let browser, daemon, stopTagged;
    before(async () => {
        ip('link', 'add', NAMES[0], 'type', 'veth', 'peer', 'name', NAMES[1]);
        for (const name of NAMES)
            ip('link', 'set', name, 'up');
        daemon = await new Daemon('--bpf=', ...NAMES.map((name) => `--iface=${name}`)).start();
        // Out of the one, into the other.
        stopTagged = await startTagged(process.env.HOST_NAMESPACE, NAMES[0]);
        browser = await launch();
    });
    after(async () => {
        await browser?.close();
        stopTagged?.();
        await daemon?.stop();
        ip('link', 'del', NAMES[0]);
    });

    /** Elements that only markup in a text could have made. */
    const made = (page) => page.evaluate(() => document.querySelectorAll('img, #iface b, #state b, #state i, #events b, #flows b, #drawer b, #drawer dl i').length);

    it('names of interfaces stay text, in the table, the drawer, the filter and the curl line', async () => {
        const { page, close } = await open(browser, `${daemon.url}#hide=`);
        await untilLive(page);
        await until(page, (name) => document.getElementById('iface').textContent.includes(name), NAMES[0]);
        for (const name of NAMES) {
            await page.fill('#filter-text', `iface=${name}`);
            await page.press('#filter-text', 'Enter');
            await until(page, (want) => document.querySelector('#flows tbody tr[data-id] .c-iface')?.textContent === want, name);
            const line = await page.textContent('#curl code');
            const rows = execFileSync('sh', ['-c', line], { encoding: 'utf8' }).trim().split('\n');
            assert.ok(rows.length > 1 && rows.slice(1).every((row) => row.includes(name.replaceAll('"', '""'))), line);
            await page.click('#flows tbody tr[data-id] .c-way');
            await until(page, (want) => document.querySelector('#drawer dl').textContent.includes(want), name);
            await page.keyboard.press('Escape');
        }
        assert.equal(await made(page), 0);
        await screenshot(page, 'hostile');
        await close();
    });

    it('what the stream says stays text', async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.routeWebSocket('**/ws', (socket) => {
            const server = socket.connectToServer();
            server.onMessage((text) => {
                const frame = JSON.parse(text);
                if (frame.type === 'top_talkers')
                    frame.rows.forEach((row) => Object.assign(row, { a: `${MARKUP}:1`, b: `[${MARKUP}]:2`, proto: '"><b>' }));
                socket.send(JSON.stringify(frame));
                socket.send(JSON.stringify({ type: 'events', ts: frame.ts, event: '<b>', detail: MARKUP }));
            });
        });
        await page.goto(daemon.url);
        await untilLive(page);
        for (const id of ['talkers', 'events'])
            await until(page, ([list, text]) => document.getElementById(list).textContent.includes(text), [id, MARKUP]);
        assert.equal(await made(page), 0);
        assert.equal(await page.title(), 'netwatch');
        await context.close();
    });
});
