"""HTTP and WebSocket by hand, for what no well-behaved client would do."""

import base64
import json
import os
import resource
import socket
import struct
import time
from urllib.parse import urlsplit

from netwatch_testing import DEADLINE_S, eventually


def connect(daemon, receive_buffer=None, timeout_s=DEADLINE_S, source=None):
    """A TCP connection to the daemon, from inside its namespace."""
    where = urlsplit(daemon.url)
    with daemon.namespace.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.bind((source, 0))
    sock.settimeout(timeout_s)
    sock.connect((where.hostname, where.port))
    return sock


def read_answer(sock):
    """One HTTP answer with a Content-Length → (status, headers with small names, body)."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"closed after {data!r}"
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    status_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        more = sock.recv(65536)
        assert more, "closed within the body"
        body += more
    return int(status_line.split()[1]), headers, body


def ask(daemon, request, **options):
    """Sends bytes on a connection of their own; returns the first answer."""
    with connect(daemon, **options) as sock:
        sock.sendall(request)
        return read_answer(sock)


def ask_in_a_row(daemon, requests, **options):
    """One after the other on one connection, which is quicker than ask()."""
    with connect(daemon, **options) as sock:
        return [sock.sendall(request) or read_answer(sock) for request in requests]


def ask_patiently(daemon, request, **options):
    """Asks again for as long as wrong tokens are held against its address."""
    while (answer := ask(daemon, request, **options))[0] == 429:
        time.sleep(0.3)
    return answer


def kept_out(daemon, wrong, **options):
    """The answer to a request with a wrong token that comes after ten within a second."""
    def too_many():
        return next((answer for answer in ask_in_a_row(daemon, [wrong] * 11, **options) if answer[0] == 429), None)

    return eventually(too_many, what="ten wrong tokens within a second")


def lone_address(daemon, wrong, right):
    """One of the loopback from which wrong tokens keep nobody out at 127.0.0.1, as they do where both meet in one place of
    the daemon's memory. Given are requests with a wrong token and with the right one."""
    for n in range(2, 255):
        kept_out(daemon, wrong, source=f"127.0.0.{n}")
        if ask(daemon, right)[0] != 429:
            return f"127.0.0.{n}"
    raise AssertionError("wrong tokens keep others out")


def get(path, *headers, host="127.0.0.1", method="GET", version="1.1"):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), *headers, "", ""]
    return "\r\n".join(lines).encode()


def is_open(sock):
    """Whether neither end has said that it is over, whatever is still to be read."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x01"  # TCP_ESTABLISHED


def is_closed(sock, timeout_s):
    """Whether the peer closes (or resets) within that time, whatever it says before."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            if not sock.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


class Crowd:
    """So many connections, of each of which `first` was sent."""

    def __init__(self, daemon, n, first=b""):
        self.daemon, self.n, self.first = daemon, n, first
        self.sockets = []

    def fill(self):
        """Replaces those that have come to their deadline."""
        over = [sock for sock in self.sockets if not is_open(sock)]
        for sock in over:
            sock.close()
            self.sockets.remove(sock)
        while len(self.sockets) < self.n:
            self.sockets.append(connect(self.daemon))
            self.sockets[-1].sendall(self.first)

    def while_there(self, ask):
        """What `ask` returns where all of them are there before and after."""
        def asked():
            self.fill()
            answer = ask()
            return all(map(is_open, self.sockets)) and answer

        return eventually(asked, what="an answer while all are connected")

    def __enter__(self):
        self.limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(self.limits[0], min(self.limits[1], 4096)), self.limits[1]))
        return self

    def __exit__(self, *_):
        for sock in self.sockets:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, self.limits)


class Socket:
    """A WebSocket without manners: it answers nothing by itself, but for the pings between the messages that it reads."""

    HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")

    def __init__(self, daemon, *headers, extra=b"", token=True, **options):
        key = base64.b64encode(os.urandom(16)).decode()
        token = (f"Authorization: Bearer {daemon.token}",) if token and daemon.token else ()
        self.sock = connect(daemon, **options)
        self.sock.sendall(get("/ws", *self.HANDSHAKE, f"Sec-WebSocket-Key: {key}", *token, *headers) + extra)
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            more = self.sock.recv(1)
            assert more, f"closed after {self.buffer!r}"
            self.buffer += more
        self.status = int(self.buffer.split()[1])
        self.buffer = b""

    @staticmethod
    def frame(payload, opcode=1, fin=True, masked=True):
        if isinstance(payload, str):
            payload = payload.encode()
        mask = os.urandom(4) if masked else b"\0\0\0\0"
        head = bytes([(0x80 if fin else 0) | opcode])
        flag = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([flag | len(payload)])
        elif len(payload) < 65536:
            head += bytes([flag | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        return head + (mask if masked else b"") + body

    def send(self, payload, **options):
        self.sock.sendall(self.frame(payload, **options))

    def take(self, n):
        while len(self.buffer) < n:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def receive(self):
        """One frame → (opcode, payload)."""
        first, length = self.take(2)
        assert not length & 0x80, "a server does not mask"
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(length)

    def receive_json(self):
        while (frame := self.receive())[0] == 9:
            self.send(frame[1], opcode=10)
        assert frame[0] == 1, frame
        return json.loads(frame[1])

    def close_code(self):
        """Reads on to the close frame; its code, None where it bears none."""
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0] if payload else None

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
