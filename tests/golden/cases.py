"""The golden captures: what each one holds, written down frame by frame.

A case is a name, the bytes of a capture file, and either the expected report or the exit status
of a file that cannot be read. Addresses are those of RFC 5737 and RFC 3849, or private.
"""

from dataclasses import dataclass, replace

import files
import wire
from headers import HEADERS
from ledger import Capture
from wire import ACK, CWR, ECE, FIN, PSH, RST, SYN
from wire import echo, ether, extension, fragment, fragment_rest, ip4, ip6, tag, tcp, udp

A, B, C = "10.0.0.1", "10.0.0.2", "192.0.2.7"
A6, B6 = "2001:db8::1", "2001:db8::2"


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    report: dict | None
    exit: int = 0

    @property
    def file(self):
        return self.name + (".pcapng" if self.data[:4] == b"\n\r\r\n" else ".pcap")


def pcap_case(name, capture, link=files.ETHERNET, order="<", nanoseconds=False):
    data = files.pcap(capture.records(), link, order, nanoseconds)
    return Case(name, data, capture.report(1 if nanoseconds else 1000))


def up(flags, payload=b""):
    return ether(ip4(A, B, tcp(40000, 80, flags, payload)))


def down(flags, payload=b""):
    return ether(ip4(B, A, tcp(80, 40000, flags, payload)))


# ---- protocols ----------------------------------------------------------------------


def tcp_session():
    return (Capture()
            .add("0.000001", up(SYN)).add("0.0005", down(SYN | ACK)).add("0.0006", up(ACK))
            .add("0.1", up(ACK | PSH, b"x" * 400)).add("0.2", down(ACK, b"y" * 1400))
            .add("0.2001", down(ACK, b"y" * 1400))
            .add("1.3", up(ACK)).add("2.5", up(FIN | ACK)).add("2.6", down(FIN | ACK)).add("2.7", up(ACK)))


def tcp_others():
    """Refused; seen only from the SYN+ACK on; seen without a SYN, where the ports tell; ECN flags."""
    return (Capture()
            .add("0", up(SYN)).add("0.01", down(RST | ACK))
            .add("1", ether(ip4(C, A, tcp(8443, 51000, SYN | ACK))), initiator=A)
            .add("1.1", ether(ip4(A, C, tcp(51000, 8443, ACK))), initiator=A)
            .add("2", ether(ip4(C, A, tcp(443, 52000, ACK))), initiator=A)
            .add("3", ether(ip4(C, A, tcp(9001, 9002, ACK))))
            .add("4", ether(ip4(A, C, tcp(53000, 443, SYN | ECE | CWR)))))


def udp_and_icmp():
    return (Capture()
            .add("0", ether(ip4(A, C, udp(33000, 53, b"q" * 30))))
            .add("0.02", ether(ip4(C, A, udp(53, 33000, b"r" * 90))))
            .add("0.5", ether(ip4(C, B, udp(53, 33000, b"r" * 90))), initiator=B)
            .add("0.6", ether(ip4(B, A, udp(7000, 7001))))
            .add("1", ether(ip4(A, B, echo()))).add("1.001", ether(ip4(B, A, echo(reply=True))))
            .add("2", ether(ip6(A6, B6, echo(proto=wire.ICMP6))))
            .add("2.001", ether(ip6(B6, A6, echo(True, proto=wire.ICMP6))))
            .add("3", ether(ip6(A6, B6, udp(33000, 53, b"q" * 30))))
            .add("3.1", ether(ip6(B6, A6, tcp(22, 60000, ACK))), initiator=A6))


