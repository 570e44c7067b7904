// How much of the main thread one update takes, and whether memory grows: not a test, a ruler.
//
//     NETWATCH=build/src/netwatchd [MINUTES=10] [HEIGHT=900] [VIEW=limit=500&minutes=60]
//         node tests/browser/run.mjs measure.mjs
//
// The page shows what costs most: 500 rows of the flow table and both charts over the whole hour.
// The daemon and its traffic are real; only the hour before its start, which no measurement can
// wait for, is filled by repeating the points that it has measured, so that both charts have
// 3,600 of them.
//
// First a minute of Chromium's trace of its tasks: CPU time of the main thread and the clock's, of
// everything that the page does in a second. Then a shorter and dearer one that tells which kind of
// work it was. Then, untraced, the kernel's account of the thread for as many minutes as wanted,
// and the heap before and after.

import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import { Chromium } from './cdp.mjs';
import { Daemon } from './daemon.mjs';
import { phasesOf, secondsOf } from './trace.mjs';
import { startPeer, startTalk } from './traffic.mjs';
import { PEER } from './world.mjs';

const MINUTES = Number(process.env.MINUTES ?? 10);
/** A laptop's window by default; a higher one has more rows in sight. */
const HEIGHT = Number(process.env.HEIGHT ?? 900);
const VIEW = process.env.VIEW ?? 'limit=500&minutes=60';
const FLOWS = 600;
const HOUR_MS = 3_600_000;
const WARM_UP_S = 15;
const TRACE_S = 60;
const PHASES_S = 20;
const PHASES = ['toplevel', 'devtools.timeline', 'blink', 'cc', 'v8', 'disabled-by-default-v8.gc'];
const MB = 1_000_000;

/** One datagram a second from each of so many ports: flows that stay. */
async function startFlows(count) {
    const sockets = [];
    for (let i = 0; i < count; i++) {
        const socket = dgram.createSocket('udp4');
        socket.on('error', () => {});
        sockets.push(socket);
    }
    const timers = sockets.map((socket, i) => setInterval(() => socket.send(Buffer.alloc(40 + (i % 50) * 20), 53, PEER.v4), 700 + (i % 400)));
    return () => {
        timers.forEach(clearInterval);
        sockets.forEach((socket) => socket.close());
    };
}

function quantile(values, share) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The hour before the daemon's start, filled with copies of its points. */
async function hourOf(daemon) {
    const answer = await daemon.get('/api/counters?from=-60m');
    const { points } = answer;
    const have = new Set(points.map((point) => point.ts));
    const before = [];
    for (let ts = answer.to - HOUR_MS; points.length > 0 && ts < answer.to; ts += 1000)
        if (!have.has(ts))
            before.push({ ...points[(ts / 1000) % points.length], ts });
    return JSON.stringify({ ...answer, points: [...before, ...points], gaps: [] });
}

/** Answers the page's first question with a whole hour, then leaves its requests alone. */
async function serveHour(browser, daemon) {
    browser.on('Fetch.requestPaused', async ({ requestId }) => {
        const body = Buffer.from(await hourOf(daemon)).toString('base64');
        await browser.send('Fetch.fulfillRequest', {
            requestId, responseCode: 200, body, responseHeaders: [{ name: 'Content-Type', value: 'application/json' }],
        });
        await browser.send('Fetch.disable');
    });
    await browser.send('Fetch.enable', { patterns: [{ urlPattern: '*/api/counters?from=-60m' }] });
}

/** The page's process; its first thread is the main one. */
async function rendererOf(browser) {
    const pids = new Set((await browser.trace(1, ['toplevel'])).filter((event) => event.args?.name === 'CrRendererMain').map(({ pid }) => pid));
    const ticks = [...pids].map((pid) => [cpuOf(pid), pid]).sort(([a], [b]) => b - a);
    return ticks[0][1];
}

/** Milliseconds on a CPU, see Documentation/scheduler/sched-stats.rst of the kernel. */
function cpuOf(pid) {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

async function heapOf(browser) {
    await browser.send('HeapProfiler.collectGarbage');
    return (await browser.send('Runtime.getHeapUsage')).usedSize;
}

const said = (values) => `median ${quantile(values, 0.5).toFixed(1)} ms, p95 ${quantile(values, 0.95).toFixed(1)} ms, ` +
    `mean ${(values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1)} ms`;

const stops = [];
try {
    stops.push(await startPeer(process.env.PEER_NAMESPACE));
    const daemon = await new Daemon('--bpf=').start();
    stops.push(() => daemon.stop(), startTalk(), await startFlows(FLOWS));
    const browser = new Chromium();
    stops.push(() => browser.close());
    await wait(5);

    await browser.newPage(1280, HEIGHT);
    await serveHour(browser, daemon);
    await browser.send('Page.navigate', { url: `${daemon.url}#${VIEW}` });
    await browser.until("document.getElementById('pill')?.textContent.startsWith('LIVE')");
    await browser.until("Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 100");
    await wait(WARM_UP_S);
    const shown = await browser.evaluate(`[Number(document.getElementById('flows').getAttribute('aria-rowcount')) - 1,
        document.querySelectorAll('#flows tbody tr[data-id]').length].join(' rows, in the document ')`);
    console.log(`${VIEW}, 1280 × ${HEIGHT}: ${shown}`);

    const traced = secondsOf(await browser.trace(TRACE_S, ['toplevel']));
    console.log(`main thread per update, ${traced.length} of them, CPU: ${said(traced.map(({ cpu }) => cpu))}`);
    console.log(`                          wall: ${said(traced.map(({ wall }) => wall))}`);
    const phases = phasesOf(await browser.trace(PHASES_S, PHASES));
    console.log(`CPU by kind, the trace's own cost in it: ${Object.entries(phases).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', ')} ms a second`);

    const pid = await rendererOf(browser);
    const first = await heapOf(browser);
    const updates = [];
    let last = cpuOf(pid);
    for (let second = 0; second < MINUTES * 60; second++) {
        await wait(1);
        const now = cpuOf(pid);
        updates.push(now - last);
        last = now;
    }
    if (updates.length > 0)
        console.log(`untraced, the kernel's account, ${updates.length} seconds: ${said(updates)}`);
    const end = await heapOf(browser);
    console.log(`heap after collection: ${(first / MB).toFixed(2)} MB at the start, ${(end / MB).toFixed(2)} MB after ${MINUTES} min`);
} finally {
    for (const stop of stops.reverse())
        await stop();
}
