"""The WebSocket: with a real client, with a raw one, and with one that does not read."""

import asyncio
import contextlib
import json
import socket
import subprocess
import time

import pytest
import websockets

import contract
from netwatch_testing import DEADLINE_S, eventually, in_time
from wire import Socket, ask, connect, get, read_answer


def talk(daemon, conversation):
    """Runs a conversation over a real client, connected from inside the daemon's namespace."""
    async def run():
        sock = connect(daemon)
        sock.setblocking(False)
        async with websockets.connect(daemon.url.replace("http", "ws") + "ws", sock=sock, compression=None,
                                      open_timeout=DEADLINE_S, ping_interval=None) as client:
            return await asyncio.wait_for(conversation(client), DEADLINE_S)
    return asyncio.run(run())


def seconds_down(counters):
    return {ts for gap in counters["gaps"] for ts in range(gap["from"], gap["to"], 1000)
            if gap["reason"] == "interface_down"}


async def receive(client):
    return json.loads(await client.recv())


def check_order(frames, daemon):
    """One for each second that the daemon tells of, but for those that were left out: of these it is said how many."""
    counters = daemon.json("/api/counters")
    seconds = {point["ts"] for point in counters["points"]} | seconds_down(counters)
    places = {ts: place for place, ts in enumerate(sorted(seconds))}
    steps = [places[after["ts"]] - places[before["ts"]] for before, after in zip(frames, frames[1:])]
    assert steps == [1 + frame.get("skipped", 0) for frame in frames[1:]]


def test_rates_come_at_once(served):
    """That of the last closed second, not only with the next one: a second may end while it is asked for, not always."""
    served.settle()

    async def conversation(client):
        before = served.points()[-1]["ts"]
        await client.send('{"subscribe":["rates"]}')
        return (await receive(client))["ts"] == before

    eventually(lambda: talk(served, conversation), what="the last closed second is told of at once")


def test_rates_of_every_second(served, pair):
    async def conversation(client):
        await client.send('{"subscribe":["rates"]}')
        frames = []
        while len(frames) < 4 or not any(f["pps"] for f in frames):
            frames.append(await receive(client))
        return frames

    served.settle()
    ping = pair.peer.start("ping", "-i", "0.1", pair.host.ip4, stdout=subprocess.DEVNULL)
    frames = talk(served, conversation)
    ping.kill()
    assert {f["type"] for f in frames} == {"rates"}
    check_order(frames, served)
    points = {p["ts"]: p for p in served.points()}
    for frame in frames:
        assert set(frame) >= {"pps", "bps", "by_proto", "in_bps", "out_bps", "drops", "active_flows", "new_flows"}
        assert sum(frame["by_proto"].values()) == frame["bps"]
        point = points[frame["ts"]]
        for field in ("pps", "bps", "by_proto", "drops", "active_flows", "new_flows"):
            assert frame[field] == point[field]


def test_top_talkers(served, pair):
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)

    def send():
        """The second in which all was sent; None where one ended meanwhile."""
        begun = int(time.time())
        for _ in range(50):
            out.sendto(b"x" * 500, (pair.host.ip6, 5002))
        return begun if time.time() < begun + 1 else None

    async def conversation(client):
        await client.send('{"subscribe":["top_talkers"]}')
        while True:
            await receive(client)
            second = send()
            while second and (frame := await receive(client))["ts"] <= second * 1000:
                # unless it is one of those that are told of as one, or left out
                if frame["ts"] == second * 1000 and served.spans()[frame["ts"]] == 1000:
                    return frame

    with out:
        out.bind((pair.peer.ip6, 5001))
        frame = talk(served, conversation)
    row = frame["rows"][0]
    assert {row["a"], row["b"]} == {f"[{pair.peer.ip6}]:5001", f"[{pair.host.ip6}]:5002"}
    assert (row["proto"], row["packets"], row["bytes"]) == ("udp", 50, 50 * (14 + 40 + 8 + 500))
    assert row["bps"] == row["bytes"] * 8 and frame["ts"] % 1000 == 0


def test_events_and_unsubscribing(daemon, pair):
    running = daemon()
    running.settle()

    async def conversation(client):
        await client.send('{"subscribe":["events","rates"]}')
        assert (await receive(client))["type"] == "rates"
        await client.send('{"unsubscribe":["rates"]}')
        await client.send('{"subscribe":["top_talkers"],"unsubscribe":["events"]}')
        # With the first of these what was said before has been heard; then nothing else comes.
        while (await receive(client))["type"] != "top_talkers":
            pass
        return {(await receive(client))["type"] for _ in range(2)}

    assert talk(running, conversation) == {"top_talkers"}


