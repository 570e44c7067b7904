// Every state of the page says what it is: no traffic, drops, silence, frames skipped, a link that
// is down or gone, a daemon that went and came back.

import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { axeFindings, DEADLINE_MS, launch, NARROW, open, resize, screenshot, told, until, untilLive, WIDE } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { flood, startHeaderless, startPeer, startTalk } from './traffic.mjs';
import { configure, HOST, IFACE, ip } from './world.mjs';

const REFUSED = /WebSocket|ERR_|Failed to load resource/;

/** A capture file of one empty datagram, of raw IP. */
function onePacket() {
    const ip4 = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    const udp = [0, 7, 0, 9, 0, 8, 0, 0];
    const head = [0xa1b2c3d4, 0x00040002, 0, 0, 65535, 101, 1_750_000_000, 0, 28, 28];
    return Buffer.concat([Buffer.from(Uint32Array.from(head).buffer), Buffer.from([...ip4, ...udp])]);
}

/** Figures of the header and of the chart that reach beyond the edge, or over their neighbour. */
function cut() {
    const text = (part) => {
        const range = document.createRange();
        range.selectNodeContents(part);
        return range.getBoundingClientRect();
    };
    const shown = [...document.querySelectorAll('#numbers .number *, #legend .item *')].filter((part) => part.offsetParent && part.textContent !== '' && part.childElementCount === 0);
    const boxes = shown.map((part) => ({ name: part.textContent, ...text(part).toJSON() }));
    const { right } = document.getElementById('numbers').getBoundingClientRect();
    return boxes.filter((box) => box.right > right || boxes.some((other) =>
        other !== box && box.left < other.left && box.right > other.left + 0.5 && box.top < other.bottom - 2 && other.top < box.bottom - 2)).map(({ name }) => name);
}

/** Which seconds of the main chart are not measured, by their times there. */
function unmeasured() {
    const over = document.querySelector('#chart .u-over'), { left, top, width } = over.getBoundingClientRect();
    const move = (type, x) => over.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: left + x, clientY: top + 20 }));
    const ret = new Set();
    for (let x = 0; x < width; x += 4) {
        move('mousemove', x);
        if (/not measured/.test(document.getElementById('chart-note').textContent))
            ret.add(document.querySelector('#legend .time').title.replace(/^.* · (.*) UTC$/, '$1'));
    }
    move('mouseleave', 0);
    return [...ret];
}