def other_protocols():
    """Protocols without a class of their own; of these SCTP, DCCP and UDP-Lite have ports."""
    dccp = udp(5001, 5002, b"\x10" * 8, proto=wire.DCCP)
    return (Capture()
            .add("0", ether(ip4(A, B, wire.sctp(36412, 36413)))).add("0.1", ether(ip4(B, A, wire.sctp(36413, 36412))))
            .add("0.2", ether(ip4(A, B, dccp))).add("0.3", ether(ip4(A, B, udp(6000, 6001, b"z", proto=wire.UDPLITE))))
            .add("0.4", ether(ip4(A, B, wire.opaque(wire.GRE, b"\0\0\x08\0" + ip4(C, A, udp(1, 2)).data))))
            .add("0.5", ether(ip4(A, B, wire.opaque(wire.ESP, b"\0\0\1\0" * 6))))
            .add("0.6", ether(ip4(A, B, wire.opaque(wire.AH, b"\x11\4\0\0" + b"\0" * 12 + udp(1, 2).data))))
            .add("0.7", ether(ip4(A, "224.0.0.22", wire.opaque(2, b"\x22\0\0\0\0\0\0\0"))))
            .add("0.8", ether(ip4(A, B, wire.opaque(wire.ICMP6, b"\x80\0\0\0\0\0\0\0"))))
            .add("0.9", ether(ip6(A6, B6, wire.opaque(wire.ICMP, b"\x08\0\0\0\0\0\0\0"))))
            .add("1.0", ether(ip6(A6, B6, wire.opaque(wire.NO_NEXT, b"")))))


# ---- between link and network ---------------------------------------------------------


def vlan():
    """One tag, two tags (the outer one is the key), a priority tag (no VLAN), the other tag types, the last id.
    The same addresses and ports on every VLAN: each is a flow of its own."""
    packet, answer = ip4(A, B, udp(1000, 2000, b"v" * 40)), ip4(B, A, udp(2000, 1000, b"w" * 60))
    return (Capture()
            .add("0", ether(packet), initiator=B).add("0.1", ether(tag(answer, 0, priority=5)), initiator=B)
            .add("0.2", ether(tag(packet, 10)), initiator=B).add("0.3", ether(tag(answer, 10, priority=3)), initiator=B)
            .add("0.4", ether(tag(tag(packet, 10), 20, tpid=wire.STAG)), initiator=B)
            .add("0.5", ether(tag(tag(answer, 30), 20)), initiator=B)
            .add("0.6", ether(tag(packet, 30, tpid=0x9100)), initiator=B)
            .add("0.7", ether(tag(packet, 31, tpid=0x9200)), initiator=B)
            .add("0.8", ether(tag(tag(tag(packet, 1), 2), 32, tpid=0x9300)), initiator=B)
            .add("0.9", ether(tag(ip6(A6, B6, udp(1000, 2000)), 4095)), initiator=B6)
            .add("1.0", ether(tag(wire.arp(), 10))))


def shims():
    packet = ip4(A, B, tcp(40000, 80, ACK, b"m" * 30))
    packet6 = ip6(A6, B6, udp(40000, 443, b"m" * 30))
    return (Capture()
            .add("0", ether(wire.mpls(packet))).add("0.1", ether(wire.mpls(packet6, (1, 2, 3))))
            .add("0.2", ether(tag(wire.mpls(packet), 7)))
            .add("0.3", ether(wire.pppoe(packet))).add("0.4", ether(wire.pppoe(packet6)))
            .add("0.5", ether(wire.snap(packet))).add("0.6", ether(wire.snap(packet6)))
            .add("0.7", ether(wire.pppoe(wire.not_ip(0xC021, b"\1\1\0\4"))))
            .add("0.8", ether(wire.mpls(wire.not_ip(0, b"\0\0\0\0" + b"p" * 40))))
            .add("0.9", ether(wire.snap(wire.not_ip(0x809B, b"a" * 20)))))


def nonflow():
    """ARP, spanning tree, LLDP, a pause frame, a shim that is not opened: counted, never a flow."""
    return (Capture()
            .add("0", ether(wire.arp())).add("0.1", ether(wire.not_ip(38, b"\x42\x42\3" + b"\0" * 35)))
            .add("0.2", ether(wire.not_ip(0x88CC, b"\2\7\4\2\0\0\0\0\1")))
            .add("0.3", ether(wire.not_ip(0x8808, b"\0\1\0\0")))
            .add("0.4", ether(wire.not_ip(0x88E7, b"\0" * 30 + b"\x08\0" + ip4(A, B, udp(1, 2)).data)))
            .add("0.5", up(ACK)))


