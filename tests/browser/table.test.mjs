// The flow table: filters and sorting agree with the API, and it holds still while it is read.

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DEADLINE_MS, launch, open, told, unmoved, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { flood, startPeer, startTalk, VLAN } from './traffic.mjs';
import { IFACE, PEER } from './world.mjs';

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
        frozen: !document.getElementById('frozen').hidden,
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
        // One flow that ends at once, and stays listed.
        daemon = await new Daemon('--bpf=', '--udp-ttl=5s').start();
        stopTalk = startTalk();
        await flood(500);
        browser = await launch();
        view = await open(browser, `${daemon.url}#hide=`);
        page = view.page;
        await untilLive(page);
        // A page this high has all rows in sight, so that all of them are drawn.
        await page.setViewportSize({ width: 1280, height: 2200 });
        await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 10);
    });
    /** Whatever was done before. */
    async function reset() {
        await page.mouse.up();
        await page.mouse.move(0, 0);
        await page.keyboard.up('Alt');
        await page.keyboard.press('Escape');
        await page.evaluate(() => { location.hash = '#hide='; });
        await agrees(sorted('bps', 'desc'));
    }
    beforeEach(reset);
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
    });

    /** Until the table shows this question's answer as of the same second as the API's, and its order is not held still. */
    async function agrees(query) {
        const asked = JSON.stringify([...new URLSearchParams(query)].sort());
        const compare = async () => {
            const api = await daemon.get(`/api/flows?${query}`);
            const table = await page.evaluate(readTable);
            const answered = JSON.stringify(Object.entries(JSON.parse(table.query)).map(([key, value]) => [key, String(value)]).sort());
            if (answered !== asked || table.asof !== api.asof || table.frozen)
                return null;
            const expected = api.rows.map((row) => ({ id: row.id, bytes: String(row.bytes), packets: String(row.packets) }));
            assert.deepEqual(table.rows, expected.slice(0, table.rows.length));
            assert.equal(table.count, expected.length);
            return api;
        };
        let api = null;
        await told(page, `the table as /api/flows?${query}`, async () => {
            for (const end = Date.now() + DEADLINE_MS; !(api = await compare());) {
                assert.ok(Date.now() < end, 'never shown, or never let go');
                await page.waitForTimeout(150);
            }
        });
        return api;
    }

    const filterIs = (text) => until(page, (value) => document.getElementById('filter-text').value === value, text);

    /** Until the rows are those of this filter. */
    const answered = (text) => until(page, (wanted) => {
        const asked = Object.entries(JSON.parse(document.getElementById('flows').dataset.query));
        return asked.filter(([key]) => !['limit', 'sort', 'dir'].includes(key)).map((pair) => pair.join('=')).join(' ') === wanted;
    }, text);

    /** Whatever was asked for or answered before is drawn then. */
    const nextSecond = async () => until(page, (before) => document.querySelector('#n-in b').dataset.ts !== before,
        await page.getAttribute('#n-in b', 'data-ts'));

    /** Under the pointer the rows hold still: what is found in them is still there when it is clicked. */
    const holdRows = () => page.hover('#flows tbody tr[data-id] .c-flags');
    const serverPort = (number) => `#flows td.c-server .port:text-is(":${number}") >> nth=0`;

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
            // The newest first is the least ago first.
            assert.equal(await page.getAttribute(`#flows th.c-${column}`, 'aria-sort'), ['age', 'seen'].includes(column) ? 'ascending' : 'descending');
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
        assert.equal(await page.evaluate(() => location.hash), '#filter=state%3Dall&hide=');
        await page.click('#filter-clear');
        await agrees(sorted('bps', 'desc'));
    });

    it('says what a filter does not reach, and what it leaves nothing of', async () => {
        await filter('port=1 tcp');
        await agrees(`port=1&proto=tcp&${sorted('bps', 'desc')}`);
        await until(page, () => document.getElementById('talkers-note').textContent === 'nothing in the last second that matches the filter');
        assert.equal(await page.textContent('#flows-empty'), 'No flow matches the filter.');
        assert.equal(await page.textContent('#protocols-note'), 'all traffic, not filtered');
        assert.match(await page.textContent('#chart-note'), /all traffic, not filtered/);
        await until(page, () => /^Flows: 0 of \d+ match/.test(document.getElementById('said').textContent));
        await page.click('#filter-clear');
        await agrees(sorted('bps', 'desc'));
        assert.doesNotMatch(await page.textContent('#chart-note'), /not filtered/);
    });

    it('adds a value that is clicked to the filter', async () => {
        await filter('udp');
        await agrees(`proto=udp&${sorted('bps', 'desc')}`);
        await holdRows();
        await page.click(serverPort(53));
        await filterIs('port=53 proto=udp');
        await page.mouse.move(0, 0);
        await agrees(`port=53&proto=udp&${sorted('bps', 'desc')}`);
    });

    it('filters by an interface that is clicked', async () => {
        await holdRows();
        await page.click(`#flows td.c-iface .pick:text-is("${IFACE}") >> nth=0`);
        await filterIs(`iface=${IFACE}`);
        await page.mouse.move(0, 0);
        await agrees(`iface=${IFACE}&${sorted('bps', 'desc')}`);
    });

    it('excludes a value that is clicked with Alt, as the API does', async () => {
        for (const [number, text] of [[53, 'port=!53'], [443, 'port=!53,!443']]) {
            await holdRows();
            await page.click(serverPort(number), { modifiers: ['Alt'] });
            await filterIs(text);
            // Its answer brings other rows, also under the pointer.
            await answered(text);
        }
        await page.mouse.move(0, 0);
        const api = await agrees(`port=!53,!443&${sorted('bps', 'desc')}`);
        assert.ok(api.rows.length > 0 && api.rows.every((row) => ![row.a_port, row.b_port].some((port) => [53, 443].includes(port))));

        await filter('port=80,443');
        await agrees(`port=80,443&${sorted('bps', 'desc')}`);
        await page.click('#flows td.c-client .port >> nth=0', { modifiers: ['Alt'] });
        await until(page, () => /already selects by port=80,443/.test(document.getElementById('filter-error').textContent));
    });

    it('has room for when a flow ended', async () => {
        await page.evaluate(() => { location.hash = '#filter=state%3Dall&sort=last_seen&dir=asc'; });
        const ended = '#flows tbody tr.ended .c-seen';
        await until(page, (cells) => /^ended \d\d:\d\d:\d\d$/.test(document.querySelector(cells)?.textContent), ended);
        const cell = page.locator(ended).first();
        assert.ok(await cell.evaluate((element) => element.scrollWidth <= element.clientWidth && element.firstElementChild.getBoundingClientRect().left > element.getBoundingClientRect().left));
    });

    it('goes on when the pointer has left after a click in it', async () => {
        await page.click('#flows th.c-seen button');
        await agrees(sorted('last_seen', 'desc'));
        const movesOn = async () => {
            await page.mouse.move(0, 0);
            const { asof } = await page.evaluate(readTable);
            await until(page, (before) => Number(document.getElementById('flows').dataset.asof) > before + 2000, asof);
            await until(page, () => document.getElementById('frozen').hidden);
        };
        await holdRows();
        await page.click('#flows td.c-proto .pick:text-is("udp") >> nth=0');
        await answered('proto=udp');
        await movesOn();
        await agrees(`proto=udp&${sorted('last_seen', 'desc')}`);

        await page.click('#flows tbody tr[data-id] .c-way >> nth=0');
        await page.waitForSelector('#drawer:not([hidden])');
        await page.click('#flows tr.selected .c-way');
        await page.waitForSelector('#drawer', { state: 'hidden' });
        await movesOn();
    });

    it('clicks what the button was pressed on, though another answer comes meanwhile', () => unmoved(page, async (isMoved) => {
        await holdRows();
        await page.hover(serverPort(53));
        await page.mouse.down();
        const pressed = await page.evaluate(readTable);
        const answer = page.waitForResponse((response) => /\/api\/flows\?.*proto=tcp/.test(response.url()));
        await page.evaluate(() => { location.hash = location.hash.replace('#', '#filter=proto%3Dtcp&'); });
        await (await answer).finished();
        await nextSecond();
        const { rows } = await page.evaluate(readTable);
        await page.mouse.up();
        if (await isMoved())
            return false;
        assert.deepEqual(rows, pressed.rows);
        await filterIs('port=53 proto=tcp');
    }, reset));

    it('takes a double click for one', () => unmoved(page, async (isMoved) => {
        await holdRows();
        await page.hover(serverPort(53));
        await page.keyboard.down('Alt');
        for (const clickCount of [1, 2]) {
            await page.mouse.down({ clickCount });
            await page.mouse.up({ clickCount });
            if (await isMoved())
                return false;
            // By then another value has come to its place.
            await answered('port=!53');
        }
        await page.keyboard.up('Alt');
        await nextSecond();
        await filterIs('port=!53');
        assert.ok(await page.isHidden('#drawer'));
    }, reset));

    it('saves what is shown, and says how a script gets it', async () => {
        await filter(`ip=${PEER.v6} proto=udp`);
        const api = await agrees(`ip=${PEER.v6}&proto=udp&${sorted('bps', 'desc')}`);
        const query = `ip=${PEER.v6}&proto=udp&sort=bps&dir=desc&format=`;
        assert.equal(await page.getAttribute('#export-json', 'href'), `/api/flows?${query}json`);
        const saved = await Promise.all([page.waitForEvent('download'), page.click('#export-csv')]).then(([download]) => download.path());
        const lines = readFileSync(saved, 'utf8').trim().split('\n');
        assert.equal(lines.length, api.rows.length + 1);
        assert.ok(lines[0].includes('a_ip') && lines.slice(1).every((line) => line.includes(PEER.v6)));
        await page.click('#curl summary');
        const line = await page.textContent('#curl code');
        assert.equal(line, `curl -s '${daemon.url.replace(/\/$/, '')}/api/flows?${query}csv'`);
        const output = execFileSync('sh', ['-c', line], { encoding: 'utf8' });
        assert.equal(output.split('\n')[0], lines[0]);
        await page.click('#curl button');
        await until(page, () => /copied|selected/.test(document.querySelector('#curl output').textContent));
        await page.click('#curl summary');
    });

    it('freezes with Space, counts what would move, and lets go', async () => {
        await page.click('#flows th.c-seen button');
        await agrees(sorted('last_seen', 'desc'));
        await page.mouse.move(0, 0);
        await page.evaluate(() => document.activeElement.blur());
        await page.keyboard.press(' ');
        await until(page, () => !document.getElementById('frozen').hidden);
        const before = await page.evaluate(readTable);
        await until(page, (asof) => Number(document.getElementById('flows').dataset.asof) > asof + 2000, before.asof);
        await until(page, () => /\d+ rows? moved/.test(document.getElementById('frozen').textContent));
        assert.deepEqual((await page.evaluate(readTable)).rows.map((row) => row.id), before.rows.map((row) => row.id));
        await page.keyboard.press(' ');
        await until(page, () => document.getElementById('frozen').hidden);
    });

    it('draws the last minute of a row, as far as it was seen', async () => {
        // A page of its own, which has not yet seen a minute.
        const fresh = await open(browser, daemon.url);
        const drawn = '#flows tbody tr[data-id] .c-spark path';
        await until(fresh.page, (selector) => document.querySelector(selector)?.getAttribute('d').split('H').length > 4, drawn);
        const path = await fresh.page.getAttribute(drawn, 'd');
        const seconds = [...path.matchAll(/H(\d+)/g)].map((match) => Number(match[1]));
        assert.equal(seconds.at(-1), 60, 'up to the newest second');
        assert.ok(seconds.length < 60, path);
        assert.ok(!path.includes('M0 '), 'what was not seen is not drawn');
        await fresh.close();
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
    });

    it('opens a flow by keyboard, and closes it with Escape', async () => {
        await page.focus('#flows tbody tr[tabindex="0"]');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await page.waitForSelector('#drawer:not([hidden])');
        assert.match(await page.textContent('#drawer h2'), /^(tcp|udp|icmp) .* → /);
        assert.equal(await page.getAttribute('#flows tr.selected', 'aria-selected'), 'true');
        const id = await page.getAttribute('#flows tr.selected', 'data-id');
        const asof = Number(await page.getAttribute('#flows', 'data-asof'));
        await until(page, (before) => Number(document.getElementById('flows').dataset.asof) > before + 1000, asof);
        assert.equal(await page.getAttribute('#flows tr.selected', 'data-id'), id, 'the selection outlives an update');
        const api = await daemon.get(`/api/flows?flow=${id}&state=all`);
        const fields = await page.$$eval('#drawer dt', (list) => list.map((term) => term.textContent));
        for (const field of ['rate', 'client', 'client port', 'server', 'server port', 'VLAN', 'first seen', 'TCP flags', 'interface', 'id'])
            assert.ok(fields.includes(field), field);
        assert.ok((await page.textContent('#drawer dl')).includes(api.rows[0].a_ip));
        await page.click('#drawer button[aria-label="not this: server port"]');
        await until(page, () => /^port=!\d+$/.test(document.getElementById('filter-text').value));
        await page.click('#filter-clear');
        await page.click('#drawer button[aria-label="only this: protocol"]');
        await until(page, () => /^proto=\w+$/.test(document.getElementById('filter-text').value));
        await page.click('#filter-clear');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await page.waitForSelector('#drawer', { state: 'hidden' });
    });

    it('hides columns, and keeps that in the link', async () => {
        await page.keyboard.press('c');
        await page.uncheck('#columns input[name="flags"]');
        await page.waitForSelector('#flows th.c-flags', { state: 'hidden' });
        assert.equal(await page.locator('#flows td.c-flags:visible').count(), 0);
        assert.match(await page.evaluate(() => location.hash), /hide=flags/);
        await page.check('#columns input[name="flags"]');
        await page.waitForSelector('#flows th.c-flags', { state: 'visible' });
        await page.keyboard.press('Escape');
        assert.equal(await page.getAttribute('#columns', 'open'), null);
    });

    it('comes without a fault', async () => {
        await view.close();
    });
});
