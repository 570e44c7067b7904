// The page by keyboard alone: every key, the list of them and its switch, where the focus goes
// when something closes, and that nothing which has it lies under something else.

import { strict as assert } from 'node:assert';
import { after, before, beforeEach, describe, it } from 'node:test';
import { axeFindings, DEADLINE_MS, launch, open, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';

describe('keyboard', () => {
    let browser, daemon, stopPeer, stopTalk, view, page;
    before(async () => {
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        daemon = await new Daemon('--bpf=').start();
        stopTalk = startTalk();
        browser = await launch();
        view = await open(browser, daemon.url);
        page = view.page;
        await untilLive(page);
        await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 20);
    });
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
    });
    beforeEach(() => page.evaluate(() => {
        document.activeElement.blur();
        scrollTo(0, 0);
    }));

    const focused = () => page.evaluate(() => {
        const { activeElement: element } = document;
        return element.closest('tr[data-id]')?.dataset.id ?? element.closest('details')?.id ?? (element.id || element.tagName.toLowerCase());
    });
    const filterIs = (text) => until(page, (want) => document.getElementById('filter-text').value === want, text);
    /** The answer to a new question moves the rows, whatever holds them. */
    const sortedBy = (sort) => until(page, (want) => JSON.parse(document.getElementById('flows').dataset.query).sort === want, sort);
    const clear = async () => {
        await page.fill('#filter-text', '');
        await page.press('#filter-text', 'Enter');
    };

    it('comes back to the row when its flow is closed, and lets the table go after that', async () => {
        await page.focus('#flows tbody tr[tabindex="0"]');
        await page.keyboard.press('ArrowDown');
        const row = await focused();
        for (const close of ['Escape', 'Enter']) {
            await page.keyboard.press('Enter');
            await page.waitForSelector('#drawer:not([hidden])');
            await page.keyboard.press('Tab');
            assert.ok(await page.evaluate(() => document.getElementById('drawer').contains(document.activeElement)), 'Tab leads into the drawer');
            await page.keyboard.press(close);
            await page.waitForSelector('#drawer', { state: 'hidden' });
            assert.equal(await focused(), row);
        }
        await page.keyboard.press('Escape');
        assert.equal(await focused(), 'body');
    });

    it('goes through the table to its ends', async () => {
        await page.focus('#flows tbody tr[tabindex="0"]');
        await page.keyboard.press('End');
        const places = () => page.evaluate(() => [Number(document.activeElement.getAttribute('aria-rowindex')), Number(document.getElementById('flows').getAttribute('aria-rowcount'))]);
        const [last, count] = await places();
        assert.equal(last, count);
        const bottom = await page.evaluate(() => document.activeElement.getBoundingClientRect().bottom);
        assert.ok(bottom <= 901, `it is in sight: ${bottom}`);
        await page.keyboard.press('Home');
        assert.equal((await places())[0], 2);
    });

    it('is let go by the pointer alone: a click that opens and closes a flow freezes nothing', async () => {
        // The order of what was seen last changes with every second.
        await page.click('#flows th.c-seen button');
        await sortedBy('last_seen');
        const row = page.locator('#flows tbody tr[data-id] .c-way').first();
        await row.click();
        await page.waitForSelector('#drawer:not([hidden])');
        await row.click();
        await page.waitForSelector('#drawer', { state: 'hidden' });
        await page.mouse.move(0, 0);
        const ids = await page.evaluate(() => [...document.querySelectorAll('#flows tbody tr[data-id]')].map((each) => each.dataset.id).join());
        await until(page, (before) => [...document.querySelectorAll('#flows tbody tr[data-id]')].map((each) => each.dataset.id).join() !== before, ids);
        await page.click('#flows th.c-rate button');
        await sortedBy('bps');
    });

    it('gives the focus back to the name of a list that Escape closes', async () => {
        await page.keyboard.press('c');
        assert.equal(await page.evaluate(() => document.activeElement.type), 'checkbox');
        await page.keyboard.press('Escape');
        assert.equal(await page.getAttribute('#columns', 'open'), null);
        assert.equal(await focused(), 'columns');
        await page.focus('#curl summary');
        await page.keyboard.press('Enter');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Escape');
        assert.equal(await page.getAttribute('#curl', 'open'), null);
        assert.equal(await focused(), 'curl');
    });

    it('closes a list when the pointer goes elsewhere', async () => {
        await page.click('#columns summary');
        await page.click('#columns input[name="flags"]');
        await page.click('#columns input[name="flags"]');
        assert.notEqual(await page.getAttribute('#columns', 'open'), null);
        await page.click('#chart-panel h2');
        assert.equal(await page.getAttribute('#columns', 'open'), null);
    });

    it('shows only what a ranked value has, and all but that', async () => {
        await page.focus('#protocols button:text-is("udp")');
        await page.keyboard.press('Enter');
        await filterIs('proto=udp');
        await clear();
        await page.focus('#protocols button:text-is("udp")');
        await page.keyboard.press('Alt+Enter');
        await filterIs('proto=!udp');
        await clear();
    });

    it('lists the keys, and can be told to leave them alone', async () => {
        await page.keyboard.press('?');
        await page.waitForSelector('#keys[open]');
        const listed = await page.$$eval('#keys kbd', (list) => list.map((key) => key.textContent));
        for (const key of ['/', 'u', 'c', 'Space', 'Esc', '?', 'Enter'])
            assert.ok(listed.includes(key), key);
        await page.uncheck('#keys-on');
        assert.deepEqual(await axeFindings(page), []);
        await page.keyboard.press('Escape');
        await page.waitForSelector('#keys[open]', { state: 'hidden' });
        await page.reload();
        await untilLive(page);
        for (const key of ['u', 'c', ' ', '?', '/'])
            await page.keyboard.press(key);
        assert.equal(await page.textContent('#unit'), 'bit/s');
        assert.equal(await page.getAttribute('#columns', 'open'), null);
        assert.equal(await page.getAttribute('#keys', 'open'), null);
        assert.notEqual(await focused(), 'filter-text');
        await page.click('#keys-open');
        await page.check('#keys-on');
        await page.keyboard.press('Escape');
        await page.waitForSelector('#keys[open]', { state: 'hidden' });
        await page.keyboard.press('/');
        assert.equal(await focused(), 'filter-text');
    });

    it('never has the focus under something else', async () => {
        await page.setViewportSize({ width: 1280, height: 420 });
        // Whatever stands above the page moves it.
        const above = () => page.evaluate(() => document.getElementById('page').offsetTop);
        const goThrough = async () => {
            // Rows out of sight are not in the document: the focus brings them there.
            await page.focus('#flows th.c-seen button');
            await page.waitForSelector('#flows tbody tr[tabindex="0"]');
            await page.keyboard.press('Tab');
            await page.keyboard.press('End');
            const under = [], places = new Set();
            for (let steps = 0; await focused() !== 'body' && steps < 80; steps++) {
                places.add(await above());
                under.push(await page.evaluate(() => {
                    const element = document.activeElement, box = element.getBoundingClientRect();
                    const top = document.elementFromPoint(box.left + Math.min(box.width / 2, 30), box.top + box.height / 2);
                    return element.contains(top) || top?.contains(element) ? '' : `${element.textContent} under ${top?.textContent.slice(0, 20)}`;
                }));
                places.add(await above());
                await page.keyboard.press('Shift+Tab');
            }
            assert.ok(under.length > 20, 'it went through the page');
            return places.size === 1 ? under.filter(Boolean) : null;
        };
        let under = null;
        for (const end = Date.now() + 2 * DEADLINE_MS; !(under = await goThrough());)
            assert.ok(Date.now() < end, 'the page is moved again and again');
        assert.deepEqual(under, []);
    });

    it('is told what a key has done', async () => {
        const said = (text) => until(page, (want) => document.querySelector('#said[role="status"]').textContent === want, text);
        await page.keyboard.press(' ');
        await said('The order of the table is frozen.');
        await page.keyboard.press(' ');
        await said('The order of the table follows.');
        for (const unit of ['B/s', 'pkt/s', 'bit/s']) {
            await page.keyboard.press('u');
            await said(`Rates in ${unit}.`);
        }
    });

    it('comes without a fault', async () => {
        await view.close();
    });
});
