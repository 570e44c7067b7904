// Traffic between the two namespaces, small and steady: TCP and UDP over IPv4, IPv6 and a VLAN.
// Run as a script it is the peer's side, which echoes all that it gets.

import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IFACE, PEER } from './world.mjs';

export const VLAN = 100;

const PORTS = { tcp: [443, 8080], udp: [53, 5353] };

async function serve() {
    const listening = [];
    for (const port of PORTS.tcp)
        listening.push(once(net.createServer((socket) => {
            socket.on('error', () => socket.destroy());
            socket.pipe(socket);
        }).listen(port, '::'), 'listening'));
    for (const port of PORTS.udp) {
        const socket = dgram.createSocket('udp6');
        socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
        listening.push(once(socket.bind(port, '::'), 'listening'));
    }
    await Promise.all(listening);
    console.log('ready');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
    await serve();

function talkTcp(address, port, bytes, everyMs) {
    const socket = net.connect(port, address);
    socket.on('error', () => socket.destroy());
    socket.resume();
    const timer = setInterval(() => socket.writable && socket.write(Buffer.alloc(bytes)), everyMs);
    return () => {
        clearInterval(timer);
        socket.destroy();
    };
}

function talkUdp(address, port, bytes, everyMs) {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    const timer = setInterval(() => socket.send(Buffer.alloc(bytes), port, address), everyMs);
    return () => {
        clearInterval(timer);
        socket.close();
    };
}

function inNamespace(namespace, ...command) {
    return spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function started(child, what) {
    return new Promise((resolve, reject) => {
        child.stdout.once('data', resolve);
        child.once('exit', () => reject(new Error(`${what} did not start`)));
    });
}

/** An interface in the host's namespace whose link header only the kernel knows. Returns what ends it. */
export async function startHeaderless(name) {
    const child = spawn('/usr/bin/python3', [fileURLToPath(new URL('headerless.py', import.meta.url)), name],
        { stdio: ['ignore', 'pipe', 'inherit'] });
    await started(child, name);
    return () => child.kill('SIGKILL');
}

/** Tagged frames out of an interface. Returns what ends them. */
export async function startTagged(namespace, iface) {
    const child = inNamespace(namespace, '/usr/bin/python3', fileURLToPath(new URL('tagged.py', import.meta.url)),
        iface, String(VLAN), '10.77.100.2', '10.77.100.1');
    await started(child, 'tagged.py');
    return () => child.kill('SIGKILL');
}

/** The peer's side, and tagged frames from it. Returns what ends them. */
export async function startPeer(namespace) {
    const echo = inNamespace(namespace, process.execPath, fileURLToPath(import.meta.url));
    const [stopTagged] = await Promise.all([startTagged(namespace, IFACE), started(echo, 'the peer')]);
    return () => {
        echo.kill('SIGKILL');
        stopTagged();
    };
}

/** Some forty flows of different weight. Returns what ends them. */
export function startTalk() {
    const ends = [];
    for (let i = 0; i < 12; i++) {
        const weight = 200 * (i + 1);
        ends.push(talkTcp(PEER.v4, PORTS.tcp[i % 2], 4 * weight, 50));
        ends.push(talkUdp(PEER.v4, PORTS.udp[i % 2], 100 + 10 * i, 100));
        if (i % 3 === 0) {
            ends.push(talkTcp(PEER.v6, 443, weight, 100));
            ends.push(talkUdp(PEER.v6, 53, 80, 200));
        }
    }
    const ping = spawn('ping', ['-q', '-i', '0.2', PEER.v4], { stdio: 'ignore' });
    return () => {
        ends.forEach((end) => end());
        ping.kill('SIGKILL');
    };
}

/** As many datagrams as fast as they go, into the peer's namespace. */
export async function flood(count) {
    const socket = dgram.createSocket('udp4');
    const packet = Buffer.alloc(64);
    for (let sent = 0; sent < count; sent += 500)
        await Promise.all(Array.from({ length: 500 }, () =>
            new Promise((resolve) => socket.send(packet, 9, PEER.v4, resolve))));
    socket.close();
}
