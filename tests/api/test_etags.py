"""What is wholly past and cannot change any more bears an ETag; who has it already gets 304, and costs no query."""

import re
import socket
import struct
import time

import pytest

from netwatch_testing import Daemon, Pair, eventually, open_folder
from wire import ask, connect, get

OPTIONS = ("--bpf=", "--udp-ttl=1s", "--icmp-ttl=1s")
PATHS = ["/api/flows", "/api/top", "/api/series", "/api/counters"]


def query_of(path, second_ms):
    return f"{path}?from={second_ms}&to={second_ms + 1000}"


def ask_about(daemon, path, second_ms, *headers, method="GET"):
    return ask(daemon, get(query_of(path, second_ms), *headers, method=method))


def queries(daemon):
    return int(re.search(r"^netwatch_queries_total (\d+)$", daemon.request("/metrics").body.decode(), re.M)[1])


def ping_within_a_second(daemon, pair):
    """Some pings of two flows; the second they were in, once it is over and the flows have ended."""
    while True:
        second = int(time.time()) + 1
        eventually(lambda: time.time() > second + 0.05, what="the next second")
        answered = all([pair.peer.pings(address, 3) for address in (pair.host.ip4, pair.host.ip6)])
        in_time = time.time() < second + 1
        eventually(lambda: daemon.points()[-1]["ts"] > second * 1000, what="the second is over")
        eventually(lambda: not daemon.json("/api/flows", proto="icmp")["rows"], what="the flows have ended")
        if answered and in_time and daemon.spans().get(second * 1000) == 1000:
            return second * 1000


@pytest.fixture(scope="module")
def past(served, pair):
    return ping_within_a_second(served, pair)


@pytest.mark.parametrize("path", PATHS)
def test_the_second_time_it_is_304(served, past, path):
    status, headers, body = ask_about(served, path, past)
    assert status == 200 and headers["cache-control"] == "private, no-cache"
    tag = headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', tag)
    before = queries(served)
    for named in (tag, "W/" + tag, f'"else", {tag}', "*"):
        again = ask_about(served, path, past, "If-None-Match: " + named)
        assert again[0] == 304 and again[2] == b"" and "content-type" not in again[1]
        assert again[1]["etag"] == tag and again[1]["cache-control"] == "private, no-cache"
    assert queries(served) == before
    for named in ('"else"', tag.strip('"'), tag.upper().replace('"', '"x', 1)):
        again = ask_about(served, path, past, "If-None-Match: " + named)
        assert again[0] == 200 and again[1]["etag"] == tag and again[2] == body
    assert queries(served) == before + 3


@pytest.mark.parametrize("path", PATHS)
def test_head(served, past, path):
    status, headers, _ = ask_about(served, path, past)
    with connect(served) as sock:
        sock.sendall(get(query_of(path, past), "Connection: close", method="HEAD"))
        data = b""
        while more := sock.recv(65536):
            data += more
    assert headers["etag"].encode() in data
    assert ask_about(served, path, past, "If-None-Match: " + headers["etag"], method="HEAD")[0] == 304


@pytest.mark.parametrize("path", PATHS)
def test_a_connection_goes_on_after_304(served, past, path):
    tag = ask_about(served, path, past)[1]["etag"]
    with connect(served) as sock:
        sock.sendall(get(query_of(path, past), "If-None-Match: " + tag) + get("/healthz", "Connection: close"))
        data = b""
        while more := sock.recv(65536):
            data += more
    assert data.startswith(b"HTTP/1.1 304") and data.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("path", PATHS)
def test_what_goes_on_has_none(served, past, path):
    """Also where the client names anything it likes."""
    for query in ("", "?from=-10s", "?from=-10s&to=-1s", f"?from={past}", f"?from={past}&to={past + 3600_000}"):
        status, headers, body = ask(served, get(path + query, "If-None-Match: *"))
        assert status == 200 and body and headers["cache-control"] == "no-store" and "etag" not in headers


def test_a_flow_that_goes_on(served, pair):
    """Its rows show what it is at; what it carried in a second that is over does not change."""
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    def is_tagged(query):
        return "etag" in ask(served, get(query))[1]

    with out:
        def while_it_goes_on():
            """[(second, which answers about it have a tag)]; None where the flow has ended before all were asked for."""
            out.sendto(b"x", (pair.host.ip4, 9))
            *_, second, _ = [0, *served.spans()]
            tagged = [is_tagged(query) for query in (
                f"/api/flows?at={second}&port=9", f"/api/flows?at={second}&port=10", f"/api/top?at={second}&port=9",
                f"/api/top?at={second}&by=port&port=9")]
            return [(second, tagged) for row in served.json("/api/flows", at=second, port=9)["rows"]
                    if row["state"] == "active"]

        [(second, tagged)] = eventually(while_it_goes_on, what="a second of a flow that goes on", every_s=0.1)
    assert tagged == [False, True, True, False]
    eventually(lambda: is_tagged(f"/api/flows?at={second}&port=9"), what="it has ended")


def test_a_page_with_others_behind_it(served, past):
    """It names a cursor, which is good for a minute only."""
    assert len(served.json("/api/flows", at=past)["rows"]) == 2
    assert served.json("/api/flows", at=past, limit=1)["next"]
    assert "etag" not in ask(served, get(f"/api/flows?at={past}&limit=1"))[1]
    assert "etag" in ask(served, get(f"/api/flows?at={past}&limit=2"))[1]
    assert "etag" not in ask(served, get(f"/api/flows?at={past}&format=json"))[1]


def test_an_interface_gets_another_name():
    with Pair() as apart, Daemon("--iface=veth0", *OPTIONS, namespace=apart.host) as running:
        past = ping_within_a_second(running, apart)
        tags = {path: ask_about(running, path, past)[1]["etag"] for path in PATHS}
        for command in (("set", "veth0", "down"), ("set", "veth0", "name", "lan0"), ("set", "lan0", "up")):
            apart.host.run("ip", "link", *command)
        eventually(lambda: running.json("/api/stats")["ifaces"][0]["name"] == "lan0", what="the new name")
        for path, tag in tags.items():
            status, headers, body = ask_about(running, path, past, "If-None-Match: " + tag)
            assert status == 200 and headers["etag"] != tag
            assert path != "/api/flows" or b'"iface":"lan0"' in body


def write_capture(path, seconds):
    """One datagram a second, each of a flow of its own."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for s in range(seconds):
            udp = struct.pack("!HHHH", 5000 + s, 53, 8, 0)
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
            frame = bytes(12) + b"\x08\0" + ip + udp
            file.write(struct.pack("<IIII", 1_600_000_000 + s, 0, len(frame), len(frame)) + frame)


def test_each_start_has_its_own(pair):
    """The same file, the same answers; but who says that it was the same file?"""
    answers = []
    with open_folder() as folder:
        write_capture(folder / "day.pcap", 60)
        for _ in range(2):
            with Daemon(f"--read={folder / 'day.pcap'}", "--udp-ttl=1s", namespace=pair.host) as running:
                eventually(lambda: running.total() == 60, what="the file is read")
                answers.append([ask_about(running, path, 1_600_000_010_000) for path in PATHS])
                for path, (_, headers, _) in zip(PATHS, answers[0], strict=True):
                    again = ask_about(running, path, 1_600_000_010_000, "If-None-Match: " + headers["etag"])
                    assert again[0] == (304 if len(answers) == 1 else 200)
    for first, second in zip(*answers, strict=True):
        assert first[2] == second[2] and first[1]["etag"] != second[1]["etag"]
