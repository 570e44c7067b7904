// The flow table: filters and sorting agree with the API, and it holds still while it is read.

import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { launch, open, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk, VLAN } from './traffic.mjs';
import { PEER } from './world.mjs';

function readTable() {
    // Tooltips are made when the pointer comes.
    const exact = (cell) => {
        cell.firstElementChild.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
        return cell.firstElementChild.title.replace(/[^\d]/g, '');
    };
    const table = document.getElementById('flows');
    return {
        asof: Number(table.dataset.asof),
        query: table.dataset.query,
        count: Number(table.getAttribute('aria-rowcount')) - 1,
        rows: [...table.tBodies[0].rows].filter((row) => row.dataset.id).map((row) => ({
            id: Number(row.dataset.id),
            bytes: exact(row.querySelector('.c-bytes')),
            packets: exact(row.querySelector('.c-packets')),
        })),
    };
}

describe('table', () => {
    let browser, daemon, stopPeer, stopTalk, view, page;
    before(async () => {
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        daemon = await new Daemon('--bpf=').start();
        stopTalk = startTalk();
        browser = await launch();
        view = await open(browser, daemon.url);
        page = view.page;
        await untilLive(page);
        // A page this high has all rows in sight, so that all of them are drawn.
        await page.setViewportSize({ width: 1280, height: 2200 });
        await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 10);
    });
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
    });

    /** Until the table shows this question's answer as of the same second as the API's. */
    async function agrees(query) {
        for (let attempt = 0; attempt < 60; attempt++) {
            const api = await daemon.get(`/api/flows?${query}`);
            const shown = await page.evaluate(readTable);
            const asked = new URLSearchParams(JSON.parse(shown.query));
            const same = [...new URLSearchParams(query)].every(([key, value]) => asked.get(key) === value);
            if (same && [...asked].length === [...new URLSearchParams(query)].length && shown.asof === api.asof) {
                assert.equal(shown.count, api.rows.length);
                const expected = api.rows.slice(0, shown.rows.length)
                    .map((row) => ({ id: row.id, bytes: String(row.bytes), packets: String(row.packets) }));
                assert.deepEqual(shown.rows, expected);
                return api;
            }
            await page.waitForTimeout(150);
        }
        throw new Error(`the table never answered ${query}`);
    }

    async function filter(text) {
        await page.fill('#filter-text', text);
        await page.press('#filter-text', 'Enter');
    }

    const sorted = (sort, dir) => `limit=200&sort=${sort}&dir=${dir}`;

    it('shows what /api/flows says', async () => {
        const api = await agrees(sorted('bps', 'desc'));
        assert.ok(api.rows.length > 30);
    });

    it('sorts as the API does, both ways', async () => {
        for (const [column, sort] of [['bytes', 'bytes'], ['packets', 'packets'], ['proto', 'proto_number'], ['age', 'first_seen'],
            ['seen', 'last_seen'], ['vlan', 'vlan'], ['flags', 'tcp_flags'], ['rate', 'bps']]) {
            await page.click(`#flows th.c-${column} button`);
            await agrees(sorted(sort, 'desc'));
            assert.equal(await page.getAttribute(`#flows th.c-${column}`, 'aria-sort'), 'descending');
        }
        await page.click('#flows th.c-rate button');
        await agrees(sorted('bps', 'asc'));
        await page.click('#flows th.c-rate button');
        await agrees(sorted('bps', 'desc'));
    });

    it('filters as the API does', async () => {
        for (const [text, query] of [
            ['proto=udp', 'proto=udp'], ['icmp', 'proto=icmp'], ['port=443 tcp', 'port=443&proto=tcp'],
            [`ip=${PEER.v6}`, `ip=${PEER.v6}`], ['10.77.100.0/24', 'ip=10.77.100.0/24'], [`vlan=${VLAN}`, `vlan=${VLAN}`],
            ['state=all', 'state=all'],
        ]) {
            await filter(text);
            const api = await agrees(`${query}&${sorted('bps', 'desc')}`);
            assert.ok(api.rows.length > 0, text);
        }
        assert.match(await page.textContent('#flows-note'), /match = .* of bytes/);
        assert.match(page.url(), /#filter=state%3Dall$/);
        await page.click('#filter-clear');
        await agrees(sorted('bps', 'desc'));
    });

    it('adds a value that is clicked to the filter', async () => {
        await filter('udp');
        await agrees(`proto=udp&${sorted('bps', 'desc')}`);
        await page.click('#flows td.c-server .port:text-is(":53")');
        await until(page, () => document.getElementById('filter-text').value === 'port=53 proto=udp');
        await page.mouse.move(0, 0);
        await agrees(`port=53&proto=udp&${sorted('bps', 'desc')}`);
        await page.click('#filter-clear');
    });

    it('says what is wrong with a filter, and keeps the last good one', async () => {
        await filter('tcp');
        await agrees(`proto=tcp&${sorted('bps', 'desc')}`);
        await filter('tcp port=99999');
        assert.match(await page.textContent('#filter-error'), /0 to 65535/);
        await agrees(`proto=tcp&${sorted('bps', 'desc')}`);
        await page.click('#filter-clear');
        assert.equal(await page.textContent('#filter-error'), '');
    });

    it('holds still under the pointer while its values go on', async () => {
        await page.click('#flows th.c-seen button');
        await agrees(sorted('last_seen', 'desc'));
        await page.hover('#flows tbody tr[data-id]');
        const before = await page.evaluate(readTable);
        await until(page, (asof) => Number(document.getElementById('flows').dataset.asof) > asof + 2000, before.asof);
        const later = await page.evaluate(readTable);
        assert.deepEqual(later.rows.map((row) => row.id), before.rows.map((row) => row.id));
        assert.notDeepEqual(later.rows, before.rows);
        await until(page, () => /rows? moved/.test(document.getElementById('frozen').textContent));
        await page.mouse.move(0, 0);
        await until(page, () => document.getElementById('frozen').hidden);
        await page.click('#flows th.c-rate button');
    });

    it('opens a flow by keyboard, and closes it with Escape', async () => {
        await page.focus('#flows tbody tr[tabindex="0"]');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await page.waitForSelector('#drawer:not([hidden])');
        assert.match(await page.textContent('#drawer h2'), /^(tcp|udp|icmp) .* → /);
        assert.equal(await page.getAttribute('#flows tr.selected', 'aria-selected'), 'true');
        await page.keyboard.press('Escape');
        await page.waitForSelector('#drawer', { state: 'hidden' });
    });

    it('hides columns, and keeps that in the link', async () => {
        await page.keyboard.press('c');
        await page.uncheck('#columns input[name="flags"]');
        await page.waitForSelector('#flows th.c-flags', { state: 'hidden' });
        assert.equal(await page.locator('#flows td.c-flags:visible').count(), 0);
        assert.match(page.url(), /hide=flags/);
        await page.check('#columns input[name="flags"]');
        await page.waitForSelector('#flows th.c-flags', { state: 'visible' });
        await page.keyboard.press('Escape');
        assert.equal(await page.getAttribute('#columns', 'open'), null);
    });

    it('comes without a fault', async () => {
        await view.close();
    });
});
