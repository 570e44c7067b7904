"""Random seconds and ranges, groupings and filters of the past of live traffic, each against a calculation of its own
(truth.py; test_oracle_file.py asks about much more, of a file).

A witness captures the same frames beside the daemon; the kernel stamps each frame once, for both. What the witness
wrote down must be what the API answers, to the byte.
"""

import ipaddress
import random
import socket
import struct
import threading
import time

import pytest

import questions
import truth
from truth import TCP, UDP, Flow, Past, check_equal, key_of, key_of_row

SECONDS, QUESTIONS, FLOWS = 14, 300, 250
SO_RCVBUFFORCE, SO_TIMESTAMPNS, ETH_P_ALL = 33, 35, 3
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4
OSPF = 89
NOBODY = bytes.fromhex("0200000000aa 0200000000bb")

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


def send_until(is_enough, namespace, chance):
    """Each second another part of the flows, a packet or many of each, at any time of it."""
    flows = [make_flow(chance) for _ in range(FLOWS)]
    with namespace.entered():
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with out:
        out.bind(("veth0", 0))
        now, active = None, []
        while True:
            if int(time.time()) != now:
                if is_enough():
                    return
                now, active = int(time.time()), chance.sample(flows, chance.randrange(1, FLOWS))
            one, other, proto, vlan = chance.choice(active)
            if chance.random() < 0.4:
                one, other = other, one
            for _ in range(chance.choice((1, 1, 1, 8))):
                out.send(make_frame(one, other, proto, vlan, bytes(chance.randrange(1000))))
            time.sleep(0.001)  # the pace, so that the witness keeps up; nothing waits for it


# ---- the witness ----

class Witness:
    """Writes down what passes an interface."""

    def __init__(self, namespace):
        self.past, self.flows = Past(0, 0, "veth0"), {}
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
        family = socket.AF_INET if len(ends[0]) == 4 else socket.AF_INET6
        key, from_a = key_of(*((socket.inet_ntop(family, end), port) for end, port in zip(ends, ports)), proto, vlan)
        if key not in self.flows:
            self.flows[key] = Flow(key)
            self.past.flows.append(self.flows[key])
        self.past.count(second, self.flows[key], from_a, size)
        self.past.counters[second].count(self.flows[key].cls, size)

    def end(self):
        self.ending = True
        self.thread.join()
        self.socket.close()


def last_whole_seconds(daemon, begun):
    """Those with frames after `begun`, since it has last told of several as one."""
    seconds = []
    for point in daemon.points():
        if point["span_ms"] != 1000:
            seconds = []
        elif point["ts"] // 1000 > begun and point["packets"]:
            seconds.append(point["ts"] // 1000)
    return seconds


@pytest.fixture(scope="module")
def past(served, pair):
    witness = Witness(pair.host)
    seconds = []

    def are_enough():
        seconds[:] = last_whole_seconds(served, begun)
        return len(seconds) >= SECONDS

    try:
        served.settle()
        begun = int(time.time())
        send_until(are_enough, pair.peer, random.Random(5))
    finally:
        witness.end()
    past = witness.past
    past.first = past.fine = seconds[0]
    past.end = seconds[-1] + 1
    past.seconds = {second: past.seconds[second] for second in seconds}
    return past


# ---- questions ----

def check_flows(answer, selection):
    rows = {key_of_row(row): [row["ab_packets"], row["ab_bytes"], row["ba_packets"], row["ba_bytes"]]
            for row in answer["rows"]}
    check_equal("rows", rows, {flow.key: sums for flow, sums in selection.rows.items()})
    assert len(rows) == len(answer["rows"])
    sizes = [truth.bytes_of(sums) for sums in selection.rows.values()]
    assert [row["bytes"] for row in answer["rows"]] == sorted(sizes, reverse=True)


def test_three_hundred_questions(served, past):
    chance, ids = random.Random(6), truth.Ids(past)
    assert len(past.seconds) >= SECONDS and sum(map(len, past.seconds.values())) > 10 * SECONDS
    for _ in range(QUESTIONS):
        first = chance.choice(sorted(past.seconds))
        end = chance.choice((first + 1, chance.randint(first + 1, past.end)))
        span = {"at": first * 1000 + chance.randrange(1000)} if end == first + 1 else \
               {"from": first * 1000, "to": end * 1000}
        parameters, selects = questions.any_parameters(chance, past.flows, "veth0")
        selection = truth.Selection(past.sums(first, end), selects, truth.Facts(past, 1000 * (end - first)))
        by = chance.choice((None, "flow", "pair", "host", "port", "proto", "vlan", "iface"))
        question = span | parameters | {"limit": 1000, "state": "all"}
        if by:
            metric = chance.choice(("bytes", "packets"))
            answer = served.json("/api/top", by=by, metric=metric, **question)
            truth.check_top(answer, selection, by, metric, 1000, past, ids)
        else:
            answer = served.json("/api/flows", **question)
            check_flows(answer, selection)
        assert (answer["from"], answer["to"], answer["resolution_ms"]) == (first * 1000, end * 1000, 1000)
        assert answer["exact"] is True
        truth.check_summary(answer, selection, *past.counted(first, end))