# ---- network --------------------------------------------------------------------------


def ip4_options():
    """Ports stand behind the options, wherever these end."""
    return (Capture()
            .add("0", ether(ip4(A, B, udp(1111, 2222, b"o"), options=b"\x94\4\0\0")))
            .add("0.1", ether(ip4(A, B, tcp(3333, 4444, SYN), options=b"\1" * 40)))
            .add("0.2", ether(ip4(B, A, tcp(4444, 3333, SYN | ACK, options=b"\2\4\5\xb4"),
                                   options=b"\x07\x27\4" + b"\0" * 37))))


def ip4_fragments():
    """The first fragment has ports, later ones none; no reassembly."""
    body = udp(5000, 6000, b"f" * 2000)
    first = replace(body, data=body.data[:1480])
    rest = fragment_rest(wire.UDP, body.data[1480:])
    tiny = replace(tcp(5000, 6000, SYN), data=tcp(5000, 6000, SYN).data[:8])
    return (Capture()
            .add("0", ether(ip4(A, B, first, more=True))).add("0.0001", ether(ip4(A, B, rest, offset=1480)))
            .add("0.1", ether(ip4(B, A, rest, offset=1480, more=True)))
            .add("0.2", ether(wire_hides(ip4(A, B, tiny, more=True), tcp_flags=0, undecoded="l4_cut"))))


def wire_hides(packet, **meaning):
    """The bytes end too early, although the capture has them all."""
    return replace(packet, meaning=replace(packet.meaning, **meaning))


def ip6_extensions():
    hop, routing = extension(wire.HOP_BY_HOP, b"\5\2\0\0\1\0"), extension(wire.ROUTING, b"\4\0\0\0\0\0" + b"\0" * 16)
    destination, ah = extension(wire.DESTINATION, b"\1\x0c" + b"\0" * 12), extension(wire.AH)
    segment, datagram = tcp(40000, 80, ACK, b"e" * 20), udp(40000, 53, b"e" * 200)
    return (Capture()
            .add("0", ether(ip6(A6, B6, segment, extensions=[hop])))
            .add("0.1", ether(ip6(A6, B6, segment, extensions=[routing])))
            .add("0.2", ether(ip6(A6, B6, segment, extensions=[destination])))
            .add("0.3", ether(ip6(A6, B6, segment, extensions=[ah])))
            .add("0.4", ether(ip6(B6, A6, tcp(80, 40000, ACK),
                                   extensions=[hop, destination, routing, ah, destination])))
            .add("0.5", ether(ip6(A6, B6, datagram, extensions=[fragment(0, True)])))
            .add("0.6", ether(ip6(A6, B6, fragment_rest(wire.UDP, b"g" * 100), extensions=[fragment(208, False)])))
            .add("0.7", ether(ip6(A6, B6, datagram, extensions=[fragment(0, False)])))
            .add("0.8", ether(ip6(A6, B6, echo(proto=wire.ICMP6), extensions=[hop])))
            .add("0.9", ether(ip6(A6, B6, udp(40000, 53), extensions=[destination] * 12))))


def mapped():
    """An IPv6 packet with v4-mapped addresses is not the IPv4 flow that its addresses spell."""
    return (Capture()
            .add("0", ether(ip4(A, B, udp(9000, 9001, b"4"))))
            .add("0.1", ether(ip6("::ffff:" + A, "::ffff:" + B, udp(9000, 9001, b"66"))))
            .add("0.2", ether(ip4(B, A, udp(9001, 9000, b"444")))))


# ---- damage ---------------------------------------------------------------------------


