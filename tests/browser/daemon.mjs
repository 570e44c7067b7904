// The built daemon, run inside this namespace. Its address is on its standard output or error.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { IFACE } from './world.mjs';

const START_MS = 30_000;
/** Below those that the kernel gives to connections, so that one of them can be had again after a stop. */
let lastPort = 20_000;

export class Daemon {
    #process = null;
    #options;
    url = '';
    log = '';

    /** Of the test's interface, or of what the options say to read. */
    constructor(...options) {
        const source = options.some((option) => option.startsWith('--read=')) ? [] : [`--iface=${IFACE}`];
        this.#options = [...source, '--memory=128M', ...options];
    }

    /** Resolves once it says where it listens. With a port given it can be started again. */
    async start(port = ++lastPort) {
        this.#process = spawn(process.env.NETWATCH, [...this.#options, `--bind=127.0.0.1:${port}`], {
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.url = await new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`the daemon did not start:\n${this.log}`)), START_MS);
            const read = (chunk) => {
                this.log += chunk;
                const url = /http:\/\/[^\s]+/.exec(this.log)?.[0];
                if (url) {
                    clearTimeout(timer);
                    resolve(url);
                }
            };
            this.#process.stdout.on('data', read);
            this.#process.stderr.on('data', read);
            this.#process.once('exit', (code) => reject(new Error(`the daemon ended with ${code}:\n${this.log}`)));
        });
        return this;
    }

    get port() {
        return Number(new URL(this.url).port);
    }

    signal(name) {
        this.#process.kill(name);
    }

    async stop() {
        const process = this.#process;
        this.#process = null;
        if (!process || process.exitCode !== null || process.signalCode !== null)
            return;
        process.kill('SIGCONT');
        process.kill('SIGTERM');
        const timer = setTimeout(() => process.kill('SIGKILL'), 5000);
        await once(process, 'exit');
        clearTimeout(timer);
    }

    async get(path) {
        const response = await fetch(new URL(path, this.url));
        if (!response.ok)
            throw new Error(`${path}: ${response.status} ${await response.text()}`);
        return response.json();
    }
}
