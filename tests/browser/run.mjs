// Makes the world and runs the tests inside its `host` namespace; ends the world whatever happens.
//
//     NETWATCH=build/src/netwatchd [SCREENSHOTS=folder] node run.mjs [FILE]
//
// FILE is one of the test files; without it all of them run.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWorld, makeWorld } from './world.mjs';

const world = makeWorld();
const tests = fileURLToPath(new URL(process.argv[2] ?? 'all.mjs', import.meta.url));
const child = spawn('ip', ['netns', 'exec', world.host, process.execPath, '--test-reporter=spec', tests], {
    stdio: 'inherit', env: { ...process.env, HOST_NAMESPACE: world.host, PEER_NAMESPACE: world.peer },
});
for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => child.kill(signal));
child.on('exit', (code) => {
    endWorld(world);
    process.exitCode = code ?? 1;
});
