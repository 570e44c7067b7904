"""Builders of frames that remember what they mean.

Each builder returns the bytes that it wrote together with the meaning that a monitor must find in
them: a flow with ports and flags, or the reason why there is none. Nothing here parses; a test
that compares a parser with these meanings compares it with the author's intent.

Layers are stacked inside out:  ether(tag(ip4("10.0.0.1", "10.0.0.2", tcp(1234, 80, SYN)), 10))
"""

import socket
import struct
from dataclasses import dataclass, field, replace

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

IP4, IP6, ARP = 0x0800, 0x86DD, 0x0806
MPLS, PPPOE_SESSION = 0x8847, 0x8864
CTAG, STAG = 0x8100, 0x88A8

ICMP, TCP, UDP, DCCP, GRE, ESP, AH, ICMP6, NO_NEXT, SCTP, UDPLITE = 1, 6, 17, 33, 47, 50, 51, 58, 59, 132, 136
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60


@dataclass(frozen=True)
class Meaning:
    """What one frame is to be counted as. `flow` false: no flow, class other."""

    flow: bool = False
    undecoded: str | None = None
    family: int = 0
    src: str = ""
    dst: str = ""
    src_port: int = 0
    dst_port: int = 0
    proto: int = 0
    vlan: int = 0
    tcp_flags: int = 0


@dataclass(frozen=True)
class Layer:
    """Bytes, what follows from them, and (for a layer 3 packet) the ethertype that announces it."""

    data: bytes
    meaning: Meaning
    ethertype: int = 0
    length: int = field(default=-1)  # on the wire, where the capture holds less

    @property
    def wire_length(self):
        return len(self.data) if self.length < 0 else self.length


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# ---- layer 4 ------------------------------------------------------------------------


