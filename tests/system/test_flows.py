"""A flow's course: it idles out, is closed, is crowded by others; and who talks most."""

import time

import pytest

import sending
from netwatch_testing import eventually
from wire import ether, ip4, udp


def row_of(watch, port):
    rows = [row for row in watch.flows() if port in (row["a_port"], row["b_port"])]
    assert len(rows) <= 1
    return rows[0] if rows else None


def test_idle_flow_ends(pair, daemon):
    watch = daemon("--udp-ttl=2s")
    source, _ = sending.datagrams(pair.peer, pair.host, 3, 50)
    assert eventually(lambda: row_of(watch, source), what="the flow is listed")["state"] == "active"
    assert [row["packets"] for row in watch.flows(state="active")] == [3]

    ended = eventually(lambda: [row for row in watch.flows(state="ended") if row["a_port"] or row["b_port"]],
                       timeout_s=10, what="the flow has ended")
    asof = watch.json("/api/flows")["asof"]
    assert [row["packets"] for row in ended] == [3]
    assert asof - ended[0]["last_seen"] > 2000
    assert watch.flows(state="active") == []
    assert watch.points()[-1]["active_flows"] == 0


def test_idle_flow_returns_as_a_second_row(pair, daemon):
    watch = daemon("--udp-ttl=1s")
    frame = ether(ip4("10.1.1.1", "10.1.1.2", udp(3000, 4000, b"x" * 58))).data
    sending.frames(pair.peer, [frame] * 2)
    eventually(lambda: watch.flows(state="ended"), what="the flow has ended")
    sending.frames(pair.peer, [frame] * 3)
    watch.settle()
    assert sorted(row["packets"] for row in watch.flows()) == [2, 3]
    assert watch.total("packets") == 5 and watch.total("new_flows") == 2


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_closed_connection_ends_after_five_seconds(pair, daemon, reset):
    watch = daemon()
    port = sending.connection(pair.peer, pair.host, reset)
    watch.settle()
    row = row_of(watch, port)
    assert (row["state"], row["initiator"], row["direction"]) == ("active", "b", "in")
    assert bool(row["tcp_flags"] & 4) == reset

    ended = eventually(lambda: row_of(watch, port)["state"] == "ended" and row_of(watch, port), timeout_s=12,
                       what="the connection has ended")
    waited_ms = watch.json("/api/flows")["asof"] - ended["last_seen"]
    assert 4000 <= waited_ms <= 9000


def test_top_talkers(pair, daemon):
    """The last second's flows by bytes and by packets, while two streams run."""
    watch = daemon()
    heavy = sending.Stream(pair.peer, pair.host, 1000, 0.01)
    busy = sending.Stream(pair.peer, pair.host, 10, 0.005)
    with heavy, busy:
        def both():
            rows = watch.json("/api/top", by="flow", metric="bytes")["rows"]
            return len(rows) >= 2 and watch.json("/api/top", by="flow", metric="packets")["rows"]

        by_packets = eventually(both, what="both streams are listed")
        by_bytes = watch.json("/api/top", by="flow", metric="bytes")["rows"]
    assert (by_bytes[0]["a_port"], by_bytes[0]["b_port"]) == (heavy.port, heavy.source_port)
    assert (by_packets[0]["a_port"], by_packets[0]["b_port"]) == (busy.port, busy.source_port)
    assert by_bytes[0]["bytes"] == by_bytes[0]["packets"] * 1042
    assert by_bytes[0]["bytes"] > by_bytes[1]["bytes"]
    assert by_packets[0]["packets"] > by_packets[1]["packets"]


def flood(n):
    """Frames of `n` different flows, and one heavy flow in between."""
    heavy = ether(ip4("10.9.0.1", "10.9.0.2", udp(7, 9000, b"h" * 958))).data
    for i in range(n):
        yield ether(ip4(f"10.8.{i >> 8}.{i & 255}", "10.9.0.3", udp(2000 + i, 53, b"f" * 18))).data
        if i % 4 == 0:
            yield heavy


def test_flood_of_flows(pair, daemon):
    """More flows than there is room for: every packet is counted, the heavy flow keeps its slot."""
    watch = daemon("--max-flows=1024")
    frames = list(flood(12000))
    sending.frames(pair.peer, frames)
    watch.settle()

    assert watch.total("packets") == len(frames)
    assert watch.total("bytes") == sum(map(len, frames))
    heavy = [row for row in watch.flows() if row["a_ip"] == "10.9.0.1"]
    assert [(row["packets"], row["bytes"]) for row in heavy] == [(3000, 3000 * 1000)]
    flows = watch.json("/api/stats")["flows"]
    assert flows["active"] <= flows["capacity"]
    assert flows["evicted"] + flows["untracked"] > 5000


def test_flood_over_several_seconds(pair, daemon):
    """More new flows in every second than a second has room for: a slow flow is counted in full all the same."""
    watch = daemon("--max-flows=1024")
    slow = ether(ip4("10.9.0.1", "10.9.0.2", udp(7, 9000, b"h" * 58))).data
    sent = {"slow": 0, "new": 0}

    def wave():
        sending.frames(pair.peer, [slow])
        sending.frames(pair.peer, (ether(ip4(f"10.8.{n >> 8 & 255}.{n & 255}", "10.9.0.3", udp(2000, 53))).data
                                   for n in range(sent["new"], sent["new"] + 500)))
        sent["slow"] += 1
        sent["new"] += 500

    begun = time.monotonic()
    while time.monotonic() - begun < 3.2:
        wave()
    watch.settle()
    assert watch.total("packets") == sent["slow"] + sent["new"]
    assert [row["packets"] for row in watch.flows() if row["a_ip"] == "10.9.0.1"] == [sent["slow"]]
    assert watch.total("untracked")["packets"] > 0
    rows = watch.flows()
    assert sum(row["packets"] for row in rows) + watch.total("untracked")["packets"] == watch.total("packets")
