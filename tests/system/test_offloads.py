"""Super-packets are counted as the packets that the wire carries: with offloads on or off, the packets are the segments
that both kernels say they have sent, and the bytes are payload and headers. Tolerance 0."""

import pytest

import supers
import wire
from netwatch_testing import Pair
from supers import TCP4, TCP6, UDP, UFO
from test_traffic import check_sums, only
from tun import Tun

ETHERNET, TAG, IP4, IP6, UDP_HEADER, VXLAN = 14, 4, 20, 40, 8, 8
TCP, SYN_OPTIONS = 32, 8  # with a timestamp; SYN and SYN+ACK have eight bytes of options more
PAYLOAD = (8 << 20) + 4321
HERE, THERE = "10.1.1.1", "10.1.1.2"
HERE6, THERE6 = "2001:db8:1::1", "2001:db8:1::2"
SETTINGS = {"all off": ((), ()), "all on": (supers.ALL, supers.ALL), "GRO alone": (("gro", "rx"), ()),
            "GSO alone": (("gso", "tx"), ("gso", "tx"))}


@pytest.fixture(scope="module")
def pair():
    """Without selective acknowledgements, whose length would depend on the scheduling."""
    with Pair() as pair:
        for end in (pair.host, pair.peer):
            end.sysctl("net.ipv4.tcp_sack", 0)
        yield pair


def summed(rows, field):
    return sum(row[field] for row in rows)


def check_transfer(rows, segments, payload, header, connections=1):
    """Each way and as a whole: the host is the lower address, A."""
    assert summed(rows, "ab_packets") == segments.host
    assert summed(rows, "ba_packets") == segments.peer
    if not segments.again:
        packets = segments.host + segments.peer
        assert summed(rows, "bytes") == payload + packets * header + connections * 2 * SYN_OPTIONS


def frames_counted(watch):
    stats = watch.json("/api/stats")
    assert stats["undecoded"] == {}
    assert stats["ifaces"][0]["frames_dropped"] == 0
    return stats["ifaces"][0]["frames_counted"]


@pytest.mark.parametrize("family,header", [(4, IP4), (6, IP6)])
@pytest.mark.parametrize("setting", SETTINGS)
def test_tcp(pair, daemon, family, header, setting):
    supers.switch(pair, *SETTINGS[setting])
    host, peer = (getattr(end, f"ip{family}") for end in (pair.host, pair.peer))
    watch = daemon("--bpf=")
    with supers.Segments(pair) as segments:
        supers.transfer(pair.peer, pair.host, host, PAYLOAD)
        supers.transfer(pair.host, pair.peer, peer, PAYLOAD)
    watch.settle()

    rows = watch.flows()
    assert len(rows) == 2
    check_transfer(rows, segments, 2 * PAYLOAD, ETHERNET + header + TCP, connections=2)
    assert watch.total("packets") == segments.host + segments.peer
    assert watch.total("out")["packets"] == segments.host
    assert (frames_counted(watch) == watch.total("packets")) == (setting in ("all off", "GSO alone"))
    check_sums(watch)


def test_the_stats_say_what_is_on(pair, daemon):
    watch = daemon()
    for setting, names in (("all off", []), ("all on", ["tso", "gso", "gro"]), ("GRO alone", ["gro"])):
        supers.switch(pair, *SETTINGS[setting])
        iface = watch.json("/api/stats")["ifaces"][0]
        assert (iface["offloads"], iface["segments_known"]) == (names, True)


@pytest.mark.parametrize("family,header", [(4, IP4), (6, IP6)])
def test_udp(pair, daemon, family, header):
    on = (*supers.ALL, *supers.UDP_FEATURES)
    supers.switch(pair, on, on)
    host, peer = (getattr(end, f"ip{family}") for end in (pair.host, pair.peer))
    watch = daemon("--bpf=")
    supers.datagrams(pair.peer, pair.host, host, 30 * 1200 + 77, 1200)
    supers.datagrams(pair.host, pair.peer, peer, 20 * 900, 900)
    watch.settle()

    each = ETHERNET + header + UDP_HEADER
    got = sorted((row["packets"], row["bytes"]) for row in watch.flows())
    assert got == [(20, 20 * (900 + each)), (31, 30 * 1200 + 77 + 31 * each)]
    assert watch.total("out") == {"packets": 20, "bytes": 20 * (900 + each)}
    assert frames_counted(watch) == 2
    check_sums(watch)


