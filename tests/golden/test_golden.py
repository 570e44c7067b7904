"""netwatchd --read on every golden capture: the report says exactly what was written.

NETWATCH is the daemon's path. Each capture is read as a file and from standard input."""

import json
import os
import subprocess

import pytest

import generate
from cases import all_cases

CASES = list(all_cases())
READABLE = [case for case in CASES if case.report]
TOTALS = ("packets", "bytes", "by_proto", "nonflow", "undecoded", "truncated")
FLOW_FIELDS = ("a_ip", "a_port", "b_ip", "b_port", "proto_number", "vlan", "packets", "bytes",
               "ab_packets", "ba_packets", "ab_bytes", "ba_bytes", "tcp_flags", "initiator", "first_seen", "last_seen")


def names(cases):
    return [case.name for case in cases]


def read(path, *options, stdin=None):
    return subprocess.run([os.environ["NETWATCH"], f"--read={path}", "--report=json", *options],
                          stdin=stdin, capture_output=True, text=True, timeout=30)


def path_of(case):
    return generate.FOLDER / case.file


def flow_lines(report):
    """The flows as sorted lines: what differs shows at once."""
    return sorted(" ".join(f"{field}={flow[field]}" for field in FLOW_FIELDS) for flow in report["flows"])


def compare(report, expected):
    for field in TOTALS:
        assert report[field] == expected[field], field
    if expected["packets"]:
        assert (report["first_seen"], report["last_seen"]) == (expected["first_seen"], expected["last_seen"])
    assert flow_lines(report) == flow_lines(expected)


def check_run(run, expected):
    assert run.returncode == 0, run.stderr
    compare(json.loads(run.stdout), expected)
    if expected["truncated"]:
        assert len(run.stderr.splitlines()) == 1, run.stderr
    else:
        assert run.stderr == ""


def test_committed_captures_are_what_the_generator_makes():
    made = dict(generate.outputs())
    committed = {path.name: path.read_bytes() for path in generate.FOLDER.iterdir()}
    assert sorted(committed) == sorted(made)
    assert [name for name in made if made[name] != committed[name]] == []


@pytest.mark.parametrize("case", READABLE, ids=names(READABLE))
def test_report(case):
    check_run(read(path_of(case)), case.report)


@pytest.mark.parametrize("case", READABLE, ids=names(READABLE))
def test_report_from_standard_input(case):
    with open(path_of(case), "rb") as stdin:
        check_run(read("-", stdin=stdin), case.report)


REFUSED = [case for case in CASES if not case.report]


@pytest.mark.parametrize("case", REFUSED, ids=names(REFUSED))
def test_what_is_no_capture_is_refused(case):
    run = read(path_of(case))
    assert run.returncode == case.exit
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1 and case.file in run.stderr


def by_name(name):
    return next(case for case in CASES if case.name == name)


def sums(report):
    return report["packets"], report["bytes"], len(report["flows"])


def test_filter():
    """--bpf selects the frames of a file; without it all of them are read, port 22 too."""
    report = json.loads(read(path_of(by_name("udp_and_icmp")), "--bpf=ip6 and udp").stdout)
    expected = by_name("udp_and_icmp").report
    chosen = [flow for flow in expected["flows"] if ":" in flow["a_ip"] and flow["proto_number"] == 17]
    assert sums(report) == (sum(f["packets"] for f in chosen), sum(f["bytes"] for f in chosen), len(chosen))
    assert flow_lines(report) == flow_lines({"flows": chosen})


def test_snaplen_leaves_lengths_alone():
    """--snaplen hides bytes from the decoder (here the end of two IP headers with options); the sums are the same."""
    report = json.loads(read(path_of(by_name("ip4_options")), "--snaplen=64").stdout)
    expected = by_name("ip4_options").report
    assert (report["packets"], report["bytes"]) == (expected["packets"], expected["bytes"])
    assert report["undecoded"] == {"ip_cut": 2}
    assert report["nonflow"]["packets"] == 2 and len(report["flows"]) == 1


def test_idle_times_are_options():
    report = json.loads(read(path_of(by_name("idle")), "--udp-ttl=1h", "--icmp-ttl=9s", "--tcp-ttl=119s").stdout)
    rows = sorted((flow["proto_number"], flow["packets"]) for flow in report["flows"])
    assert rows == [(1, 1), (1, 1), (1, 1), (6, 1), (6, 1), (6, 1), (17, 4), (50, 2)]


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_disk_that_is_full(kind):
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.environ["NETWATCH"], f"--read={path_of(by_name('talkers'))}", f"--report={kind}"],
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == "netwatchd: error: cannot write the report: No space left on device\n"
