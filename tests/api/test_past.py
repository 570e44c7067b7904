"""Flows and top talkers of past seconds and ranges: live traffic, asked about again."""

import socket
import time

import pytest

from netwatch_testing import LITTLE_QUARANTINE, eventually
from test_parameters import expect_problem

OPTIONS = ("--icmp-ttl=1h",)


def four_bursts(served, pair):
    bursts = []
    while len(bursts) < 4:
        n, second = len(bursts) + 1, int(time.time()) + 1
        eventually(lambda: time.time() > second + 0.05, what="the next second")
        answered = pair.peer.pings(pair.host.ip4, n, "-s", str(100 * n))
        # One that went on into another second was not what is wanted: all begins anew.
        bursts = [*bursts, (second * 1000, 2 * n)] if answered and time.time() < second + 1 else []
    eventually(lambda: served.points()[-1]["ts"] > bursts[-1][0], what="the last burst's second is closed")
    return bursts


@pytest.fixture(scope="module")
def past(served, pair):
    """Four bursts of pings, of 1 to 4 requests, in seconds of their own: [(second in ms, packets)]."""
    while True:
        bursts, spans = four_bursts(served, pair), served.spans()
        if all(spans.get(second) == 1000 for second, _ in bursts):
            return bursts


def icmp(answer):
    return [row for row in answer["rows"] if row["proto"] == "icmp"]


def check_sum(served, answer):
    """The five parts are the counters of the very range that the answer names."""
    points = served.points(**{"from": answer["from"], "to": answer["to"]})
    for unit in ("packets", "bytes"):
        assert sum(part[unit] for part in answer["summary"].values()) == sum(p[unit] for p in points)


def test_each_second(served, past):
    for second, packets in past:
        answer = served.json("/api/flows", at=second + 500)
        assert (answer["from"], answer["to"], answer["resolution_ms"]) == (second, second + 1000, 1000)
        (row,) = icmp(answer)
        assert row["packets"] == row["pps"] == packets
        check_sum(served, answer)


def test_ranges(served, past):
    for i, (first, _) in enumerate(past):
        for j in range(i, len(past)):
            answer = served.json("/api/flows", **{"from": first, "to": past[j][0] + 1000}, sort="packets")
            assert sum(row["packets"] for row in icmp(answer)) == sum(packets for _, packets in past[i:j + 1])
            span_ms = answer["to"] - answer["from"]
            assert all(row["bps"] == (row["bytes"] * 8000 + span_ms // 2) // span_ms for row in answer["rows"])
            check_sum(served, answer)


def test_filters_over_a_range(served, past):
    answer = served.json("/api/flows", **{"from": past[0][0], "to": past[-1][0] + 1000}, proto="icmp")
    assert answer["summary"]["matched"]["packets"] == sum(packets for _, packets in past)
    assert answer["exact"] is True
    check_sum(served, answer)


@pytest.mark.parametrize("by", ["flow", "pair", "host", "port", "proto", "vlan", "iface"])
def test_top_over_a_range(served, past, by):
    answer = served.json("/api/top", by=by, metric="packets", proto="icmp",
                         **{"from": past[0][0], "to": past[-1][0] + 1000})
    packets = sum(packets for _, packets in past)
    assert answer["rows"][0]["packets"] == packets
    assert answer["summary"]["matched"]["packets"] == packets
    check_sum(served, answer)


def test_pages_of_a_range(served, past):
    question = {"from": past[0][0], "to": past[-1][0] + 1000, "limit": 1}
    whole = served.json("/api/flows", **question | {"limit": 1000})["rows"]
    rows, cursor = [], {}
    while True:
        page = served.json("/api/flows", **question, **cursor)
        rows += page["rows"]
        if not page["next"]:
            break
        cursor = {"cursor": page["next"]}
    assert [row["id"] for row in rows] == [row["id"] for row in whole]


def test_a_file_of_a_range(served, past):
    answer = served.json("/api/flows", format="json", at=past[1][0])
    assert sum(row["packets"] for row in icmp(answer)) == past[1][1]


def test_times_that_are_not_held(served, past):
    expect_problem(served.request("/api/flows", at="2099-01-01T00:00:00Z"), 400, "at")
    expect_problem(served.request("/api/flows", **{"from": "2099-01-01T00:00:00Z"}), 400, "from")
    expect_problem(served.request("/api/top", to="1000"), 410, "to")
    expect_problem(served.request("/api/flows", at="1000"), 410, "at")
    expect_problem(served.request("/api/flows", at="-5s", to="-1s"), 400, "at")
    expect_problem(served.request("/api/flows", **{"from": "-1s", "to": "-5s"}), 400, "from")
    expect_problem(served.request("/api/flows", at="yesterday"), 400, "at")


def test_a_query_that_needs_more_memory_than_there_is_for_queries(daemon, pair):
    """A line of 600 seconds for each of 1,000 rows is 4.8 MB; with the least budget queries have 4 MiB."""
    small = daemon("--memory=64M", env=LITTLE_QUARANTINE)
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out:
        for i in range(1100):
            out.sendto(b"x", (pair.host.ip4, 20000 + i))
    small.settle()
    before = small.json("/api/stats")["rss_bytes"]
    for _ in range(20):
        answer = small.request("/api/flows", state="all", limit=1000, spark=600)
        expect_problem(answer, 503)
        assert "raise --memory" in answer.json()["detail"] and answer.headers["Retry-After"] == "1"
    assert small.json("/api/stats")["rss_bytes"] < before + (16 << 20)
    assert len(small.json("/api/flows", state="all", limit=1000, spark=60)["rows"]) == 1000
