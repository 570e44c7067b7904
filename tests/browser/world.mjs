// Two network namespaces with a cable between them: `host`, where the daemon, the browser and
// the tests live, and `peer`, which talks to it. Nothing else is reachable from either.
//
//     host  veth0  10.77.0.1/24  2001:db8:77::1/64
//     peer  veth0  10.77.0.2/24  2001:db8:77::2/64

import { execFileSync } from 'node:child_process';

export const HOST = { v4: '10.77.0.1', v6: '2001:db8:77::1' };
export const PEER = { v4: '10.77.0.2', v6: '2001:db8:77::2' };
export const IFACE = 'veth0';

export function ip(...args) {
    return execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/** Gives the cable's end in a namespace its addresses; one that has moved between namespaces has lost them. */
export function configure(namespace, { v4, v6 }) {
    const inside = (...args) => ip('-n', namespace, ...args);
    inside('link', 'set', 'lo', 'up');
    inside('link', 'set', IFACE, 'up');
    inside('addr', 'add', `${v4}/24`, 'dev', IFACE);
    inside('addr', 'add', `${v6}/64`, 'dev', IFACE, 'nodad');
}

export function makeWorld() {
    const world = { host: `nw-web-${process.pid}-h`, peer: `nw-web-${process.pid}-p` };
    try {
        ip('netns', 'add', world.host);
        ip('netns', 'add', world.peer);
        ip('link', 'add', IFACE, 'netns', world.host, 'type', 'veth', 'peer', 'name', IFACE, 'netns', world.peer);
        configure(world.host, HOST);
        configure(world.peer, PEER);
    } catch (error) {
        endWorld(world);
        throw error;
    }
    return world;
}

/** Also ends the cable. What is not there is no reason to fail. */
export function endWorld(world) {
    for (const namespace of [world.host, world.peer]) {
        try {
            ip('netns', 'del', namespace);
        } catch {
            // Never made, or gone already.
        }
    }
}
