"""The filter language means what tcpdump's does: `filter=X` over a served capture file selects as many packets and bytes
as `--bpf=X` lets in of it."""

import json
import random

import pytest

import files
from netwatch_testing import Daemon, eventually, run_briefly
from wire import ICMP6, echo, ether, ip4, ip6, sctp, tcp, udp

START_NS = 1_600_000_000 * 10**9
HOSTS = ["10.0.0.1", "10.0.1.2", "192.0.2.7", "172.16.5.9"]
HOSTS6 = ["2001:db8::1", "2001:db8:1::2", "fd00::7"]
PORTS = [22, 53, 80, 443, 5000, 40000]

EXPRESSIONS = """
ip
ip6
tcp
udp
icmp
icmp6
sctp
not tcp
host 10.0.0.1
src host 10.0.0.1
dst host 10.0.0.1
not src host 10.0.0.1
src host 10.0.0.1 or dst host 192.0.2.7
src host 10.0.0.1 and dst host 192.0.2.7
host 10.0.0.1 or 192.0.2.7
host 2001:db8::1
src net 2001:db8::/32 and not dst net fd00::/8
net 10
net 10.0.1
net 10.0.0.0/16 and not net 10.0.1.0/24
src net 172.16.0.0/12
src or dst host 10.0.1.2
src and dst net 10.0.0.0/8
port 53
src port 443
dst port 443
tcp port 80
udp dst port 53 or tcp src port 22
port 80 or 443
portrange 20-60
src portrange 400-50000 and udp
not port 53 and not port 22
tcp and (port 80 or port 443) and host 10.0.0.1
tcp or udp and port 53
not (tcp or udp)
ip and not host 10.0.0.1
ip6 and tcp
ip proto 6
ip6 proto 17
ip host 10.0.0.1 and udp port 5000
dst net 10 and src port 443
""".strip().splitlines()


def packet(choose, n):
    """One of any kind between any two."""
    ports = choose.choice(PORTS), choose.choice(PORTS)
    payload = b"x" * choose.randrange(400)
    kind = choose.randrange(4)
    six = choose.random() < 0.4
    inner = (tcp(*ports, 0x10, payload), udp(*ports, payload), sctp(*ports),
             echo(size=len(payload), **({"proto": ICMP6} if six else {})))[kind]
    ends = choose.sample(HOSTS6 if six else HOSTS, 2)
    frame = ether((ip6 if six else ip4)(*ends, inner)).data
    return START_NS + n * 10**8, frame, len(frame)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    choose = random.Random(7)
    path = tmp_path_factory.mktemp("filter") / "any.pcap"
    path.write_bytes(files.pcap([packet(choose, n) for n in range(1500)], nanoseconds=True))
    for folder in list(path.parents)[:3]:
        folder.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def served(capture):
    with Daemon(f"--read={capture}") as daemon:
        eventually(lambda: daemon.json("/api/stats")["file"]["ended"], what="the file has been read")
        yield daemon


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_it_means_the_same(capture, served, expression):
    done = run_briefly(f"--read={capture}", "--report=json", f"--bpf={expression}")
    assert done.returncode == 0, done.stderr
    let_in = json.loads(done.stdout)
    assert 0 < let_in["packets"] < 1500

    page = served.json("/api/flows", filter=expression, limit=1000, **{"from": START_NS // 10**6})
    assert page["next"] is None
    for unit in ("packets", "bytes"):
        assert page["summary"]["matched"][unit] == let_in[unit]
        assert sum(row[unit] for row in page["rows"]) == let_in[unit]
