"""Traffic of known size: frames, datagrams and connections from inside a namespace."""

import json
import socket
import struct
import subprocess
import threading
import time

from netwatch_testing import DEADLINE_S, eventually


def frames(namespace, data, iface="veth0"):
    """Puts frames on the cable as they are. Their destination is nobody, so nobody answers."""
    with namespace.entered():
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with out:
        out.bind((iface, 0))
        for frame in data:
            out.send(frame)


def sink(namespace, address):
    """A UDP socket that swallows what comes. Returns (socket, port)."""
    with namespace.entered():
        receiver = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((address, 0))
    return receiver, receiver.getsockname()[1]


def datagrams(sender, receiver, count, size):
    """`count` datagrams of `size` bytes over IPv4, which have arrived. Returns (source port, destination port)."""
    into, port = sink(receiver, receiver.ip4)
    into.settimeout(DEADLINE_S)
    with sender.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with into, out:
        out.connect((receiver.ip4, port))
        for _ in range(count):
            out.send(b"d" * size)
            into.recv(1)
        return out.getsockname()[1], port


def connection(client, server, reset=False):
    """One TCP connection with a word each way, closed in order or reset. Returns the client's port."""
    with server.entered():
        listener = socket.create_server((server.ip4, 0))
    with client.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listener, out:
        out.connect(listener.getsockname())
        accepted, (_, port) = listener.accept()
        with accepted:
            out.sendall(b"word")
            accepted.recv(16)
            accepted.sendall(b"word")
            out.recv(16)
            if reset:
                out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            out.close()
    return port


def ping(sender, address, count=5, size=56):
    sender.run("ping", "-q", "-c", str(count), "-i", "0.02", "-s", str(size), "-W", "10", address)


def iperf3(client, server, *options):
    """Runs a client against a server for one test; returns the client's own account, parsed."""
    process = server.start("iperf3", "-s", "-1", "-B", server.ip4, stdout=subprocess.DEVNULL)
    eventually(lambda: ":5201 " in server.run("ss", "-ltn"), what="the iperf3 server listens")
    account = json.loads(client.run("iperf3", "-c", server.ip4, "-J", *options))
    process.wait(DEADLINE_S)
    return account


class Stream:
    """Datagrams at a steady pace, from entry to exit. `sent` counts them, `times` are when (Unix time, s)."""

    def __init__(self, sender, receiver, size, every_s):
        self.into, self.port = sink(receiver, receiver.ip4)
        with sender.entered():
            self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.out.connect((receiver.ip4, self.port))
        self.source_port = self.out.getsockname()[1]
        self.size, self.every_s, self.times = size, every_s, []
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.pump)

    def pump(self):
        while not self.enough.wait(self.every_s):
            self.times.append(time.time())
            self.out.send(b"s" * self.size)

    @property
    def sent(self):
        return len(self.times)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.thread.join()
        self.out.close()
        self.into.close()


class Bursts:
    """Calls `send` once in every second, from entry to exit. `whole` are the seconds (Unix time) in which all that it sends
    went out, and nothing of another burst."""

    def __init__(self, send):
        self.send, self.whole = send, set()
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.pump)

    def pump(self):
        last = int(time.time())
        while not self.enough.wait(last + 1 - time.time()):
            second = int(time.time())
            if second > last:
                self.send()
                last = int(time.time())
                if last == second:
                    self.whole.add(second)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.thread.join()
