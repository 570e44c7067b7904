"""Every parameter of every path, good and bad: what is bad is a 400 problem that names the parameter."""

import pytest

from netwatch_testing import LITTLE_QUARANTINE
from wire import ask, get

ENV = LITTLE_QUARANTINE

FLOWS_GOOD = {
    "limit": ["1", "200", "1000"],
    "sort": ["bytes", "packets", "ab_bytes", "ba_bytes", "ab_packets", "ba_packets", "bps", "pps", "first_seen",
             "last_seen", "id", "a_port", "b_port", "proto_number", "vlan", "tcp_flags"],
    "dir": ["asc", "desc"],
    "proto": ["tcp", "udp", "icmp", "other", "gre", "sctp", "0", "6", "255", "tcp,udp", "!icmp,!1"],
    "ip": ["10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::1", "2001:db8::/32", "::/0", "!10.0.0.1",
           "10.0.0.0/8,2001:db8::/32"],
    "port": ["0", "53", "65535", "80,443", "!22", "!22,!53", "1,2,3,4,5,6,7,8"],
    "vlan": ["0", "100", "4095", "!0", "1,2"],
    "state": ["active", "ended", "all"],
    "iface": ["veth0"],
    "flow": ["0", "1", "9007199254740991"],
}
FLOWS_BAD = {
    "limit": ["", "0", "1001", "-1", "1.5", "1e2", "0x10", " 1", "1 ", "+1", "ten", "99999999999999999999"],
    "sort": ["", "byte", "BYTES", "a_ip", "bytes,packets"],
    "dir": ["", "up", "DESC"],
    "proto": ["", "TCP", "256", "-1", "nonsense", "6 ", "!", "tcp,!udp", "tcp,nonsense"],
    "ip": ["", "10.0.0", "10.0.0.1/33", "10.0.0.0/-1", "2001:db8::/129", "10.0.0.1/", "localhost", "1.2.3.4.5",
           "10.0.0.1/8/8", "é", "!", "10.0.0.1,", "10.0.0.1,!10.0.0.2"],
    "port": ["", "-1", "65536", "http", "80,", ",80", "80,,443", "!", "!!80", "80,!443", "!80,443", "80, 443",
             "1,2,3,4,5,6,7,8,9", "1," * 400 + "1"],
    "vlan": ["", "-1", "4096", "!4096", "1,!2"],
    "state": ["", "alive", "Active", "!ended", "active,ended"],
    "iface": ["", "veth1", "VETH0", "!veth0", "veth0,veth0"],
    "flow": ["", "-1", "9007199254740992", "x", "!1", "1,2"],
    "cursor": ["", "x", "0" * 32, "0" * 32 + ".", "0" * 32 + ".0", "0" * 32 + ".x", "g" * 32 + ".1",
               "0" * 31 + ".1", "0" * 33 + ".1"],
}
COUNTERS_GOOD = {
    "from": ["-90s", "-1h", "-5m", "-500ms"],
    "to": ["-0s", "2099-01-01T00:00:00Z"],
    "step": ["1s", "5", "2m", "1h", "60000ms"],
}
TIMES_BAD = ["", "now", "yesterday", "90s", "-90x", "--90s", "-1d", "+5s", "1.5", "2026-02-30T00:00:00Z",
             "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
             "2026-01-01T00:00:00+25:00", "1969-12-31T23:59:59Z", "99999999999999999999", "-99999999999h"]
COUNTERS_BAD = {
    "from": TIMES_BAD,
    "to": TIMES_BAD,
    "step": ["", "0", "0s", "500ms", "1500ms", "-1s", "1d", "fast"],
}
TOP_GOOD = {
    "by": ["flow", "pair", "host", "port", "proto", "vlan", "iface"],
    "metric": ["bytes", "packets"],
    "limit": ["1", "1000"],
    "proto": ["tcp", "17"],
    "ip": ["10.0.0.0/8"],
    "port": ["53"],
    "vlan": ["1"],
    "iface": ["veth0"],
    "flow": ["1"],
    "state": ["all"],
}
TOP_BAD = {
    "by": ["", "country", "FLOW"],
    "metric": ["", "bps"],
    "limit": ["", "0", "1001"],
    "proto": ["nonsense"],
    "ip": ["nowhere"],
    "port": ["65536"],
}
EVENTS_GOOD = {"from": ["-1h", "0"], "to": ["-0s", "2099-01-01T00:00:00.25+02:00", "2099-01-01T00:00:00 02:00"]}
EVENTS_BAD = {"from": TIMES_BAD, "to": TIMES_BAD}


