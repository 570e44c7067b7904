// The page for everyone: axe finds nothing in dark and light, wide and narrow, and nothing is cut off.

import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { axeFindings, launch, NARROW, open, screenshot, until, untilLive, WIDE } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';

describe('access', () => {
    let browser, daemon, stopPeer, stopTalk;
    before(async () => {
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        daemon = await new Daemon('--bpf=').start();
        stopTalk = startTalk();
        browser = await launch();
        await new Promise((resolve) => setTimeout(resolve, 3000));
    });
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
    });

    for (const colorScheme of ['light', 'dark'])
        for (const viewport of [WIDE, NARROW])
            it(`${colorScheme}, ${viewport.width} px`, async () => {
                const { page, close } = await open(browser, `${daemon.url}#minutes=1`, { colorScheme, viewport });
                await untilLive(page);
                await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 5);
                await page.waitForTimeout(1500);
                await screenshot(page, `live-${viewport.width}-${colorScheme}`);
                assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width, 'no horizontal scroll');
                assert.deepEqual(await axeFindings(page), []);

                await page.evaluate(() => scrollTo(0, document.getElementById('flows-panel').offsetTop - 50));
                await page.click('#flows tbody tr[data-id] .c-bytes');
                await page.waitForSelector('#drawer:not([hidden])');
                await screenshot(page, `flow-${viewport.width}-${colorScheme}`);
                // Where the sticky header covers half a button, axe calls that button too small.
                await page.evaluate(() => scrollTo(0, 0));
                assert.deepEqual(await axeFindings(page), []);
                await page.keyboard.press('Escape');

                await page.keyboard.press('?');
                await page.waitForSelector('#keys[open]');
                assert.deepEqual(await axeFindings(page), []);
                await close();
            });
});
