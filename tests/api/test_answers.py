"""What the answers say: shapes, and numbers that agree with each other."""

import signal
import socket
import subprocess
import time

import pytest

from netwatch_testing import DEADLINE_S, eventually

OPTIONS = ("--udp-ttl=1h",)
SMALL, LARGE = 40, 400


@pytest.fixture(scope="module")
def sent(served, pair):
    """Known traffic: 40 datagrams to port 4001, 400 longer ones to port 4002, some pings."""
    served.sent_ms = time.time() * 1000
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out:
        for port, count, size in ((4001, SMALL, 10), (4002, LARGE, 100)):
            for _ in range(count):
                out.sendto(b"x" * size, (pair.host.ip4, port))
    pair.peer.run("ping", "-c", "3", "-i", "0.2", pair.host.ip6)
    served.settle()
    return served


def volume(thing):
    return thing["packets"], thing["bytes"]


def test_flow_row(sent):
    [row] = sent.json("/api/flows", port=4001, state="all")["rows"]
    assert set(row) >= {"id", "iface", "a_ip", "a_port", "b_ip", "b_port", "initiator", "direction", "proto",
                        "proto_number", "vlan", "first_seen", "last_seen", "packets", "bytes", "ab_packets",
                        "ba_packets", "ab_bytes", "ba_bytes", "bps", "pps", "tcp_flags", "state"}
    assert (row["proto"], row["proto_number"], row["iface"], row["vlan"]) == ("udp", 17, "veth0", 0)
    assert row["packets"] == SMALL == row["ab_packets"] + row["ba_packets"]
    assert row["bytes"] == SMALL * (14 + 20 + 8 + 10) == row["ab_bytes"] + row["ba_bytes"]
    assert sent.sent_ms - 1 < row["first_seen"] <= row["last_seen"] < time.time() * 1000


def test_flow_summary(sent):
    everything = sent.json("/api/flows", state="all")
    some = sent.json("/api/flows", state="all", port=4002)
    assert some["matched"] == 1 and some["total"] == everything["total"] >= 2
    assert some["summary"]["matched"]["packets"] == LARGE
    assert everything["summary"]["unmatched"] == {"flows": 0, "packets": 0, "bytes": 0}
    for field in ("flows", "packets", "bytes"):
        assert (some["summary"]["matched"][field] + some["summary"]["unmatched"][field]
                == everything["summary"]["matched"][field])
    assert set(some["summary"]) == {"matched", "unmatched", "thinned", "untracked", "nonflow"}


@pytest.mark.parametrize("parameters, expected", [
    ({"proto": "udp"}, {4001, 4002}), ({"proto": "17"}, {4001, 4002}), ({"proto": "tcp"}, set()),
    ({"port": 4001}, {4001}), ({"ip": "10.77.0.0/24", "proto": "udp"}, {4001, 4002}), ({"ip": "10.78.0.0/24"}, set()),
    ({"port": "4001,4002"}, {4001, 4002}), ({"port": "!4001", "proto": "udp"}, {4002}),
    ({"port": "!4001,!4002"}, set()), ({"proto": "!udp"}, set()), ({"proto": "!tcp,!icmp"}, {4001, 4002}),
    ({"vlan": "!0"}, set()), ({"ip": "!10.77.0.1"}, set()), ({"ip": "10.77.0.1,fd77::1", "port": 4001}, {4001}),
    ({"vlan": 7}, set()), ({"iface": "veth0", "port": 4002}, {4002}), ({"state": "ended"}, set())])
def test_flow_filters(sent, parameters, expected):
    rows = sent.json("/api/flows", **({"state": "all"} | parameters))["rows"]
    assert {port for row in rows for port in (row["a_port"], row["b_port"])} & {4001, 4002} == expected


def test_one_flow_by_its_id(sent):
    [row] = sent.json("/api/flows", port=4002, state="all")["rows"]
    assert sent.json("/api/flows", flow=row["id"], state="all")["rows"][0]["id"] == row["id"]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", ["bytes", "packets", "ab_bytes", "ba_packets", "first_seen", "last_seen", "id", "a_port",
                                 "b_port", "proto_number", "tcp_flags", "vlan"])
