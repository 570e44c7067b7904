"""The flow table as a file: every row of the query, of one tick, in the order that was asked for."""

import csv
import io
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from netwatch_testing import Daemon, eventually, in_time
from wire import connect, get, is_open

FLOWS = 6000


def send_flows(pair, count, ports_from=10000):
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out:
        for i in range(count):
            out.sendto(b"x" * (1 + i % 700), (pair.host.ip4, ports_from + i % 50000))


@pytest.fixture(scope="module")
def many(served, pair):
    send_flows(pair, FLOWS)
    served.settle()
    return served


def rows_of(answer):
    assert answer.status == 200, answer.body
    text = answer.body.decode()
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_text(value):
    return "" if value is None else str(value)


QUERY = {"state": "all", "proto": "udp", "sort": "id", "dir": "asc"}


def test_csv_holds_every_row(many):
    answer = many.request("/api/flows", format="csv", **QUERY)
    rows = rows_of(answer)
    expected = many.flows(**QUERY)
    assert len(rows) == len(expected) >= FLOWS
    assert list(rows[0]) == list(expected[0])
    for row, wanted in zip(rows, expected, strict=True):
        moving = {"bps", "pps", "state"}  # asked a moment later
        assert {k: v for k, v in row.items() if k not in moving} == {
            k: as_text(v) for k, v in wanted.items() if k not in moving}


def test_json_holds_every_row(many):
    answer = many.request("/api/flows", format="json", **QUERY)
    whole = answer.json()
    assert len(whole["rows"]) == whole["matched"] == whole["reach"] >= FLOWS and whole["next"] is None
    page = many.json("/api/flows", **QUERY)
    assert set(whole) == set(page) and list(whole["rows"][0]) == list(page["rows"][0])
    assert sum(row["bytes"] for row in whole["rows"]) == whole["summary"]["matched"]["bytes"]
    assert sum(row["packets"] for row in whole["rows"]) == whole["summary"]["matched"]["packets"]


@pytest.mark.parametrize("form, kind", [("csv", "text/csv; charset=utf-8; header=present"), ("json", "application/json")])
def test_headers(many, form, kind):
    answer = many.request("/api/flows", format=form)
    assert answer.headers["Content-Type"] == kind
    assert re.fullmatch(rf'attachment; filename="netwatch-flows-\d{{8}}T\d{{6}}Z\.{form}"',
                        answer.headers["Content-Disposition"])
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize("sort, direction", [("bytes", "desc"), ("bytes", "asc"), ("b_port", "asc"), ("first_seen", "desc")])
def test_order(many, sort, direction):
    rows = rows_of(many.request("/api/flows", format="csv", **(QUERY | {"sort": sort, "dir": direction})))
    values = [int(row[sort]) for row in rows]
    assert values == sorted(values, reverse=direction == "desc")


def test_filter(many):
    rows = rows_of(many.request("/api/flows", format="csv", state="all", port="10001,10002"))
    assert {row["a_port"] for row in rows} | {row["b_port"] for row in rows} >= {"10001", "10002"} and len(rows) == 2
    assert len(rows_of(many.request("/api/flows", format="csv", port="!10001", **QUERY))) == len(
        rows_of(many.request("/api/flows", format="csv", **QUERY))) - 1


def test_no_rows(many):
    answer = many.request("/api/flows", format="csv", ip="192.0.2.1")
    assert rows_of(answer) == [] and answer.body.decode().split(",")[0] == "id"
    assert many.request("/api/flows", format="json", ip="192.0.2.1").json()["rows"] == []


def test_the_first_ones_only(many):
    top = rows_of(many.request("/api/flows", format="csv", limit=5, **(QUERY | {"sort": "bytes", "dir": "desc"})))
    every = rows_of(many.request("/api/flows", format="csv", **(QUERY | {"sort": "bytes", "dir": "desc"})))
    assert [row["id"] for row in top] == [row["id"] for row in every[:5]]
    assert len(rows_of(many.request("/api/flows", format="csv", limit=4000000000, **QUERY))) == len(every)


@pytest.mark.parametrize("parameters, param", [
    ({"format": ""}, "format"), ({"format": "CSV"}, "format"), ({"format": "xml"}, "format"),
    ({"format": "csv", "limit": 0}, "limit"), ({"format": "csv", "limit": 4294967296}, "limit"),
    ({"format": "csv", "cursor": "0" * 32 + ".1"}, "cursor"), ({"format": "csv", "sort": "nonsense"}, "sort"),
    ({"format": "json", "from": "1m"}, "from"), ({"limit": 1001}, "limit")])
def test_bad_parameters(many, parameters, param):
    answer = many.request("/api/flows", **parameters)
    assert answer.status == 400 and answer.json()["param"] == param
    assert answer.headers["Content-Type"] == "application/problem+json" and "Content-Disposition" not in answer.headers