@pytest.mark.parametrize("family,header", [(4, IP4), (6, IP6)])
def test_big_tcp(family, header, daemon):
    """Frames above 64 KiB, whose length fields are zero, and of which IPv6's bear a header that the wire does not."""
    with Pair() as pair:
        supers.switch(pair, supers.ALL, supers.ALL)
        for end in (pair.host, pair.peer):
            end.sysctl("net.ipv4.tcp_sack", 0)
            supers.allow_big_tcp(end, "veth0", 200000)
        watch = daemon("--bpf=", namespace=pair.host)
        with supers.Segments(pair) as segments, supers.Sizes(pair.host) as sizes:
            supers.transfer(pair.peer, pair.host, getattr(pair.host, f"ip{family}"), PAYLOAD)
        watch.settle()
        assert max(sizes.seen) > 65535 + ETHERNET
        check_transfer(watch.flows(), segments, PAYLOAD, ETHERNET + header + TCP)
        frames_counted(watch)
        check_sums(watch)


@pytest.mark.parametrize("port", [4789, 12345], ids=["known port", "unknown port"])
def test_vxlan(pair, daemon, port):
    """The flows are the tunnel's; each segment bears the outer headers and the inner ones."""
    supers.switch(pair, supers.ALL, supers.ALL)
    with supers.vxlan(pair, port) as (host, peer):
        watch = daemon("--bpf=")
        with supers.Segments(pair) as segments:
            supers.transfer(pair.peer, pair.host, host, PAYLOAD)
        supers.datagrams(pair.host, pair.peer, peer, 9 * 700 + 1, 700)
        watch.settle()

    outer, inner = ETHERNET + IP4 + UDP_HEADER + VXLAN, ETHERNET + IP4
    packets = segments.host + segments.peer
    rows = watch.flows()
    assert {(row["proto"], row["a_ip"], row["b_ip"]) for row in rows} == {("udp", pair.host.ip4, pair.peer.ip4)}
    assert all(port in (row["a_port"], row["b_port"]) for row in rows)
    assert summed(rows, "packets") == packets + 10
    if not segments.again:
        assert summed(rows, "bytes") == (PAYLOAD + packets * (outer + inner + TCP) + 2 * SYN_OPTIONS
                                         + 9 * 700 + 1 + 10 * (outer + inner + UDP_HEADER))
    assert frames_counted(watch) < packets
    check_sums(watch)


def test_inside_a_vxlan(pair, daemon):
    """The tunnel's own interface shows the inner frames."""
    supers.switch(pair, supers.ALL, supers.ALL)
    with supers.vxlan(pair) as (host, _):
        watch = daemon("--bpf=", iface="vxlan0")
        with supers.Segments(pair) as segments:
            supers.transfer(pair.peer, pair.host, host, PAYLOAD)
        watch.settle()
        check_transfer(watch.flows(), segments, PAYLOAD, ETHERNET + IP4 + TCP)
        frames_counted(watch)
        check_sums(watch)


def segment(payload):
    return wire.tcp(7000, 8000, wire.ACK, payload, options=b"\1\1\x08\x0a" + b"\0" * 8)


def datagram(payload):
    return wire.udp(7000, 8000, payload)


def inner4(payload):
    return wire.ip4("172.16.0.1", "172.16.0.2", segment(payload)).data


def inner6(payload):
    return wire.ip6("fd00::1", "fd00::2", segment(payload)).data


def outer(proto, data):
    return wire.ip4(HERE, THERE, wire.opaque(proto, data))


