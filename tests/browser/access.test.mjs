// The page for everyone: axe finds nothing in dark and light, wide and narrow, and nothing is cut off.

import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { axeFindings, fits, launch, NARROW, open, screenshot, until, untilLive, WIDE } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';

/** Cells of the first rows that share a place, and what is cut off at the edge of its cell. */
function overlapping() {
    const ret = [];
    for (const row of [...document.querySelectorAll('#flows tbody tr[data-id]')].slice(0, 12)) {
        const cells = [...row.cells].filter((cell) => cell.offsetParent && cell.clientWidth > 0)
            .map((cell) => ({ name: cell.className, box: cell.getBoundingClientRect() }));
        for (const [i, a] of cells.entries())
            for (const b of cells.slice(i + 1))
                if (a.box.left < b.box.right - 0.5 && b.box.left < a.box.right - 0.5 && a.box.top < b.box.bottom - 0.5 && b.box.top < a.box.bottom - 0.5)
                    ret.push(`${a.name} over ${b.name}`);
        for (const cell of row.cells)
            if (cell.scrollWidth > cell.clientWidth + 1)
                ret.push(`${cell.className} is cut: ${cell.textContent}`);
        const inside = row.getBoundingClientRect();
        for (const { name, box } of cells)
            if (box.bottom > inside.bottom + 0.5 || box.right > inside.right + 0.5)
                ret.push(`${name} leaves its row`);
    }
    return ret;
}

describe('access', () => {
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

    for (const colorScheme of ['light', 'dark'])
        for (const viewport of [WIDE, NARROW])
            it(`${colorScheme}, ${viewport.width} px`, async () => {
                const { page, close } = await open(browser, `${daemon.url}#minutes=1`, { colorScheme, viewport });
                await untilLive(page);
                await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 5);
                await fits(page, viewport);
                const toTheTable = () => page.evaluate(() => scrollTo(0, document.getElementById('flows-panel').offsetTop - 50));
                await toTheTable();
                // Rows have all that they can have, a line of the last seconds too.
                await until(page, () => document.querySelector('#flows tbody tr[data-id] .c-spark path')?.getAttribute('d').split('H').length > 2);
                assert.deepEqual(await page.evaluate(overlapping), [], 'no cell lies over another');

                // Where the sticky header covers half a button, axe calls that button too small.
                await page.evaluate(() => scrollTo(0, 0));
                await screenshot(page, `live-${viewport.width}-${colorScheme}`);
                assert.deepEqual(await axeFindings(page), []);

                // Among the largest is a port of two digits, whose button would be a small one.
                await page.evaluate(() => { location.hash = '#filter=port%3D53'; });
                await until(page, () => [...document.querySelectorAll('#talkers .port')].some((port) => port.textContent === ':53'));
                assert.deepEqual(await axeFindings(page), []);
                await page.click('#filter-clear');

                await toTheTable();
                await page.click('#flows tbody tr[data-id] .c-bytes');
                await page.waitForSelector('#drawer:not([hidden])');
                await screenshot(page, `flow-${viewport.width}-${colorScheme}`);
                await page.evaluate(() => scrollTo(0, 0));
                assert.deepEqual(await axeFindings(page), []);
                await page.keyboard.press('Escape');

                await page.keyboard.press('?');
                await page.waitForSelector('#keys[open]');
                assert.deepEqual(await axeFindings(page), []);
                await close();
            });

    it('the reader\u2019s own colours: what colour says is still said', async () => {
        const context = await browser.newContext({ viewport: WIDE, forcedColors: 'active' });
        const page = await context.newPage();
        await page.goto(`${daemon.url}#minutes=1`);
        await untilLive(page);
        await until(page, () => document.querySelectorAll('#flows tbody tr[data-id]').length > 0);
        const shown = await page.evaluate(() => {
            const canvas = document.querySelector('#chart .data');
            const { data } = canvas.getContext('2d').getImageData(canvas.width - 4, 0, 1, canvas.height);
            const pixels = Array.from({ length: canvas.height }, (_, y) => [...data.slice(4 * y, 4 * y + 4)]);
            return {
                drawn: [...new Set(pixels.filter((pixel) => pixel[3] === 255).map((pixel) => pixel.join()))].length,
                swatches: [...new Set([...document.querySelectorAll('#protocols .swatch')].map((each) => getComputedStyle(each).backgroundColor))].length,
                pressed: getComputedStyle(document.querySelector('#minutes [aria-pressed="true"]')).backgroundColor,
                others: getComputedStyle(document.querySelector('#minutes [aria-pressed="false"]')).backgroundColor,
            };
        });
        assert.ok(shown.drawn >= 3, `${shown.drawn} colours in the newest second: protocols and axis`);
        assert.equal(shown.swatches, 4);
        assert.notEqual(shown.pressed, shown.others);
        await page.click('#flows tbody tr[data-id] .c-bytes');
        assert.equal(await page.locator('#flows tr.selected').evaluate((row) => getComputedStyle(row).outlineStyle), 'solid');
        await screenshot(page, 'forced-colors');
        assert.deepEqual(await axeFindings(page), []);
        await context.close();
    });

    it('cuts nothing off at the widths between', async () => {
        const { page, close } = await open(browser, daemon.url);
        await untilLive(page);
        for (const width of [500, 720, 721, 900, 901, 1040, 1041, 1100]) {
            await page.setViewportSize({ width, height: 1600 });
            await fits(page, { width });
            await until(page, () => document.querySelectorAll('#flows tbody tr[data-id]').length > 5);
            // IPv6 addresses may be cut, with dots; nothing else.
            const cut = await page.evaluate(() => [...document.querySelectorAll('#flows tbody tr[data-id] td')]
                .filter((cell) => cell.offsetParent && cell.firstElementChild instanceof HTMLElement && !cell.querySelector('.long'))
                .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 || cell.firstElementChild.scrollWidth > cell.firstElementChild.clientWidth + 1 && cell.firstElementChild.tagName === 'DIV')
                .map((cell) => `${cell.className}: ${cell.textContent}`));
            assert.deepEqual(cut, [], `${width} px`);
        }
        await close();
    });
});
