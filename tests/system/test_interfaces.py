"""Interfaces that go and come back, and several of them at once: what was sent while they were there is what is
counted, to the packet; what was not captured is a gap."""

import signal
import struct
import time
from pathlib import Path

import pytest

import sending
from netwatch_testing import Daemon, Namespace, Pair, eventually, run_briefly
from netwatch_testing.network import run

FRAME = 14 + 20 + 8 + 100
BACK_WITHIN_S = 2
NO_CAPABILITIES = "0" * 16


@pytest.fixture
def pair():
    """A cable of this test's own: it is going to be cut."""
    with Pair() as pair:
        yield pair


def datagram(port):
    """An Ethernet frame with a UDP datagram of 100 bytes, from nobody to nobody."""
    udp = struct.pack("!HHHH", 4000, port, 8 + 100, 0) + b"x" * 100
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((10, 1, 1, 1)), bytes((10, 1, 1, 2)))
    return bytes.fromhex("0200000000990200000000980800") + ip + udp


def send(namespace, count, port=5000, iface="veth0"):
    if iface != "lo":
        namespace.carries(iface)
    sending.frames(namespace, [datagram(port)] * count, iface)


def cable(pair, name):
    """A further cable, on which nobody speaks. Its ends are up."""
    run("ip", "-n", pair.host.name, "link", "add", name, "type", "veth", "peer", "name", name, "netns", pair.peer.name)
    for end in (pair.host, pair.peer):
        silence(end, name)
        end.run("ip", "link", "set", name, "up")


def silence(namespace, name):
    namespace.sysctl(f"net.ipv6.conf.{name}.disable_ipv6", 1)
    namespace.run("ip", "link", "set", name, "arp", "off")


def cut(pair):
    pair.host.run("ip", "link", "del", "veth0")


def link(namespace, *what):
    namespace.run("ip", "link", "set", "veth0", *what)


def iface(watch, index=0):
    return watch.json("/api/stats")["ifaces"][index]


def becomes(watch, state, index=0):
    """Waits until the interface is so. Returns it."""
    return eventually(lambda: (now := iface(watch, index))["state"] == state and now, what=f"the interface is {state}")


def events(watch):
    return [row["event"] for row in watch.json("/api/events")["rows"]]


def events_told(watch):
    return [row["detail"] for row in watch.json("/api/events")["rows"]]


def happened(watch, *names):
    """Waits until just these events have been told, after the start and in this order."""
    return eventually(lambda: events(watch) == ["start", *names], what=f"{names}; there are {events(watch)}")


def udp_packets(watch, **which):
    rows = watch.flows(**which)
    return sum(row["packets"] for row in rows if row["proto"] == "udp")


def settle(watch, *frames):
    """All that was sent has been counted. Of several interfaces one may close a second without the other, whose worker was
    held up: there it takes to know how many frames each of them got."""
    watch.settle()
    for index, n in enumerate(frames):
        eventually(lambda: iface(watch, index)["frames_counted"] >= n, what=f"{n} frames of interface {index} are counted")


def gaps(watch):
    """The reasons of what was not captured since the start, in order."""
    return [gap["reason"] for gap in watch.json("/api/counters", **{"from": "-60s"})["gaps"]
            if gap["reason"] not in ("not_started", "not_yet")]


def passed(watch, seconds):
    """Waits until so many whole seconds have been closed from now on, captured or not."""
    until = (int(time.time()) + 1 + seconds) * 1000
    return eventually(lambda: watch.json("/api/top")["asof"] >= until, what=f"{seconds} seconds close")


def check_no_time_is_missing(watch):
    """The whole seconds have been captured in full, each once; of several a busy machine may make one point."""
    points = watch.points()[1:]
    assert all(point["ts"] + point["span_ms"] == after["ts"] for point, after in zip(points, points[1:]))


