"""Paging through /api/flows: a cursor pins one sorted result."""

import socket

import pytest

from netwatch_testing import LITTLE_QUARANTINE, eventually

OPTIONS = ("--udp-ttl=1h",)
FLOWS = 2500


@pytest.fixture(scope="module")
def many(served, pair):
    """So many flows, of one to three datagrams each."""
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out:
        for i in range(FLOWS):
            for _ in range(1 + i % 3):
                out.sendto(b"x" * (i % 700), (pair.host.ip4, 10000 + i))
    served.settle()
    return served


def pages(daemon, **parameters):
    page = daemon.json("/api/flows", **parameters)
    while True:
        yield page
        if not page["next"]:
            return
        page = daemon.json("/api/flows", **parameters, cursor=page["next"])


@pytest.mark.parametrize("parameters", [
    {"limit": 1000}, {"limit": 333, "sort": "packets"}, {"limit": 999, "sort": "b_port", "dir": "asc"},
    {"limit": 500, "sort": "id", "proto": "udp", "ip": "10.77.0.1"}])
def test_every_flow_once(many, parameters):
    got = list(pages(many, state="all", proto="udp", **{k: v for k, v in parameters.items() if k != "proto"}))
    rows = [row for page in got for row in page["rows"]]
    assert len({row["id"] for row in rows}) == len(rows) == got[0]["matched"] == got[0]["reach"] >= FLOWS
    assert all(len(page["rows"]) == parameters["limit"] for page in got[:-1])
    for page in got:
        assert {k: page[k] for k in ("asof", "total", "matched", "summary")} == {
            k: got[0][k] for k in ("asof", "total", "matched", "summary")}
    key, falling = parameters.get("sort", "bytes"), parameters.get("dir", "desc") == "desc"
    values = [row[key] for row in rows]
    assert values == sorted(values, reverse=falling)
    assert sum(row["packets"] for row in rows) == got[0]["summary"]["matched"]["packets"]


def test_the_cursor_alone_is_enough(many):
    first = many.json("/api/flows", limit=100, sort="packets", state="all", proto="udp")
    again = many.json("/api/flows", cursor=first["next"])
    assert len(again["rows"]) == 100 and again["asof"] == first["asof"]
    assert not {r["id"] for r in first["rows"]} & {r["id"] for r in again["rows"]}
    assert many.json("/api/flows", cursor=first["next"]) == again


def test_of_a_range_state_and_times_are_kept(many):
    seconds = [point["ts"] for point in many.points() if point["packets"]]
    question = {"from": seconds[0], "to": seconds[-1] + 1000, "limit": 100, "state": "active"}
    first = many.json("/api/flows", **question)
    for more in ({}, {"state": "active"}, {"from": question["from"], "to": question["to"]}, question):
        page = many.json("/api/flows", cursor=first["next"], **more)
        assert {k: page[k] for k in ("from", "to", "matched")} == {k: first[k] for k in ("from", "to", "matched")}
    assert many.request("/api/flows", cursor=first["next"], state="ended").status == 400


@pytest.mark.parametrize("other", [{"limit": 101}, {"sort": "bytes"}, {"dir": "asc"}, {"proto": "tcp"}, {"port": 1},
                                   {"state": "active"}, {"ip": "10.0.0.0/8"}, {"vlan": 1}, {"flow": 1}])
def test_a_cursor_with_other_parameters(many, other):
    first = many.json("/api/flows", limit=100, sort="packets", state="all", proto="udp")
    answer = many.request("/api/flows", cursor=first["next"], **other)
    assert answer.status == 400 and answer.json()["param"] == "cursor"


def test_a_place_beyond_the_end(many):
    token = many.json("/api/flows", limit=100, state="all")["next"].split(".")[0]
    answer = many.request("/api/flows", cursor=token + ".4000000000")
    assert answer.status == 400 and answer.json()["param"] == "cursor"


def test_a_cursor_that_is_not_held(many):
    answer = many.request("/api/flows", cursor="0" * 32 + ".100")
    assert answer.status == 410 and answer.json()["param"] == "cursor"


def test_no_cursor_where_all_fits(many):
    assert many.json("/api/flows", port=10001, state="all")["next"] is None


def test_cursors_are_not_guessable(many):
    tokens = {many.json("/api/flows", limit=n, state="all")["next"].split(".")[0] for n in range(1, 21)}
    assert len(tokens) == 20


@pytest.mark.parametrize("parameters", [{}, {"sort": "last_seen"}, {"from": "-15s"}, {"sort": "bps", "spark": 5}])
def test_every_flow_once_while_time_goes_on(many, pair, parameters):
    """Flows come, go on and end between one page and the next, over more than a second; what is paged through stands."""
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rows, asof = [], []
    question = {"limit": 40, "state": "all", **parameters}
    with out:
        def send(n):
            for i in range(50):
                out.sendto(b"x" * (n % 900), (pair.host.ip4, 30000 + n * 7 % 5000 + i))

        def several_pages():
            for n in range(10):
                send(n)
            page = many.json("/api/flows", **question)
            return page["matched"] > 2 * question["limit"] and page

        page = first = eventually(several_pages, what="more than two pages", every_s=0.2)
        while True:
            rows += page["rows"]
            assert {k: page[k] for k in ("asof", "from", "to", "total", "matched", "summary")} == {
                k: first[k] for k in ("asof", "from", "to", "total", "matched", "summary")}
            send(len(rows))
            asof.append(many.json("/api/top")["asof"])
            if not page["next"]:
                break
            if len(rows) < 200:
                eventually(lambda: many.json("/api/top")["asof"] > asof[-1], what="the next second")
            page = many.json("/api/flows", **question, cursor=page["next"])
    assert len({row["id"] for row in rows}) == len(rows) == first["matched"]
    assert sum(row["bytes"] for row in rows) == first["summary"]["matched"]["bytes"]
    assert asof[-1] > first["asof"] + 1000


def test_pollers_do_not_push_out_who_pages(daemon, pair):
    """With memory for few results only, those that nobody pages through leave first."""
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    small = daemon("--memory=64M", env=LITTLE_QUARANTINE)
    with out:
        for i in range(1500):
            out.sendto(b"x", (pair.host.ip4, 20000 + i))
    small.settle()
    first = small.json("/api/flows", limit=10, state="all")
    second = small.json("/api/flows", limit=10, state="all", cursor=first["next"])
    forgotten = small.json("/api/flows", limit=11, state="all")
    for n in range(200):
        small.json("/api/flows", limit=20 + n, state="all")
    stale = small.request("/api/flows", cursor=forgotten["next"])
    assert stale.status == 410 and stale.json()["param"] == "cursor"
    assert small.json("/api/flows", limit=10, state="all", cursor=second["next"])["asof"] == first["asof"]
    assert small.json("/api/stats")["rss_bytes"] < 200 << 20