describe('states', () => {
    let browser, stopPeer, daemon;
    before(async () => {
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        browser = await launch();
    });
    after(async () => {
        await browser?.close();
        stopPeer?.();
        await daemon?.stop();
    });

    async function run(options, test, pageOptions = {}) {
        daemon = await new Daemon(...options).start();
        const view = await open(browser, daemon.url, pageOptions);
        try {
            await test(view.page);
            await view.close();
        } finally {
            await view.page.context().close();
            await daemon.stop();
        }
    }

    /** Every state is for everyone: wide and narrow, dark and light. */
    async function look(page, name) {
        for (const viewport of [WIDE, NARROW])
            for (const colorScheme of ['light', 'dark']) {
                await resize(page, viewport, colorScheme);
                await screenshot(page, `${name}-${viewport.width}-${colorScheme}`);
                assert.deepEqual(await page.evaluate(cut), [], `${name}, ${viewport.width} px`);
                assert.deepEqual(await axeFindings(page), [], name);
            }
        await page.setViewportSize(WIDE);
    }

    const sentence = (page) => page.textContent('#state');

    it('no traffic yet', () => run(['--bpf=host 203.0.113.9'], async (page) => {
        await untilLive(page);
        await until(page, () => /No traffic yet/.test(document.getElementById('state').textContent));
        assert.match(await sentence(page), /host 203\.0\.113\.9/);
        await look(page, 'no-traffic');
    }));

    it('drops, and silence while the daemon is stopped', () => run(['--bpf=', '--ring=1M'], async (page) => {
        await untilLive(page);
        await page.evaluate(() => { location.hash = '#minutes=1'; });
        const height = (await page.locator('#numbers').boundingBox()).height;
        daemon.signal('SIGSTOP');
        await flood(20_000);
        await until(page, () => document.querySelector('.pill').textContent === 'no ticks');
        await screenshot(page, 'silent');
        daemon.signal('SIGCONT');
        await until(page, () => /in 60 min/.test(document.querySelector('#n-drops small').textContent));
        await untilLive(page);
        const dropped = async () => (await daemon.get('/api/counters')).points.reduce((sum, point) => sum + point.drops, 0);
        const told60 = async () => Number((await page.textContent('#n-drops small')).split(' in ')[0].replace(/[^\d]/g, ''));
        await told(page, 'as many drops as the daemon tells', async () => {
            for (const end = Date.now() + DEADLINE_MS; await dropped() === 0 || await told60() !== await dropped();) {
                assert.ok(Date.now() < end, `${await dropped()} of the daemon`);
                await page.waitForTimeout(100);
            }
        });
        await until(page, () => document.querySelector('#events .loss') !== null);
        await until(page, () => /kernel dropped frames.*--ring/.test(document.getElementById('state').textContent));
        assert.equal((await page.locator('#numbers').boundingBox()).height, height, 'there was room for them');
        // Seconds that were counted together, since the daemon was held up, are no gap.
        const { points } = await daemon.get('/api/counters');
        const held = points.flatMap(({ ts, span_ms: span }) =>
            Array.from({ length: Math.round(span / 1000) - 1 }, (_, i) => new Date(ts + 1000 * (i + 1)).toISOString().slice(0, 19).replace('T', ' ')));
        const gaps = await page.evaluate(unmeasured);
        assert.ok(gaps.length > 0, 'the time before the start is one');
        assert.deepEqual(held.filter((second) => gaps.includes(second)), []);
        await look(page, 'drops');
    }));

    it('an interface that is down, and up again', () => run(['--bpf='], async (page) => {
        await untilLive(page);
        ip('link', 'set', IFACE, 'down');
        try {
            await until(page, (name) => document.getElementById('state').textContent.includes(`${name} is down`), IFACE);
            // Nothing is measured: no panel takes that for nothing.
            await until(page, () => document.getElementById('talkers-note').textContent === 'not measured: the interface was down');
            assert.deepEqual(await page.$$eval('#protocols .share, #protocols .value', (cells) => [...new Set(cells.map((cell) => cell.textContent))]), ['–']);
            await page.evaluate(() => scrollTo(0, document.getElementById('flows').offsetTop));
            await until(page, () => {
                const rates = [...document.querySelectorAll('#flows tbody tr[data-id] .c-rate')].map((cell) => cell.textContent);
                return rates.length > 0 && rates.every((rate) => rate === '–');
            });
            await page.evaluate(() => scrollTo(0, 0));
            await look(page, 'interface-down');
        } finally {
            ip('link', 'set', IFACE, 'up');
        }
        await until(page, () => !/is down/.test(document.getElementById('state').textContent));
    }));

    it('a daemon that went, and came back', async () => {
        const stopTalk = startTalk();
        try {
            await run(['--bpf='], async (page) => {
                await untilLive(page);
                const { port } = daemon;
                await daemon.stop();
                await page.waitForSelector('.pill.lost');
                await until(page, () => /out of reach.*Next try in/.test(document.getElementById('state').textContent));
                const old = await page.getAttribute('#n-in b', 'data-ts');
                await look(page, 'disconnected');
                await daemon.start(port);
                await untilLive(page);
                await until(page, (ts) => Number(document.querySelector('#n-in b').dataset.ts) > Number(ts), old);
                assert.equal(await sentence(page).then((text) => text.includes('out of reach')), false);
            }, { expected: REFUSED });
        } finally {
            stopTalk();
        }
    });

    it('a daemon that takes no more pages, until one of them goes', () => run(['--bpf=', '--max-ws=1'], async (page) => {
        await untilLive(page);
        const second = await open(browser, daemon.url, { expected: REFUSED });
        await until(second.page, () => /answers, but this page gets no live stream.*--max-ws/.test(document.getElementById('state').textContent));
        await look(second.page, 'no-stream');
        await page.goto('about:blank');
        // From then on the next try, which may be a quarter of a minute away, is let in.
        for (const end = Date.now() + DEADLINE_MS; (await daemon.get('/api/stats')).clients.ws > 0;) {
            assert.ok(Date.now() < end, 'its place is free');
            await second.page.waitForTimeout(50);
        }
        await untilLive(second.page);
        assert.doesNotMatch(await sentence(second.page), /no live stream/);
        await second.close();
    }));

    it('a daemon that says why it cannot answer', async () => {
        daemon = await new Daemon('--bpf=').start();
        const { page, close } = await open(browser, daemon.url, { expected: REFUSED });
        try {
            await untilLive(page);
            const { port } = daemon;
            await daemon.stop();
            await page.waitForSelector('.pill.lost');
            // What stands where the daemon was, as a proxy does, and has something to say.
            const detail = 'the other side of <b>this proxy</b> is not there';
            const proxy = createServer((_, response) => {
                response.writeHead(502, { 'Content-Type': 'application/problem+json' });
                response.end(JSON.stringify({ title: 'Bad Gateway', status: 502, detail }));
            });
            await new Promise((resolve) => { proxy.listen(port, '127.0.0.1', resolve); });
            try {
                await until(page, (text) => document.getElementById('state').textContent.includes(`cannot answer, the numbers below are old: ${text}`), detail);
                assert.equal(await page.locator('#state b').count(), 0);
            } finally {
                proxy.closeAllConnections();
                await new Promise((resolve) => { proxy.close(resolve); });
            }
            await daemon.start(port);
            await untilLive(page);
        } finally {
            await close();
            await daemon.stop();
        }
    });

    it('seconds that were skipped on the way', async () => {
        daemon = await new Daemon('--bpf=').start();
        const context = await browser.newContext();
        const page = await context.newPage();
        // The daemon's own frames, of which two say what it says to who reads too slowly.
        let slow = false;
        await page.routeWebSocket('**/ws', (socket) => {
            const server = socket.connectToServer();
            server.onMessage((text) => {
                const frame = JSON.parse(text);
                delete frame.skipped;
                const told = slow && frame.type === 'rates';
                slow &&= !told;
                socket.send(JSON.stringify(told ? { ...frame, skipped: 2 } : frame));
            });
        });
        try {
            await page.goto(daemon.url);
            await untilLive(page);
            await until(page, () => !/No traffic/.test(document.getElementById('state').textContent));
            slow = true;
            await until(page, () => /too slow.*2 frames skipped/.test(document.getElementById('state').textContent));
            await look(page, 'lagging');
            await until(page, () => !/too slow/.test(document.getElementById('state').textContent));
        } finally {
            await context.close();
            await daemon.stop();
        }
    });

    it('a second that was shown early, and what came of it skipped', async () => {
        daemon = await new Daemon('--bpf=').start();
        const context = await browser.newContext();
        const page = await context.newPage();
        // The daemon's own frames, of which the first says what was so far: other than what the second will have been.
        let first = null, isSeen = false;
        await page.routeWebSocket('**/ws', (socket) => {
            const server = socket.connectToServer();
            server.onMessage((text) => {
                const frame = JSON.parse(text);
                if (frame.type !== 'rates' || (isSeen && frame.ts !== first))
                    socket.send(text);
                else if (first === null)
                    socket.send(JSON.stringify({ ...frame, partial: true, drops: 7 }));
                first ??= frame.type === 'rates' ? frame.ts : null;
            });
        });
        const drops = (pattern) => until(page, (source) => new RegExp(source).test(document.querySelector('#n-drops small').textContent), pattern);
        try {
            await page.goto(daemon.url);
            await drops('^7 in 60 min');
            isSeen = true;
            await drops('^$');
        } finally {
            await context.close();
            await daemon.stop();
        }
    });

    it('a clock that is set back, and far forward', async () => {
        daemon = await new Daemon('--bpf=').start();
        const stopTalk = startTalk();
        const context = await browser.newContext();
        const page = await context.newPage();
        // The daemon's own seconds under other times, as it would tell them had its clock been set.
        let step = 0, told = '';
        await page.routeWebSocket('**/ws', (socket) => {
            const server = socket.connectToServer();
            server.onMessage((text) => {
                const frame = JSON.parse(text);
                socket.send(JSON.stringify({ ...frame, ts: frame.ts + step }));
                if (told) {
                    socket.send(JSON.stringify({ type: 'events', ts: frame.ts + step, event: 'clock_step', detail: told }));
                    told = '';
                }
            });
        });
        const shown = () => page.getAttribute('#n-in b', 'data-ts').then(Number);
        const over = (second) => page.evaluate((share) => {
            const box = document.querySelector('#strip .u-over').getBoundingClientRect();
            document.querySelector('#strip .u-over').dispatchEvent(new MouseEvent('mousemove', {
                bubbles: true, clientX: box.left + box.width * share, clientY: box.top + 10,
            }));
            return document.getElementById('strip-note').textContent;
        }, 1 - second / 3600);
        try {
            await page.goto(daemon.url);
            await untilLive(page);
            await until(page, () => /peak/.test(document.getElementById('strip-note').textContent));
            const before = await shown();
            [step, told] = [-600_000, 'the wall clock was set back by 600 s'];
            await until(page, (ts) => Number(document.querySelector('#n-in b').dataset.ts) < ts - 500_000, before);
            await until(page, () => /set back by 600 s/.test(document.querySelector('#events li').textContent));
            await until(page, (ts) => Number(document.querySelector('#n-in b').dataset.ts) > ts, await shown());
            assert.match(await over(60), /not measured/, 'the seconds that were later are gone');

            const back = await shown();
            [step, told] = [1_800_000, 'the wall clock was set forward by 2400 s'];
            await until(page, (ts) => Number(document.querySelector('#n-in b').dataset.ts) > ts + 2_000_000, back);
            await until(page, () => /set forward by 2400 s/.test(document.querySelector('#events li').textContent));
            assert.match(await over(1200), /not measured/, 'what the clock jumped over is a gap');
            await look(page, 'clock-step');
        } finally {
            await context.close();
            stopTalk();
            await daemon.stop();
        }
    });

    it('a link of another version: what is understood is used, the rest is said', () => run(['--bpf='], async (page) => {
        await page.evaluate(() => { location.hash = '#unit=pkt%2Fs&colour=red&filter=port%3D70000'; });
        await untilLive(page);
        await until(page, () => /left out: colour, filter/.test(document.getElementById('state').textContent));
        assert.equal(await page.textContent('#unit'), 'pkt/s');
        await look(page, 'notice');
    }));

    it('no interface at all: nothing is measured, and the page goes on', () => run(['--bpf='], async (page) => {
        await untilLive(page);
        ip('link', 'set', IFACE, 'down');
        try {
            await until(page, () => document.querySelector('#n-pps b').textContent === '–');
            // Longer than the page waits for ticks before it says that there are none.
            const gapMs = () => page.evaluate(async () => {
                const { gaps } = await (await fetch('/api/counters?from=-60s')).json();
                return gaps.reduce((sum, gap) => sum + (gap.reason === 'interface_down' ? gap.to - gap.from : 0), 0);
            });
            const deadline = Date.now() + DEADLINE_MS;
            while (await gapMs() < 6000) {
                assert.ok(Date.now() < deadline, 'the gap grows');
                await new Promise((resolve) => { setTimeout(resolve, 200); });
            }
            await until(page, (name) => document.getElementById('state').textContent.includes(`${name} is down`), IFACE);
        } finally {
            ip('link', 'set', IFACE, 'up');
        }
        await until(page, () => !/is down/.test(document.getElementById('state').textContent));
    }));

    it('a link of which the kernel does not tell what super-packets were', async () => {
        const stop = await startHeaderless('ppp9');
        try {
            await run(['--bpf=', '--iface=ppp9'], async (page) => {
                await until(page, () => /super-packets count as 1/.test(document.getElementById('n-trust').textContent));
                await look(page, 'headerless');
            });
        } finally {
            stop();
        }
    });

    it('an interface under another name', () => run(['--bpf='], async (page) => {
        await untilLive(page);
        ip('link', 'set', IFACE, 'name', 'other0');
        try {
            await until(page, () => /^other0/.test(document.getElementById('iface').textContent));
            assert.doesNotMatch(await sentence(page), /gone|down/);
        } finally {
            ip('link', 'set', 'other0', 'name', IFACE);
        }
    }));

    it('a capture file: its own date, and what has no direction', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'netwatch-file-'));
        try {
            writeFileSync(join(folder, 'one.pcap'), onePacket());
            await run([`--read=${join(folder, 'one.pcap')}`], async (page) => {
                await until(page, () => /^FILE 2025-/.test(document.getElementById('pill').textContent));
                await until(page, () => document.querySelector('#events li')?.textContent.includes('end of the file: 1 packet, 28 bytes'));
                await until(page, () => document.querySelector('#n-none b').textContent === '224\u00a0bit/s');
                assert.ok(await page.isVisible('#n-none'));
                for (const viewport of [WIDE, NARROW]) {
                    await resize(page, viewport, 'light');
                    const [pill, unit] = [await page.locator('#pill').evaluate((element) => {
                        const range = document.createRange();
                        range.selectNodeContents(element);
                        return range.getBoundingClientRect().toJSON();
                    }), await page.locator('#unit').boundingBox()];
                    assert.ok(pill.right < unit.x || pill.bottom < unit.y, `${viewport.width} px: the time stands beside the buttons`);
                }
                await look(page, 'file');
            });
        } finally {
            rmSync(folder, { recursive: true });
        }
    });

    it('an interface that is gone, and back', () => run(['--bpf='], async (page) => {
        const { HOST_NAMESPACE: host, PEER_NAMESPACE: peer } = process.env;
        await untilLive(page);
        ip('link', 'set', IFACE, 'netns', peer, 'name', 'away0');
        try {
            await until(page, (name) => document.getElementById('state').textContent.includes(`${name} is gone`), IFACE);
            await until(page, () => /gone/.test(document.querySelector('#iface .amiss').textContent));
            // Seconds go on, hatched, and say why.
            await until(page, () => /not measured: the interface was gone/.test(document.getElementById('chart-note').textContent));
            await look(page, 'interface-gone');
        } finally {
            ip('-n', peer, 'link', 'set', 'away0', 'netns', host, 'name', IFACE);
            configure(host, HOST);
        }
        await until(page, () => !/is gone/.test(document.getElementById('state').textContent));
    }));
});
