// More flows than the table shows at once: what it leaves out it says, and shows when it is asked to.

import { strict as assert } from 'node:assert';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { axeFindings, launch, open, screenshot, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { PEER } from './world.mjs';

const FLOWS = 700;

describe('many', () => {
    let browser, daemon, socket, timer;
    before(async () => {
        daemon = await new Daemon('--bpf=udp', '--udp-ttl=10m').start();
        socket = dgram.createSocket('udp4');
        // The peer answers that nobody listens there.
        socket.on('error', () => {});
        socket.bind(0);
        await once(socket, 'listening');
        let sent = 0;
        timer = setInterval(() => {
            for (let i = 0; i < 35; i++)
                socket.send('hello', 20_000 + (sent++ % FLOWS), PEER.v4);
        }, 50);
        browser = await launch();
    });
    after(async () => {
        clearInterval(timer);
        socket?.close();
        await browser?.close();
        await daemon?.stop();
    });

    const rows = (page, count) => until(page, (wanted) => Number(document.getElementById('flows').getAttribute('aria-rowcount')) === wanted + 1, count);

    it('shows more by a button that says how many, and the keyboard goes on with them', async () => {
        const { page, close } = await open(browser, daemon.url);
        await untilLive(page);
        await rows(page, 200);
        await until(page, (all) => document.getElementById('flows-note').textContent === `${all} · first 200 shown`, FLOWS);
        const more = page.getByRole('button', { name: 'show the first 500' });
        await more.scrollIntoViewIfNeeded();
        await screenshot(page, 'more');
        assert.deepEqual(await axeFindings(page), []);
        await more.press('Enter');
        await rows(page, 500);
        assert.match(page.url(), /limit=500/);
        await page.getByRole('button', { name: `show all ${FLOWS}` }).press('Enter');
        await rows(page, FLOWS);
        await page.waitForSelector('#more', { state: 'hidden' });
        assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex')), '502', 'the first of those that came');
        await close();
    });
});
