"""The filter language over the API: what it selects of live traffic, what it says of a bad one, what it offers."""

import errno
import socket

import pytest
from netwatch_testing import eventually
from test_parameters import expect_problem

OPTIONS = ("--icmp-ttl=1h", "--udp-ttl=1h")


def is_refused(sock):
    """Whether the kernel says that nobody listens, which it does only so often a second for the whole machine."""
    sock.send(b"word")
    try:
        return not sock.recv(1)
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        return False


@pytest.fixture(scope="module")
def traffic(served, pair):
    """Pings of both families, a datagram that nobody wants, and a connection, which has ended."""
    for address in (pair.host.ip4, pair.host.ip6):
        pair.peer.run("ping", "-q", "-c3", "-i0.02", "-s100", address)
    with pair.peer.entered():
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with datagram, stream:
        datagram.settimeout(1)
        datagram.connect((pair.host.ip4, 5353))
        eventually(lambda: is_refused(datagram), what="the datagram is refused")
        assert stream.connect_ex((pair.host.ip4, 5353)) == errno.ECONNREFUSED
    served.settle()
    eventually(lambda: selected(served, "tcp and state ended")["matched"] == 1, what="the connection has ended")
    return served.flows()


def selected(served, text, **more):
    return served.json("/api/flows", filter=text, limit=1000, state="all", **more)


def test_words(served, pair, traffic):
    assert {row["proto_name"] for row in selected(served, "icmp")["rows"]} == {"icmp"}
    assert {row["proto_name"] for row in selected(served, "icmp6")["rows"]} == {"icmp6"}
    assert {row["b_port"] for row in selected(served, "udp dst port 5353")["rows"]} | {5353} >= {5353}
    assert {row["proto_name"] for row in selected(served, "not (icmp or icmp6 or udp)")["rows"]} == {"tcp"}
    assert selected(served, "not (icmp or icmp6 or udp or tcp)")["matched"] == 0
    assert selected(served, "")["matched"] == selected(served, "ip or ip6")["matched"] == len(traffic)


def test_a_direction_is_counted_by_itself(served, pair, traffic):
    whole = selected(served, f"icmp and host {pair.host.ip4}")["rows"][0]
    there = selected(served, f"icmp and src host {pair.host.ip4}")["rows"][0]
    back = selected(served, f"icmp and not src host {pair.host.ip4}")["rows"][0]
    assert whole["id"] == there["id"] == back["id"]
    assert (there["packets"], back["packets"]) == (4, 3)  # three answers, and that nobody listens at the port
    assert there["packets"] + back["packets"] == whole["packets"]
    assert there["bytes"] + back["bytes"] == whole["bytes"]
    assert 0 in (there["ab_packets"], there["ba_packets"])


@pytest.mark.parametrize("text", ["", "icmp", "src net 10.77.0.0/24 and not port 53", "bytes > 300", "in", "not out",
                                  "state ended", "age > 1h", "iface veth0"])
def test_the_parts_add_up(served, pair, traffic, text):
    page = served.json("/api/flows", filter=text, **{"from": served.points()[0]["ts"]})
    points = served.points(**{"from": page["from"], "to": page["to"]})
    for unit in ("packets", "bytes"):
        assert sum(part[unit] for part in page["summary"].values()) == sum(p[unit] for p in points)
    rows = served.json("/api/flows", filter=text, limit=1000, **{"from": page["from"], "to": page["to"]})["rows"]
    assert sum(row["bytes"] for row in rows) == page["summary"]["matched"]["bytes"]
    top = served.json("/api/top", filter=text, **{"from": page["from"], "to": page["to"]})
    assert top["summary"]["matched"]["bytes"] == page["summary"]["matched"]["bytes"]


def test_pages_keep_their_filter(served, traffic):
    page = served.json("/api/flows", filter="ip or ip6", limit=1)
    assert served.json("/api/flows", filter="ip or ip6", limit=1, cursor=page["next"])["rows"]
    assert served.json("/api/flows", cursor=page["next"], limit=1)["rows"]
    expect_problem(served.request("/api/flows", filter="ip", limit=1, cursor=page["next"]), 400, "cursor")


@pytest.mark.parametrize("text, pos", [("host", 4), ("tcp and", 7), ("port 70000", 5), ("(" * 2000, None),
                                       ("tcp )", 4), ("src host example.org", 9), ("bytes > lots", 8)],
                         ids=lambda value: str(value)[:24])
def test_what_is_no_filter(served, text, pos):
    for path in ("/api/flows", "/api/top"):
        answer = served.request(path, filter=text)
        expect_problem(answer, 400, "filter")
        assert isinstance(answer.json()["pos"], int)
        if pos is not None:
            assert answer.json()["pos"] == pos
    check = served.json("/api/filter/check", filter=text)
    assert check["ok"] is False and check["pos"] == answer.json()["pos"]


def test_offers(served, pair, traffic):
    assert "host" in served.json("/api/filter/check", filter="ho")["completion"]["words"]
    def offered(words):
        pair.peer.run("ping", "-q", "-c1", pair.host.ip4)  # one that was seen long ago is not
        return pair.host.ip4 in served.json("/api/filter/check", filter=words)["completion"]["values"]

    for words in ("host 10.7", "ip host "):
        eventually(lambda: offered(words), what="an address that was seen is offered", every_s=0.2)
    assert not offered("ip6 host ")
    offer = served.json("/api/filter/check", filter="tcp and host 10.7 or udp", pos=17)["completion"]
    assert (offer["from"], offer["to"], offer["value"]) == (13, 17, "address")
    assert served.json("/api/filter/check")["ok"] is True