def test_flow_order(sent, key, direction):
    values = [row[key] for row in sent.json("/api/flows", state="all", sort=key, dir=direction)["rows"]]
    assert len(values) >= 3 and values == sorted(values, reverse=direction == "desc")


def test_counters_add_up(sent):
    answer = sent.json("/api/counters")
    assert answer["points"]
    for point in answer["points"]:
        assert sum(point["by_proto"].values()) == point["bps"]
        assert sum(point["by_proto_bytes"].values()) == point["bytes"]
        assert answer["from"] <= point["ts"] < answer["to"] and point["ts"] % 1000 == 0
        for direction in ("packets", "bytes"):
            assert point["in"][direction] + point["out"][direction] == point[direction]
        assert abs(point["bps"] - point["bytes"] * 8000 / point["span_ms"]) <= 0.5
    flows = sent.json("/api/flows", state="all")["summary"]["matched"]
    assert sum(p["packets"] for p in answer["points"]) >= SMALL + LARGE + 6
    assert sum(p["packets"] for p in answer["points"]) == flows["packets"]
    assert sum(p["bytes"] for p in answer["points"]) == flows["bytes"]


def test_counters_in_longer_steps(sent):
    seconds = sent.json("/api/counters")
    steps = sent.json("/api/counters", **{"from": seconds["from"], "to": seconds["to"], "step": "3s"})
    for field in ("packets", "bytes", "new_flows", "drops"):
        assert sum(p[field] for p in steps["points"]) == sum(p[field] for p in seconds["points"])
    for step in steps["points"]:
        within = [p for p in seconds["points"] if step["ts"] <= p["ts"] < step["ts"] + 3000]
        assert step["min_bps"] == min(p["bps"] for p in within) and step["peak_bps"] == max(p["bps"] for p in within)
        assert step["min_pps"] == min(p["pps"] for p in within) and step["peak_pps"] == max(p["pps"] for p in within)
        assert step["min_bps"] <= step["bps"] <= step["peak_bps"]
        assert sum(step["by_proto"].values()) == step["bps"]
        assert (step["ts"] - seconds["from"]) % 3000 == 0