def cut_headers():
    """A frame that ends within each header in turn."""
    syn = ip4(A, B, tcp(40000, 80, SYN))
    frame, options = ether(syn), ether(ip4(A, B, udp(1, 2), options=b"\1" * 8))
    tagged, labelled = ether(tag(syn, 5)), ether(wire.mpls(syn, (1, 2)))
    session = ether(wire.pppoe(syn))
    capture = Capture()
    cuts = [(frame, 0, "link_cut"), (frame, 13, "link_cut"), (tagged, 17, "link_cut"), (labelled, 20, "link_cut"),
            (labelled, 22, "link_cut"), (session, 21, "link_cut"), (frame, 14, "ip_cut"), (frame, 33, "ip_cut"),
            (options, 41, "ip_cut"), (ether(ip6(A6, B6, udp(1, 2))), 53, "ip_cut")]
    for n, (whole, captured, reason) in enumerate(cuts):
        capture.add(f"0.{n:02}", wire.snapped(wire.spoiled(whole, reason), captured))
    hop = ether(ip6(A6, B6, udp(40000, 53, b"h" * 9), extensions=[extension(wire.HOP_BY_HOP, b"\0" * 22)]))
    unread = dict(proto=wire.HOP_BY_HOP, src_port=0, dst_port=0, undecoded="ip6_ext_cut")
    none, ports = dict(src_port=0, dst_port=0, tcp_flags=0, undecoded="l4_cut"), dict(tcp_flags=0, undecoded="l4_cut")
    return (capture
            .add("1.0", wire.snapped(frame, 34, **none)).add("1.1", wire.snapped(frame, 37, **none))
            .add("1.2", wire.snapped(frame, 38, **ports)).add("1.25", wire.snapped(frame, 42, **ports))
            .add("1.3", wire.snapped(frame, 47, **ports))
            .add("1.4", wire.snapped(frame, 48)).add("1.5", wire.snapped(ether(ip4(A, C, udp(1, 2))), 38))
            .add("1.6", wire.snapped(ether(ip4(A, C, wire.sctp(3, 4))), 37, src_port=0, dst_port=0, undecoded="l4_cut"))
            .add("1.7", wire.snapped(ether(ip4(A, C, echo())), 34))
            .add("2.0", wire.snapped(hop, 54, **unread)).add("2.1", wire.snapped(hop, 77, **unread))
            .add("2.2", wire.snapped(hop, 78, src_port=0, dst_port=0, undecoded="l4_cut")))


def bad_ip():
    """Headers that contradict themselves, and lengths that only look wrong."""
    datagram = udp(1234, 5678, b"b" * 40)
    bad = [(ip4(A, B, datagram, ihl=4), "ip_header_length"), (ip4(A, B, datagram, ihl=0), "ip_header_length"),
           (ip4(A, B, datagram, version=6), "ip_version"), (ip4(A, B, datagram, version=0), "ip_version"),
           (ip6(A6, B6, datagram, version=4), "ip_version"), (ip4(A, B, datagram, total_length=19), "ip_total_length"),
           (ip4(A, B, datagram, total_length=23, options=b"\1" * 4), "ip_total_length")]
    capture = Capture()
    for n, (packet, reason) in enumerate(bad):
        capture.add(f"0.{n}", ether(wire.spoiled(packet, reason)))
    short = dict(src_port=0, dst_port=0, undecoded="l4_cut")
    return (capture
            .add("1.0", ether(ip4(A, B, datagram, total_length=0)))
            .add("1.1", ether(ip4(A, B, datagram, total_length=9000)))
            .add("1.2", ether(wire_hides(ip4(A, C, datagram, total_length=20), **short)))
            .add("1.3", ether(wire_hides(ip4(A, C, datagram, total_length=23), **short)))
            .add("1.4", ether(ip4(A, C, datagram, total_length=24)))
            .add("1.5", ether(ip6(A6, B6, datagram, payload_length=0)))
            .add("1.6", ether(ip6(A6, B6, datagram, payload_length=4000))))


def snaplen():
    """Frames cut by the capture's snaplen count with the length that they had on the wire."""
    capture = Capture()
    for n in range(4):
        capture.add(f"0.{n}", wire.snapped(up(ACK, b"s" * 1400), 96)).add(f"0.{n}5", wire.snapped(down(ACK), 60))
    return capture.add("1", wire.snapped(ether(ip6(A6, B6, udp(40000, 53, b"s" * 1000))), 96))


