// The way in and out: the form where a token is needed, a wrong one, too many wrong ones, the
// session and its end, in this page and behind its back.

import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { axeFindings, DEADLINE_MS, launch, NARROW, open, screenshot, until, untilLive, WIDE } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';

/** With every key in it that does something elsewhere on the page. */
const TOKEN = 'correct/horse?u+battery=staple';
/** What a browser logs of answers that the tests ask for. */
const REFUSED = /WebSocket|ERR_|Failed to load resource/;

describe('login', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netwatch-token-'));
    let browser, daemon, stopPeer, stopTalk, view, page;
    before(async () => {
        writeFileSync(join(folder, 'token'), `${TOKEN}\n`, { mode: 0o600 });
        stopPeer = await startPeer(process.env.PEER_NAMESPACE);
        daemon = await new Daemon('--bpf=', `--auth-token-file=${join(folder, 'token')}`).start();
        stopTalk = startTalk();
        browser = await launch();
        view = await open(browser, daemon.url, { expected: REFUSED });
        page = view.page;
    });
    after(async () => {
        await browser?.close();
        stopTalk?.();
        stopPeer?.();
        await daemon?.stop();
        rmSync(folder, { recursive: true });
    });

    const asked = () => page.waitForSelector('#login:not([hidden])');
    const said = (pattern) => until(page, (source) => new RegExp(source).test(document.getElementById('login').textContent), pattern.source);
    const enter = async (token) => {
        // The answer to the one before selects what stands there.
        await until(page, () => !document.querySelector('#login button').disabled);
        await page.fill('#token', '');
        await page.type('#token', token);
        assert.equal(await page.inputValue('#token'), token, 'every key is a letter here');
        await page.press('#token', 'Enter');
    };

    it('asks for the token, and shows nothing without it', async () => {
        await asked();
        await said(/only to who has its token/);
        assert.equal(await page.textContent('#pill'), 'token needed');
        assert.ok(await page.isHidden('#page') && await page.isHidden('#filter') && await page.isHidden('#logout'));
        assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
    });

    it('acts on nothing that it does not show', async () => {
        await page.evaluate(() => document.activeElement.blur());
        const { hash } = new URL(page.url());
        for (const key of ['u', 'c', ' ', '/'])
            await page.keyboard.press(key);
        assert.equal(new URL(page.url()).hash, hash);
        assert.equal(await page.getAttribute('#columns', 'open'), null);
        assert.equal(await page.textContent('#said'), '', 'the table was not frozen');
        await page.keyboard.press('?');
        await page.waitForSelector('#keys[open]');
        await page.keyboard.press('Escape');
    });

    for (const colorScheme of ['light', 'dark'])
        for (const viewport of [WIDE, NARROW])
            it(`is for everyone: ${colorScheme}, ${viewport.width} px`, async () => {
                const other = await open(browser, daemon.url, { colorScheme, viewport, expected: REFUSED });
                await other.page.waitForSelector('#login:not([hidden])');
                await screenshot(other.page, `login-${viewport.width}-${colorScheme}`);
                assert.deepEqual(await axeFindings(other.page), []);
                await other.page.fill('#token', 'not-it');
                await other.page.press('#token', 'Enter');
                await other.page.waitForSelector('#token[aria-invalid="true"]');
                assert.deepEqual(await axeFindings(other.page), []);
                await other.close();
            });

    it('says that a token is wrong', async () => {
        await enter('wrong');
        await said(/not this daemon.s token/);
    });

    it('says how long to wait after too many wrong ones, and lets in then', async () => {
        const guess = (token = 'guess') => fetch(new URL('/login', daemon.url), {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }),
        });
        // Somebody else goes on guessing for as long as it takes this page to be refused.
        let refused = null;
        const guessing = setInterval(() => guess().then((answer) => { refused = answer.status === 429 ? answer : refused; }), 20);
        // What the form says for a second is not missed when it is looked at later.
        await page.evaluate(() => {
            const panel = document.getElementById('login');
            const note = () => { panel.dataset.told ||= panel.querySelector('button').disabled ? /Too many wrong tokens .* in \d+ s/.exec(panel.textContent)?.[0] ?? '' : ''; };
            new MutationObserver(note).observe(panel, { subtree: true, childList: true, characterData: true });
        });
        try {
            const end = Date.now() + DEADLINE_MS;
            while (!refused && Date.now() < end)
                await page.waitForTimeout(20);
            assert.ok(Number(refused?.headers.get('Retry-After')) >= 1);
            // One that comes just when the daemon takes another is only wrong.
            const answer = () => page.waitForResponse((response) => response.url().endsWith('/login'));
            for (let status = 0; status !== 429;) {
                assert.ok(Date.now() < end, `refused with ${status}`);
                [{ status }] = await Promise.all([answer().then((response) => ({ status: response.status() })), enter('guess')]);
            }
            await until(page, () => document.getElementById('login').dataset.told);
        } finally {
            clearInterval(guessing);
        }
        await until(page, () => !document.querySelector('#login button').disabled);
        // Until the last of those guesses is long enough ago for the right token, too.
        for (const end = Date.now() + DEADLINE_MS; (await guess(TOKEN)).status !== 204;) {
            assert.ok(Date.now() < end, 'kept out for ever');
            await page.waitForTimeout(100);
        }
    });

    it('lets in with the token, and stays in after a reload', async () => {
        await enter(TOKEN);
        await untilLive(page);
        assert.ok(await page.isHidden('#login') && await page.isVisible('#page') && await page.isVisible('#logout'));
        assert.equal(await page.evaluate(() => document.activeElement.id), 'page', 'the keyboard goes on where the traffic is');
        await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 5);
        assert.equal(await page.inputValue('#token'), '');
        assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees the cookie');
        assert.match(await page.textContent('#curl code'), /Authorization: Bearer \$TOKEN/);
        assert.ok(!await page.evaluate((token) => location.href.includes(token), TOKEN));
        await page.reload();
        await untilLive(page);
    });

    it('logs out, and takes what was shown off the page', async () => {
        await page.click('#logout');
        await asked();
        await said(/You are logged out/);
        await until(page, () => document.querySelectorAll('#flows tbody tr[data-id]').length === 0);
        assert.equal(await page.textContent('#n-in b'), '–');
        assert.equal(await page.textContent('#iface'), '');
        assert.equal(await page.getAttribute('#iface', 'title'), '');
        assert.ok(await page.isHidden('#page') && await page.isHidden('#logout'));
        await page.reload();
        await said(/only to who has its token/);
    });

    it('notices a session that was ended elsewhere, by the close of its stream', async () => {
        await enter(TOKEN);
        await untilLive(page);
        const cookies = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
        const answer = await fetch(new URL('/logout', daemon.url), { method: 'POST', headers: { Cookie: cookies } });
        assert.equal(answer.status, 204);
        await asked();
        await said(/session has ended/);
        await screenshot(page, 'login-expired');
        assert.deepEqual(await axeFindings(page), []);
    });

    it('notices a session that is over while the page is open', async () => {
        await enter(TOKEN);
        await untilLive(page);
        // As the browser does at the end of the cookie's life; the stream, opened before, goes on.
        await page.context().clearCookies();
        await asked();
        await said(/session has ended/);
        assert.equal(await page.textContent('#pill'), 'token needed');
        assert.ok(await page.isHidden('#logout') && await page.isHidden('#page'));
    });

    it('notices a session that a restart has ended, and goes on after the token', async () => {
        await enter(TOKEN);
        await untilLive(page);
        const { port } = daemon;
        await daemon.stop();
        await page.waitForSelector('.pill.lost');
        await daemon.start(port);
        await asked();
        await said(/session has ended/);
        await enter(TOKEN);
        await untilLive(page);
    });

    it('offers the way out to who came in by a session, whatever the browser remembers', async () => {
        await page.evaluate(() => localStorage.clear());
        await page.reload();
        await untilLive(page);
        await page.waitForSelector('#logout:not([hidden])');
        const open = await new Daemon('--bpf=').start();
        try {
            const other = await page.context().newPage();
            await other.goto(open.url);
            await untilLive(other);
            assert.ok(await other.isHidden('#logout'), 'a daemon without a token has no session');
        } finally {
            await open.stop();
        }
    });

    it('comes without a fault', async () => {
        await view.close();
    });
});