def test_a_cursor_and_a_format_do_not_mix(many):
    cursor = many.json("/api/flows", limit=10, **QUERY)["next"]
    assert many.request("/api/flows", cursor=cursor, format="csv").json()["param"] == "cursor"


def test_head(many):
    answer = many.request("/api/flows", method="HEAD", format="csv")
    assert answer.status == 200 and answer.body == b"" and "Content-Disposition" in answer.headers


def test_http_1_0(many):
    with connect(many) as sock:
        sock.sendall(get("/api/flows?format=csv&state=all&proto=udp", version="1.0"))
        data = b""
        while more := sock.recv(65536):
            data += more
    head, body = data.split(b"\r\n\r\n", 1)
    assert b"200 OK" in head and b"chunked" not in head and body.count(b"\r\n") > FLOWS


def test_one_tick_while_traffic_goes_on(many, pair):
    """The packets of the rows are those of the summary, whatever came meanwhile."""
    with ThreadPoolExecutor(1) as background:
        sending = background.submit(send_flows, pair, 60000)
        while not sending.done():
            whole = many.request("/api/flows", format="json", state="all").json()
            assert sum(row["packets"] for row in whole["rows"]) == whole["summary"]["matched"]["packets"]
            assert len({row["id"] for row in whole["rows"]}) == whole["matched"]
            assert max(row["last_seen"] for row in whole["rows"]) < whole["asof"] + 1000


def test_several_at_once(many):
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: many.request("/api/flows", format="json", limit=3000, state="all"), range(18)))
    assert {answer.status for answer in answers} <= {200, 503}
    good = [answer for answer in answers if answer.status == 200]
    assert good and all(len(answer.json()["rows"]) == 3000 for answer in good)
    for answer in answers:
        if answer.status == 503:
            assert answer.headers["Retry-After"] == "1"


def test_who_does_not_read_holds_nobody_up(many):
    """Nor does who leaves in the middle: what they held comes back."""
    lazy = [connect(many, receive_buffer=2048) for _ in range(4)]
    try:
        for sock in lazy:
            sock.sendall(get("/api/flows?format=json&state=all"))
            sock.recv(100)
        assert many.request("/healthz").status == 200 and many.json("/api/flows", state="all")["rows"]
    finally:
        for sock in lazy:
            sock.close()

    def whole():
        answer = many.request("/api/flows", format="json", state="all")
        return answer.status != 503 and answer.json()

    answer = eventually(whole, what="there is room for another")
    assert len(answer["rows"]) == answer["matched"]


def test_stopping_in_the_middle(daemon, pair):
    def seconds_to_stop():
        running = daemon()
        send_flows(pair, 20000)
        running.settle()
        with connect(running, receive_buffer=2048) as sock:
            sock.sendall(get("/api/flows?format=json&state=all"))
            sock.recv(100)
            status, seconds = running.stop()
            data = b""
            try:
                while more := sock.recv(65536):
                    data += more
            except OSError:
                pass
            assert status == 0 and not data.endswith(b"0\r\n\r\n")
        return seconds

    in_time(seconds_to_stop, 2.5, "it ends")


def test_more_than_it_holds_is_refused_not_cut(daemon, pair):
    running = daemon("--memory=64M")
    send_flows(pair, 40000)
    running.settle()
    matched = running.json("/api/flows", state="all")["matched"]
    answer = running.request("/api/flows", format="csv", state="all")
    assert answer.status == 400 and answer.json()["param"] == "format"
    said, holds = (int(n) for n in re.findall(r"\d+", answer.json()["detail"])[:2])
    assert said >= matched > holds > 1000
    assert len(rows_of(running.request("/api/flows", format="csv", state="all", limit=holds))) == holds
    assert running.request("/api/flows", format="csv", state="all", limit=holds + 1).status == 400


def test_a_name_that_a_spreadsheet_would_run(pair):
    name = '=1+1"x'
    pair.host.run("ip", "link", "add", name, "type", "veth", "peer", "name", "veth9")
    for end in (name, "veth9"):
        pair.host.run("ip", "link", "set", end, "up")
    pair.host.carries(name)
    pair.host.run("ip", "address", "add", "192.0.2.1/24", "dev", name)
    with Daemon("--iface=" + name, namespace=pair.host) as running:
        with pair.host.entered():
            out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with out:
            out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            out.sendto(b"x", ("192.0.2.255", 9))
        running.settle()
        answer = running.request("/api/flows", format="csv", state="all")
        assert b'"\'=1+1""x"' in answer.body
        assert {row["iface"] for row in rows_of(answer)} == {"'" + name}
        whole = running.request("/api/flows", format="json", state="all").json()
        assert {row["iface"] for row in whole["rows"]} == {name}
    pair.host.run("ip", "link", "del", name)
