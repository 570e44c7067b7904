"""Clients that mean no good, or are broken: each gets its answer or its end, and nobody else notices."""

import contextlib
import random
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from netwatch_testing import DEADLINE_S, eventually, in_time
from wire import Crowd, ask, connect, get, is_closed, read_answer


@pytest.fixture(autouse=True)
def still_well(served):
    """After each test a plain client is answered; or told to come again, and then answered."""
    yield
    eventually(lambda: ask(served, get("/api/stats"))[0] == 200, what="a plain client is answered")


def problem(answer, status):
    got, headers, body = answer
    assert got == status, body
    assert headers["content-type"] == "application/problem+json"


def test_a_long_request_line(served):
    problem(ask(served, get("/api/flows?ip=" + "1" * 9000)), 414)
    assert ask(served, get("/api/flows?ip=" + "1" * 7000))[0] == 400


def test_long_headers(served):
    problem(ask(served, get("/healthz", *(f"X-{i}: " + "v" * 1000 for i in range(20)))), 431)
    assert ask(served, get("/healthz", *(f"X-{i}: " + "v" * 1000 for i in range(15))))[0] == 200


def test_endless_headers(served):
    with connect(served) as sock:
        data = b""
        with contextlib.suppress(OSError):
            sock.sendall(get("/healthz", "X: " + "v" * 200000))
        with contextlib.suppress(ConnectionError):
            while more := sock.recv(65536):
                data += more
        assert data.startswith(b"HTTP/1.1 431 ")