def test_nothing_without_a_subscription(served):
    with Socket(served) as ws:
        ws.sock.settimeout(2.5)
        with pytest.raises(TimeoutError):
            ws.receive()


@pytest.mark.parametrize("message", [
    "", "x", "{", "[]", "1", "null", "{}", '{"subscribe":"rates"}', '{"subscribe":[1]}', '{"subscribe":["nope"]}',
    '{"subscribe":["rates","nope"]}', '{"unsubscribe":{}}', '{"subscribe":["rates"]} x', '{"sub":["rates"]}',
    "[" * 5000])
def test_bad_messages(served, message):
    with Socket(served) as ws:
        ws.send(message)
        answer = ws.receive_json()
        assert answer["type"] == "error" and answer["detail"]
        ws.send('{"subscribe":["rates"]}')
        assert ws.receive_json()["type"] == "rates"


@pytest.mark.parametrize("send, code", [
    (lambda ws: ws.send(b"\0\1", opcode=2), 1003),
    (lambda ws: ws.send(b'"\xff\xfe"'), 1007),
    (lambda ws: ws.send("x" * (64 * 1024 + 1)), 1009),
    (lambda ws: ws.send("x" * 1000000), 1009),
    (lambda ws: ws.send("{}", masked=False), 1002),
    (lambda ws: ws.send("{}", opcode=3), 1002),
    (lambda ws: ws.send(b"x" * 126, opcode=9), 1002),
    (lambda ws: ws.send(b"x", opcode=9, fin=False), 1002),
    (lambda ws: ws.send(b"x", opcode=8), 1002),
    (lambda ws: ws.send(b"", opcode=8), None),
    (lambda ws: ws.send("x", opcode=0), 1002),
    (lambda ws: ws.sock.sendall(b"\xf1\x80\0\0\0\0"), 1002)])
def test_close_codes(served, send, code):
    with Socket(served) as ws:
        with contextlib.suppress(OSError):  # it need not wait for the end of what it does not want
            send(ws)
        assert ws.close_code() == code


def test_the_largest_message_that_is_read(served):
    with Socket(served) as ws:
        ws.send('{"subscribe":["rates"]}'.ljust(64 * 1024))
        assert ws.receive_json()["type"] == "rates"


def test_a_message_in_pieces(served):
    with Socket(served) as ws:
        ws.send('{"subscribe":', fin=False)
        ws.send(b"ping", opcode=9)
        ws.send('["rates"]}', opcode=0)
        assert ws.receive() == (10, b"ping")
        assert ws.receive_json()["type"] == "rates"


def test_a_frame_that_came_along_with_the_request(served):
    with Socket(served, extra=Socket.frame('{"subscribe":["rates"]}')) as ws:
        assert ws.status == 101 and ws.receive_json()["type"] == "rates"


def test_closing(served):
    with Socket(served) as ws:
        ws.send(b"\x03\xe8", opcode=8)
        assert ws.close_code() == 1000
        assert ws.sock.recv(1) == b""


def test_byte_by_byte(served):
    with Socket(served) as ws:
        for byte in Socket.frame('{"subscribe":["rates"]}'):
            ws.sock.sendall(bytes([byte]))
        assert ws.receive_json()["type"] == "rates"


@pytest.mark.parametrize("headers, status", [
    (("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: " + "A" * 22 + "=="), 426),
    (("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"), 400),
    (("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: short"), 400),
    (("Upgrade: h2c", "Connection: Upgrade"), 426),
    (("Connection: keep-alive",), 426)])
def test_bad_handshakes(served, headers, status):
    got, answer, _ = ask(served, get("/ws", *headers))
    assert got == status and answer["content-type"] == "application/problem+json"
    if status == 426:
        assert answer["upgrade"] == "websocket" and answer["sec-websocket-version"] == "13"


def test_the_limit(daemon):
    running = daemon("--max-ws=3")
    clients = [Socket(running) for _ in range(3)]
    assert [c.status for c in clients] == [101] * 3
    assert ask(running, get("/ws", *Socket.HANDSHAKE, "Sec-WebSocket-Key: " + "A" * 22 + "=="))[0] == 503
    assert running.json("/api/stats")["clients"]["ws"] == 3
    clients.pop().close()
    eventually(lambda: running.json("/api/stats")["clients"]["ws"] < 3, what="its place is free")
    with Socket(running) as ws:
        assert ws.status == 101
    for client in clients:
        client.close()


