"""Two ways to the same numbers: damaged frames, once from a capture file and once off the wire.

The live ring tells of a frame what a file has inside of it (the VLAN tag that the kernel stripped,
the length before that), or leaves it in (what this host sends): all the same, sums, protocols,
reasons and flows have to be equal. NETWATCH_SEEDS=100-120 tries others than the usual ones.
"""

import json
import os
from collections import defaultdict

import pytest

import files
import sending
from mutations import Mutator
from netwatch_testing import run_briefly

FRAMES = 3000
KEY = ("a_ip", "a_port", "b_ip", "b_port", "proto_number", "vlan")
SUMS = ("packets", "bytes", "ab_packets", "ba_packets", "ab_bytes", "ba_bytes")
START_NS = 1_600_000_000 * files.NS_PER_S


def seeds():
    first, _, last = os.environ.get("NETWATCH_SEEDS", "1-3").partition("-")
    return range(int(first), int(last or first) + 1)


def flows_by_key(rows):
    """Sums and flags of all rows of a key. A connection that ends and begins anew may be one row or two: ends are told
    apart by the second, and the wire has other seconds than the file."""
    flows = defaultdict(lambda: dict.fromkeys((*SUMS, "tcp_flags"), 0))
    for row in rows:
        flow = flows[tuple(row[field] for field in KEY)]
        for field in SUMS:
            flow[field] += row[field]
        flow["tcp_flags"] |= row["tcp_flags"]
        if row["proto"] != "tcp":
            flow["initiator"] = row["initiator"]
    return dict(flows)


def from_file(frames, path):
    """One every microsecond, so that no flow grows old."""
    path.write_bytes(files.pcap([(START_NS + n * 1000, frame, len(frame)) for n, frame in enumerate(frames)]))
    done = run_briefly(f"--read={path}", "--report=json", "--bpf=")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["untracked"]["packets"] == report["forgotten"]["packets"] == 0
    whole = {name: report[name] for name in ("packets", "bytes", "nonflow", "undecoded")}
    return whole | {"by_proto_packets": {name: sums["packets"] for name, sums in report["by_proto"].items()},
                    "by_proto_bytes": {name: sums["bytes"] for name, sums in report["by_proto"].items()},
                    "flows": flows_by_key(report["flows"])}


def off_the_wire(watch, sender, frames):
    sending.frames(sender, frames)
    watch.settle()
    stats = watch.json("/api/stats")
    assert stats["ifaces"][0]["frames_dropped"] == 0
    whole = {name: watch.total(name)
             for name in ("packets", "bytes", "nonflow", "by_proto_packets", "by_proto_bytes")}
    return whole | {"undecoded": stats["undecoded"], "flows": flows_by_key(watch.flows())}


def difference(here, there):
    """What is not equal; of flows, those only."""
    unequal = {name: (here[name], there[name]) for name in here if here[name] != there[name]}
    if "flows" in unequal:
        keys = here["flows"].keys() | there["flows"].keys()
        pairs = {key: (here["flows"].get(key), there["flows"].get(key)) for key in keys}
        unequal["flows"] = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    return unequal


@pytest.mark.parametrize("way", ["received", "sent"])
@pytest.mark.parametrize("seed", seeds())
def test_file_and_wire_agree(pair, daemon, tmp_path, seed, way):
    frames = Mutator(seed).frames(FRAMES)
    expected = from_file(frames, tmp_path / "mutated.pcap")
    watch = daemon("--bpf=", "--snaplen=65535")
    seen = off_the_wire(watch, pair.peer if way == "received" else pair.host, frames)
    assert expected["packets"] == FRAMES
    assert difference(expected, seen) == {}


def test_mutations_reach_every_verdict(tmp_path):
    """Else the comparison would be of little worth: all reasons for which an Ethernet frame is not decoded occur, and
    most frames still make a flow."""
    report = from_file(Mutator(1).frames(FRAMES), tmp_path / "mutated.pcap")
    assert set(report["undecoded"]) >= {"not_ip", "link_cut", "ip_cut", "ip_version", "ip_header_length",
                                        "ip_total_length", "l4_cut", "ip6_ext_cut"}
    assert report["nonflow"]["packets"] < FRAMES / 2
    assert len(report["flows"]) > 300


def test_a_seed_gives_the_same_frames():
    assert Mutator(5).frames(50) == Mutator(5).frames(50) != Mutator(6).frames(50)
