// The numbers of the last second, the interface, the switch of units.

import * as format from '../format';
import { HOUR } from '../seconds';
import type { State, Store } from '../state';
import type { IfaceStats } from '../wire';
import { byId, make, part, setClass, setFigure, setHidden, setText, setTitle } from './dom';

/** Sooner the moments of reading weigh more than the packets. */
const SETTLED_S = 10;
const IDS = ['n-in', 'n-out', 'n-pps', 'n-flows', 'n-drops'] as const;

export function header(store: Store, cycleUnit: () => void): void {
    const [inward, outward, packets, flows, drops] = IDS.map((id) => part(byId(id), 'b')) as [
        HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement,
    ];
    const undirected = part(byId('n-none'), 'b');
    const dropsNote = part(byId('n-drops'), 'small');
    const unit = byId('unit');
    let undirectedSeen = false;
    unit.addEventListener('click', cycleUnit);

    store.onRender((state) => {
        setText(unit, state.view.unit);
        renderIface(state);
        renderTrust(state);
        const frame = state.latest;
        if (!frame) {
            for (const id of IDS)
                setText(part(byId(id), 'b'), '–');
            setText(dropsNote, '');
            return;
        }
        const { ts } = frame;
        const at = format.clockTitle(ts);
        const way = (element: HTMLElement, bps: number, pps: number) => {
            setFigure(element, format.rate(bps, pps, state.view.unit),
                `${format.exact(bps, 'bit/s')}, ${format.exact(pps, 'pkt/s')} · ${at}`, bps, ts);
        };
        way(inward, frame.in_bps, frame.in_pps);
        way(outward, frame.out_bps, frame.out_pps);
        // What is neither in nor out is not left out of the sum.
        const restBps = state.seconds.get('none.bps', ts / 1000) || 0, restPps = state.seconds.get('none.pps', ts / 1000) || 0;
        // Once there, it stays: what comes and goes would move all that stands after it.
        undirectedSeen ||= restBps > 0;
        setHidden(byId('n-none'), !undirectedSeen);
        way(undirected, restBps, restPps);
        setFigure(packets, format.si(frame.pps, 'pkt/s'), `${format.exact(frame.pps, 'pkt/s')} · ${at}`, frame.pps, ts);
        setFigure(flows, format.count(frame.active_flows),
            `${format.counted(frame.active_flows, 'flow')} alive, ${format.count(frame.new_flows)} of them new · ${at}`,
            frame.active_flows, ts);
        renderDrops(state, drops, dropsNote, ts);
    });
}

function renderDrops(state: State, element: HTMLElement, note: HTMLElement, ts: number): void {
    const second = ts / 1000;
    const now = state.latest?.drops ?? 0;
    const hour = state.seconds.sum('drops', second - HOUR + 1, second + 1);
    setFigure(element, format.count(now),
        `${format.counted(now, 'frame')} dropped by the kernel in this second · ${format.clockTitle(ts)}`, now, ts);
    setText(note, hour > 0 ? `${format.count(hour)} in 60 min` : '');
    setClass(element, now > 0 ? 'bad' : '');
    setClass(note, hour > 0 ? 'bad' : '');
}

/** Whether every frame that the kernel handed over was seen: counted, or known to be dropped or waiting. */
function renderTrust({ stats }: State): void {
    const element = byId('n-trust');
    if (!stats)
        return;
    const sum = (read: (iface: IfaceStats) => number) => stats.ifaces.reduce((total, iface) => total + read(iface), 0);
    const received = sum((i) => i.frames_received), counted = sum((i) => i.frames_counted);
    const dropped = sum((i) => i.frames_dropped), queued = sum((i) => i.frames_queued);
    const exactly = received === counted + dropped + queued;
    const text = !exactly ? 'seen ≠ kernel' : dropped > 0 ? `seen ${format.percent((received - dropped) / received)} of kernel` : 'seen = kernel ✓';
    const own = part(element, 'small');
    setText(part(element, 'span'), text);
    setClass(element, exactly && dropped === 0 ? 'number label' : 'number bad');
    setTitle(element, `Frames since the start: ${format.count(received)} from the kernel; ${format.count(counted)} counted, ` +
        `${format.count(dropped)} dropped, ${format.count(queued)} still in the ring`);
    const passed = sum((i) => i.since_start.rx_packets + i.since_start.tx_packets), unseen = sum((i) => i.since_start.unseen_packets);
    // Over a few seconds only: the two are read one after the other.
    const settled = stats.uptime_s >= SETTLED_S && passed > 0;
    const blind = stats.ifaces.filter((iface) => !iface.segments_known).map((iface) => iface.name).join(', ');
    setText(own, [settled ? format.beside(unseen, passed) : '', blind ? 'super-packets count as 1' : ''].filter(Boolean).join(' · '));
    const counters = settled ? `The interface's own counters since the start: ${format.count(passed)} packets, of which ${format.count(Math.abs(unseen))} ` +
        (unseen < 0 ? 'were seen that it does not count' : 'were filtered out by BPF, or are not visible to the tap') : '';
    const blindly = blind ? `On ${blind} the kernel does not say of how many packets a super-packet (GRO, GSO, TSO) was` : '';
    setTitle(own, [counters, blindly].filter(Boolean).join('. '));
}

const STATES: Record<IfaceStats['state'], string> = { up: '', down: 'down', no_carrier: 'no link', gone: 'gone', refused: 'refused' };

/** More of them would leave the filter no room. */
const NAMED = 4;

/** Each interface by its name, and what is amiss with it; of many how many, and with how many something is. */
function renderIface({ stats }: State): void {
    const element = byId('iface');
    // Taken off the page with all else that the daemon told: see Store.forget().
    const { ifaces, bpf } = stats ?? { ifaces: [], bpf: '' };
    const amiss = ifaces.filter(({ state }) => STATES[state] !== '');
    const texts: Said[] = ifaces.length <= NAMED ? ifaces.map(sayOne) :
        [{ text: `${ifaces.length} interfaces`, amiss: false }, ...(amiss.length > 0 ? [{ text: `${amiss.length} not up`, amiss: true }] : [])];
    while (element.children.length < texts.length)
        element.append(make('span'));
    for (const [i, child] of [...element.children].entries()) {
        const said = texts[i];
        if (!said) {
            child.remove();
            continue;
        }
        setText(child as HTMLElement, said.text);
        setClass(child as HTMLElement, said.amiss ? 'amiss' : '');
    }
    const names = ifaces.length > NAMED ? `${ifaces.map((iface) => sayOne(iface).text).join('\n')}\n` : '';
    setTitle(element, !stats ? '' : names + (bpf ? `BPF (what is captured): ${bpf}` : 'BPF: none, everything is captured'));
}

interface Said {
    text: string;
    amiss: boolean;
}

function sayOne({ name, state, speed_bps }: IfaceStats): Said {
    const amiss = STATES[state];
    return { text: [name, amiss || (speed_bps ? format.siShort(speed_bps, 'bit/s') : '')].filter(Boolean).join(' · '), amiss: amiss !== '' };
}
