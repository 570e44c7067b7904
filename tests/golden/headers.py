"""Golden captures of what headers can say besides: one case for each choice of how to count them.

As in cases.py, which takes these in; addresses are documentation's or private.
"""

import socket
import struct
from dataclasses import replace

import wire
from ledger import Capture
from wire import ACK, SYN, ether, extension, fragment_rest, ip4, ip6, tag, tcp, udp

A, B, C = "10.0.0.1", "10.0.0.2", "192.0.2.7"
A6, B6, C6 = "2001:db8::1", "2001:db8::2", "2001:db8::7"
HOME = socket.inet_pton(socket.AF_INET6, C6)

MOBILITY, HIP, SHIM6 = 135, 139, 140
MPLS_MULTICAST, PPPOE_DISCOVERY = 0x8848, 0x8863
# Provider backbone bridging, network service header, VN-tag, E-tag, TRILL, FabricPath, HSR, MACsec, Cisco metadata,
# transparent Ethernet bridging, Arista's timestamp
UNOPENED = (0x88E7, 0x894F, 0x8926, 0x893F, 0x22F3, 0x8903, 0x892F, 0x88E5, 0x8909, 0x6558, 0xD28B)


def wire_lengths():
    """The length on the wire counts as the file says it: beyond the frame, below it, absurd, zero."""
    frame = ether(ip4(A, B, udp(5000, 6000, b"l" * 100)))
    lengths = (1500, 60, 1 << 20, (1 << 20) + 1, 0x7FFFFFFF, 0)
    capture = Capture()
    for n, length in enumerate(lengths):
        capture.add(f"0.{n}", replace(frame, length=length))
    return capture


def wrong_families():
    """ICMP is ICMP only in its own family; what else bears a known number counts under it."""
    echo4, echo6 = wire.echo(), wire.echo(proto=wire.ICMP6)
    return (Capture()
            .add("0", ether(ip4(A, B, echo4))).add("0.1", ether(ip6(A6, B6, echo6)))
            .add("0.2", ether(ip6(A6, B6, echo4))).add("0.3", ether(ip4(A, B, echo6)))
            .add("0.4", ether(ip4(A, B, wire.opaque(41, ip6(A6, B6, udp(1, 2)).data))))
            .add("0.5", ether(ip6(A6, B6, wire.opaque(4, ip4(A, B, udp(1, 2)).data)))))


def source_routes():
    """The addresses are the fixed header's, whatever routes and home addresses say."""
    loose = b"\x83\x07\x04" + bytes((192, 0, 2, 7)) + b"\0"
    via = extension(wire.ROUTING, b"\0\1\0\0\0\0" + HOME)
    segment_routing = extension(wire.ROUTING, b"\4\1\1\0\0\0" + 2 * HOME)
    home = extension(wire.DESTINATION, b"\1\2\0\0\xc9\x10" + HOME)
    return (Capture()
            .add("0", ether(ip4(A, B, udp(5000, 6000), options=loose)))
            .add("0.1", ether(ip6(A6, B6, udp(5000, 6000), extensions=[via])))
            .add("0.2", ether(ip6(A6, B6, udp(5000, 6000), extensions=[segment_routing])))
            .add("0.3", ether(ip6(A6, B6, udp(5000, 6000), extensions=[home]))))


def ip6_other_extensions():
    """Mobility, HIP and Shim6 are walked, too; ESP and what is unknown end the chain."""
    hop = extension(wire.HOP_BY_HOP, b"\5\2\0\0\1\0")
    capture = Capture()
    for n, kind in enumerate((MOBILITY, HIP, SHIM6)):
        capture.add(f"0.{n}", ether(ip6(A6, B6, tcp(1000, 80, SYN), extensions=[hop, extension(kind, b"m" * 13)])))
    mobile = ip6(A6, B6, wire.opaque(wire.NO_NEXT, b""), extensions=[extension(MOBILITY, b"m" * 6)])
    return (capture
            .add("0.5", ether(mobile))
            .add("0.6", ether(ip6(A6, B6, wire.opaque(wire.ESP, b"\0\0\1\0" * 6), extensions=[hop])))
            .add("0.7", ether(ip6(A6, B6, wire.opaque(253, b"x" * 30), extensions=[hop])))
            .add("0.8", ether(ip6(A6, B6, fragment_rest(wire.DESTINATION, b"\6\0" + b"f" * 30),
                                  extensions=[wire.fragment(1480, True)]))))


