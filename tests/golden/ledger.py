"""A capture as its author describes it, and the report that must follow from it.

The author says for each frame when it was sent, and, where one 5-tuple makes several rows (it
idled, it was closed and opened anew), to which of them it belongs. So the ledger holds no rule of
flow ageing: it only adds up.
"""

import socket
from dataclasses import dataclass

import files
import wire

START_S = 1_600_000_000  # 2020-09-13T12:26:40Z
CLASSES = ("tcp", "udp", "icmp", "other")


@dataclass(frozen=True)
class Entry:
    time_ns: int
    frame: wire.Layer
    row: int
    initiator: str | None


class Capture:
    """What was sent, in file order."""

    def __init__(self):
        self.entries = []

    def add(self, at_s, frame, row=1, initiator=None):
        """`at_s` seconds after the start (exact to the nanosecond when given as a string or an int).
        `initiator` names the address that began the row, where it is not the first sender's."""
        self.entries.append(Entry(START_S * files.NS_PER_S + nanoseconds(at_s), frame, row, initiator))
        return self

    def records(self):
        return [(e.time_ns, e.frame.data, e.frame.wire_length) for e in self.entries]

    def report(self, unit_ns=1, truncated=False):
        """The expected report. `unit_ns`: how finely the file's format tells the time."""
        return Report(self.entries, unit_ns).render(truncated)


def nanoseconds(at_s):
    whole, _, part = str(at_s).partition(".")
    return int(whole) * files.NS_PER_S + int(part.ljust(9, "0") or 0)


def class_of(meaning):
    if not meaning.flow:
        return "other"
    by_proto = {wire.TCP: "tcp", wire.UDP: "udp", (wire.ICMP, 4): "icmp", (wire.ICMP6, 6): "icmp"}
    return by_proto.get(meaning.proto) or by_proto.get((meaning.proto, meaning.family), "other")


def endpoint(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address), port


def text(address):
    packed, _ = endpoint(address, 0)
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


class Report:
    def __init__(self, entries, unit_ns):
        self.all = {"packets": 0, "bytes": 0}
        self.nonflow = {"packets": 0, "bytes": 0}
        self.by_proto = {name: {"packets": 0, "bytes": 0} for name in CLASSES}
        self.undecoded = {}
        self.rows = {}
        self.times = []
        for entry in entries:
            self.count(entry, entry.time_ns // unit_ns * unit_ns // 1_000_000)

    def count(self, entry, time_ms):
        meaning, length = entry.frame.meaning, entry.frame.wire_length
        self.times.append(time_ms)
        for sums in (self.all, self.by_proto[class_of(meaning)], *([] if meaning.flow else [self.nonflow])):
            sums["packets"] += 1
            sums["bytes"] += length
        if meaning.undecoded:
            self.undecoded[meaning.undecoded] = self.undecoded.get(meaning.undecoded, 0) + 1
        if meaning.flow:
            self.count_flow(entry, meaning, length, time_ms)

    def count_flow(self, entry, meaning, length, time_ms):
        src, dst = (meaning.src, meaning.src_port), (meaning.dst, meaning.dst_port)
        forward = endpoint(*src) <= endpoint(*dst)
        a, b = (src, dst) if forward else (dst, src)
        key = (meaning.family, endpoint(*a), endpoint(*b), meaning.proto, meaning.vlan, entry.row)
        row = self.rows.setdefault(key, {
            "a_ip": text(a[0]), "a_port": a[1], "b_ip": text(b[0]), "b_port": b[1],
            "proto_number": meaning.proto, "vlan": meaning.vlan, "packets": 0, "bytes": 0,
            "ab_packets": 0, "ba_packets": 0, "ab_bytes": 0, "ba_bytes": 0, "tcp_flags": 0,
            "initiator": "a" if forward else "b", "first_seen": time_ms, "last_seen": time_ms})
        way = "ab" if forward else "ba"
        for name, more in (("packets", 1), ("bytes", length), (way + "_packets", 1), (way + "_bytes", length)):
            row[name] += more
        row["tcp_flags"] |= meaning.tcp_flags
        row["first_seen"] = min(row["first_seen"], time_ms)
        row["last_seen"] = max(row["last_seen"], time_ms)
        if entry.initiator:
            row["initiator"] = "a" if entry.initiator == a[0] else "b"

    def render(self, truncated):
        return {
            "packets": self.all["packets"], "bytes": self.all["bytes"], "by_proto": self.by_proto,
            "nonflow": self.nonflow, "undecoded": self.undecoded, "truncated": truncated,
            "first_seen": min(self.times, default=None), "last_seen": max(self.times, default=None),
            "flows": [self.rows[key] for key in sorted(self.rows)],
        }
