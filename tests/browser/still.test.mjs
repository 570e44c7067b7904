// Nothing on the page moves by itself: what comes and goes with a second, with the pointer or with
// a choice has a place that is there before, on wide and narrow pages, with one interface or many.

import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { axeFindings, launch, NARROW, open, screenshot, until, untilLive, WIDE } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';
import { IFACE, ip } from './world.mjs';

describe('still', () => {
    let browser, daemon, stopPeer, stopTalk;
    before(async () => {
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        daemon = await new Daemon('--bpf=').start();
        stopTalk = startTalk();
        browser = await launch();
    });
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
    });

    async function at(fragment, viewport, test, { url } = daemon) {
        const { page, close } = await open(browser, `${url}${fragment}`, { viewport });
        await untilLive(page);
        await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 5);
        // The ranking has as much room as it ever needed: all that it can have.
        await until(page, () => document.querySelectorAll('#talkers tr:not([hidden])').length === 8);
        await test(page);
        await close();
    }

    /** Where it stands on the page, scrolled or not, whatever is said above that. */
    const top = (page, selector) => page.evaluate((css) =>
        document.querySelector(css).getBoundingClientRect().top - document.getElementById('page').getBoundingClientRect().top, selector);

    for (const viewport of [WIDE, { width: 760, height: 900 }, NARROW])
        it(`the chart, under a pointer that goes over what was and what was not measured, ${viewport.width} px`, () => at('#minutes=60', viewport, async (page) => {
            const note = () => page.textContent('#chart-note');
            await page.locator('#chart').scrollIntoViewIfNeeded();
            const seen = [];
            for (const first of [true, false]) {
                const over = await page.locator('#chart .u-over').boundingBox();
                const x = first ? 10 : over.width - 1;
                await page.mouse.move(over.x + x, over.y + 20);
                await until(page, (gap) => /not measured/.test(document.getElementById('chart-note').textContent) === gap, first);
                seen.push([await top(page, '#chart'), await top(page, '#flows'), await note()]);
            }
            assert.match(seen[0][2], /not measured: the capture had not begun/);
            assert.match(seen[1][2], /mean of .*highest second/);
            assert.deepEqual(seen[0].slice(0, 2), seen[1].slice(0, 2));
            const box = await page.locator('#chart-note').boundingBox();
            assert.ok(box.width >= 200, `the sentence has room: ${box.width}`);
        }));

    for (const viewport of [WIDE, { width: 760, height: 900 }, NARROW])
        it(`the table, when it is frozen, ${viewport.width} px`, () => at('#sort=last_seen', viewport, async (page) => {
            const before = await top(page, '#flows tbody');
            await page.keyboard.press(' ');
            await until(page, () => /rows? moved/.test(document.getElementById('frozen').textContent));
            assert.equal(await top(page, '#flows tbody'), before);
            await page.locator('#flows-panel .head').scrollIntoViewIfNeeded();
            const [chip, exports] = await page.evaluate(() => ['frozen', 'export-csv'].map((id) => document.getElementById(id).getBoundingClientRect().toJSON()));
            assert.ok(chip.right <= exports.left || chip.bottom <= exports.top + 1, 'it covers none of the links');
            await screenshot(page, `frozen-${viewport.width}`);
            assert.deepEqual(await axeFindings(page), []);
        }));

    it('offers only columns that there is room for', async () => {
        for (const [viewport, some] of [[WIDE, true], [NARROW, false]])
            await at('', viewport, async (page) => {
                await page.keyboard.press('c');
                assert.equal(await page.isVisible('#columns input[name="flags"]'), some);
                assert.equal(await page.isVisible('#columns p'), !some);
                for (const box of await page.locator('#columns input:visible').all()) {
                    await box.uncheck();
                    await box.check();
                    const name = await box.getAttribute('name');
                    if (!['way', 'spark', 'seen'].includes(name))
                        await page.waitForSelector(`#flows th.c-${name}`, { state: 'visible' });
                }
            });
    });

    it('the header, whatever the number of interfaces, and says of those that are not up', async () => {
        const names = Array.from({ length: 7 }, (_, i) => [`many-a${i}`, `many-b${i}`]);
        for (const [a, b] of names)
            ip('link', 'add', a, 'type', 'veth', 'peer', 'name', b);
        const many = await new Daemon('--bpf=', ...names.flat().map((name) => `--iface=${name}`)).start();
        try {
            await at('', WIDE, async (page) => {
                await until(page, () => /^15 interfaces14 not up$/.test(document.getElementById('iface').textContent));
                await until(page, () => /many-\w+, many-\w+, many-\w+ and 11 more are down/.test(document.getElementById('state').textContent));
                assert.match(await page.getAttribute('#iface', 'title'), new RegExp(`${IFACE} · 10`));
                assert.ok((await page.locator('#filter').boundingBox()).width > 400);
                assert.ok((await page.locator('header').boundingBox()).height < 45);
                await screenshot(page, 'many-interfaces');
                assert.deepEqual(await axeFindings(page), []);
            }, many);
        } finally {
            await many.stop();
            for (const [a] of names)
                ip('link', 'del', a);
        }
    });
});
