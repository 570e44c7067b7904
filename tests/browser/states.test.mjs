// Every state of the page says what it is: no traffic, drops, silence, a link that is down, a daemon
// that went and came back, a token that is needed.

import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { axeFindings, launch, NARROW, open, screenshot, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { flood, startPeer, startTalk } from './traffic.mjs';
import { IFACE, ip } from './world.mjs';

const REFUSED = /WebSocket|ERR_|Failed to load resource/;

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
        } finally {
            await view.close();
            await daemon.stop();
        }
    }

    /** Every state is for everyone. */
    async function look(page, name) {
        await screenshot(page, name);
        assert.deepEqual(await axeFindings(page), [], name);
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
        daemon.signal('SIGSTOP');
        await flood(20_000);
        await until(page, () => document.querySelector('.pill').textContent === 'no ticks');
        await screenshot(page, 'silent');
        daemon.signal('SIGCONT');
        await until(page, () => /in 60 min/.test(document.querySelector('#n-drops small').textContent));
        await untilLive(page);
        const { points } = await daemon.get('/api/counters');
        const dropped = points.reduce((sum, point) => sum + point.drops, 0);
        assert.ok(dropped > 0);
        assert.equal((await page.textContent('#n-drops small')).split(' in ')[0].replace(/[^\d]/g, ''), String(dropped));
        await until(page, () => document.querySelector('#events .loss') !== null);
        await look(page, 'drops');
    }));

    it('an interface that is down, and up again', () => run(['--bpf='], async (page) => {
        await untilLive(page);
        ip('link', 'set', IFACE, 'down');
        try {
            await until(page, (name) => document.getElementById('state').textContent.includes(`${name} is down`), IFACE);
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
                assert.match(await sentence(page), /out of reach.*Next try in/);
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

    it('a token that is needed', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'netwatch-token-'));
        writeFileSync(join(folder, 'token'), 'correct-horse-battery-staple\n', { mode: 0o600 });
        try {
            await run([`--auth-token-file=${join(folder, 'token')}`], async (page) => {
                await until(page, () => document.querySelector('.pill').textContent === 'token needed');
                assert.match(await sentence(page), /wants its token/);
                await look(page, 'token-needed');
            }, { expected: REFUSED, viewport: NARROW });
        } finally {
            rmSync(folder, { recursive: true });
        }
    });
});
