"""The interface's own counters beside what was seen: equal, or the difference has a name. Tolerance 0, at rest."""

import re
import signal
from pathlib import Path

import cases
import pytest
import sending
import supers
from adding_up import check_sums
from netwatch_testing import Pair, eventually

HERE, THERE = "10.1.1.1", "10.1.1.2"


def frame(size=400):
    return cases.ether(cases.ip4(HERE, THERE, cases.udp(7000, 8000, b"d" * size))).data


def interface(daemon):
    """The only interface of /api/stats, once everything sent has been counted."""
    daemon.settle()
    (iface,) = daemon.json("/api/stats")["ifaces"]
    assert iface["frames_queued"] == 0
    return iface


def backlog_drops():
    """Of the whole machine since it was started: each CPU's line has them in its second column."""
    return sum(int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines())


def test_the_interface_agrees(pair, daemon):
    before = backlog_drops()
    watch = daemon("--bpf=")
    sending.ping(pair.peer, pair.host.ip4)
    sending.datagrams(pair.host, pair.peer, 40, 300)
    sending.connection(pair.peer, pair.host)
    sending.frames(pair.peer, [frame()] * 1000)
    iface = interface(watch)

    own, seen = iface["since_start"], iface["seen"]
    assert own["unseen_packets"] == 0
    assert own["rx_packets"] > 1000 and own["tx_packets"] > 40
    for unit in ("packets", "bytes"):
        assert own[f"rx_{unit}"] + own[f"tx_{unit}"] == seen[unit] == watch.total(unit)
    assert iface["frames_received"] == iface["frames_counted"] == seen["packets"]
    assert own["rx_dropped"] == own["rx_missed"] == 0
    assert 0 <= iface["backlog_drops"] <= backlog_drops() - before
    check_sums(watch)


def test_what_is_queued_is_not_unseen(pair, daemon):
    """Amid traffic the kernel has handed over more than the closed seconds have: those are queued, and no mystery. The
    two counters are read one after the other, between which packets may pass, on a busy machine many: what is looked at
    was read while next to none did."""
    watch = daemon("--bpf=")

    def no_mystery():
        (iface,) = watch.json("/api/stats")["ifaces"]
        return iface["frames_queued"] > 5 and abs(iface["since_start"]["unseen_packets"]) <= 2

    with sending.Stream(pair.peer, pair.host, 100, 0.001):
        eventually(no_mystery, what="frames are queued, and not unseen")


def test_the_interface_agrees_under_offloads(daemon):
    """A veth counts super-packets, so frames are compared: there are fewer than packets."""
    with Pair() as pair:
        supers.switch(pair, supers.ALL, supers.ALL)
        watch = daemon("--bpf=", namespace=pair.host)
        supers.transfer(pair.host, pair.peer, pair.peer.ip4, 8 << 20)
        iface = interface(watch)
    assert iface["since_start"]["unseen_packets"] == 0
    assert iface["frames_counted"] < iface["seen"]["packets"]


def test_only_what_came_since_the_start(pair, daemon):
    sending.frames(pair.peer, [frame()] * 50)
    watch = daemon("--bpf=")
    sending.frames(pair.peer, [frame()] * 7)
    iface = interface(watch)
    assert iface["since_start"]["rx_packets"] == iface["seen"]["packets"] == 7
    assert iface["kernel"]["rx_packets"] >= 57


def test_the_filter_is_the_difference(pair, daemon):
    watch = daemon("--bpf=udp")
    sending.ping(pair.peer, pair.host.ip4, count=7)
    sending.datagrams(pair.peer, pair.host, 9, 100)
    iface = interface(watch)
    assert iface["seen"]["packets"] == 9
    assert iface["since_start"]["unseen_packets"] == 14


@pytest.mark.parametrize("stops", [1, 3])
def test_the_ring_is_the_difference(pair, daemon, stops):
    """What found no room in the ring is dropped, not unseen: also when that happens again and again."""
    watch = daemon("--bpf=", "--ring=1M")
    for _ in range(stops):
        watch.process.send_signal(signal.SIGSTOP)
        sending.frames(pair.peer, [frame()] * 12000)
        watch.process.send_signal(signal.SIGCONT)
        interface(watch)
    iface = interface(watch)
    assert iface["since_start"]["rx_packets"] == iface["frames_received"] == stops * 12000
    assert iface["frames_dropped"] > 0
    assert iface["frames_counted"] + iface["frames_dropped"] == iface["frames_received"]
    assert iface["since_start"]["unseen_packets"] == 0
    check_sums(watch)


def test_the_loopback_counts_each_packet_once(pair, daemon):
    """Its requests go over it, too, and a packet may come between the reading of one counter and of the other: what is
    compared was read while none did."""
    watch = daemon("--bpf=", iface="lo")
    sending.datagrams(pair.host, pair.host, 30, 100)
    watch.settle()

    def agreed():
        (iface,) = watch.json("/api/stats")["ifaces"]
        own = iface["since_start"]
        once = iface["frames_received"] == own["rx_packets"] == own["tx_packets"] >= 30
        return once and own["unseen_packets"] == 0

    eventually(agreed, what="each packet is counted once", every_s=0.3)
    assert len([row for row in watch.flows(proto="udp") if row["packets"] == 30]) == 1


def test_metrics_say_the_same(pair, daemon):
    watch = daemon("--bpf=")
    sending.ping(pair.peer, pair.host.ip4)
    sending.frames(pair.peer, [frame()] * 10)
    iface = interface(watch)
    metrics = dict(re.findall(r'^(\w+){iface="veth0"} (\d+)$', watch.request("/metrics").body.decode(), re.M))
    own = iface["since_start"]
    assert {name: int(value) for name, value in metrics.items()} == {
        "netwatch_frames_received_total": iface["frames_received"],
        "netwatch_frames_counted_total": iface["frames_counted"],
        "netwatch_frames_dropped_total": 0,
        "netwatch_frames_queued": 0,
        "netwatch_seen_packets_total": iface["seen"]["packets"],
        "netwatch_seen_bytes_total": iface["seen"]["bytes"],
        "netwatch_iface_receive_packets_total": own["rx_packets"],
        "netwatch_iface_receive_bytes_total": own["rx_bytes"],
        "netwatch_iface_transmit_packets_total": own["tx_packets"],
        "netwatch_iface_transmit_bytes_total": own["tx_bytes"],
        "netwatch_iface_receive_dropped_total": 0,
        "netwatch_iface_receive_missed_total": 0,
    }


@pytest.mark.parametrize("ring", ["1M", "16M"])
def test_it_adds_up_while_workers_stop(pair, daemon, ring):
    watch = daemon("--bpf=", f"--ring={ring}")
    with sending.Stream(pair.peer, pair.host, 100, 0.0002):
        eventually(lambda: watch.total("packets") > 100, what="traffic is seen")
        watch.stop()
    received, counted, dropped = map(int, re.search(
        r"frames: (\d+) received = (\d+) counted \+ (\d+) dropped", watch.output()).groups())
    assert received > 100
    assert received == counted + dropped
