// The link and the filter box: a link reproduces the view, a stranger's is used as far as it is
// understood, and what is wrong with a filter is told under the box where it is.

import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { axeFindings, launch, NARROW, open, screenshot, until, untilLive, WIDE } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';

const BAD_REQUEST = /400|414/;

describe('link', () => {
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

    async function at(fragment, test, options = {}) {
        const { page, close } = await open(browser, `${daemon.url}${fragment}`, options);
        await untilLive(page);
        await test(page);
        await close();
    }

    const rows = (page) => until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 5);

    it('reproduces the view that was chosen', () => at('', async (page) => {
        await rows(page);
        await page.keyboard.press('u');
        await page.click('#minutes button:text-is("15 min")');
        await page.click('#stack button:text-is("in / out")');
        await page.click('#by button:text-is("port")');
        await page.click('#flows th.c-bytes button');
        await page.keyboard.press('c');
        await page.check('#columns input[name="vlan"]');
        await page.waitForSelector('#flows th.c-vlan', { state: 'visible' });
        await page.keyboard.press('Escape');
        await page.fill('#filter-text', 'tcp 443');
        await page.press('#filter-text', 'Enter');
        const look = () => ({
            unit: document.getElementById('unit').textContent, filter: document.getElementById('filter-text').value,
            pressed: [...document.querySelectorAll('[aria-pressed="true"]')].map((button) => button.textContent),
            sorted: document.querySelector('#flows [aria-sort]').textContent,
            columns: [...document.querySelectorAll('#flows th:not([hidden])')].map((cell) => cell.textContent),
        });
        await until(page, () => /port=443/.test(decodeURIComponent(location.hash)));
        const chosen = await page.evaluate(look);
        assert.equal(chosen.filter, 'tcp 443');
        await at(await page.evaluate(() => location.hash), async (other) => {
            await until(other, () => document.querySelector('#flows [aria-sort]') !== null);
            assert.deepEqual(await other.evaluate(look), { ...chosen, filter: 'port=443 proto=tcp' });
        });
    }));

    it('uses of a stranger\u2019s fragment what it understands, and says what it left out', () => at(
        '#sort=nonsense&unit=B%2Fs&by=%3Cimg%20src=x%20onerror=alert(1)%3E&__proto__=1', async (page) => {
            await rows(page);
            await until(page, () => /left out: sort, by, __proto__\./.test(document.getElementById('state').textContent));
            assert.equal(await page.textContent('#unit'), 'B/s');
            assert.equal(await page.getAttribute('#flows th.c-rate', 'aria-sort'), 'descending');
            // It is about a link that is no longer there once something else was chosen.
            await page.keyboard.press('u');
            await until(page, () => !/left out/.test(document.getElementById('state').textContent));
        }));

    for (const [what, fragment] of [['names without end', `#${'a'.repeat(20_000)}&<script>alert(1)</script>`], ['a thousand names', `#${Array.from({ length: 1000 }, (_, i) => `k${i}=`).join('&')}`]])
        for (const viewport of [WIDE, NARROW])
            it(`is not pushed aside by ${what}, ${viewport.width} px`, () => at(fragment, async (page) => {
                await rows(page);
                await until(page, () => /left out/.test(document.getElementById('state').textContent));
                assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width);
                assert.ok((await page.locator('#state').boundingBox()).height < 160);
                assert.deepEqual(await axeFindings(page), []);
            }, { viewport }));

    /** Where the arrow under the box points, and where the text before that place ends. */
    const arrow = (page, before) => page.evaluate((text) => {
        const error = document.getElementById('filter-error'), box = document.getElementById('filter-text');
        const range = document.createRange();
        range.setStart(error.firstChild, 0);
        range.setEnd(error.firstChild, 1);
        const pen = document.createElement('canvas').getContext('2d');
        pen.font = getComputedStyle(box).font;
        const style = getComputedStyle(box);
        const start = box.getBoundingClientRect().left + parseFloat(style.paddingLeft) + parseFloat(style.borderLeftWidth);
        return { arrow: range.getBoundingClientRect().left, place: start + pen.measureText(text).width, sentence: error.textContent };
    }, before);

    it('points at what is wrong with a filter', () => at('', async (page) => {
        await page.fill('#filter-text', 'tcp ip=10.0.0.1,2001:db8::1 port=99999999');
        await page.press('#filter-text', 'Enter');
        const { arrow: at, place, sentence } = await arrow(page, 'tcp ip=10.0.0.1,2001:db8::1 port=');
        assert.match(sentence, /0 to 65535/);
        assert.ok(Math.abs(at - place) < 4, `${at} is not at ${place}`);
        assert.equal(await page.getAttribute('#filter-text', 'aria-invalid'), 'true');
    }));

    it('says under the box also what only the daemon knows to be wrong', () => at('#filter=port%3D443+proto%3Dzzz', async (page) => {
        const told = (start) => until(page, (text) => document.getElementById('filter-error').textContent.startsWith(text), start);
        const answered = (query) => page.waitForResponse((response) => response.url().includes('/api/flows?') && response.url().includes(query));
        await told('↑ proto: must be tcp, udp');
        const { arrow: at, place } = await arrow(page, 'port=443 ');
        assert.ok(Math.abs(at - place) < 4, `${at} is not at ${place}`);
        await screenshot(page, 'filter-refused');
        assert.deepEqual(await axeFindings(page), []);
        assert.match(await page.textContent('#flows-note'), /refuses/);
        // Another of the same kind is told as well.
        await page.fill('#filter-text', 'proto=yyy');
        await Promise.all([answered('proto=yyy'), page.press('#filter-text', 'Enter')]);
        await told('↑ proto: must be tcp, udp');
        // While something is typed that makes no sense yet, that is what is told, however often the daemon refuses.
        await page.fill('#filter-text', 'proto=yyy port=x');
        await told('↑ port takes');
        await answered('proto=yyy');
        await answered('proto=yyy');
        assert.match(await page.textContent('#filter-error'), /^↑ port takes/);
        await page.fill('#filter-text', 'proto=tcp');
        await page.press('#filter-text', 'Enter');
        await rows(page);
        await until(page, () => document.getElementById('filter-error').textContent === '');
        assert.equal(await page.getAttribute('#filter-text', 'aria-invalid'), 'false');
    }, { expected: BAD_REQUEST }));
});
