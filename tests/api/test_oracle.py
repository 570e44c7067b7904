"""Random seconds and ranges, groupings and filters of the past, each against a calculation of its own.

A witness captures the same frames beside the daemon; the kernel stamps each frame once, for both. What the witness
wrote down is summed up here, plainly, and must be what the API answers, to the byte.
"""

import collections
import ipaddress
import random
import socket
import struct
import threading
import time

import pytest

SECONDS, QUESTIONS, FLOWS = 14, 300, 250
SO_RCVBUFFORCE, SO_TIMESTAMPNS, ETH_P_ALL = 33, 35, 3
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4
TCP, UDP, OSPF = 6, 17, 89
NUMBERS = {"tcp": TCP, "udp": UDP, "other": OSPF, "89": OSPF}
NOBODY = bytes.fromhex("0200000000aa 0200000000bb")

Flow = collections.namedtuple("Flow", "a_ip a_port b_ip b_port proto vlan")


# ---- frames ----

def make_flow(chance):
    if chance.random() < 0.3:
        ends = [f"2001:db8:{chance.randrange(3)}::{chance.randrange(1, 20):x}" for _ in range(2)]
    else:
        ends = [f"10.{side}.{chance.randrange(3)}.{chance.randrange(1, 20)}" for side in (7, 8)]
    proto = chance.choice((TCP, TCP, UDP, UDP, OSPF))
    ports = (chance.randrange(1024, 65536), chance.choice((21, 53, 80, 443))) if proto != OSPF else (0, 0)
    return (ends[0], ports[0]), (ends[1], ports[1]), proto, chance.choice((0, 0, 0, 5, 100))


def make_frame(source, target, proto, vlan, payload):
    if proto == TCP:
        payload = struct.pack("!HHIIBBHHH", source[1], target[1], 1, 1, 0x50, 0x10, 64, 0, 0) + payload
    elif proto == UDP:
        payload = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    else:
        payload = bytes(24) + payload
    addresses = b"".join(ipaddress.ip_address(end[0]).packed for end in (source, target))
    if len(addresses) == 8:
        kind, header = 0x0800, struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0)
    else:
        kind, header = 0x86dd, struct.pack("!IHBB", 6 << 28, len(payload), proto, 64)
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return NOBODY + tag + struct.pack("!H", kind) + header + addresses + payload


def send_for(namespace, seconds, chance):
    """Each second another part of the flows, a packet or many of each, at any time of it."""
    flows = [make_flow(chance) for _ in range(FLOWS)]
    with namespace.entered():
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with out:
        out.bind(("veth0", 0))
        end = time.monotonic() + seconds
        now, active = None, []
        while time.monotonic() < end:
            if int(time.time()) != now:
                now, active = int(time.time()), chance.sample(flows, chance.randrange(1, FLOWS))
            one, other, proto, vlan = chance.choice(active)
            if chance.random() < 0.4:
                one, other = other, one
            for _ in range(chance.choice((1, 1, 1, 8))):
                out.send(make_frame(one, other, proto, vlan, bytes(chance.randrange(1000))))
            time.sleep(0.001)  # the pace, so that the witness keeps up; nothing waits for it


# ---- the witness ----

