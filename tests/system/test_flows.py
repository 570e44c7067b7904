"""A flow's course: it idles out, is closed, is crowded by others; and who talks most."""

import time

import pytest

import sending
from netwatch_testing import eventually
from wire import ether, ip4, udp


TTL_S = 5  # longer than a busy machine keeps somebody from sending the next packet


def test_idle_flow_ends(pair, daemon):
    watch = daemon(f"--udp-ttl={TTL_S}s")
    with sending.Stream(pair.peer, pair.host, 50, 0.05) as stream:
        active = eventually(lambda: watch.flows(state="active"), what="the flow is listed")
    assert [row["state"] for row in active] == ["active"]

    ended = eventually(lambda: watch.flows(state="ended"), what="the flow has ended")
    asof = watch.json("/api/flows")["asof"]
    assert [row["packets"] for row in ended] == [stream.sent]
    assert asof - ended[0]["last_seen"] > TTL_S * 1000
    assert watch.flows(state="active") == []
    assert watch.points()[-1]["active_flows"] == 0


def test_idle_flow_returns_as_a_second_row(pair, daemon):
    watch = daemon(f"--udp-ttl={TTL_S}s")
    frame = ether(ip4("10.1.1.1", "10.1.1.2", udp(3000, 4000, b"x" * 58))).data
    sending.frames(pair.peer, [frame] * 2)
    eventually(lambda: watch.flows(state="ended"), what="the flow has ended")
    sending.frames(pair.peer, [frame] * 3)
    watch.settle()
    assert sorted(row["packets"] for row in watch.flows()) == [2, 3]
    assert watch.total("packets") == 5 and watch.total("new_flows") == 2


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_closed_connection_ends_after_five_seconds(pair, daemon, reset):
    """The seconds tell until when it was active, however late they are asked."""
    watch = daemon()
    port = sending.connection(pair.peer, pair.host, reset)
    [row] = eventually(lambda: watch.flows(state="ended"), what="the connection has ended")
    assert (row["b_port"], row["initiator"], row["direction"]) == (port, "b", "in")
    assert bool(row["tcp_flags"] & 4) == reset

    since = [point for point in watch.points() if point["ts"] + point["span_ms"] > row["last_seen"]]
    active = [point for point in since if point["active_flows"]]
    over = since[len(active)]
    assert active == since[:len(active)]
    assert over["ts"] <= row["last_seen"] + 5000 <= over["ts"] + over["span_ms"]


def test_top_talkers(pair, daemon):
    """The last second's flows, by bytes and by packets."""
    watch = daemon()
    heavy, busy = (ether(ip4("10.1.1.1", "10.1.1.2", udp(port, 4000, b"x" * size))).data
                   for port, size in ((1001, 1000), (1002, 20)))
    heavy_row, busy_row = (1001, 30, 30 * len(heavy)), (1002, 90, 90 * len(busy))

    def told(metric):
        answer = watch.json("/api/top", by="flow", metric=metric)
        rows = [(row["a_port"], row["packets"], row["bytes"]) for row in answer["rows"]]
        return answer["from"] // 1000 in bursts.whole and rows

    with sending.Bursts(lambda: sending.frames(pair.peer, [heavy, busy, busy, busy] * 30)) as bursts:
        eventually(lambda: told("bytes") == [heavy_row, busy_row], what="a second of both by bytes")
        eventually(lambda: told("packets") == [busy_row, heavy_row], what="a second of both by packets")


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
    while time.monotonic() - begun < 3.2 or sent["slow"] < 20:
        wave()
    watch.settle()
    assert watch.total("packets") == sent["slow"] + sent["new"]
    assert [row["packets"] for row in watch.flows() if row["a_ip"] == "10.9.0.1"] == [sent["slow"]]
    assert watch.total("untracked")["packets"] > 0
    rows = watch.flows()
    assert sum(row["packets"] for row in rows) + watch.total("untracked")["packets"] == watch.total("packets")