def test_points_and_gaps_cover_the_range(sent):
    before = sent.points()[0]["ts"] - 60000
    answer = sent.json("/api/counters", **{"from": before, "to": int(time.time() * 1000) + 60000})
    assert [gap["reason"] for gap in answer["gaps"]] == ["not_started", "not_yet"]
    answer = sent.json("/api/counters", **{"from": before})
    covered = sum(gap["to"] - gap["from"] for gap in answer["gaps"])
    covered += sum(min(-(-point["span_ms"] // 1000) * 1000, answer["to"] - point["ts"]) for point in answer["points"])
    assert covered == answer["to"] - answer["from"]
    assert answer["gaps"][0] == {"from": answer["from"], "to": answer["points"][0]["ts"], "reason": "not_started"}


def test_held_up_in_its_first_second(daemon):
    """Its first second is shown early; where it could not be, it is as long as it was, and not told with those after it."""
    eventually(lambda: time.time() % 1 < 0.1, what="the begin of a second", every_s=0.01)
    running = daemon()
    running.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    running.process.send_signal(signal.SIGCONT)
    running.settle()
    spans = running.spans()
    ends = [ts + -(-span_ms // 1000) * 1000 for ts, span_ms in spans.items()]
    assert all(end <= after for end, after in zip(ends, list(spans)[1:])), spans


def test_a_range_before_the_start_is_a_gap_not_zeros(sent):
    answer = sent.json("/api/counters", **{"from": 1767225600000, "to": 1767225660000})
    assert answer["points"] == []
    assert answer["gaps"] == [{"from": 1767225600000, "to": 1767225660000, "reason": "not_started"}]


@pytest.mark.parametrize("by", ["flow", "pair", "host", "port", "proto", "vlan", "iface"])
def test_top(served, pair, by):
    ping = pair.peer.start("ping", "-i", "0.2", pair.host.ip4, stdout=subprocess.DEVNULL)
    begun_ms = time.time() * 1000

    def of_one_second():
        top = served.json("/api/top", by=by)
        return top["from"] > begun_ms and top["to"] - top["from"] == 1000 and top["rows"] and top

    answer = eventually(of_one_second, what="somebody talks")
    ping.kill()
    for row in answer["rows"]:
        assert isinstance(row["key"], str) and row["key"]
        assert set(row) >= {"key", "bytes", "packets", "bps", "pps", "share"} and 0 < row["share"] <= 1
    times = 2 if by == "host" else 1
    for field in ("bytes", "packets"):
        assert (sum(row[field] for row in answer["rows"]) + answer["other"][field]
                == times * answer["summary"]["matched"][field])
    expected = {"host": "10.77.0.1", "proto": "icmp", "iface": "veth0", "vlan": "0", "pair": "10.77.0.1 10.77.0.2"}
    assert answer["rows"][0]["key"] == expected.get(by, answer["rows"][0]["key"])


def test_top_with_a_filter(sent):
    answer = sent.json("/api/top", ip="192.0.2.1")
    assert answer["rows"] == [] and answer["summary"]["matched"]["packets"] == 0


def test_events(sent):
    events = sent.json("/api/events")["rows"]
    assert events[0]["event"] == "start" and "veth0" in events[0]["detail"]
    assert [e["id"] for e in events] == sorted(e["id"] for e in events)
    assert sent.json("/api/events", to=1000)["rows"] == []
    assert sent.json("/api/events", **{"from": "-1h"})["rows"] == events


def test_stats(sent):
    sent.settle()  # other tests have pinged
    stats = sent.json("/api/stats")
    assert set(stats) >= {"version", "uptime_s", "bpf", "snaplen", "ifaces", "workers", "undecoded", "flows", "history",
                          "clients", "cpu_s", "rss_bytes"}
    [iface] = stats["ifaces"]
    assert (iface["name"], iface["link"], iface["up"]) == ("veth0", "ethernet", True)
    assert iface["frames_received"] == iface["frames_counted"] + iface["frames_dropped"] + iface["frames_queued"]
    assert iface["frames_counted"] >= SMALL + LARGE + 6
    assert iface["kernel"]["rx_packets"] >= SMALL + LARGE
    assert sum(w["frames"] for w in stats["workers"]) == iface["frames_counted"]
    assert stats["clients"]["http"] >= 1 and stats["clients"]["ws"] == 0
    assert 0 < stats["cpu_s"] < 1000 and stats["rss_bytes"] > 1 << 20
    assert stats["history"]["from"] < stats["history"]["to"]
    assert 0 < stats["history"]["bytes"] <= stats["history"]["budget"]


def test_health(sent):
    assert sent.request("/healthz").status == 200
    eventually(lambda: sent.json("/healthz") == {"status": "ok"}, what="nothing is amiss")


def test_metrics(sent):
    answer = sent.request("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True, timeout=DEADLINE_S)
    assert checked.returncode == 0 and not checked.stderr, checked.stderr.decode()
    values = dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if not line.startswith("#"))
    stats = sent.json("/api/stats")
    assert int(values['netwatch_frames_counted_total{iface="veth0"}']) <= stats["ifaces"][0]["frames_counted"]
    assert int(values['netwatch_packets_total{proto="udp"}']) >= SMALL + LARGE


def test_health_of_an_interface_that_is_down(pair, daemon):
    watch = daemon()
    eventually(lambda: watch.json("/healthz") == {"status": "ok"}, what="nothing is amiss")
    pair.host.run("ip", "link", "set", "veth0", "down")
    try:
        eventually(lambda: watch.json("/healthz") == {"status": "degraded", "reasons": ["an interface is down or gone"]},
                   what="the interface that is down is a reason")
    finally:
        pair.host.run("ip", "link", "set", "veth0", "up")
