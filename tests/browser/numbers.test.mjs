// What the page shows is what the API says of the same second.

import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { DEADLINE_MS, launch, open, told, unmoved, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';

/** The figures of the header and of the protocols, read in one go. */
function readNumbers() {
    const figure = (id) => document.querySelector(`#${id} b`).dataset;
    const ids = ['n-in', 'n-out', 'n-pps', 'n-flows', 'n-drops'];
    return {
        ts: [...new Set(ids.map((id) => figure(id).ts))],
        values: ids.map((id) => Number(figure(id).value)),
        texts: ids.map((id) => document.querySelector(`#${id} b`).textContent),
        protocolsTs: document.getElementById('protocols').dataset.ts,
        // Of the chart's legend: in and out of each protocol, exact.
        legendTime: document.querySelector('#legend .time').title,
        legend: [...document.querySelectorAll('#legend .item:not([hidden]) .way:not([hidden]) b')].map((value) => Number(value.title.replace(/[^\d]/g, ''))),
        protocols: [...document.querySelectorAll('#protocols .value')].map((cell) => Number(cell.dataset.value)),
    };
}

function readTalkers() {
    const table = document.getElementById('talkers');
    return {
        ts: Number(table.dataset.ts),
        by: table.dataset.by,
        rows: [...table.rows].filter((row) => !row.hidden).map((row) => Number(row.querySelector('.value').dataset.value)),
    };
}

describe('numbers', () => {
    let browser, daemon, stopPeer, stopTalk, view;
    before(async () => {
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        daemon = await new Daemon('--bpf=').start();
        stopTalk = startTalk();
        browser = await launch();
        view = await open(browser, daemon.url);
        await untilLive(view.page);
    });
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
    });

    it('equal the counters of their second', async () => {
        const end = Date.now() + DEADLINE_MS;
        for (let seen = 0, last = ''; seen < 3;) {
            assert.ok(Date.now() < end, 'no second that was whole and had traffic');
            await until(view.page, (before) => document.querySelector('#n-in b').dataset.ts !== before, last);
            const shown = await view.page.evaluate(readNumbers);
            const ts = Number(shown.ts[0]);
            last = shown.ts[0];
            assert.equal(shown.ts.length, 1, 'one clock');
            const { points } = await daemon.get(`/api/counters?from=${ts}&to=${ts + 1000}`);
            assert.equal(points.length, 1);
            const [p] = points;
            // Where the machine was too busy several seconds are told as one, or nobody spoke.
            if (p.span_ms !== 1000 || ['tcp', 'udp', 'icmp'].some((name) => p.by_proto[name] === 0))
                continue;
            assert.deepEqual(shown.values, [p.in.bytes * 8, p.out.bytes * 8, p.pps, p.active_flows, p.drops]);
            assert.equal(Number(shown.protocolsTs), ts);
            const classes = ['tcp', 'udp', 'icmp', 'other'];
            assert.deepEqual(shown.protocols, classes.map((name) => p.by_proto[name]));
            assert.ok(shown.legendTime.includes(new Date(ts).toISOString().slice(11, 19)), 'the chart stands at the same second');
            assert.deepEqual(shown.legend, classes.flatMap((name) => [p.in.by_proto_bytes[name] * 8, p.out.by_proto_bytes[name] * 8]));
            seen++;
        }
    });

    for (const by of ['flow', 'pair', 'host', 'port'])
        it(`rank talkers by ${by} as /api/top does`, async () => {
            await view.page.click(`#by button:text-is("${by}")`);
            const compare = async () => {
                const top = await daemon.get(`/api/top?by=${by}&limit=7`);
                const shown = await view.page.evaluate(readTalkers);
                const rows = top.rows.map((row) => row.bps);
                // Below them stands what they leave over.
                if (shown.by !== by || shown.ts !== top.from || shown.rows.length !== rows.length + (top.other.bps > 0 ? 1 : 0))
                    return false;
                assert.deepEqual(shown.rows.slice(0, rows.length), rows);
                return true;
            };
            await told(view.page, `the ranking by ${by} as of the same second`, async () => {
                for (const end = Date.now() + DEADLINE_MS; !await compare();) {
                    assert.ok(Date.now() < end, 'the same second was never met');
                    await view.page.waitForTimeout(100);
                }
            });
        });

    it('are drawn where the axes are: each second its columns, what was not measured hatched', async () => {
        const { page } = view;
        const drawn = (id) => page.evaluate((parent) => {
            const canvas = document.querySelector(`#${parent} .data`), over = document.querySelector(`#${parent} .u-over`);
            const same = ['left', 'top', 'width', 'height'].every((side) =>
                Math.abs(canvas.getBoundingClientRect()[side] - over.getBoundingClientRect()[side]) <= 1);
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const column = (x) => {
                let painted = 0;
                for (let y = 0; y < canvas.height; y++)
                    painted += data[(y * canvas.width + x) * 4 + 3] > 0 ? 1 : 0;
                return painted;
            };
            return { same, newest: column(canvas.width - 1), hatched: column(3) + column(4) + column(5), width: canvas.width };
        }, id);
        for (const id of ['strip', 'chart']) {
            const { same, newest, hatched } = await drawn(id);
            assert.ok(same, `${id}: not where its axes are`);
            assert.ok(newest > 0, `${id}: the newest second is drawn`);
            assert.ok(hatched > 5, `${id}: the time before the start is hatched: ${hatched}`);
        }
    });

    it('follow the unit, everywhere, and keep the unit printed', async () => {
        const { page } = view;
        for (const [unit, pattern] of [['B/s', /^[\d.]+\u00a0[kMG]?B\/s$/], ['pkt/s', /^[\d.]+\u00a0[kMG]?pkt\/s$/], ['bit/s', /^[\d.]+\u00a0[kMG]?bit\/s$/]]) {
            await page.keyboard.press('u');
            await until(page, (want) => document.getElementById('unit').textContent === want, unit);
            await until(page, (source) => new RegExp(source).test(document.querySelector('#n-in b').textContent), pattern.source);
            assert.match(await page.textContent('#legend .item:not([hidden]) b'), pattern);
            assert.match(await page.textContent('#talkers .value'), pattern);
            assert.match(await page.textContent('#protocols .value'), pattern);
            const cells = await page.$$eval('#flows td.c-rate', (list) => list.map((cell) => cell.textContent));
            assert.ok(cells.length > 0 && cells.every((text) => pattern.test(text)), `${unit}: ${cells[0]}`);
            const highest = await page.evaluate(() => {
                const cell = document.querySelector('#flows td.c-spark');
                cell.firstElementChild.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
                return cell.title.replace(/^.*highest /, '');
            });
            assert.match(highest, pattern);
        }
    });

    it('ask for nothing beside the flow table, once the hour is there', async () => {
        const asked = [];
        view.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
        await view.page.keyboard.press('u');
        await view.page.click('#by button:text-is("flow")');
        await view.page.keyboard.press('u');
        await view.page.keyboard.press('u');
        await until(view.page, () => document.getElementById('unit').textContent === 'bit/s');
        const second = () => view.page.getAttribute('#n-in b', 'data-ts').then(Number);
        const later = (since, ms) => until(view.page, (ts) => Number(document.querySelector('#n-in b').dataset.ts) >= ts, since + ms);
        // By then what the keys asked for has been asked.
        await later(await second(), 2000);
        // Seconds that the stream leaves out, where the daemon was held up, are asked for.
        const skipped = async () => (await daemon.get('/api/stats')).clients.skipped;
        for (let before = NaN, end = Date.now() + DEADLINE_MS; before !== await skipped();) {
            assert.ok(Date.now() < end, 'seconds are left out again and again');
            before = await skipped();
            await later(await second(), 2000);
            asked.length = 0;
            await later(await second(), 3000);
        }
        assert.deepEqual([...new Set(asked)].filter((path) => path.startsWith('/api/') && path !== '/api/stats'), ['/api/flows']);
    });

    it('are clicked as what the button was pressed on, though they go on meanwhile', () => unmoved(view.page, async (isMoved) => {
        const { page } = view;
        const first = '#talkers .name button >> nth=0';
        await until(page, () => document.getElementById('talkers').dataset.by === 'flow');
        await page.hover(first);
        await page.mouse.down();
        const pressed = await page.textContent(first);
        const answer = page.waitForResponse(/\/api\/top\?.*by=port/);
        await page.evaluate(() => { location.hash = '#by=port'; });
        await (await answer).finished();
        await until(page, (ts) => Number(document.querySelector('#n-in b').dataset.ts) > ts, Number(await page.getAttribute('#n-in b', 'data-ts')));
        const later = await page.textContent(first);
        await page.mouse.up();
        if (await isMoved())
            return false;
        assert.equal(later, pressed);
        await until(page, (text) => document.getElementById('filter-text').value === text, `ip=${pressed}`);
        await until(page, () => document.getElementById('talkers').dataset.by === 'port');
        await page.click('#filter-clear');
    }, async () => {
        await view.page.mouse.up();
        await view.page.mouse.move(0, 0);
        await view.page.evaluate(() => { location.hash = ''; });
    }));

    it('come without a fault: no error, no broken policy, no other host', async () => {
        await view.close();
    });
});
