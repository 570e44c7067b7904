// The page's modules that know no document: numbers, filter, fragment, seconds, steps, sparks, order.

import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const web = new URL('../../web/', import.meta.url);
const require = createRequire(new URL('package.json', web));
const NBSP = '\u00a0';
const NAMES = ['format', 'filter', 'fragment', 'seconds', 'steps', 'sparks', 'order'];

async function bundled(folder) {
    await require('esbuild').build({
        absWorkingDir: fileURLToPath(web), outdir: folder, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm',
        entryPoints: NAMES.map((name) => `src/${name}.ts`),
    });
    const modules = await Promise.all(NAMES.map((name) => import(pathToFileURL(join(folder, `${name}.mjs`)).href)));
    return Object.assign({}, ...modules);
}

const tcp = (value) => ({ tcp: value, udp: 0, icmp: 0, other: 0 });

function tell(seconds, second, bps, drops = 0) {
    seconds.putRates({
        ts: second * 1000, bps, pps: 10, drops, new_flows: 0, active_flows: 1,
        by_proto: tcp(bps), in_by_proto: tcp(bps * 0.5), out_by_proto: tcp(bps * 0.25),
        by_proto_pps: tcp(10), in_by_proto_pps: tcp(7), out_by_proto_pps: tcp(3),
    });
}

/** Steps as plain lists, to be compared. */
const plain = ({ from, step, count, measured, drops, columns }) => ({
    from, step, count, measured: [...measured], drops: [...drops],
    columns: [...columns].map(([name, { mean, min, max }]) => [name, [...mean], [...min], [...max]]),
});