def tcp(src_port, dst_port, flags, payload=b"", options=b""):
    """Sequence numbers with every bit set: read as flags they would show."""
    number = 0xFFFFFFFF
    header = struct.pack(">HHIIBBHHH", src_port, dst_port, number, number, (20 + len(options)) // 4 << 4, flags, 8192, 0, 0)
    meaning = Meaning(proto=TCP, src_port=src_port, dst_port=dst_port, tcp_flags=flags)
    return Layer(header + options + payload, meaning)


def udp(src_port, dst_port, payload=b"", proto=UDP):
    header = struct.pack(">HHHH", src_port, dst_port, 8 + len(payload), 0)
    return Layer(header + payload, Meaning(proto=proto, src_port=src_port, dst_port=dst_port))


def echo(reply=False, size=56, proto=ICMP):
    kind = {ICMP: (8, 0), ICMP6: (128, 129)}[proto][reply]
    return Layer(struct.pack(">BBHHH", kind, 0, 0, 77, 1) + b"\xa5" * size, Meaning(proto=proto))


def sctp(src_port, dst_port, chunk=b"\x0a\0\0\4"):
    return Layer(struct.pack(">HHII", src_port, dst_port, 0x1234, 0) + chunk,
                 Meaning(proto=SCTP, src_port=src_port, dst_port=dst_port))


def opaque(proto, data):
    """A protocol that Netwatch does not open."""
    return Layer(data, Meaning(proto=proto))


def fragment_rest(proto, data):
    """A fragment after the first: what looks like ports is payload."""
    return Layer(data, Meaning(proto=proto))


# ---- layer 3 ------------------------------------------------------------------------


def ip4(src, dst, inner, *, options=b"", offset=0, more=False, version=4, ihl=None, total_length=None, ttl=64):
    header_length = 20 + len(options)
    ihl = header_length // 4 if ihl is None else ihl
    total_length = header_length + len(inner.data) if total_length is None else total_length
    head = struct.pack(">BBHHHBBH4s4s", version << 4 | ihl, 0, total_length, 0x4242, more << 13 | offset // 8, ttl,
                       inner.meaning.proto, 0, socket.inet_aton(src), socket.inet_aton(dst)) + options
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return Layer(head + inner.data, replace(inner.meaning, flow=True, family=4, src=src, dst=dst), IP4)


def extension(kind, body=b""):
    """An IPv6 extension header, padded to eight bytes: (kind, bytes after the next-header byte)."""
    if kind == AH:
        body = body or b"\0" * 12
        return kind, struct.pack(">BH", (len(body) + 4) // 4 - 2, 0) + body
    body += b"\0" * (-(len(body) + 2) % 8)
    return kind, struct.pack(">B", (len(body) + 2) // 8 - 1) + body


def fragment(offset, more):
    return FRAGMENT, struct.pack(">BHI", 0, offset | more, 0x4242)


def ip6(src, dst, inner, *, extensions=(), version=6, payload_length=None):
    kinds = [kind for kind, _ in extensions] + [inner.meaning.proto]
    chain = b"".join(bytes([follows]) + body for follows, (_, body) in zip(kinds[1:], extensions))
    payload_length = len(chain) + len(inner.data) if payload_length is None else payload_length
    head = struct.pack(">IHBB16s16s", version << 28, payload_length, kinds[0], 64,
                       socket.inet_pton(socket.AF_INET6, src), socket.inet_pton(socket.AF_INET6, dst))
    return Layer(head + chain + inner.data, replace(inner.meaning, flow=True, family=6, src=src, dst=dst), IP6)


def arp():
    body = struct.pack(">HHBBH6s4s6s4s", 1, IP4, 6, 4, 1, b"\2\0\0\0\0\1", b"\x0a\0\0\1", b"\0" * 6, b"\x0a\0\0\2")
    return Layer(body, Meaning(undecoded="not_ip"), ARP)


def not_ip(ethertype, data):
    return Layer(data, Meaning(undecoded="not_ip"), ethertype)


# ---- between 2 and 3 ----------------------------------------------------------------


def mpls(inner, labels=(100,)):
    last = len(labels) - 1
    stack = b"".join(struct.pack(">I", label << 12 | (n == last) << 8 | 64) for n, label in enumerate(labels))
    return replace(inner, data=stack + inner.data, ethertype=MPLS)


def pppoe(inner):
    ppp = {IP4: 0x0021, IP6: 0x0057}.get(inner.ethertype, 0xC021)
    head = struct.pack(">BBHHH", 0x11, 0, 7, len(inner.data) + 2, ppp)
    return replace(inner, data=head + inner.data, ethertype=PPPOE_SESSION)


def snap(inner):
    """LLC/SNAP: what would be the ethertype is the length."""
    body = b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", inner.ethertype) + inner.data
    return replace(inner, data=body, ethertype=len(body))


# ---- layer 2 ------------------------------------------------------------------------


def tag(inner, vlan, tpid=CTAG, priority=0):
    """An IEEE 802.1Q tag. The outermost one is the flow's."""
    head = struct.pack(">HH", priority << 13 | vlan, inner.ethertype)
    meaning = replace(inner.meaning, vlan=vlan) if inner.meaning.flow else inner.meaning
    return replace(inner, data=head + inner.data, ethertype=tpid, meaning=meaning)


def ether(inner, pad=60):
    """An Ethernet frame, short ones padded as a NIC does."""
    data = b"\2\0\0\0\0\2" + b"\2\0\0\0\0\1" + struct.pack(">H", inner.ethertype) + inner.data
    return replace(inner, data=data.ljust(pad, b"\0"))


def cooked(inner, packet_type=0):
    """LINKTYPE_LINUX_SLL."""
    head = struct.pack(">HHH8sH", packet_type, 1, 6, b"\2\0\0\0\0\1", inner.ethertype)
    return replace(inner, data=head + inner.data)


def cooked2(inner, packet_type=0):
    """LINKTYPE_LINUX_SLL2."""
    head = struct.pack(">HHIHBB8s", inner.ethertype, 0, 2, 1, packet_type, 6, b"\2\0\0\0\0\1")
    return replace(inner, data=head + inner.data)


def loopback(inner, order="<", family6=30):
    """LINKTYPE_NULL: the address family in the order of the machine that captured."""
    return replace(inner, data=struct.pack(order + "I", 2 if inner.ethertype == IP4 else family6) + inner.data)


# ---- damage -------------------------------------------------------------------------


def snapped(frame, captured, **meaning):
    """The capture holds `captured` bytes of the frame. What that hides is named by the caller."""
    return replace(frame, data=frame.data[:captured], length=frame.wire_length,
                   meaning=replace(frame.meaning, **meaning))


def spoiled(frame, reason):
    """No valid IP header: the frame counts, the flow does not exist."""
    return replace(frame, meaning=Meaning(undecoded=reason))