def cases(**tables):
    return [(path, name, value) for path, table in tables.items() for name, values in table.items() for value in values]


@pytest.mark.parametrize("path, name, value",
                         cases(flows=FLOWS_GOOD, counters=COUNTERS_GOOD, top=TOP_GOOD, events=EVENTS_GOOD))
def test_good(served, path, name, value):
    assert isinstance(served.json(f"/api/{path}", **{name: value}), dict)


def expect_problem(answer, status, param=None):
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]
    assert problem.get("param") == param, problem


@pytest.mark.parametrize("path, name, value",
                         cases(flows=FLOWS_BAD, counters=COUNTERS_BAD, top=TOP_BAD, events=EVENTS_BAD))
def test_bad(served, path, name, value):
    expect_problem(served.request(f"/api/{path}", **{name: value}), 400, name)


PATHS = ["/api/flows", "/api/counters", "/api/top", "/api/events", "/api/stats", "/metrics", "/healthz", "/ws"]


@pytest.mark.parametrize("path", PATHS)
def test_unknown(served, path):
    expect_problem(served.request(path, nonsense="1"), 400, "nonsense")


@pytest.mark.parametrize("path, name", [("flows", "step"), ("events", "filter"), ("counters", "at"),
                                        ("counters", "limit"), ("events", "limit")])
def test_known_elsewhere_only(served, path, name):
    expect_problem(served.request(f"/api/{path}", **{name: "1"}), 400, name)


@pytest.mark.parametrize("path, query, name", [
    ("flows", "limit=1&limit=1", "limit"), ("flows", "ip=10.0.0.1&port=1&ip=10.0.0.2", "ip"),
    ("counters", "step=1s&step=2s", "step"), ("flows", "l%69mit=1&limit=1", "limit")])
def test_repeated(served, path, query, name):
    expect_problem(served.request(f"/api/{path}?{query}"), 400, name)


@pytest.mark.parametrize("query, name", [
    ("limit=%", "limit"), ("limit=%4", "limit"), ("limit=%zz", "limit"), ("limit=1%00", "limit"), ("proto=%ff", "proto"),
    ("proto=%c3%28", "proto"), ("%ff=1", None), ("%00=1", None), ("a" * 100 + "=1", None)])
def test_broken_encoding(served, query, name):
    expect_problem(served.request(f"/api/flows?{query}"), 400, name)


def test_encoding_is_decoded(served):
    assert served.json("/api/flows?l%69mit=%31&ip=10.0.0.0%2f8&&") is not None


def test_more_parameters_than_anyone_needs(served):
    expect_problem(served.request("/api/flows?" + "&".join(f"p{i}=1" for i in range(500))), 400, "p0")


def test_order_of_times(served):
    expect_problem(served.request("/api/counters?from=-10s&to=-20s"), 400, "from")
    expect_problem(served.request("/api/counters?from=5000&to=5000"), 400, "from")


ABSURD = ["99999999999999999999", "253402300800000", "-99999999999h", "-18446744073709551616s", "9999-12-31T23:59:60.9Z",
          "-1ms" * 500, "1" * 5000, "2026-13-01T00:00:00Z", "NaN", "1e9", "0x10"]


@pytest.mark.parametrize("path", ["flows", "top", "series", "counters"])
def test_absurd_times(served, path):
    """An answer at once, and nothing is kept of them."""
    names = ["from", "to"] + (["at"] if path != "counters" else []) + (["step"] if path in ("series", "counters") else [])
    before = served.json("/api/stats")["rss_bytes"]
    for _ in range(10):
        for name in names:
            for value in ABSURD:
                expect_problem(served.request(f"/api/{path}", **{name: value}), 400, name)
    assert served.json("/api/stats")["rss_bytes"] < before + (16 << 20)


