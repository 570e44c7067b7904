"""HTTP and WebSocket by hand, for what no well-behaved client would do."""

import base64
import json
import os
import socket
import struct
import time
from urllib.parse import urlsplit

from netwatch_testing import DEADLINE_S


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


def get(path, *headers, host="127.0.0.1", method="GET", version="1.1"):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), *headers, "", ""]
    return "\r\n".join(lines).encode()


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


class Socket:
    """A WebSocket without manners: it answers nothing by itself."""

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
        opcode, payload = self.receive()
        assert opcode == 1, (opcode, payload)
        return json.loads(payload)

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
