"""What bad input gets: status 1 or 2 at once, one clear line on standard error, nothing on standard output."""

import socket
import subprocess

import pytest

from netwatch_testing import DEADLINE_S, binary, in_time, run_briefly

LIVE = ("--iface=veth0", "--bind=127.0.0.1:0")

# name: (options, exit status, words that the line must hold)
TABLE = {
    "unknown interface": (("--iface=nosuch0", "--bind=127.0.0.1:0"), 1, ("nosuch0",)),
    "bad filter": ((*LIVE, "--bpf=port banana"), (1, 2), ("port banana", "banana")),
    "filter syntax": ((*LIVE, "--bpf=tcp and and"), (1, 2), ("syntax error",)),
    "off loopback without a token": (("--iface=veth0", "--bind=0.0.0.0:0"), 1, ("0.0.0.0", "token")),
    "off loopback, IPv6": (("--iface=veth0", "--bind=[::]:0"), 1, ("token",)),
    "no address": (("--iface=veth0", "--bind=localhorst"), 2, ("--bind", "localhorst")),
    "address of somebody else": (
        ("--iface=veth0", "--bind=192.0.2.1:0", "--auth-token=0123456789abcdef"), 1, ("192.0.2.1",)),
    "port out of range": (("--iface=veth0", "--bind=127.0.0.1:65536"), 2, ("65536",)),
    "no such file": (("--read=/nonexistent/file.pcap", "--report=json"), 1, ("/nonexistent/file.pcap", "No such file")),
    "foreign file": (("--read=/etc/passwd", "--report=json"), 1, ("/etc/passwd",)),
    "a folder": (("--read=/tmp", "--report=json"), 1, ("/tmp", "directory")),
    "unknown option": (("--frobnicate",), 2, ("--frobnicate",)),
    "stray argument": ((*LIVE, "stray"), 2, ("stray",)),
    "missing value": (("--iface",), 2, ("--iface",)),
    "unknown report": (("--read=/etc/passwd", "--report=xml"), 2, ("--report", "xml")),
    "too little memory": ((*LIVE, "--memory=1"), 2, ("--memory", "1")),
    "no size": ((*LIVE, "--memory=lots"), 2, ("--memory", "lots")),
    "more memory than there is": ((*LIVE, "--memory=999999999G"), (1, 2), ("memory",)),
    "no ring": ((*LIVE, "--ring=0"), 2, ("--ring", "0")),
    "negative snaplen": ((*LIVE, "--snaplen=-1"), 2, ("--snaplen", "-1")),
    "huge snaplen": ((*LIVE, "--snaplen=99999999999"), 2, ("--snaplen", "99999999999")),
    "no retention": ((*LIVE, "--retention=0"), 2, ("--retention", "0")),
    "huge retention": ((*LIVE, "--retention=99999999h"), 2, ("--retention", "99999999h")),
    "no flows": ((*LIVE, "--max-flows=0"), 2, ("--max-flows", "0")),
    "too many flows": ((*LIVE, "--max-flows=99999999999"), 2, ("--max-flows", "99999999999")),
    "no duration": ((*LIVE, "--tcp-ttl=soon"), 2, ("--tcp-ttl", "soon")),
    "negative duration": ((*LIVE, "--udp-ttl=-1s"), 2, ("--udp-ttl", "-1s")),
    "no network": ((*LIVE, "--local-net=10.0.0.0/33"), 2, ("--local-net", "10.0.0.0/33")),
    "unknown user": ((*LIVE, "--user=nosuchuser"), (1, 2), ("nosuchuser",)),
    "unknown level": ((*LIVE, "--log-level=loud"), 2, ("--log-level", "loud")),
}


def check_refusal(status, words, *options, **how):
    def refused():
        done = run_briefly(*options, **how)
        assert done.returncode in (status if isinstance(status, tuple) else (status,)), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""
        for word in words:
            assert word in done.stderr
        return done.seconds

    in_time(refused, 5, "it is refused")


@pytest.mark.parametrize("name", TABLE)
def test_refusal(pair, name):
    options, status, words = TABLE[name]
    check_refusal(status, words, *options, namespace=pair.host)


def test_environment_is_checked_alike(pair):
    check_refusal(2, ("soon",), *LIVE, namespace=pair.host, env={"NETWATCH_TCP_TTL": "soon"})


def test_port_taken(pair):
    with pair.host.entered():
        holder = socket.create_server(("127.0.0.1", 0))
    with holder:
        port = holder.getsockname()[1]
        check_refusal(1, (str(port), "in use"), "--iface=veth0", f"--bind=127.0.0.1:{port}", namespace=pair.host)


def test_unreadable_file(public_binary):
    secret = public_binary.parent / "secret.pcap"
    secret.write_bytes(b"")
    secret.chmod(0)
    check_refusal(1, (str(secret), "ermission denied"), f"--read={secret}", "--report=json", program=str(public_binary),
                  prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))


@pytest.mark.parametrize("option", ["--help", "--version", "--list-ifaces"])
def test_no_room_for_the_output(option):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), option], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE_S)
    assert done.returncode == 1
    assert done.stderr == "netwatchd: error: cannot write: No space left on device\n"


def test_a_failed_start_changes_nothing(pair):
    before = pair.host.run("ip", "-d", "link", "show", "veth0")
    run_briefly("--iface=veth0", "--bind=127.0.0.1:0", "--bpf=port banana", namespace=pair.host)
    assert pair.host.run("ip", "-d", "link", "show", "veth0") == before
