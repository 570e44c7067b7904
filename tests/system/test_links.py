"""Every kind of link that this kernel has: captured to the packet and the byte, or refused in one plain line."""

import contextlib
import fcntl
import os
import socket

import pytest

import sending
import supers
import wire
from netwatch_testing import Pair, eventually, run_briefly
from test_traffic import check_sums, only
from tun import TUNSETLINK, Tun

IP4, IP6, UDP, ICMP, ETHERNET = 20, 40, 8, 8, 14
HERE, THERE, HERE6, THERE6 = "10.79.0.1", "10.79.0.2", "fd79::1", "fd79::2"
# ARPHRD numbers of net/if_arp.h whose frames begin with the IP header, as far as a ring sees them
HEADERLESS = {"none (tun, WireGuard)": 0xFFFE, "raw IP": 519, "IPIP": 768, "IPv6 tunnel": 769, "SIT": 776}
# …, and those whose link header the kernel has to take off
COOKED = {"PPP": 512, "SLIP": 256, "GRE": 778, "GRE over IPv6": 823, "InfiniBand": 32}
REFUSED = {"CAN": 280, "802.11": 801, "netlink": 824}


def datagram4(payload):
    return wire.ip4(THERE, HERE, wire.udp(7000, 8000, payload)).data


def datagram6(payload):
    return wire.ip6(THERE6, HERE6, wire.udp(7000, 8000, payload)).data


def segment(payload):
    return wire.ip4(THERE, HERE, wire.tcp(7000, 8000, wire.ACK, payload)).data


def send_out(namespace, tun, count, size):
    """Datagrams of the host's own, routed into the interface."""
    namespace.run("ip", "address", "add", HERE + "/24", "dev", tun.name)
    with namespace.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out:
        for _ in range(count):
            out.sendto(b"o" * size, (THERE, 9000))
    with contextlib.suppress(BlockingIOError):
        for seen in range(1000):
            assert len(os.read(tun.fd, 4096)) == (10 if tun.virtio else 0) + IP4 + UDP + size
    assert seen == count


@pytest.mark.parametrize("kind", HEADERLESS | COOKED)
def test_without_an_ethernet_header(pair, daemon, kind):
    """Bytes are those of the IP packets, received and sent."""
    with Tun(pair.host, arphrd=(HEADERLESS | COOKED)[kind]) as tun:
        watch = daemon("--bpf=ip or ip6", iface="tun0")
        for _ in range(30):
            tun.write(datagram4(b"i" * 100))
        for _ in range(20):
            tun.write(datagram6(b"j" * 200))
        send_out(pair.host, tun, 10, 300)
        watch.settle()

        row4, row6 = only(watch.flows(), a_ip=HERE, b_port=7000), only(watch.flows(), a_ip=HERE6)
        assert (row4["packets"], row4["bytes"]) == (30, 30 * (IP4 + UDP + 100))
        assert (row6["packets"], row6["bytes"]) == (20, 20 * (IP6 + UDP + 200))
        assert watch.total("out") == {"packets": 10, "bytes": 10 * (IP4 + UDP + 300)}
        assert watch.total("packets") == 60
        check_sums(watch)


@pytest.mark.parametrize("kind", HEADERLESS)
def test_super_packets_without_an_ethernet_header(pair, daemon, kind):
    with Tun(pair.host, virtio=True, arphrd=HEADERLESS[kind]) as tun:
        watch = daemon("--bpf=", iface="tun0")
        tun.write(segment(b"s" * 9999), supers.TCP4, 1000, IP4)
        watch.settle()
        row = only(watch.flows())
        assert (row["packets"], row["bytes"]) == (10, 9999 + 10 * (IP4 + 20))
        assert watch.json("/api/stats")["ifaces"][0]["segments_known"]


@pytest.mark.parametrize("kind", COOKED)
def test_super_packets_of_unknown_size(pair, daemon, kind):
    """For such a link the kernel does not say in how many segments: each frame is one packet, and that is said."""
    with Tun(pair.host, virtio=True, arphrd=COOKED[kind]) as tun:
        watch = daemon("--bpf=", iface="tun0")
        tun.write(segment(b"s" * 9999), supers.TCP4, 1000, IP4)
        tun.write(segment(b"s" * 500))
        watch.settle()
        row = only(watch.flows())
        assert (row["packets"], row["bytes"]) == (2, 9999 + 500 + 2 * (IP4 + 20))
        stats = watch.json("/api/stats")
        assert stats["undecoded"] == {"segments_unknown": 1}
        assert not stats["ifaces"][0]["segments_known"]


@pytest.mark.parametrize("kind", REFUSED)
def test_a_link_that_cannot_be_captured(pair, kind):
    with Tun(pair.host, arphrd=REFUSED[kind]):
        done = run_briefly("--iface=tun0", "--bind=127.0.0.1:0", namespace=pair.host)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "tun0" in done.stderr and "link type" in done.stderr


