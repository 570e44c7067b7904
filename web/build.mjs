// Builds what the daemon serves: one script, one style sheet, the page and its icon, each beside
// its gzipped twin. Installs the packages that the lock file names where they are not there yet.
//
//     node build.mjs --out DIR [--depfile FILE --target NAME]
//
// The dependency file tells ninja which sources went in, so that no list has to be kept.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const BUDGET = 60 * 1000;
const here = dirname(fileURLToPath(import.meta.url));

const { values: args } = parseArgs({
    options: { out: { type: 'string' }, depfile: { type: 'string' }, target: { type: 'string' } },
});

// npm leaves its own copy of the lock file behind: where that is newer, it has done its work.
function installPackages() {
    const changed = (file) => statSync(join(here, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changed('node_modules/.package-lock.json') >= changed('package-lock.json'))
        return;
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
    execFileSync('npm', ['ci', ...quiet], { cwd: here, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function bundle(out) {
    const { build } = await import('esbuild');
    const result = await build({
        absWorkingDir: here,
        entryPoints: { app: 'src/main.ts' },
        outdir: out,
        bundle: true, minify: true, metafile: true,
        format: 'iife', target: ['chrome123', 'firefox120', 'safari17.5'], charset: 'utf8', legalComments: 'none', logLevel: 'warning',
    });
    return Object.keys(result.metafile.inputs);
}

function copyStatic(out) {
    const html = readFileSync(join(here, 'src/index.html'), 'utf8').replace(/^\s+/gm, '');
    writeFileSync(join(out, 'index.html'), html);
    writeFileSync(join(out, 'icon.svg'), readFileSync(join(here, 'src/icon.svg')));
}

// As gzip -9n: no name, no time, so that the same sources give the same bytes.
function compress(out) {
    let sum = 0;
    for (const name of ['index.html', 'app.js', 'app.css', 'icon.svg']) {
        const plain = readFileSync(join(out, name));
        const packed = gzipSync(plain, { level: 9 });
        writeFileSync(join(out, `${name}.gz`), packed);
        sum += packed.length;
        console.log(`${name.padEnd(12)} ${String(plain.length).padStart(8)} B, gzipped ${String(packed.length).padStart(6)} B`);
    }
    console.log(`${'all'.padEnd(12)} ${' '.repeat(11)} gzipped ${String(sum).padStart(6)} B of ${BUDGET}`);
    if (sum > BUDGET)
        throw new Error('the page is larger than it may be');
}

function writeDepfile(inputs) {
    const files = [...inputs, 'src/index.html', 'src/icon.svg', 'package-lock.json', 'build.mjs']
        .map((file) => relative(process.cwd(), resolve(here, file)).replaceAll(' ', '\\ '));
    writeFileSync(args.depfile, `${args.target}: ${files.join(' ')}\n`);
}

installPackages();
if (args.out) {
    const out = resolve(args.out);
    mkdirSync(out, { recursive: true });
    const inputs = await bundle(out);
    copyStatic(out);
    compress(out);
    if (args.depfile)
        writeDepfile(inputs);
}
