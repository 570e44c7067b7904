"""Groups over time, and the line beside each row, held against the counters and the flows of those very seconds."""

import time

import pytest

from netwatch_testing import eventually
from test_parameters import expect_problem

BYS = ["flow", "pair", "host", "port", "proto", "vlan", "iface"]


def four_seconds(served, pair):
    counts, begun = (1, 2, 0, 4), []
    while len(begun) < len(counts):
        n, second = counts[len(begun)], int(time.time()) + 1
        eventually(lambda: time.time() > second + 0.05, what="the next second")
        answered = not n or (pair.peer.pings(pair.host.ip4, n, "-s", str(100 * n)) and
                             pair.host.pings(pair.peer.ip6, 1, "-s", "333"))
        # Each in the second after the one before, else all begins anew.
        in_time = answered and time.time() < second + 1 and (not begun or second == begun[-1] + 1)
        begun = [*begun, second] if in_time else []
    first, end = begun[0] * 1000, (begun[-1] + 1) * 1000
    eventually(lambda: served.points()[-1]["ts"] >= end, what="the last second is closed")
    return first, end


@pytest.fixture(scope="module")
def past(served, pair):
    """Pings of 1 to 4 requests and one of IPv6 in seconds of their own, one of them empty: [from, to) in ms."""
    while True:
        (first, end), spans = four_seconds(served, pair), served.spans()
        # the one before is looked at as well
        if spans.get(first - 1000, 2000) <= 1000 and all(spans.get(ms) == 1000 for ms in range(first, end, 1000)):
            return {"from": first, "to": end}


def columns(answer):
    """The values of all rows and the rest, step by step."""
    return zip(*(row["values"] for row in answer["series"]), answer["other"], strict=True)


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize("metric", ["bytes", "packets"])
def test_each_second_is_its_counters(served, past, by, limit, metric):
    answer = served.json("/api/series", by=by, metric=metric, limit=limit, step="1s", **past)
    points = {point["ts"]: point for point in served.points(**past)}
    assert answer["ts"] == list(range(past["from"], past["to"], 1000))
    assert (answer["step_ms"], answer["resolution_ms"], answer["exact"]) == (1000, 1000, True)
    for ts, values in zip(answer["ts"], columns(answer), strict=True):
        unit = 8 if metric == "bytes" else 1
        flows = points[ts][metric] - points[ts]["nonflow"][metric] - points[ts]["untracked"][metric]
        assert sum(values) == flows * unit * (2 if by == "host" else 1)
    assert sum(part[metric] for part in answer["summary"].values()) == sum(p[metric] for p in points.values())


@pytest.mark.parametrize("by", BYS)
def test_keys_are_those_of_top(served, past, by):
    top = served.json("/api/top", by=by, **past)
    answer = served.json("/api/series", by=by, **past)
    figures = {"bytes", "packets", "bps", "pps", "share"}
    assert [{k: v for k, v in row.items() if k not in figures} for row in top["rows"]] == [
        {k: v for k, v in row.items() if k != "values"} for row in answer["series"]]
    assert [row["bytes"] * 8 for row in top["rows"]] == [sum(row["values"]) for row in answer["series"]]


def test_flows_of_each_second(served, past):
    answer = served.json("/api/series", limit=100, **past)
    for i, ts in enumerate(answer["ts"]):
        rows = {row["id"]: row["bps"] for row in served.json("/api/flows", at=ts)["rows"]}
        assert {row["id"]: row["values"][i] for row in answer["series"] if row["values"][i]} == rows


@pytest.mark.parametrize("step", [2, 3, 60])
def test_longer_steps(served, past, step):
    answer = served.json("/api/series", by="proto", step=step, **past)
    assert answer["step_ms"] == step * 1000
    assert answer["ts"] == list(range(past["from"], past["to"], step * 1000))
    for ts, values in zip(answer["ts"], columns(answer), strict=True):
        end = min(ts + step * 1000, past["to"])
        matched = served.json("/api/flows", **{"from": ts, "to": end})["summary"]["matched"]["bytes"]
        assert sum(values) == (matched * 8000 + (end - ts) // 2) // (end - ts)


def test_a_filter(served, past):
    answer = served.json("/api/series", by="proto", metric="packets", ip="0.0.0.0/0", proto="icmp", **past)
    assert sum(sum(row["values"]) for row in answer["series"]) == 2 * (1 + 2 + 4)


def test_one_direction(served, past, pair):
    """A filter that selects what one end sent counts that alone, in the steps as in the lines."""
    question = {"filter": f"icmp and src {pair.peer.ip4}"} | past
    answer = served.json("/api/series", metric="packets", by="host", **question)
    assert [sum(row["values"]) for row in answer["series"]] == [1 + 2 + 4] * 2
    answer = served.json("/api/series", **question)
    [row] = served.json("/api/flows", spark=4, **question)["rows"]
    assert row["spark"] == answer["series"][0]["values"]
    assert sum(row["spark"]) == row["bytes"] * 8


def test_before_the_capture_there_is_nothing_to_tell(served, past):
    answer = served.json("/api/series", **{"from": past["from"] - 3600_000, "to": past["to"]})
    assert answer["from"] == served.points()[0]["ts"] == answer["ts"][0]


def test_without_times_the_last_minutes(served, past):
    answer = served.json("/api/series", by="iface")
    assert answer["to"] - answer["from"] <= 300_000 and answer["step_ms"] == 1000
    assert answer["from"] <= past["from"] and answer["to"] >= past["to"]


def test_sparks(served, past):
    rows = served.json("/api/flows", spark=5, **past)["rows"]
    assert len(rows) > 1
    for row in rows:
        seconds = served.json("/api/series", flow=row["id"], **{"from": past["to"] - 5000, "to": past["to"]})
        none = [0] * 5
        assert row["spark"] == (seconds["series"][0]["values"] if seconds["series"] else none)
    now = served.json("/api/flows", spark=600, state="all")
    assert all(len(row["spark"]) == 600 and row["spark"][0] is None for row in now["rows"])
    assert all(row["spark"][-1] == row["bps"] for row in now["rows"])


def test_sparks_of_later_pages(served, past):
    whole = {row["id"]: row["spark"] for row in served.json("/api/flows", spark=9, **past)["rows"]}
    page = served.json("/api/flows", spark=9, limit=1, **past)
    while page["next"]:
        page = served.json("/api/flows", cursor=page["next"])
        assert page["rows"][0]["spark"] == whole[page["rows"][0]["id"]]
    first = served.json("/api/flows", spark=9, limit=1, **past)
    expect_problem(served.request("/api/flows", cursor=first["next"], spark=8), 400, "cursor")


def test_what_is_refused(served, past):
    expect_problem(served.request("/api/series", limit=101), 400, "limit")
    expect_problem(served.request("/api/series", by="mac"), 400, "by")
    expect_problem(served.request("/api/series", step="1500ms"), 400, "step")
    expect_problem(served.request("/api/series", **{"from": "2099-01-01T00:00:00Z"}), 400, "from")
    expect_problem(served.request("/api/series", to="1000"), 410, "to")
    expect_problem(served.request("/api/flows", spark=0), 400, "spark")
    expect_problem(served.request("/api/flows", spark=601), 400, "spark")
    expect_problem(served.request("/api/flows", spark=5, format="csv"), 400, "spark")