# ---- time -----------------------------------------------------------------------------


def idle():
    """A gap longer than the idle time makes a second row, one as long as it does not: UDP and others 30 s,
    ICMP 10 s, TCP 120 s."""
    query, ping = ether(ip4(A, C, udp(33000, 53))), ether(ip4(A, B, echo()))
    esp = ether(ip4(A, B, wire.opaque(wire.ESP, b"e" * 8)))
    return (Capture()
            .add("0", query).add("0.1", ping).add("0.2", up(ACK)).add("0.3", esp)
            .add("10.1", ping).add("20.101", ping, row=2)
            .add("30", query).add("30.301", esp, row=2)
            .add("60.001", query, row=2).add("61", query, row=2)
            .add("120.2", down(ACK)).add("240.201", down(ACK), row=2, initiator=A))


def reuse():
    """A connection that was closed, and the same ports again six seconds later; the same after a reset."""
    other, answer = ether(ip4(A, C, tcp(40001, 443, SYN))), ether(ip4(C, A, tcp(443, 40001, RST | ACK)))
    return (Capture()
            .add("0", up(SYN)).add("0.1", down(SYN | ACK)).add("0.2", up(ACK)).add("1", down(FIN | ACK))
            .add("1.1", up(FIN | ACK))
            .add("1.2", down(ACK))
            .add("2", other).add("2.1", answer).add("2.5", answer)
            .add("8", up(SYN), row=2).add("8.1", down(SYN | ACK), row=2)
            .add("9", other, row=2).add("9.1", ether(ip4(C, A, tcp(443, 40001, SYN | ACK))), row=2))


def half_closed():
    """FIN one way only: the connection lives on, and data keeps coming beyond the five seconds."""
    return (Capture()
            .add("0", up(SYN)).add("0.1", down(SYN | ACK)).add("1", up(FIN | ACK)).add("1.1", down(ACK))
            .add("9", down(ACK, b"d" * 900)).add("18", down(FIN | ACK)).add("18.1", up(ACK)))


def backwards():
    """Timestamps that step back a little, within a second and over its edge. First and last seen are the
    earliest and the latest, in whatever order the file has them."""
    packet = ether(ip4(A, B, udp(8001, 8002, b"t" * 10)))
    return (Capture()
            .add("0.5", packet).add("0.45", packet)
            .add("1.001", packet).add("0.999", packet).add("1.0005", packet))


def talkers():
    """More flows than a report for people lists, some between the longest addresses that there are."""
    capture = Capture()
    for n in range(12):
        long, other = f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{0xff00 + n:x}", "2001:db8:1111:2222:3333:4444:5555:6666"
        capture.add(f"{n}.25", ether(ip6(long, other, udp(50000 + n, 40000 + n, b"t" * (900 - 50 * n)))), initiator=long)
        capture.add(f"{n}.75", ether(ip6(other, long, udp(40000 + n, 50000 + n, b"t" * 900))), initiator=long)
    for n in range(12):
        capture.add(f"{12 + n}", ether(ip4(f"198.51.100.{100 + n}", C, tcp(60000 + n, 443, ACK, b"t" * 1000))))
    return capture


def quiet_hour():
    """A file that sleeps for most of an hour."""
    return Capture().add("0", up(SYN)).add("3000", up(SYN), row=2).add("3000.5", down(SYN | ACK), row=2)


# ---- files ----------------------------------------------------------------------------


def mixed():
    """A little of everything, for the file formats."""
    return (Capture()
            .add("0.123456789", up(SYN)).add("0.2", down(SYN | ACK)).add("0.300000001", ether(wire.arp()))
            .add("1.999999999", ether(tag(ip6(A6, B6, udp(33000, 53, b"q")), 12))).add("2", ether(ip4(A, B, echo()))))