def test_a_client_that_stops_reading_skips_frames_and_is_told(daemon, pair):
    running = daemon()
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out, Socket(running, receive_buffer=2048) as lazy, Socket(running) as keen:
        lazy.send('{"subscribe":["rates","top_talkers"]}')
        keen.send('{"subscribe":["rates"]}')
        begun = time.monotonic()
        seen, skipped = [], 0
        # where the daemon is held up both miss something, of each of their topics
        while skipped <= 3 * sum(frame.get("skipped", 0) for frame in seen):
            assert time.monotonic() < begun + 40
            for i in range(20):  # so that the frames have some length
                out.sendto(b"x", (pair.host.ip4, 6000 + i))
            skipped = running.json("/api/stats")["clients"]["skipped"]
            seen.append(keen.receive_json())
        check_order(seen[2:], running)
        told, deadline = [], time.monotonic() + DEADLINE_S
        while sum(told) <= 2 * sum(frame.get("skipped", 0) for frame in seen):
            assert time.monotonic() < deadline, told
            told.append(lazy.receive_json().get("skipped", 0))


def test_a_flood_of_pings_from_who_does_not_read_costs_little(served):
    before = served.json("/api/stats")["rss_bytes"]
    with Socket(served, receive_buffer=2048, timeout_s=1) as ws:
        flood = Socket.frame(b"p" * 100, opcode=9) * 200
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                ws.sock.sendall(flood)
        assert served.json("/api/stats")["rss_bytes"] < before + (4 << 20)
        with Socket(served) as other:
            other.send('{"subscribe":["rates"]}')
            assert other.receive_json()["type"] == "rates"


def test_many_clients_get_the_same_frame(served):
    clients = [Socket(served) for _ in range(200)]
    try:
        for client in clients:
            client.send('{"subscribe":["rates"]}')
        seen = {}
        for client in clients:
            for frame in (client.receive_json(), client.receive_json()):
                frame.pop("skipped", None)
                seen.setdefault(frame["ts"], set()).add(json.dumps(frame))
        assert all(len(frames) == 1 for frames in seen.values())
    finally:
        for client in clients:
            client.close()


def test_goodbye(daemon):
    def seconds_to_stop():
        running = daemon()
        with Socket(running) as ws, Socket(running, receive_buffer=2048) as silent, connect(running) as idle:
            ws.send('{"subscribe":["rates"]}')
            silent.send('{"subscribe":["rates"]}')
            idle.sendall(get("/healthz"))
            assert read_answer(idle)[0] == 200
            begun = time.monotonic()
            running.process.terminate()
            assert ws.close_code() == 1001
            assert running.process.wait(DEADLINE_S) == 0
            return time.monotonic() - begun

    in_time(seconds_to_stop, 2, "it ends")


def test_gap_in_place_of_rates(pair, daemon):
    """While the interface is down every second is told of, as one without rates; then they go on."""
    watch = daemon("--bpf=")
    watch.settle()

    async def conversation(client):
        await client.send('{"subscribe":["rates","top_talkers","events"]}')
        frames = []

        async def until(wanted):
            while not wanted(frames):
                frames.append(await receive(client))

        pair.host.run("ip", "link", "set", "veth0", "down")
        await until(lambda got: sum(f["type"] == "gap" for f in got) == 3)
        pair.host.run("ip", "link", "set", "veth0", "up")
        await until(lambda got: got[-1]["type"] == "rates" and not got[-1]["partial"])
        return frames

    frames = talk(watch, conversation)
    gaps = [f for f in frames if f["type"] == "gap"]
    check_order([f for f in frames if f["type"] in ("rates", "gap")], watch)
    assert {f["reason"] for f in gaps} == {"interface_down"}
    assert {name for f in gaps for name in f} | {"skipped"} == contract.message_tables()["gap"]
    in_gaps = {f["ts"] for f in gaps}
    assert not any(f["ts"] in in_gaps for f in frames if f["type"] in ("rates", "top_talkers"))
    assert {"iface_down", "iface_up"} <= {f["event"] for f in frames if f["type"] == "events"}
    assert in_gaps <= seconds_down(watch.json("/api/counters"))
