// How much of the main thread one update takes, and whether memory grows: not a test, a ruler.
//
//     NETWATCH=build/src/netwatchd [MINUTES=10] [HEIGHT=900] node tests/browser/run.mjs measure.mjs
//
// The page shows what costs most: 500 rows of the flow table and both charts over the whole hour.
// The daemon and its traffic are real; only the hour before its start, which no measurement can
// wait for, is filled by repeating the points that it has measured, so that both charts have
// 3,600 of them. Chromium's own count of the main thread's task time is read once a second:
// script, style, layout and paint of one update, answers parsed and all.

import dgram from 'node:dgram';
import { launch, open, until, untilLive } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { startPeer, startTalk } from './traffic.mjs';
import { PEER } from './world.mjs';

const MINUTES = Number(process.env.MINUTES ?? 10);
/** A laptop's window by default; a higher one has more rows in sight. */
const HEIGHT = Number(process.env.HEIGHT ?? 900);
const FLOWS = 600;
const HOUR_MS = 3_600_000;
const WARM_UP_S = 15;

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

/** The hour before the daemon's start, filled with copies of its points. */
async function fillHour(route) {
    const response = await route.fetch();
    const answer = await response.json();
    const { points } = answer;
    const have = new Set(points.map((point) => point.ts));
    const before = [];
    for (let ts = answer.to - HOUR_MS; points.length > 0 && ts < answer.to; ts += 1000)
        if (!have.has(ts))
            before.push({ ...points[(ts / 1000) % points.length], ts });
    await route.fulfill({ response, json: { ...answer, points: [...before, ...points], gaps: [] } });
}

function quantile(values, share) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const MB = 1_000_000;
const stops = [];
try {
    stops.push(await startPeer(process.env.PEER_NAMESPACE));
    const daemon = await new Daemon('--bpf=').start();
    stops.push(() => daemon.stop(), startTalk(), await startFlows(FLOWS));
    const browser = await launch();
    stops.push(() => browser.close());
    await new Promise((resolve) => setTimeout(resolve, 5000));

    const { page } = await open(browser, 'about:blank');
    await page.setViewportSize({ width: 1280, height: HEIGHT });
    await page.route('**/api/counters?from=-60m', fillHour);
    await page.goto(`${daemon.url}#limit=500&minutes=60`);
    await untilLive(page);
    await until(page, () => Number(document.getElementById('flows').getAttribute('aria-rowcount')) > 500);
    await page.waitForTimeout(WARM_UP_S * 1000);

    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    const read = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
    const heap = async () => {
        await cdp.send('HeapProfiler.collectGarbage');
        return (await read()).JSHeapUsedSize;
    };

    const first = await heap();
    const updates = [], scripts = [];
    let last = await read();
    for (let second = 0; second < MINUTES * 60; second++) {
        await page.waitForTimeout(1000);
        const now = await read();
        updates.push((now.TaskDuration - last.TaskDuration) * 1000);
        scripts.push((now.ScriptDuration - last.ScriptDuration) * 1000);
        last = now;
    }
    const end = await heap();
    const shown = await page.evaluate(() => ({
        rows: Number(document.getElementById('flows').getAttribute('aria-rowcount')) - 1,
        drawn: document.querySelectorAll('#flows tbody tr[data-id]').length,
    }));
    console.log(`rows ${shown.rows}, of which ${shown.drawn} in sight; two charts of 3600 points; ${updates.length} updates`);
    console.log(`main thread per update, CPU: median ${quantile(updates, 0.5).toFixed(1)} ms, p95 ${quantile(updates, 0.95).toFixed(1)} ms, most ${Math.max(...updates).toFixed(1)} ms; of which script ${quantile(scripts, 0.5).toFixed(1)} ms`);
    console.log(`heap after collection: ${(first / MB).toFixed(2)} MB at the start, ${(end / MB).toFixed(2)} MB after ${MINUTES} min`);
} finally {
    for (const stop of stops.reverse())
        await stop();
}