@pytest.mark.parametrize("path", ["flows", "top", "series"])
def test_absurd_ranges(served, path):
    assert served.request(f"/api/{path}?from=0&to=1000").status == 410
    assert served.request(f"/api/{path}?at=0").status == 410
    assert served.request(f"/api/{path}?from=0&to=253402300799999").status == 200
    expect_problem(served.request(f"/api/{path}?from=253402300799999"), 400, "from")


def test_absurd_steps(served):
    for path in ("series", "counters"):
        assert served.request(f"/api/{path}?step=8784h").status == 200
        for step in ("8785h", "292471208h", "9223372036854775807ms", "9223372036854775s"):
            expect_problem(served.request(f"/api/{path}?step={step}"), 400, "step")


@pytest.mark.parametrize("path", ["flows", "top", "series"])
@pytest.mark.parametrize("name, text, pos", [
    ("deep", "(" * 7000, 200), ("deep and closed", "(" * 3400 + "tcp" + ")" * 3400, 200),
    ("negations", "not " * 1700 + "(" * 201, None), ("wide", "tcp or " * 900 + "tcp", None),
    ("one long word", "x" * 7000, 0), ("one long number", "port " + "9" * 7000, 5)])
def test_absurd_filters(served, path, name, text, pos):
    before = served.json("/api/stats")["rss_bytes"]
    for _ in range(30):
        answer = served.request(f"/api/{path}", filter=text) if " " in text else served.request(f"/api/{path}?filter={text}")
        expect_problem(answer, 400, "filter")
        found = answer.json()["pos"]
        assert found == pos if pos is not None else 0 <= found <= len(text)
    assert served.json("/api/stats")["rss_bytes"] < before + (16 << 20)


@pytest.mark.parametrize("text", ["x" * 65536, "tcp+or+" * 9362 + "tcp", "(" * 10000 + "tcp" + ")" * 10000])
def test_filters_that_no_request_line_holds(served, text):
    before = served.json("/api/stats")["rss_bytes"]
    for _ in range(30):
        answer = served.request(f"/api/flows?state=all&filter={text}&limit=1")
        expect_problem(answer, 400, "filter")
        assert 8100 < answer.json()["pos"] < 8192
    assert served.json("/api/stats")["rss_bytes"] < before + (16 << 20)


def test_plus_that_became_a_blank(served):
    a = served.json("/api/counters?from=2026-01-01T01:00:00%2B01:00&to=2026-01-01T00:00:05Z")
    b = served.json("/api/counters?from=2026-01-01T01:00:00+01:00&to=1767225605000")
    assert (a["from"], a["to"]) == (b["from"], b["to"]) == (1767225600000, 1767225605000)


def test_times_are_widened_to_whole_seconds(served):
    answer = served.json("/api/counters?from=1767225600400&to=1767225605001")
    assert (answer["from"], answer["to"]) == (1767225600000, 1767225606000)


def test_too_many_points(served):
    expect_problem(served.request("/api/counters?from=0&to=3601000"), 400, "step")
    assert served.json("/api/counters?from=0&to=3600000")["points"] == []
    assert served.json("/api/counters?from=0&to=7200000&step=2s")["points"] == []
    assert served.json("/api/counters", **{"from": "-1h", "to": "-0s"})["points"] is not None


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/", "/api/flows/", "//", "/api//flows", "/../etc/passwd",
                                  "/API/FLOWS", "/api%2fflows", "/login/", "/api/login"])
def test_no_such_path(served, path):
    expect_problem(served.request(path), 404)


@pytest.mark.parametrize("path", [*PATHS[:-1], "/", "/app.js"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_method(served, path, method):
    answer = served.request(path, method=method)
    expect_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"


def test_method_of_the_websocket(served):
    for method in ("POST", "PUT"):
        status, headers, _ = ask(served, get("/ws", method=method))
        assert status == 405 and headers["allow"] == "GET", method
    assert served.request("/ws", method="HEAD").status == 405


@pytest.mark.parametrize("path", [*PATHS[:-1], "/", "/app.js"])
def test_head(served, path):
    head, body = served.request(path, method="HEAD"), served.request(path)
    assert head.status == body.status == 200 and head.body == b""
    assert head.headers["Content-Type"] == body.headers["Content-Type"]