def check_unprivileged(watch):
    for task in Path(f"/proc/{watch.process.pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        assert "0" not in status["Uid"].split(), status["Name"]
        assert status["CapEff"] == status["CapPrm"] == NO_CAPABILITIES, status["Name"]


# ---- one interface --------------------------------------------------------------------------


def test_down_and_up(pair, daemon):
    watch = daemon("--bpf=")
    send(pair.peer, 100)
    settle(watch)
    link(pair.host, "down")
    becomes(watch, "down")
    passed(watch, 2)
    assert "an interface is down or gone" in watch.json("/healthz")["reasons"]
    link(pair.host, "up")
    assert becomes(watch, "up")["up"]
    send(pair.peer, 50)
    settle(watch)
    assert watch.total("packets") == 150
    assert watch.total("bytes") == 150 * FRAME
    assert gaps(watch) == ["interface_down"]
    assert [name for name in events(watch) if name.startswith("iface")] == ["iface_down", "iface_up"]
    eventually(lambda: watch.json("/healthz") == {"status": "ok"}, what="all is well")


def test_spans_add_up_to_the_time_that_was_captured(pair, daemon):
    """Of a second in which the interface was there for a part, that part is the span, and it is marked: from one point to
    the next (which may be of several seconds, where the machine was busy) it is the time without the outage."""
    watch = daemon("--bpf=")
    eventually(lambda: len(watch.points()) > 2, what="a whole second")
    link(pair.host, "down")
    passed(watch, 2)
    link(pair.host, "up")
    becomes(watch, "up")
    told = {row["event"]: row["ts"] for row in watch.json("/api/events")["rows"]}
    down, up = told["iface_down"], max(told["iface_up"], told.get("carrier_back", 0))
    points = eventually(lambda: (now := watch.points()[1:])[-1]["ts"] > up and now, what="a second after the outage")
    assert points[0]["ts"] <= down < up
    for point, after in zip(points, points[1:]):
        outage = max(0, min(up, after["ts"]) - max(down, point["ts"]))
        captured = after["ts"] - point["ts"] - outage
        assert captured > 0
        assert abs(point["span_ms"] - captured) <= 2, (point, captured, down, up)
        assert point["partial"] == (point["span_ms"] < 1000)


def test_carrier(pair, daemon):
    watch = daemon("--bpf=")
    send(pair.peer, 30)
    settle(watch)
    link(pair.peer, "down")
    assert not becomes(watch, "no_carrier")["up"]
    assert watch.json("/healthz")["status"] == "degraded"
    passed(watch, 2)
    link(pair.peer, "up")
    becomes(watch, "up")
    send(pair.peer, 30)
    settle(watch)
    assert watch.total("packets") == 60
    assert gaps(watch) == ["interface_down"]
    happened(watch, "carrier_lost", "carrier_back")


def test_rename_and_mtu(pair, daemon):
    """The capture follows the interface: nothing is missed, and everything bears the new name."""
    watch = daemon("--bpf=")
    with sending.Stream(pair.peer, pair.host, 100, 0.005) as stream:
        eventually(lambda: watch.total("packets") > 10, what="traffic is seen")
        link(pair.host, "name", "lan0")
        pair.host.run("ip", "link", "set", "lan0", "mtu", "1400")
        happened(watch, "iface_renamed", "iface_mtu")
        seen = watch.total("packets")
        eventually(lambda: watch.total("packets") > seen + 50, what="it goes on")
    settle(watch)
    assert watch.total("packets") == stream.sent
    assert gaps(watch) == []
    assert iface(watch)["name"] == "lan0" and iface(watch)["kernel"]["rx_packets"] >= stream.sent
    assert {row["iface"] for row in watch.flows(iface="lan0")} == {"lan0"}
    assert watch.request("/api/flows?iface=veth0").status == 400
    assert 'netwatch_frames_counted_total{iface="lan0"}' in watch.request("/metrics").body.decode()


def test_renamed_then_created_anew(pair, daemon):
    """One that is gone is awaited under the name that it had last, or the one it was asked for by."""
    watch = daemon("--bpf=")
    link(pair.host, "name", "lan0")
    happened(watch, "iface_renamed")
    pair.host.run("ip", "link", "del", "lan0")
    becomes(watch, "gone")
    pair.connect()
    assert becomes(watch, "up")["name"] == "veth0"
    send(pair.peer, 20)
    settle(watch)
    assert watch.total("packets") == 20


def test_twenty_lives(pair, daemon):
    """Deleted and created anew under the same name, as an unprivileged user: each life is captured from its start."""
    watch = daemon("--bpf=")
    check_unprivileged(watch)
    pauses = []
    for count in range(1, 21):
        assert "promiscuity 1 " in pair.host.run("ip", "-d", "link", "show", "veth0")
        send(pair.peer, count)
        eventually(lambda: iface(watch)["frames_counted"] == count * (count + 1) // 2, what=f"life {count} is counted")
        cut(pair)
        becomes(watch, "gone")
        pair.connect()
        begun = time.monotonic()
        becomes(watch, "up")
        pauses.append(time.monotonic() - begun)
    send(pair.peer, 1000)
    settle(watch)
    assert watch.total("packets") == 1000 + 210
    assert watch.total("bytes") == (1000 + 210) * FRAME
    assert udp_packets(watch) == 1000 + 210
    told = events(watch)
    assert told.count("iface_gone") == told.count("iface_back") == 20
    assert sorted(pauses)[10] < BACK_WITHIN_S, pauses  # but where the machine was too busy; usually some milliseconds
    check_unprivileged(watch)


@pytest.mark.parametrize("is_renamed", [False, True])
def test_created_anew_while_messages_are_lost(pair, daemon, is_renamed):
    """So much happens to another interface that the kernel cannot tell it all: of this one's end and of its successor,
    which is new or was there before under another name, nothing is told."""
    for life in (1, 2):
        cable(pair, f"other{life}")
    watch = daemon("--bpf=")
    noise = "".join(f"link set lo mtu {60000 + i}\n" for i in range(1000))
    for life in (1, 2):
        watch.process.send_signal(signal.SIGSTOP)
        pair.host.run("ip", "-batch", "-", input=noise)
        cut(pair)
        if is_renamed:
            for end in (pair.host, pair.peer):
                end.run("ip", "link", "set", f"other{life}", "down", "name", "veth0", "up")
        else:
            pair.connect()
        watch.process.send_signal(signal.SIGCONT)
        eventually(lambda: events(watch).count("iface_back") == life, what=f"life {life} is met")
        becomes(watch, "up")
        send(pair.peer, 10)
        eventually(lambda: iface(watch)["frames_counted"] == 10 * life, what="all are counted")
        assert events(watch).count("iface_gone") == life


def test_twenty_times_down_and_up_in_one_breath(pair, daemon):
    """Not one frame is lost or counted twice, however short the pause."""
    watch = daemon("--bpf=")
    for count in range(1, 21):
        link(pair.host, "down")
        link(pair.host, "up")
        send(pair.peer, count)
    settle(watch)
    eventually(lambda: iface(watch)["frames_counted"] == 210, what="all are counted")
    watch.settle()
    assert watch.total("packets") == 210


def test_to_another_namespace_and_back(pair, daemon):
    watch = daemon("--bpf=")
    elsewhere = Namespace("other")
    try:
        send(pair.peer, 10)
        settle(watch)
        link(pair.host, "netns", elsewhere.name)
        assert not becomes(watch, "gone")["up"]
        assert iface(watch)["link"] is None
        passed(watch, 2)
        silence(elsewhere, "veth0")
        link(elsewhere, "up")
        send(pair.peer, 500)
        link(elsewhere, "netns", pair.host.name)
        becomes(watch, "down")
        silence(pair.host, "veth0")
        link(pair.host, "up")
        becomes(watch, "up")
        send(pair.peer, 20)
        settle(watch)
        assert watch.total("packets") == 30
        assert "interface_gone" in gaps(watch)
        told = events(watch)
        assert told.index("iface_gone") < told.index("iface_back")
    finally:
        elsewhere.close()


def test_down_at_the_start(pair, daemon):
    link(pair.host, "down")
    watch = daemon("--bpf=")
    happened(watch, "iface_down")
    assert "veth0 is down" in watch.output()
    assert iface(watch)["state"] == "down"
    passed(watch, 1)
    assert watch.points() == []
    link(pair.host, "up")
    becomes(watch, "up")
    send(pair.peer, 25)
    settle(watch)
    assert watch.total("packets") == 25


def test_filter_for_tags_after_the_interface_was_down(pair, daemon):
    """Such a filter needs a live interface to be compiled; lo will do."""
    link(pair.host, "down")
    watch = daemon("--bpf=not vlan")
    link(pair.host, "up")
    becomes(watch, "up")
    send(pair.peer, 5)
    settle(watch)
    assert watch.total("packets") == 5


def test_missing_at_the_start(pair):
    done = run_briefly("--iface=veth0", "--iface=none0", "--bind=127.0.0.1:0", namespace=pair.host)
    assert done.returncode == 1
    assert "no interface 'none0'" in done.stderr and len(done.stderr.splitlines()) == 1


# ---- several --------------------------------------------------------------------------------


def test_each_of_several_is_counted_by_itself(pair, daemon):
    for name in ("veth1", "veth2"):
        cable(pair, name)
    watch = daemon("--iface=veth1", "--iface=veth2", "--bpf=")
    sent = {"veth0": 100, "veth1": 2000, "veth2": 30}
    for name, count in sent.items():
        send(pair.peer, count, iface=name)
    settle(watch, *sent.values())

    stats = watch.json("/api/stats")
    assert {i["name"]: i["frames_counted"] for i in stats["ifaces"]} == sent
    assert {w["iface"]: w["frames"] for w in stats["workers"]} == sent
    assert {row["iface"]: row["packets"] for row in watch.flows()} == sent
    assert watch.total("packets") == sum(sent.values())
    assert watch.total("bytes") == sum(sent.values()) * FRAME
    for name, count in sent.items():
        assert udp_packets(watch, iface=name) == count
        assert f'netwatch_frames_counted_total{{iface="{name}"}} {count}\n' in watch.request("/metrics").body.decode()


def test_top_by_interface(pair, daemon):
    cable(pair, "veth1")
    watch = daemon("--iface=veth1", "--bpf=")

    def burst():
        send(pair.peer, 3)
        send(pair.peer, 1, iface="veth1")

    def told():
        answer = watch.json("/api/top", by="iface")
        return answer["from"] // 1000 in bursts.whole and [(row["iface"], row["packets"]) for row in answer["rows"]]

    with sending.Bursts(burst) as bursts:
        eventually(lambda: told() == [("veth0", 3), ("veth1", 1)], what="a second of both")


def test_one_goes_and_the_others_go_on(pair, daemon):
    cable(pair, "veth1")
    watch = daemon("--iface=veth1", "--bpf=")
    send(pair.peer, 10)
    settle(watch, 10)
    cut(pair)
    becomes(watch, "gone")
    send(pair.peer, 10, iface="veth1")
    passed(watch, 2)
    send(pair.peer, 10, iface="veth1")
    settle(watch, 10, 20)
    assert [(i["name"], i["up"]) for i in watch.json("/api/stats")["ifaces"]] == [("veth0", False), ("veth1", True)]
    degraded = {"status": "degraded", "reasons": ["an interface is down or gone"]}
    eventually(lambda: watch.json("/healthz") == degraded, what="that is all there is amiss")
    assert gaps(watch) == []
    check_no_time_is_missing(watch)
    assert watch.total("packets") == 30
    pair.connect()
    becomes(watch, "up")
    send(pair.peer, 7)
    settle(watch, 17, 20)
    assert udp_packets(watch, iface="veth0") == 17
    assert udp_packets(watch, iface="veth1") == 20


def test_memory_is_divided(pair, daemon):
    cable(pair, "veth1")
    watch = daemon("--iface=veth1", "--memory=128M", "--ring=16M", "--max-flows=1000")
    assert "2 x ring 8" in watch.output() and "(1000 flows)" in watch.output()
    eventually(lambda: [w["ring_bytes"] for w in watch.json("/api/stats")["workers"]] == [8 << 20] * 2,
               what="both workers have told of their rings")
    done = run_briefly("--iface=veth0", "--iface=veth1", "--iface=lo", "--ring=1M", "--bind=127.0.0.1:0",
                       namespace=pair.host)
    assert done.returncode == 2 and "--ring" in done.stderr and "3 interfaces" in done.stderr


def test_two_of_one_name(pair, daemon):
    """One that is gone, and another that was given its name since: the name means both, and the metrics have it once."""
    cable(pair, "veth1")
    watch = daemon("--iface=veth1", "--bpf=")
    send(pair.peer, 10)
    settle(watch, 10)
    cut(pair)
    becomes(watch, "gone")
    for command in (("veth1", "down"), ("veth1", "name", "veth0"), ("veth0", "up")):
        pair.host.run("ip", "link", "set", *command)
    eventually(lambda: iface(watch, 1)["name"] == "veth0" and iface(watch, 1)["up"], what="it bears the name")
    send(pair.peer, 7, iface="veth1")
    settle(watch, 10, 7)
    assert [(i["name"], i["state"], i["frames_counted"]) for i in watch.json("/api/stats")["ifaces"]] == [
        ("veth0", "gone", 10), ("veth0", "up", 7)]
    assert udp_packets(watch, iface="veth0") == 17
    metrics = watch.request("/metrics").body.decode().splitlines()
    assert [line for line in metrics if line.startswith("netwatch_frames_counted_total{")] == [
        'netwatch_frames_counted_total{iface="veth0"} 17']


def test_any(pair):
    """All that there are, each with a ring of its own; one that appears later is named."""
    cable(pair, "veth1")
    with Daemon("--iface=any", "--bpf=udp port 5000", namespace=pair.host) as watch:
        names = [i["name"] for i in watch.json("/api/stats")["ifaces"]]
        sent = {"veth0": 40, "veth1": 50, "lo": 60}
        assert sorted(names) == sorted(sent)
        send(pair.peer, 40)
        send(pair.peer, 50, iface="veth1")
        send(pair.host, 60, iface="lo")
        settle(watch, *(sent[name] for name in names))
        assert {row["iface"]: row["packets"] for row in watch.flows()} == sent
        cable(pair, "veth2")
        eventually(lambda: "iface_new" in events(watch), what="the new interface is named")
        pair.host.run("ip", "link", "del", "veth1")
        becomes(watch, "gone", names.index("veth1"))


ODD_NAMES = ('a"b\\c', "x<y>", "{a,b}", "-d", "é€", "\udcff\udcfe")


def test_odd_names(pair):
    """Names are any bytes but a blank, a slash and a colon: no answer breaks by one, and what is no UTF-8 is shown as ?."""
    for n, name in enumerate(ODD_NAMES):
        pair.host.run("ip", "link", "add", "name", name, "type", "veth", "peer", "name", f"peer{n}")
    shown = [name.encode("utf-8", "replace").decode() for name in ODD_NAMES]
    with Daemon("--iface=any", "--bpf=", namespace=pair.host) as watch:
        passed(watch, 1)
        names = [i["name"] for i in watch.json("/api/stats")["ifaces"]]
        assert [name for name in names if name in shown] == shown and len(names) == 2 * len(shown) + 2
        assert all(f"{name} is down" in str(events_told(watch)) for name in shown[1:])
        metrics = watch.request("/metrics").body.decode()
        assert 'netwatch_frames_received_total{iface="a\\"b\\\\c"} 0\n' in metrics
        assert all(f'netwatch_frames_received_total{{iface="{name}"}} 0\n' in metrics for name in shown[1:])
        pair.host.run("ip", "link", "set", "dev", ODD_NAMES[-1], "up")
        eventually(lambda: "?? is up again" in str(events_told(watch)), what="the event with its name")
    with Daemon(*(f"--iface={name}" for name in ODD_NAMES[:-1]), namespace=pair.host) as watch:
        assert [i["name"] for i in watch.json("/api/stats")["ifaces"]] == shown[:-1]


def test_two_views_of_one_packet(pair, daemon):
    """A bridge and its member: said at the start, and when one becomes a member later."""
    pair.host.run("ip", "link", "add", "bridge0", "type", "bridge")
    silence(pair.host, "bridge0")
    pair.host.run("ip", "link", "set", "bridge0", "up")
    link(pair.host, "master", "bridge0")
    watch = daemon("--iface=bridge0", "--bpf=")
    said = eventually(lambda: [row for row in watch.json("/api/events")["rows"] if row["event"] == "iface_twice"])
    assert "veth0 and bridge0" in said[0]["detail"]
    link(pair.host, "nomaster")
    link(pair.host, "master", "bridge0")
    eventually(lambda: events(watch).count("iface_twice") == 2, what="it is said again")


def test_lives_of_two_at_once(pair, daemon):
    """One worker goes on while the other's interface comes and goes; its seconds are in time."""
    cable(pair, "veth1")
    watch = daemon("--iface=veth1", "--bpf=")
    lives = 5
    for _ in range(lives):
        cut(pair)
        becomes(watch, "gone")
        send(pair.peer, 11, iface="veth1")
        pair.connect()
        becomes(watch, "up")
        send(pair.peer, 13)
    settle(watch, 13 * lives, 11 * lives)
    assert udp_packets(watch, iface="veth1") == 11 * lives
    assert udp_packets(watch, iface="veth0") == 13 * lives
    check_no_time_is_missing(watch)