def geneve(payload):
    options = b"\1\2\3\1" + b"\0" * 4
    head = bytes([len(options) // 4]) + b"\0\x65\x58" + b"\0\0\5\0" + options
    return wire.ip6(HERE6, THERE6, wire.udp(50000, 6081, head + wire.ether(wire.ip4(HERE, THERE, segment(payload))).data))


# Name → (packet of a payload, kind of segmentation, the VLAN id of its flow)
WRITTEN = {
    "tag": (lambda p: wire.tag(wire.ip4(HERE, THERE, segment(p)), 10), TCP4, 10),
    "tag, IPv6": (lambda p: wire.tag(wire.ip6(HERE6, THERE6, segment(p)), 10), TCP6, 10),
    "tag, UDP": (lambda p: wire.tag(wire.ip4(HERE, THERE, datagram(p)), 10), UDP, 10),
    "two tags": (lambda p: wire.tag(wire.tag(wire.ip4(HERE, THERE, segment(p)), 20), 10, wire.STAG), TCP4, 10),
    "IPv4 options": (lambda p: wire.ip4(HERE, THERE, segment(p), options=b"\1" * 12), TCP4, 0),
    "IPv6 extension": (lambda p: wire.ip6(HERE6, THERE6, segment(p),
                                          extensions=[wire.extension(wire.DESTINATION, b"\1\4")]), TCP6, 0),
    "IPIP": (lambda p: outer(4, inner4(p)), TCP4, 0),
    "6in4": (lambda p: outer(41, inner6(p)), TCP6, 0),
    "GRE": (lambda p: outer(wire.GRE, b"\x20\0\x86\xdd\0\0\0\7" + inner6(p)), TCP6, 0),
    "GRE, bridged": (lambda p: outer(wire.GRE, b"\0\0\x65\x58"
                                     + wire.ether(wire.tag(wire.ip4(HERE, THERE, segment(p)), 30)).data), TCP4, 0),
    "GENEVE": (geneve, TCP4, 0),
    "tagged IPIP": (lambda p: wire.tag(outer(4, inner4(p)), 10), TCP4, 10),
}


@pytest.fixture
def tap(pair):
    with Tun(pair.host, "tap0", tap=True, virtio=True) as tap:
        yield tap


def write(tap, frame, payload, gso, size):
    transport, header = ("udp", UDP_HEADER) if gso in (UDP, UFO) else ("tcp", TCP)
    tap.write(frame, gso, size, len(frame) - payload - header, transport)


@pytest.mark.parametrize("name", WRITTEN)
def test_written(tap, daemon, name):
    """Super-packets written by hand, as a virtual machine would hand them over."""
    packet, gso, vlan = WRITTEN[name]
    watch = daemon("--bpf=", iface="tap0")
    payload, size = 20 * 1000 + 7, 1000
    frame = wire.ether(packet(b"p" * payload)).data
    write(tap, frame, payload, gso, size)
    watch.settle()

    row = only(watch.flows(), vlan=vlan)
    assert (row["packets"], row["bytes"]) == (21, payload + 21 * (len(frame) - payload))
    assert watch.total("in") == {"packets": row["packets"], "bytes": row["bytes"]}
    assert frames_counted(watch) == 1
    check_sums(watch)


def test_a_tag_that_stays_in_the_frame(pair, daemon):
    """Sent by the host, as is the one from the peer, which the kernel strips."""
    supers.switch(pair, supers.ALL, supers.ALL)
    watch = daemon("--bpf=")
    payload = 20 * 1000 + 7
    frame = wire.ether(wire.tag(wire.ip4(HERE, THERE, segment(b"p" * payload)), 10)).data
    headers = len(frame) - payload
    supers.send(pair.peer, frame, TCP4, 1000, headers - TCP)
    supers.send(pair.host, frame, TCP4, 1000, headers - TCP)
    watch.settle()

    once = {"packets": 21, "bytes": payload + 21 * headers}
    row = only(watch.flows(), vlan=10)
    assert (row["packets"], row["bytes"]) == (2 * once["packets"], 2 * once["bytes"])
    assert watch.total("in") == watch.total("out") == once
    assert frames_counted(watch) == 2
    check_sums(watch)


def test_snaplen_cuts_the_headers(tap, daemon):
    """What cannot be read is estimated, and said."""
    watch = daemon("--bpf=", "--snaplen=64", iface="tap0")
    payload = 20 * 1000
    cut = wire.ether(wire.ip6(HERE6, THERE6, wire.opaque(4, inner4(b"p" * payload)))).data
    write(tap, cut, payload, TCP4, 1000)
    whole = wire.ether(wire.ip4(HERE, THERE, segment(b"p" * payload))).data
    write(tap, whole, payload, TCP4, 1000)
    watch.settle()

    assert watch.json("/api/stats")["undecoded"] == {"segments_unknown": 1}
    row = only(watch.flows(), proto="tcp")
    assert (row["packets"], row["bytes"]) == (20, payload + 20 * (len(whole) - payload))
    row = only(watch.flows(), proto="other")
    assert (row["packets"], row["bytes"]) == (21, len(cut) + 20 * (len(cut) - payload - 12))  # without the TCP options
    check_sums(watch)


@pytest.mark.parametrize("size,packets", [(1, 20000), (65534, 1), (19999, 2), (20000, 1)])
def test_strange_sizes(tap, daemon, size, packets):
    watch = daemon("--bpf=", iface="tap0")
    frame = wire.ether(wire.ip4(HERE, THERE, segment(b"p" * 20000))).data
    write(tap, frame, 20000, TCP4, size)
    watch.settle()
    row = only(watch.flows())
    assert (row["packets"], row["bytes"]) == (packets, 20000 + packets * (len(frame) - 20000))
    assert watch.total("packets") == packets
    check_sums(watch)


def test_what_the_kernel_cannot_express(tap, daemon):
    """It counts such a super-packet as dropped, and leaves its place in the ring without contents: nothing is made of that,
    and what comes before and after is whole."""
    watch = daemon("--bpf=", iface="tap0")
    whole = wire.ether(wire.ip4(HERE, THERE, segment(b"w" * 1000))).data
    fragmented = wire.ether(wire.ip4(HERE, THERE, datagram(b"u" * 5000))).data
    for _ in range(10):
        tap.write(whole)
        write(tap, fragmented, 5000, UFO, 1480)
        tap.write(whole)
    watch.settle()

    iface = watch.json("/api/stats")["ifaces"][0]
    assert (iface["frames_received"], iface["frames_counted"], iface["frames_dropped"]) == (30, 20, 10)
    row = only(watch.flows())
    assert (row["proto"], row["packets"], row["bytes"]) == ("tcp", 20, 20 * len(whole))
    check_sums(watch)
