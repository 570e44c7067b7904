"""Super-packets on a veth: offloads switched, frames sent with a virtio header, the kernel's own segment counts.

A frame sent with a virtio header (PACKET_VNET_HDR) is what a segmenting interface is given: headers once, a
payload, and the size of the pieces that it is to be cut into. A veth hands it over as it is.
"""

import contextlib
import socket
import struct
import threading
from pathlib import Path

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, TCP_CHECKSUM = 1, 16
TCP4, UFO, TCP6, UDP = 1, 3, 4, 5  # VIRTIO_NET_HDR_GSO_*
UDP_SEGMENT, SO_RCVBUFFORCE, ETH_P_ALL = 103, 33, 3
RTM_NEWLINK, NLM_REQUEST_ACK, IFLA_IFNAME = 16, 5, 3
BIG = {"gso_max_size": 41, "gro_max_size": 58, "gso_ipv4_max_size": 63, "gro_ipv4_max_size": 64}  # IFLA_*
ALL = ("tso", "gso", "gro", "tx", "rx")
UDP_FEATURES = ("tx-udp-segmentation", "rx-udp-gro-forwarding")


def switch(pair, host, peer):
    """Sets the offloads that are on at each end, by the names of ethtool(8); all others are off."""
    for end, on in ((pair.host, host), (pair.peer, peer)):
        words = [word for name in (*ALL, *UDP_FEATURES) for word in (name, "on" if name in on else "off")]
        end.run("ethtool", "-K", "veth0", *words)


def allow_big_tcp(namespace, iface, size):
    """Lets super-packets grow beyond 64 KiB, IPv4's as well, of which iproute2 6.1 does not know."""
    attributes = b"".join(struct.pack("=HHI", 8, kind, size) for kind in BIG.values())
    name = iface.encode() + b"\0"
    named = struct.pack("=HH", 4 + len(name), IFLA_IFNAME) + name + b"\0" * (-len(name) % 4)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0) + named + attributes
    with namespace.entered():
        link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    with link:
        link.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, NLM_REQUEST_ACK, 1, 0) + body)
        error, = struct.unpack_from("=i", link.recv(4096), 16)
    assert error == 0, error


def send(namespace, frame, gso, size, transport_at, iface="veth0"):
    """Sends one super-packet of headers and payload of TCP. `transport_at` is where the TCP header begins."""
    header = struct.pack("=BBHHHH", NEEDS_CSUM, gso, 0, size, transport_at, TCP_CHECKSUM)
    with namespace.entered():
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with out:
        out.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        out.bind((iface, 0))
        assert out.send(header + frame) == len(header) + len(frame)


def kernel_counts(namespace, protocol):
    """What this kernel says of a protocol since the namespace was made: {"OutSegs": 5, …}."""
    with namespace.entered():
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith(protocol + ":"))
    return dict(zip(names, map(int, values)))


def segments_sent(namespace):
    """How many TCP segments this kernel says that it has sent: (all, of these retransmitted)."""
    tcp = kernel_counts(namespace, "Tcp")
    return tcp["OutSegs"] + tcp["RetransSegs"], tcp["RetransSegs"]


class Segments:
    """From entry to exit: how many segments each end of a pair has sent, and of these again. Nothing else may speak TCP
    there meanwhile."""

    def __init__(self, pair):
        self.ends = (pair.host, pair.peer)

    def __enter__(self):
        self.before = [segments_sent(end) for end in self.ends]
        return self

    def __exit__(self, *_):
        after = [segments_sent(end) for end in self.ends]
        self.host, self.peer = (now[0] - then[0] for now, then in zip(after, self.before))
        self.host_again, self.peer_again = (now[1] - then[1] for now, then in zip(after, self.before))
        self.again = self.host_again + self.peer_again


class Sizes:
    """The lengths of the first frames that pass an interface between entry and exit: `seen`."""

    def __init__(self, namespace, iface="veth0"):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self.socket.bind((iface, ETH_P_ALL))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.seen = []
        with self.socket, contextlib.suppress(BlockingIOError):
            while True:
                self.seen.append(self.socket.recv_into(bytearray(1), 1, socket.MSG_TRUNC | socket.MSG_DONTWAIT))


def transfer(sender, receiver, address, payload):
    """One TCP connection that carries `payload` bytes from sender to receiver, closed in order by both."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with receiver.entered():
        listener = socket.create_server((address, 0), family=family)
    with sender.entered():
        out = socket.socket(family, socket.SOCK_STREAM)

    def swallow():
        accepted, _ = listener.accept()
        with accepted:
            while accepted.recv(1 << 20):
                pass

    reader = threading.Thread(target=swallow)
    reader.start()
    with listener, out:
        out.connect(listener.getsockname()[:2])
        chunk = bytes(min(payload, 1 << 20))
        for at in range(0, payload, len(chunk)):
            out.sendall(chunk[:payload - at])
        out.shutdown(socket.SHUT_WR)
        reader.join(60)
        assert not reader.is_alive()
        assert out.recv(1) == b""


def datagrams(sender, receiver, address, payload, size):
    """One send of `payload` bytes in UDP datagrams of `size`, which the kernel cuts as late as it can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with receiver.entered():
        into = socket.socket(family, socket.SOCK_DGRAM)
    with sender.entered():
        out = socket.socket(family, socket.SOCK_DGRAM)
    with into, out:
        into.bind((address, 0))
        out.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
        out.connect(into.getsockname()[:2])
        assert out.send(bytes(payload)) == payload


@contextlib.contextmanager
def vxlan(pair, port=4789):
    """A VXLAN over the cable: `vxlan0` at each end, the other a permanent neighbour. Yields the host's and the peer's
    address inside."""
    ends = ((pair.host, pair.peer, "10.78.0.1"), (pair.peer, pair.host, "10.78.0.2"))
    macs = {pair.host: "02:00:00:00:78:01", pair.peer: "02:00:00:00:78:02"}
    try:
        for end, other, address in ends:
            end.run("ip", "link", "add", "vxlan0", "address", macs[end], "arp", "off", "type", "vxlan", "id", "5", "remote",
                    other.ip4, "local", end.ip4, "dstport", str(port), "dev", "veth0", "nolearning", "udpcsum")
            end.run("ip", "address", "add", address + "/24", "dev", "vxlan0")
            end.run("ip", "link", "set", "vxlan0", "up")
        for (end, other, _), (_, _, theirs) in zip(ends, reversed(ends)):
            end.run("ip", "neighbour", "replace", theirs, "lladdr", macs[other], "nud", "permanent", "dev", "vxlan0")
        yield ends[0][2], ends[1][2]
    finally:
        for end, _, _ in ends:
            end.run("ip", "link", "del", "vxlan0")