def test_a_link_that_becomes_another(pair, daemon):
    """Under one number, as a bond does with its first member: it is captured as what it is now, or refused."""
    with Tun(pair.host, arphrd=0xFFFE) as tun:
        watch = daemon("--bpf=", iface="tun0")

        def become(arphrd, state):
            pair.host.run("ip", "link", "set", "tun0", "down")
            fcntl.ioctl(tun.fd, TUNSETLINK, arphrd)
            pair.host.run("ip", "link", "set", "tun0", "up")
            eventually(lambda: watch.json("/api/stats")["ifaces"][0]["state"] == state, what=f"{arphrd} is {state}")
            tun.write(datagram4(b"i" * 100))

        tun.write(datagram4(b"i" * 100))
        for arphrd, state in ((519, "up"), (803, "refused"), (512, "refused"), (768, "up")):
            become(arphrd, state)
        watch.settle()
        assert [row["packets"] for row in watch.flows()] == [3]
        stats = watch.json("/api/stats")
        assert stats["undecoded"] == {} and stats["ifaces"][0]["frames_received"] == 3


def test_the_last_packets_of_an_interface(pair, daemon):
    """What passed just before it was deleted is in the interface's own counters, too."""
    counts = (10, 20, 30)
    watch = None
    for count in counts:
        with Tun(pair.host) as tun:
            watch = watch or daemon("--bpf=", iface="tun0")
            eventually(lambda: watch.json("/api/stats")["ifaces"][0]["state"] == "up", what="it is up")
            for _ in range(count):
                tun.write(datagram4(b"i" * 100))
        eventually(lambda: watch.json("/api/stats")["ifaces"][0]["state"] == "gone", what="it is gone")

    def now():
        return watch.json("/api/stats")["ifaces"][0]

    # the second that closed between its deletion and the word of it does not have its last counters yet
    eventually(lambda: now()["frames_counted"] == now()["since_start"]["rx_packets"] == sum(counts), what="all are counted")
    assert now()["since_start"]["unseen_packets"] == 0


def test_tap(pair, daemon):
    with Tun(pair.host, "tap0", tap=True) as tap:
        watch = daemon("--bpf=", iface="tap0")
        frame = wire.ether(wire.tag(wire.ip4(THERE, HERE, wire.udp(7000, 8000, b"t" * 100)), 10)).data
        for _ in range(30):
            tap.write(frame)
        watch.settle()
        row = only(watch.flows(), vlan=10)
        assert (row["packets"], row["bytes"]) == (30, 30 * len(frame))


def test_bridge_and_its_member(daemon):
    """The member shows what goes over its cable; the bridge, what is for the host or from it."""
    with Pair() as pair:
        pair.host.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        pair.host.run("ip", "link", "set", "br0", "address", pair.host.mac, "up", "arp", "off")
        pair.host.run("ip", "address", "flush", "dev", "veth0")
        pair.host.run("ip", "link", "set", "veth0", "master", "br0")
        pair.host.run("ip", "address", "add", pair.host.ip4 + "/24", "dev", "br0")
        pair.host.run("ip", "neighbour", "replace", pair.peer.ip4, "lladdr", pair.peer.mac, "nud", "permanent", "dev", "br0")
        pair.host.carries("br0")
        watches = [daemon("--bpf=icmp", iface=iface, namespace=pair.host) for iface in ("veth0", "br0")]
        sending.ping(pair.peer, pair.host.ip4, count=7, size=100)
        sending.ping(pair.host, pair.peer.ip4, count=3, size=100)
        each = ETHERNET + IP4 + ICMP + 100
        for watch in watches:
            watch.settle()
            assert watch.total("in") == watch.total("out") == {"packets": 10, "bytes": 10 * each}
            check_sums(watch)


def test_macvlan(daemon):
    with Pair() as pair:
        pair.host.run("ip", "link", "add", "link", "veth0", "name", "sub0", "address", "02:00:00:00:79:01", "arp", "off",
                      "type", "macvlan", "mode", "bridge")
        pair.host.run("ip", "link", "set", "sub0", "up")
        watch = daemon("--bpf=udp", iface="sub0", namespace=pair.host)
        packet = wire.ether(wire.ip4(THERE, HERE, wire.udp(7000, 8000, b"m" * 100))).data
        sending.frames(pair.peer, [b"\2\0\0\0\x79\1" + packet[6:]] * 9)
        watch.settle()
        assert watch.total("in") == {"packets": 9, "bytes": 9 * len(packet)}


@pytest.mark.parametrize("address,header", [("127.0.0.1", IP4), ("::1", IP6)])
def test_loopback_under_offloads(pair, daemon, address, header):
    """Each packet once, and a super-packet as its segments; without selective acknowledgements, whose length varies."""
    pair.host.sysctl("net.ipv4.tcp_sack", 0)
    watch = daemon("--bpf=tcp", iface="lo")
    payload = 5 << 20
    with supers.Segments(pair) as segments:
        supers.transfer(pair.host, pair.host, address, payload)
    watch.settle()
    own = watch.url.split(":")[2].rstrip("/")
    row = only([row for row in watch.flows() if own not in (str(row["a_port"]), str(row["b_port"]))])
    assert row["packets"] == segments.host
    if not segments.again:
        assert row["bytes"] == payload + row["packets"] * (ETHERNET + header + 32) + 2 * 8
