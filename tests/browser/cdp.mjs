// Chromium over its debugging pipe, and nothing else: a test library listens to every request and
// frame of the page, which costs the page's own thread. For what is measured, not for what is tested.
//
// Messages are JSON, each ended by a NUL, on the child's file descriptors 3 (to it) and 4 (from it):
// https://chromedevtools.github.io/devtools-protocol/

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARGS, CHROMIUM } from './browser.mjs';

export class Chromium {
    #folder = mkdtempSync(join(tmpdir(), 'netwatch-chromium-'));
    #process;
    #last = 0;
    #answers = new Map();
    #listeners = [];
    #session;

    constructor() {
        this.#process = spawn(CHROMIUM, [...ARGS, '--remote-debugging-pipe', `--user-data-dir=${this.#folder}`, 'about:blank'],
            { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
        let text = '';
        this.#process.stdio[4].setEncoding('utf8').on('data', (chunk) => {
            const messages = (text + chunk).split('\0');
            text = messages.pop();
            messages.forEach((message) => this.#take(JSON.parse(message)));
        });
    }

    #take({ id, method, params, result, error }) {
        if (id === undefined) {
            this.#listeners.filter((each) => each.method === method).forEach((each) => each.run(params));
            return;
        }
        const { resolve, reject } = this.#answers.get(id);
        this.#answers.delete(id);
        if (error)
            reject(new Error(error.message));
        else
            resolve(result);
    }

    /** To the page, once there is one; before that to the browser. */
    send(method, params = {}) {
        const id = ++this.#last;
        this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, ...(this.#session ? { sessionId: this.#session } : {}) })}\0`);
        return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
    }

    on(method, run) {
        this.#listeners.push({ method, run });
    }

    async newPage(width, height) {
        const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
        this.#session = (await this.send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
        await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    }

    async evaluate(expression) {
        const { result } = await this.send('Runtime.evaluate', { expression, returnByValue: true });
        return result.value;
    }

    /** Waits until an expression is true in the page. */
    async until(expression, timeoutMs = 20_000) {
        for (const end = Date.now() + timeoutMs; Date.now() < end;) {
            if (await this.evaluate(expression))
                return;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`never true: ${expression}`);
    }

    /** What the page's threads do in so many seconds, as trace events. */
    async trace(seconds, categories) {
        const events = [];
        this.#listeners = this.#listeners.filter((each) => !each.method.startsWith('Tracing.'));
        this.on('Tracing.dataCollected', ({ value }) => events.push(...value));
        await this.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: categories } });
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
        const complete = new Promise((resolve) => this.on('Tracing.tracingComplete', resolve));
        await this.send('Tracing.end');
        await complete;
        return events;
    }

    async close() {
        const gone = once(this.#process, 'exit');
        this.#process.kill('SIGTERM');
        await gone;
        // Its helpers may still be writing there for a moment.
        rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
}