class Witness:
    """Sums of what passes an interface: {second: {flow: [packets A to B, bytes, packets B to A, bytes]}}."""

    def __init__(self, namespace):
        self.seconds = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0, 0, 0]))
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind(("veth0", ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.settimeout(0.5)
        self.ending = False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while True:
            try:
                frame, control, _, _ = self.socket.recvmsg(2048, 256)
            except TimeoutError:
                if self.ending:
                    return
                continue
            self.count(frame, {(level, kind): data for level, kind, data in control})

    def count(self, frame, control):
        second, _ = struct.unpack("qq", control[socket.SOL_SOCKET, SO_TIMESTAMPNS])
        status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", control[SOL_PACKET, PACKET_AUXDATA])
        vlan, size = (tci & 0xfff, len(frame) + 4) if status & VLAN_VALID else (0, len(frame))
        if frame[12:14] == b"\x08\x00":
            proto, ends, rest = frame[23], (frame[26:30], frame[30:34]), frame[34:]
        else:
            proto, ends, rest = frame[20], (frame[22:38], frame[38:54]), frame[54:]
        ports = struct.unpack("!HH", rest[:4]) if proto != OSPF else (0, 0)
        source, target = zip(ends, ports)
        low, high = sorted((source, target))
        flow = Flow(str(ipaddress.ip_address(low[0])), low[1], str(ipaddress.ip_address(high[0])), high[1], proto, vlan)
        sums = self.seconds[second][flow]
        at = 0 if source == low else 2
        sums[at] += 1
        sums[at + 1] += size

    def end(self):
        self.ending = True
        self.thread.join()
        self.socket.close()

    def sums(self, first, end):
        total = collections.defaultdict(lambda: [0, 0, 0, 0])
        for second in range(first, end):
            for flow, sums in self.seconds.get(second, {}).items():
                total[flow] = [x + y for x, y in zip(total[flow], sums)]
        return total


@pytest.fixture(scope="module")
def witness(served, pair):
    witness = Witness(pair.host)
    try:
        served.settle()
        send_for(pair.peer, SECONDS, random.Random(5))
        served.settle()
    finally:
        witness.end()
    return witness


# ---- filters and groupings, once more ----

def any_filter(chance, flows):
    """A filter: (parameters, whether a flow is selected)."""
    flow, another = chance.choice(flows), chance.choice(flows)
    net = ipaddress.ip_network((flow.a_ip, 24 if "." in flow.a_ip else 48), strict=False)
    word = chance.choice(sorted(NUMBERS))
    conditions = [
        ({"proto": word}, lambda f: f.proto == NUMBERS[word]),
        ({"proto": "!" + word}, lambda f: f.proto != NUMBERS[word]),
        ({"proto": "tcp,89"}, lambda f: f.proto in (TCP, OSPF)),
        ({"ip": flow.b_ip}, lambda f: flow.b_ip in (f.a_ip, f.b_ip)),
        ({"ip": f"!{flow.b_ip}"}, lambda f: flow.b_ip not in (f.a_ip, f.b_ip)),
        ({"ip": f"{net},{another.a_ip}"}, lambda f: another.a_ip in (f.a_ip, f.b_ip) or any(
            ipaddress.ip_address(ip) in net for ip in (f.a_ip, f.b_ip))),
        ({"port": "80"}, lambda f: 80 in (f.a_port, f.b_port)),
        ({"port": f"{flow.a_port},21"}, lambda f: {flow.a_port, 21} & {f.a_port, f.b_port}),
        ({"vlan": "0"}, lambda f: f.vlan == 0),
        ({"vlan": "!0"}, lambda f: f.vlan != 0),
        ({"iface": "veth0"}, lambda f: True),
    ]
    chosen = {next(iter(c[0])): c for c in chance.sample(conditions, chance.choice((0, 1, 1, 2)))}.values()
    parameters = {name: value for condition, _ in chosen for name, value in condition.items()}
    return parameters, lambda f: all(selects(f) for _, selects in chosen)


def groups_of(flow, by):
    """What a flow counts for. Of two ports the one below 1024 is the service's."""
    return {
        "flow": [flow],
        "pair": [(flow.a_ip, flow.b_ip)],
        "host": sorted({flow.a_ip, flow.b_ip}),
        "port": [(min(flow.a_port, flow.b_port), flow.proto)],
        "proto": [flow.proto],
        "vlan": [flow.vlan],
        "iface": ["veth0"],
    }[by]


def group_of_row(row, by):
    return {
        "flow": lambda: flow_of_row(row),
        "pair": lambda: (row["a_ip"], row["b_ip"]),
        "host": lambda: row["ip"],
        "port": lambda: (row["port"], row["proto_number"]),
        "proto": lambda: row["proto_number"],
        "vlan": lambda: row["vlan"],
        "iface": lambda: row["iface"],
    }[by]()


def flow_of_row(row):
    return Flow(row["a_ip"], row["a_port"], row["b_ip"], row["b_port"], row["proto_number"], row["vlan"])


def check_summary(answer, selected, others):
    def volume(flows):
        return {"flows": len(flows), "packets": sum(s[0] + s[2] for s in flows.values()),
                "bytes": sum(s[1] + s[3] for s in flows.values())}

    nothing = {"packets": 0, "bytes": 0}
    assert answer["summary"] == {"matched": volume(selected), "unmatched": volume(others),
                                 "thinned": {"flows": 0} | nothing, "untracked": nothing, "nonflow": nothing}


def check_flows(answer, selected):
    rows = {flow_of_row(row): [row["ab_packets"], row["ab_bytes"], row["ba_packets"], row["ba_bytes"]]
            for row in answer["rows"]}
    assert rows == selected
    assert len(rows) == len(answer["rows"])
    assert [row["bytes"] for row in answer["rows"]] == sorted((s[1] + s[3] for s in selected.values()), reverse=True)


def check_top(answer, selected, by, metric):
    wanted = collections.defaultdict(lambda: [0, 0])
    for flow, sums in selected.items():
        for group in groups_of(flow, by):
            wanted[group] = [wanted[group][0] + sums[0] + sums[2], wanted[group][1] + sums[1] + sums[3]]
    assert {group_of_row(row, by): [row["packets"], row["bytes"]] for row in answer["rows"]} == wanted
    values = [row[metric] for row in answer["rows"]]
    assert values == sorted(values, reverse=True)


def test_three_hundred_questions(served, witness):
    seconds = sorted(witness.seconds)
    assert len(seconds) >= SECONDS and sum(len(flows) for flows in witness.seconds.values()) > 10 * SECONDS
    flows, chance = sorted(witness.sums(seconds[0], seconds[-1] + 1)), random.Random(6)
    for _ in range(QUESTIONS):
        first = chance.choice(seconds)
        end = chance.choice((first + 1, chance.randint(first + 1, seconds[-1] + 1)))
        span = {"at": first * 1000 + chance.randrange(1000)} if end == first + 1 else \
               {"from": first * 1000, "to": end * 1000}
        parameters, selects = any_filter(chance, flows)
        sums = witness.sums(first, end)
        selected = {flow: s for flow, s in sums.items() if selects(flow)}
        others = {flow: s for flow, s in sums.items() if flow not in selected}
        by = chance.choice((None, "flow", "pair", "host", "port", "proto", "vlan", "iface"))
        question = span | parameters | {"limit": 1000, "state": "all"}
        if by:
            metric = chance.choice(("bytes", "packets"))
            answer = served.json("/api/top", by=by, metric=metric, **question)
            check_top(answer, selected, by, metric)
        else:
            answer = served.json("/api/flows", **question)
            check_flows(answer, selected)
        assert (answer["from"], answer["to"], answer["resolution_ms"]) == (first * 1000, end * 1000, 1000)
        assert answer["exact"] is True
        check_summary(answer, selected, others)