def more_shims():
    """Multicast MPLS, PPPoE below a tag, SNAP below a tag are opened; PPPoE discovery, SNAP of another
    organisation, and shims that are no IP's are not."""
    packet = ip4(A, B, udp(5000, 6000, b"s" * 20))
    foreign = b"\xaa\xaa\x03\0\0\x0c" + struct.pack(">H", wire.IP4) + packet.data
    capture = (Capture()
               .add("0", ether(replace(wire.mpls(packet), ethertype=MPLS_MULTICAST)))
               .add("0.1", ether(tag(wire.pppoe(packet), 7))).add("0.2", ether(tag(wire.snap(packet), 8)))
               .add("0.3", ether(wire.not_ip(PPPOE_DISCOVERY, b"\x11\x09\0\0\0\4\1\1\0\0")))
               .add("0.4", ether(wire.not_ip(len(foreign), foreign))))
    for n, ethertype in enumerate(UNOPENED):
        capture.add(f"1.{n:02}", ether(wire.not_ip(ethertype, b"\0" * 8 + packet.data)))
    return capture


def bad_transport():
    """Checksums are not looked at, nor what TCP and UDP say of their own lengths, nor flags beyond the eight."""
    spoiled = bytearray(ip4(A, B, udp(5000, 6000, b"c" * 8)).data)
    spoiled[10:12] = b"\xde\xad"
    segment, datagram = bytearray(tcp(1000, 80, ACK, b"d" * 20).data), bytearray(udp(5000, 6000, b"d" * 20).data)
    capture = Capture().add("0", ether(replace(ip4(A, B, udp(5000, 6000, b"c" * 8)), data=bytes(spoiled))))
    for n, offset in enumerate((0x00, 0x40, 0xF0, 0x5F)):  # none, short, beyond the packet; NS and the reserved bits
        segment[12] = offset
        capture.add(f"1.{n}", ether(ip4(A, B, replace(tcp(1000, 80, ACK), data=bytes(segment)))))
    for n, length in enumerate((0, 7, 9000)):
        datagram[4:6] = struct.pack(">H", length)
        capture.add(f"2.{n}", ether(ip4(A, B, replace(udp(5000, 6000), data=bytes(datagram)))))
    return capture


def fragments_of_all():
    """A later fragment has no ports in any protocol, and no flags; the first has both."""
    inner = (tcp(1000, 80, SYN, b"t" * 12), udp(5000, 6000, b"u" * 24), wire.sctp(5000, 6000, b"\0\0\0\x14" + b"s" * 16))
    capture = Capture()
    for n, layer in enumerate(inner):
        rest = fragment_rest(layer.meaning.proto, layer.data)
        capture.add(f"0.{n}", ether(ip4(A, B, layer, more=True))).add(f"0.{n}1", ether(ip4(A, B, rest, offset=32)))
        capture.add(f"1.{n}", ether(ip6(A6, B6, layer, extensions=[wire.fragment(0, True)])))
        capture.add(f"1.{n}1", ether(ip6(A6, B6, rest, extensions=[wire.fragment(32, False)])))
    return capture


def tunnels():
    """Every tunnel is a flow of its outermost header, by ports where that has any."""
    inner = ip4("172.16.0.1", "172.16.0.2", tcp(1000, 80, SYN))
    vxlan = b"\x08\0\0\0\0\0\5\0" + ether(inner).data
    return (Capture()
            .add("0", ether(ip4(A, B, wire.opaque(4, inner.data))))
            .add("0.1", ether(ip4(A, B, wire.opaque(wire.GRE, b"\0\0\x08\0" + inner.data))))
            .add("0.2", ether(ip4(A, B, udp(50000, 4789, vxlan))))
            .add("0.3", ether(ip6(A6, B6, udp(50000, 6081, b"\0\0\x65\x58\0\0\5\0" + ether(inner).data))))
            .add("0.4", ether(ip4(A, B, udp(50000, 2152, b"\x30\xff\0\x28\0\0\0\1" + inner.data))))
            .add("0.5", ether(ip4(A, B, wire.opaque(137, wire.mpls(inner).data))))
            .add("0.6", ether(ip6(A6, C6, wire.opaque(97, b"\x30\0" + ether(inner).data)))))


HEADERS = (wire_lengths, wrong_families, source_routes, ip6_other_extensions, more_shims, bad_transport, fragments_of_all,
           tunnels)