def test_bodies(served):
    body = b"x" * 1000
    assert ask(served, get("/api/stats", f"Content-Length: {len(body)}") + body)[0] == 200
    problem(ask(served, get("/api/stats", f"Content-Length: {len(body)}", method="POST") + body), 405)
    problem(ask(served, get("/api/stats", "Content-Length: 65537", method="POST")), 413)
    problem(ask(served, get("/api/stats", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n"), 411)


def test_two_lengths_of_one_body(served):
    """A proxy in front may believe the other one: what it takes for a body would be a request here."""
    answer = ask(served, get("/healthz", "Content-Length: 5", "Content-Length: 6", method="POST") + b"hello!")
    problem(answer, 400)


def test_ten_megabytes(served):
    with connect(served) as sock:
        def push():
            try:
                for _ in range(160):
                    sock.sendall(b"x" * 65536)
            except OSError:
                pass

        sock.sendall(get("/api/stats", "Content-Length: 10485760", method="POST"))
        pusher = threading.Thread(target=push)
        pusher.start()
        problem(read_answer(sock), 413)
        sock.close()
        pusher.join(DEADLINE_S)
        assert not pusher.is_alive()


def test_a_body_that_never_comes(served):
    with connect(served) as sock:
        sock.sendall(get("/api/stats", "Content-Length: 100") + b"x")
        assert is_closed(sock, 15 + DEADLINE_S)


NO_HTTP = {
    "empty lines": b"\r\n" * 1000,
    "no target": b"GET\r\n\r\n",
    "noise": random.Random(1).randbytes(5000) + b"\r\n\r\n",
    "version from the future": b"GET / HTTP/9.9\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\r\n\r\n" * 100,
    "a header without a colon": b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_no_http(served, name):
    """Refused or dropped, in short time; at the latest by the deadline for the header."""
    with connect(served, timeout_s=10 + DEADLINE_S) as sock:
        sock.sendall(NO_HTTP[name])
        sock.shutdown(socket.SHUT_WR)
        try:
            answer = sock.recv(65536)
        except ConnectionError:
            answer = b""
        assert not answer or answer[9:10] in b"45", answer


def test_a_header_that_drips(served):
    """A byte a second is never idle; the deadline for the whole header ends it."""
    begun = time.monotonic()
    with connect(served) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n")
        ended = False
        while time.monotonic() < begun + 10 + DEADLINE_S and not ended:
            try:
                sock.sendall(b"X")
            except OSError:
                ended = True
            ended = ended or is_closed(sock, 1)
        assert ended and time.monotonic() - begun > 8


def test_half_open_requests_hold_nobody_up(served):
    with Crowd(served, 900, b"GET /api/flows HTTP/1.1\r\nHost: 127.0.0.1\r\n") as crowd:
        assert crowd.while_there(lambda: ask(served, get("/api/flows")))[0] == 200


def test_beyond_the_connection_limit(served):
    with Crowd(served, 1030) as crowd:
        status, headers, _ = crowd.while_there(lambda: ask(served, get("/healthz")))
        assert status == 503 and headers["retry-after"]
    eventually(lambda: ask(served, get("/healthz"))[0] == 200, what="there is room again")


def busy_ns(daemon):
    """How long the thread was on a CPU that has nothing to do where nobody asks."""
    total = 0
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "http":
            total += int((task / "schedstat").read_text().split()[0])
    assert total, "no such thread"
    return total


def test_pipelined_and_closed(served):
    """What makes one well-known library spin: requests in a row, and the client gone before the answers."""
    for _ in range(50):
        sock = connect(served)
        sock.sendall(get("/api/flows") * 3 + get("/api/counters") + get("/healthz"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def at_rest():
        before = busy_ns(served)
        time.sleep(0.5)
        return busy_ns(served) == before

    eventually(at_rest, what="nobody asks, and nothing is done")


def test_pipelined(served):
    with connect(served) as sock:
        sock.sendall(get("/healthz") + get("/healthz", "Connection: close"))
        data = b""
        while more := sock.recv(65536):
            data += more
        assert data.count(b"HTTP/1.1 200") == 2


def test_who_asks_and_leaves(served):
    for _ in range(200):
        sock = connect(served)
        sock.sendall(get("/api/flows"))
        sock.close()


def test_who_asks_and_has_no_more_to_say(served, pair):
    """A client may shut its sending side behind its request (HTTP/1.0, nc -N), and still wants the answer:
    each gets it, also beside a connection that is older."""
    pair.peer.run("ping", "-c1", pair.host.ip4)
    eventually(lambda: served.json("/api/flows")["total"], what="a flow to look at")
    with connect(served) as older:
        older.sendall(get("/healthz"))
        assert read_answer(older)[0] == 200
        answered = 0
        while answered < 50:
            begun = time.monotonic()
            with connect(served) as sock:
                sock.sendall(get("/api/flows", "Connection: close"))
                sock.shutdown(socket.SHUT_WR)
                if not sock.recv(1, socket.MSG_PEEK):
                    # it has a second; where the machine was too busy for it, once more
                    assert time.monotonic() - begun >= 1, "closed without an answer"
                    continue
                assert read_answer(sock)[0] == 200
                answered += 1


def test_more_queries_than_threads(served):
    sockets = [connect(served) for _ in range(150)]
    for n, sock in enumerate(sockets):
        sock.sendall(get(f"/api/flows?limit={1000 - n}"))  # each another question
    statuses = [read_answer(sock)[0] for sock in sockets]
    for sock in sockets:
        sock.close()
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 60


def test_as_many_at_once_as_are_heard_at_a_time(served):
    """An event loop takes so many events in one go: each of those is answered, though nothing comes after them."""
    sockets = [connect(served, timeout_s=10) for _ in range(128)]  # it hangs up on who is silent for longer
    for sock in sockets:
        sock.sendall(get("/healthz"))
    for sock in sockets:
        assert read_answer(sock)[0] == 200
    served.process.send_signal(signal.SIGSTOP)
    for sock in sockets:
        sock.sendall(get("/healthz"))
    served.process.send_signal(signal.SIGCONT)
    for sock in sockets:
        assert read_answer(sock)[0] == 200
        sock.close()


def test_answers_that_nobody_reads(served):
    sockets = [connect(served, receive_buffer=2048) for _ in range(100)]
    for sock in sockets:
        sock.sendall(get("/metrics") * 5)
    assert ask(served, get("/healthz"))[0] == 200
    for sock in sockets:
        sock.close()


def test_stopping_in_the_middle_of_it_all(daemon):
    def hammer(running, stop):
        while not stop.is_set():
            try:
                ask(running, get("/api/flows"))
            except (OSError, AssertionError):
                return

    def seconds_to_stop():
        running, stop = daemon(), threading.Event()
        hammers = [threading.Thread(target=hammer, args=(running, stop)) for _ in range(8)]
        for each in hammers:
            each.start()
        time.sleep(1)
        status, seconds = running.stop()
        stop.set()
        for each in hammers:
            each.join()
        assert status == 0
        return seconds

    in_time(seconds_to_stop, 2, "it ends")