describe('modules', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netwatch-web-'));
    let m;
    before(async () => { m = await bundled(folder); });
    after(() => rmSync(folder, { recursive: true }));

    it('writes three significant digits and a unit', () => {
        const cases = [
            [0, '0 bit/s'], [1, '1 bit/s'], [999, '999 bit/s'], [1000, '1.00 kbit/s'], [9994, '9.99 kbit/s'], [9996, '10.0 kbit/s'], [61234, '61.2 kbit/s'], [999499, '999 kbit/s'], [999500, '1.00 Mbit/s'], [412612345, '413 Mbit/s'],
            [1.5e18, '1.50 Ebit/s'],
        ];
        for (const [value, text] of cases)
            assert.equal(m.si(value, 'bit/s'), text.replace(' ', NBSP), String(value));
        assert.equal(m.siShort(200e6, 'bit/s'), `200${NBSP}Mbit/s`);
        assert.equal(m.siShort(1.5e6, 'bit/s'), `1.5${NBSP}Mbit/s`);
        assert.equal(m.rate(800, 3, 'B/s'), `100${NBSP}B/s`);
        assert.equal(m.rate(800, 3, 'pkt/s'), `3${NBSP}pkt/s`);
    });

    it('never calls a part all of it', () => {
        assert.equal(m.percent(1), `100${NBSP}%`);
        assert.equal(m.percent(0.9999), `> 99${NBSP}%`);
        assert.equal(m.percent(0.0001), `< 0.1${NBSP}%`);
        assert.equal(m.percent(0), `0${NBSP}%`);
    });

    it('says how much more the interface has than what was seen', () => {
        const cases = [[0, 1000, '='], [10, 1010, '+1.0 %'], [-20, 1980, '−1.0 %'], [1, 100_001, '< +0.1 %'], [500, 1000, '+100 %'], [12_950, 13_052, '× 128'], [13_000, 13_000, '+13.0 kpkt']];
        for (const [unseen, passed, text] of cases)
            assert.equal(m.beside(unseen, passed).replaceAll(NBSP, ' '), `interface ${text}`);
    });

    it('names times, endpoints and flags', () => {
        assert.equal(m.span(59_999), `59${NBSP}s`);
        assert.equal(m.span(184_000), `3${NBSP}min 4${NBSP}s`);
        assert.equal(m.span(7_500_000), `2${NBSP}h 5${NBSP}min`);
        assert.equal(m.endpoint('2001:db8::1', 443), '[2001:db8::1]:443');
        assert.equal(m.endpoint('10.0.0.1', 0), '10.0.0.1:0');
        assert.deepEqual(m.tcpFlags(0x12), { text: 'SA', title: 'SYN ACK' });
    });

    it('reads a filter, named or not', () => {
        const read = (text) => m.parseFilter(text).filter;
        assert.deepEqual(read('ip=10.0.0.0/24 port=443 tcp'), { ip: '10.0.0.0/24', port: '443', proto: 'tcp' });
        assert.deepEqual(read('2001:db8::/32 and 53 UDP ended'), { ip: '2001:db8::/32', port: '53', proto: 'udp', state: 'ended' });
        assert.deepEqual(read('proto=gre vlan=4095 iface=Eth0'), { proto: 'gre', vlan: '4095', iface: 'Eth0' });
        assert.deepEqual(read('   '), {});
        assert.equal(m.filterText(read('tcp 443')), 'port=443 proto=tcp');
    });

    it('says where a filter is wrong', () => {
        const error = (text) => m.parseFilter(text).error;
        assert.equal(error('tcp port=70000').pos, 9);
        assert.match(error('tcp port=70000').message, /0 to 65535/);
        assert.equal(error('ip=10.0.0.1 ip=10.0.0.2').pos, 12);
        assert.match(error('<b>').message, /none of/);
        assert.match(error('colour=red').message, /cannot be filtered/);
        assert.equal(error('port=80,!443').pos, 8);
        assert.match(error('port=80,!443').message, /all of the values/);
        assert.match(error('port=1,2,3,4,5,6,7,8,9').message, /at most 8/);
        assert.equal(error('tcp ip=10.0.0.300').pos, 7);
        assert.match(error('ip=10.0.0.0/33').message, /network/);
        assert.match(error('state=!active').message, /active, ended or all/);
    });

    it('finds the word that the daemon refuses', () => {
        assert.equal(m.positionOf('tcp ip=10.0.0.1', 'ip'), 4);
        assert.equal(m.positionOf('443 and udp', 'proto'), 8);
        assert.equal(m.positionOf('443', 'vlan'), 3);
    });

    it('reads lists and their opposite', () => {
        assert.deepEqual(m.parseFilter('80,443 proto=!udp,!icmp').filter, { port: '80,443', proto: '!udp,!icmp' });
        assert.deepEqual(m.parseFilter('!tcp').filter, { proto: '!tcp' });
    });

    it('shows only what was clicked, or all but that', () => {
        const port = (value) => ({ key: 'port', value });
        assert.deepEqual(m.only({ port: '80,443', proto: 'tcp' }, [port('443')]), { port: '443', proto: 'tcp' });
        assert.deepEqual(m.without({}, port('53')), { port: '!53' });
        assert.deepEqual(m.without({ port: '!53' }, port('22')), { port: '!53,!22' });
        assert.deepEqual(m.without({ port: '!53' }, port('53')), { port: '!53' });
        assert.deepEqual(m.without({ port: '80,443' }, port('80')), { port: '443' });
        assert.deepEqual(m.without({ port: '443' }, port('443')), { port: '!443' });
        assert.match(m.without({ port: '443' }, port('51000')), /already selects/);
        assert.match(m.without({ port: '!1,!2,!3,!4,!5,!6,!7,!8' }, port('9')), /at most 8/);
        assert.match(m.without({}, { key: 'state', value: 'ended' }), /cannot be excluded/);
    });

    it('keeps a view in the fragment, and drops what it does not know', () => {
        const text = '#filter=ip%3D10.0.0.1&sort=bytes&unit=pkt%2Fs&minutes=60';
        const { view, dropped } = m.readFragment(text);
        assert.deepEqual([view.filter.ip, view.sort, view.unit, view.minutes, dropped], ['10.0.0.1', 'bytes', 'pkt/s', 60, []]);
        assert.deepEqual(m.readFragment(m.writeFragment(view)).view, view);
        const stranger = m.readFragment('#unit=furlongs&__proto__=1&minutes=7&dir=asc&filter=%3Cscript%3E');
        assert.deepEqual(stranger.dropped, ['unit', '__proto__', 'minutes', 'filter']);
        assert.equal(stranger.view.dir, 'asc');
        assert.equal(m.writeFragment(m.readFragment('').view), '');
        assert.deepEqual(m.readFragment('#hide=').view.hide, []);
        assert.equal(m.writeFragment(m.readFragment('#hide=').view), '#hide=');
        assert.deepEqual(m.readFragment('#hide=vlan.colour').dropped, ['hide']);
        assert.deepEqual(m.readFragment('#sort=nonsense&dir=asc').dropped, ['sort'], 'what the daemon would refuse is not asked');
        const twice = m.readFragment('#sort=bytes&sort=packets');
        assert.deepEqual([twice.view.sort, twice.dropped], ['bytes', ['sort']]);
    });

    it('says what it dropped in one sentence, whatever was in the link', () => {
        assert.equal(m.droppedText([]), null);
        assert.equal(m.droppedText(['unit', '', 'unit']), 'Not understood in this link, and left out: unit, (nothing).');
        const long = m.droppedText(['a'.repeat(20_000), ...Array.from({ length: 1000 }, (_, i) => `key${i}`)]);
        assert.ok(long.length < 300 && long.includes('aaa…') && long.endsWith('and 995 more.'), long);
    });

    it('holds an hour of seconds, told once or twice or never', () => {
        const seconds = new m.Seconds();
        tell(seconds, 10_000, 100);
        tell(seconds, 10_000, 300);
        tell(seconds, 10_002, 500, 7);
        assert.equal(seconds.get('bps', 10_000), 300);
        assert.ok(Number.isNaN(seconds.get('bps', 10_001)), 'a second never told is not zero');
        const { steps } = new m.Stepped(seconds, ['bps', 'none.tcp.bps', 'none.pps']).take(10_001, 10_007, 5);
        const bps = m.spreadOf(steps, 'bps');
        assert.deepEqual([steps.from, steps.count, [...steps.measured], [...steps.drops]], [10_000, 2, [2, 0], [7, 0]]);
        assert.deepEqual([bps.mean[0], bps.min[0], bps.max[0], bps.mean[1]], [400, 300, 500, NaN]);
        assert.equal(m.spreadOf(steps, 'none.tcp.bps').mean[0], 100, 'what has no direction is the rest');
        assert.equal(m.spreadOf(steps, 'none.pps').mean[0], 0);
        const way = { in_by_proto: tcp(0), out_by_proto: tcp(0), in_by_proto_pps: tcp(0), out_by_proto_pps: tcp(0), drops: 0 };
        const lone = new m.Seconds();
        lone.putRates({ ...way, ts: 10_000_000, bps: 480, pps: 1, by_proto: tcp(480), by_proto_pps: tcp(1) });
        assert.equal(lone.get('none.pps', 10_000), 1, 'also where it is a single packet');
        lone.putRates({ ...way, ts: 10_001_000, bps: 2, pps: 1, by_proto: tcp(2), by_proto_pps: tcp(1) });
        assert.deepEqual([lone.get('none.bps', 10_001), lone.get('none.pps', 10_001)], [0, 0], 'what rounding leaves is no packet');
        assert.deepEqual([10_004, 10_005, 10_010, 9_999, null].map((second) => m.stepAt(steps, second)), [0, 1, -1, -1, -1]);
        tell(seconds, 13_600, 1);
        assert.ok(!seconds.has(10_000), 'an hour later its place is taken');
        assert.equal(seconds.sum('drops', 10_000, 13_601), 7);
    });

    it('sums up anew only the steps that a second changed, and moves the others', () => {
        const seconds = new m.Seconds();
        const kept = new m.Stepped(seconds, ['bps', 'in.pps']);
        const take = (stepped, to) => stepped.take(to - 600, to, 4);
        // Told in order, twice, late, not at all: the same sums as from the beginning.
        let second = 100_000, told = 0;
        for (const skip of [1, 1, 1, 0, 1, 3, 1, -2, 3, 1, 1, 9, 1, 1, -1, 2, 700, 1, 1]) {
            second += skip;
            tell(seconds, second, 100 * ++told, told % 3);
            const to = Math.ceil((seconds.newest + 1) / 4) * 4;
            const { steps } = take(kept, to);
            assert.deepEqual(plain(steps), plain(take(new m.Stepped(seconds, ['bps', 'in.pps']), to).steps), `second ${second}`);
        }
        const to = Math.ceil((seconds.newest + 1) / 4) * 4;
        assert.equal(take(kept, to).first, 150, 'nothing is another');
        tell(seconds, to - 6, 1);
        assert.equal(take(kept, to).first, 148);
        const later = take(kept, to + 4);
        assert.deepEqual([later.first, later.moved], [149, 1]);
    });

    it('follows a clock that is set back, and one that jumps forward', () => {
        const seconds = new m.Seconds(), sparks = new m.Sparks();
        const stepped = new m.Stepped(seconds, ['bps']);
        const bps = (from, to) => [...m.spreadOf(stepped.take(from, to, 1).steps, 'bps').mean];
        for (let second = 5000; second < 5010; second++)
            tell(seconds, second, second);
        assert.deepEqual(bps(5006, 5010), [5006, 5007, 5008, 5009]);
        seconds.turnBack(5007);
        assert.equal(seconds.newest, 5006);
        tell(seconds, 5007, 1);
        assert.deepEqual(bps(5006, 5010), [5006, 1, NaN, NaN], 'the newest second that bears a time has it; later ones are gone');
        seconds.turnBack(1000);
        assert.ok(Number.isNaN(seconds.newest), 'before all that is held, nothing is');
        tell(seconds, 1000, 2);
        tell(seconds, 2_000_000_000, 3);
        assert.deepEqual(bps(1_999_999_998, 2_000_000_001), [NaN, NaN, 3], 'what the clock jumped over is no zero');
        const way = { packets: 0, bytes: 0, by_proto_packets: tcp(0), by_proto_bytes: tcp(0) };
        const point = { ts: 2_000_000_002_000, bps: 4, pps: 1, drops: 7, in: way, out: way, by_proto_packets: tcp(3), by_proto_bytes: tcp(2), span_ms: 3000 };
        const held = new m.Seconds();
        held.putPoint({ ...point, ts: 2_000_000_001_000, span_ms: 1001 });
        assert.equal(held.newest, 2_000_000_001, 'a rounding is no second');
        held.putPoint(point);
        assert.deepEqual([0, 1, 2, 3].map((n) => held.get('bps', 2_000_000_002 + n)), [4, 4, 4, NaN], 'what was counted together is a mean, no gap');
        assert.equal(held.sum('drops', 2_000_000_000, 2_000_000_010), 14, 'and its drops are counted once');

        seconds.putGap(2_000_000_001);
        assert.equal(seconds.newest, 2_000_000_001, 'time goes on where nothing is measured');
        assert.deepEqual(bps(2_000_000_000, 2_000_000_002), [3, NaN]);

        sparks.put(103_000, [{ id: 1, bps: 16 }]);
        sparks.put(63_000, [{ id: 1, bps: 8 }]);
        const minute = new Float32Array(m.SPARK_SECONDS);
        sparks.read(1, 'bps', minute);
        assert.deepEqual([...minute.slice(-2)], [NaN, 8]);
    });

    it('remembers a minute of each flow, and never takes unseen for zero', () => {
        const sparks = new m.Sparks();
        const read = (id, measure = 'bps') => {
            const ret = new Float32Array(m.SPARK_SECONDS);
            sparks.read(id, measure, ret);
            return [...ret.slice(-5)];
        };
        sparks.put(101_000, [{ id: 1, bps: 8, pps: 1 }, { id: 2, bps: 0, pps: 0 }]);
        sparks.put(103_000, [{ id: 1, bps: 16, pps: 3 }]);
        assert.deepEqual(read(1), [NaN, NaN, 8, NaN, 16]);
        assert.deepEqual(read(1, 'pps'), [NaN, NaN, 1, NaN, 3]);
        assert.deepEqual(read(2), [NaN, NaN, 0, NaN, NaN]);
        assert.deepEqual(read(3), [NaN, NaN, NaN, NaN, NaN]);
        sparks.put(104_000, [{ id: 1, bps: 24 }]);
        assert.deepEqual(read(1), [NaN, 8, NaN, 16, 24]);
        sparks.put(105_000, [{ id: 1, bps: 0 }], false);
        assert.deepEqual(read(1), [8, NaN, 16, 24, NaN], 'in a gap nothing has a rate');
        sparks.put(190_000, [{ id: 2, bps: 1 }]);
        assert.deepEqual(read(2), [NaN, NaN, NaN, NaN, 1]);
        assert.equal(sparks.size, 1, 'who was not seen for a minute is forgotten');
    });

    it('keeps the order while frozen', () => {
        const order = new m.Order();
        const ids = () => order.shown.map(({ row, old }) => (old ? `${row.id}!` : `${row.id}`)).join(' ');
        const rows = (...list) => list.map((id) => ({ id }));
        order.take(rows(1, 2, 3), false);
        order.take(rows(3, 1, 4), true);
        assert.equal(ids(), '1 2! 3');
        assert.equal(order.moved, 3);
        assert.equal(order.old, 1);
        order.take(rows(1, 2), true);
        assert.equal(order.moved, 1, 'a row that is gone would go');
        order.take(rows(3, 1, 4), false);
        assert.equal(ids(), '3 1 4');
        assert.equal(order.moved, 0);
    });
});
