"""Identical questions of one tick are answered once: over a file that has ended, so that the tick stays the same, and
with queries that take a while, so that one is under way when the next one comes."""

import json
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager

import pytest

from netwatch_testing import Daemon, eventually, in_time, open_folder
from test_parameters import expect_problem
from wire import ask, connect, get, read_answer

FLOWS, START = 60000, 1_600_000_000
SLOW = "+or+".join(f"port+{n}" for n in range(60001, 60450))  # matches nothing, and every flow is asked each of it


@contextmanager
def serving(path, pair):
    with Daemon(f"--read={path}", namespace=pair.host) as running:
        eventually(lambda: running.json("/api/stats")["file"]["ended"], timeout_s=60, what="the file is read")
        assert running.total() == FLOWS
        yield running


def write_capture(path):
    """Many flows in few seconds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for n in range(FLOWS):
            ip = struct.pack("!BBHHHBBHII", 0x45, 0, 28, 1, 0, 64, 17, 0, 0x0a000000 + n // 1000, 0x0a010000)
            frame = bytes(12) + b"\x08\0" + ip + struct.pack("!HHHH", 1024 + n % 1000, 53, 8, 0)
            file.write(struct.pack("<IIII", START + n * 10 // FLOWS, 0, len(frame), len(frame)) + frame)


@pytest.fixture(scope="module")
def served(pair):
    with open_folder() as folder:
        write_capture(folder / "day.pcap")
        with serving(folder / "day.pcap", pair) as running:
            running.path = folder / "day.pcap"
            yield running


def figures(daemon):
    text = daemon.request("/metrics").body.decode()
    return [int(re.search(rf"^netwatch_{name} (\d+)$", text, re.M)[1])
            for name in ("queries_total", "queries_shared_total")]


def ask_all(daemon, requests):
    """Each on a connection of its own, all sent before the first answer is read."""
    sockets = [connect(daemon, timeout_s=60) for _ in requests]
    try:
        for sock, request in zip(sockets, requests, strict=True):
            sock.sendall(request)
        return [read_answer(sock) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


QUESTIONS = {
    "flows now": "/api/flows?state=all&limit=100",
    "flows of a range": f"/api/flows?from={START}000&to={START + 5}000&limit=50&sort=packets",
    "with lines": "/api/flows?from=-5s&spark=10",
    "top now": "/api/top?by=host",
    "top of a range": f"/api/top?by=port&from={START}000&to={START + 8}000",
    "series": "/api/series?by=pair&from=-8s",
    "counters": "/api/counters?from=-8s",
    "what takes a while": f"/api/top?from=-9s&filter={SLOW}",
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_one_query_for_all(served, name):
    path = QUESTIONS[name]
    before = figures(served)
    answers = ask_all(served, [get(path)] * 20)
    queries, shared = (now - then for now, then in zip(figures(served), before, strict=True))
    assert {status for status, _, _ in answers} == {200}
    assert len({body for _, _, body in answers}) == 1 and answers[0][2]
    assert len({json.dumps({k: v for k, v in headers.items() if k != "date"}) for _, headers, _ in answers}) == 1
    assert (queries, shared) == (1, 19)


def test_the_order_of_parameters_and_their_writing_do_not_matter(served):
    before = figures(served)
    bodies = {body for _, _, body in ask_all(served, [
        get("/api/top?by=host&limit=7&filter=udp%20or%20tcp"), get("/api/top?filter=udp+or+tcp&limit=7&by=host"),
        get("/api/top?limit=%37&by=host&filter=udp+or+tcp")])}
    assert len(bodies) == 1
    assert figures(served) == [before[0] + 1, before[1] + 2]


def test_other_questions_are_others(served):
    paths = ["/api/top?limit=11", "/api/top?limit=12", "/api/top?limit=11&by=host", "/api/series?limit=11",
             "/api/top?limit=11&filter=udp", "/api/top?limit=11&filter=tcp", "/api/flows?limit=11",
             "/api/flows?limit=11&state=all", "/api/flows?limit=11&from=-3s", "/api/flows?limit=11&from=-4s"]
    before = figures(served)
    alone = [ask(served, get(path))[2] for path in paths]
    assert figures(served) == [before[0] + len(paths), before[1]]
    assert [body for _, _, body in ask_all(served, [get(path) for path in paths])] == alone


def test_what_is_not_shared(served):
    for request in (get("/api/top?limit=21", method="HEAD"), get("/api/flows?format=csv&limit=21"),
                    get("/api/flows?limit=0"), get("/api/flows?flow=x"), get("/api/stats"), get("/api/events")):
        before = figures(served)[1]
        for _ in range(3):
            with connect(served) as sock:
                sock.sendall(request)
                assert sock.recv(100).startswith(b"HTTP/1.1 ")
        assert figures(served)[1] == before


def test_a_cursor_that_is_shared_leads_on_for_all(served):
    path = "/api/flows?state=all&limit=31&sort=id&dir=asc"
    first, second = (json.loads(body) for _, _, body in ask_all(served, [get(path)] * 2))
    assert first["next"] == second["next"]
    pages = ask_all(served, [get(f"/api/flows?cursor={first['next']}")] * 2)
    assert pages[0][2] == pages[1][2] and json.loads(pages[0][2])["rows"][0]["id"] > first["rows"][-1]["id"]


def test_304_is_shared_and_is_not_mistaken_for_200(served):
    path = f"/api/counters?from={START}000&to={START + 5}000"
    tag = ask(served, get(path))[1]["etag"]
    answers = ask_all(served, [get(path), get(path, "If-None-Match: " + tag), get(path, 'If-None-Match: "x"')] * 4)
    assert [status for status, _, _ in answers] == [200, 304, 200] * 4
    assert len({body for _, _, body in answers[::3] + answers[2::3]}) == 1
    assert {body for _, _, body in answers[1::3]} == {b""}


def slow(number):
    """A question that takes a while and that nobody has asked yet."""
    return f"/api/top?from=-9s&limit={number}&filter={SLOW}"


def test_the_first_one_leaves(served):
    """Whoever waits for it gets an answer all the same, and a new query is made once for all of them."""
    for n in range(5):
        before = figures(served)
        sockets = [connect(served, timeout_s=60) for _ in range(10)]
        for sock in sockets:
            sock.sendall(get(slow(100 + n)))
        sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sockets[0].close()
        answers = [read_answer(sock) for sock in sockets[1:]]
        for sock in sockets[1:]:
            sock.close()
        assert {status for status, _, _ in answers} == {200} and len({body for _, _, body in answers}) == 1
        assert figures(served)[0] - before[0] <= 2


def test_all_leave(served):
    for n in range(5):
        sockets = [connect(served) for _ in range(10)]
        for sock in sockets:
            sock.sendall(get(slow(200 + n)))
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        assert ask(served, get(slow(200 + n)), timeout_s=60)[0] == 200
    eventually(lambda: served.json("/api/stats")["clients"]["http"] == 1, what="they have gone")


def test_who_waits_holds_no_query_thread(served):
    """More of them than there are threads; a question of another kind goes through meanwhile."""
    sockets = [connect(served, timeout_s=60) for _ in range(30)]
    for sock in sockets:
        sock.sendall(get(slow(300)))
    assert ask(served, get("/api/counters?from=-3s"), timeout_s=60)[0] == 200
    assert {read_answer(sock)[0] for sock in sockets} == {200}
    for sock in sockets:
        sock.close()


def cpu_s(daemon):
    return daemon.json("/api/stats")["cpu_s"]


def test_a_query_stops_when_its_client_has_gone(served):
    """Forty that nobody waits for any more cost less than ten would that are made to their end."""
    begun = cpu_s(served)
    for n in range(10):
        assert ask(served, get(slow(600 + n)), timeout_s=60)[0] == 200
    ten = cpu_s(served) - begun
    begun = cpu_s(served)
    sockets = [connect(served) for _ in range(40)]
    for n, sock in enumerate(sockets):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(get(slow(700 + n)))
        sock.close()
    eventually(lambda: served.json("/api/stats")["clients"]["http"] == 1, what="they have gone")
    assert cpu_s(served) - begun < ten


def test_who_does_not_read_holds_what_all_share(served):
    """The bytes are held once, for as long as the slowest of them reads."""
    path = "/api/flows?state=all&limit=1000&spark=300"
    lazy = [connect(served, receive_buffer=2048, timeout_s=60) for _ in range(5)]
    for sock in lazy:
        sock.sendall(get(path))
    whole = ask(served, get(path), timeout_s=60)[2]
    for n in range(30):
        assert ask(served, get(f"/api/top?limit={400 + n}"))[0] == 200
    for sock in lazy:
        assert read_answer(sock)[2] == whole
        sock.close()


def test_live_answers_are_of_their_tick(pair):
    """While seconds go by nobody gets an answer that is older than one who has asked before."""
    with Daemon("--iface=veth0", "--bpf=", namespace=pair.host) as running:
        eventually(lambda: running.points(), what="the first second")
        stop, seen = threading.Event(), []

        def poll():
            mine = []
            while not stop.is_set():
                mine.append(running.json("/api/top")["asof"])
            seen.append(mine)

        pollers = [threading.Thread(target=poll) for _ in range(4)]
        for each in pollers:
            each.start()
        try:
            end = running.points()[-1]["ts"] + 3000
            while (now := running.points()[-1]["ts"]) < end:
                assert running.json("/api/top")["asof"] >= now + 1000
                time.sleep(0.02)
        finally:
            stop.set()
            for each in pollers:
                each.join()
        assert all(mine == sorted(mine) for mine in seen) and figures(running)[1] > 0


def test_what_is_no_time_is_not_taken_for_one(pair):
    """However somebody writes it: it is none of the forms in which times that count from now are compared."""
    with Daemon("--iface=veth0", "--bpf=", namespace=pair.host) as running:
        eventually(lambda: len(running.points()) > 3, what="some seconds")
        answered = set()
        for _ in range(20):
            answered.add(running.request("/api/flows", at="-2s").status)
            then = int(time.time()) - 2
            for text in (f"-{then}+", f"-{then}=", f"t{then}+", f"t{then}=", f"=-{then}"):
                expect_problem(running.request("/api/flows", at=text), 400, "at")
        assert 200 in answered


def test_stopping_while_some_wait(pair, served):
    def seconds_to_stop():
        with serving(served.path, pair) as running:
            sockets = [connect(running, timeout_s=60) for _ in range(20)]
            for sock in sockets:
                sock.sendall(get(slow(500)))
            status, seconds = running.stop()
            for sock in sockets:
                sock.close()
        assert status == 0
        return seconds

    in_time(seconds_to_stop, 5, "it ends")