def link_layers():
    """The same packets below every link layer that is opened."""
    packets = [ip4(A, B, tcp(40000, 80, SYN)), ip6(A6, B6, udp(40000, 53, b"l")), ip4(B, A, tcp(80, 40000, SYN | ACK))]

    def over(packets, wrap):
        capture = Capture()
        for n, packet in enumerate(packets):
            capture.add(f"0.{n}", wrap(packet))
        return capture

    yield pcap_case("link_raw", over(packets, lambda p: p)
                    .add("1", wire.spoiled(ip4(A, B, udp(1, 2), version=9), "ip_version")), files.RAW)
    yield pcap_case("link_raw12", over(packets, lambda p: p), 12)
    yield pcap_case("link_raw14", over(packets, lambda p: p), 14)
    yield pcap_case("link_ipv4", over(packets[::2], lambda p: p)
                    .add("1", wire.spoiled(packets[1], "ip_version")), files.IPV4)
    yield pcap_case("link_ipv6", over(packets[1:2], lambda p: p)
                    .add("1", wire.spoiled(packets[0], "ip_version")), files.IPV6)
    yield pcap_case("link_null", over(packets, wire.loopback)
                    .add("1", wire.snapped(wire.spoiled(wire.loopback(packets[0]), "link_cut"), 3)), files.NULL)
    yield pcap_case("link_null_big", over(packets, lambda p: wire.loopback(p, ">", 24)), files.NULL, order=">")
    yield pcap_case("link_loop", over(packets, lambda p: wire.loopback(p, ">", 28)), files.LOOP)
    yield pcap_case("link_sll", over(packets + [tag(packets[0], 9)], wire.cooked)
                    .add("1", wire.cooked(wire.arp())), files.SLL)
    yield pcap_case("link_sll2", over(packets + [tag(packets[0], 9)], wire.cooked2)
                    .add("1", wire.snapped(wire.spoiled(wire.cooked2(packets[0]), "link_cut"), 19)), files.SLL2)
    unknown = Capture()
    for n, packet in enumerate(packets):
        unknown.add(f"0.{n}", wire.spoiled(ether(packet), "link_unsupported"))
    yield pcap_case("link_unsupported", unknown, files.USER0)


def formats():
    capture = mixed()
    yield pcap_case("pcap_us", capture)
    yield pcap_case("pcap_us_big", capture, order=">")
    yield pcap_case("pcap_ns", capture, nanoseconds=True)
    yield pcap_case("pcap_ns_big", capture, order=">", nanoseconds=True)
    records = capture.records()
    yield Case("pcapng", files.pcapng(records), capture.report())
    yield Case("pcapng_big", files.pcapng(records, order=">"), capture.report())
    yield Case("pcapng_us", files.pcapng(records, resolutions=(6,)), capture.report(1000))
    yield Case("pcapng_two", files.pcapng(records, resolutions=(9, 9)), capture.report())


def broken():
    """Files that end too early count up to there; what is no capture is refused."""
    capture = mixed()
    whole = Capture()
    whole.entries = capture.entries[:-1]
    data, ng = files.pcap(capture.records()), files.pcapng(capture.records(), resolutions=(6,))
    yield Case("cut_in_frame", data[:-20], whole.report(1000, truncated=True))
    last = 16 + len(capture.records()[-1][1])
    yield Case("cut_in_record", data[:-last + 7], whole.report(1000, truncated=True))
    yield Case("cut_pcapng", ng[:-60], whole.report(1000, truncated=True))
    yield pcap_case("no_frames", Capture())
    yield Case("no_bytes", b"", None, exit=1)
    yield Case("cut_in_header", data[:17], None, exit=1)
    yield Case("no_capture", b"Mary had a little lamb, its fleece was white as snow\n", None, exit=1)


SIMPLE = (tcp_session, tcp_others, udp_and_icmp, other_protocols, vlan, shims, nonflow, ip4_options, ip4_fragments,
          ip6_extensions, mapped, cut_headers, bad_ip, snaplen, *HEADERS, idle, reuse, half_closed, backwards, quiet_hour,
          talkers)


def all_cases():
    """Every case, in a fixed order."""
    for make in SIMPLE:
        yield pcap_case(make.__name__, make())
    for family in (link_layers, formats, broken):
        yield from family()
