"""--report=text: the same totals as --report=json, laid out for people.

The layout is held by reports/NAME.txt, which were read over by a person before they were
committed: after a wanted change, write them anew with `test_text.py --write` and read the diff.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import files
import generate
from ledger import Capture
from test_golden import CASES, READABLE, by_name, names, path_of
from wire import ether, ip4, udp

REPORTS = Path(__file__).parent / "reports"
LAID_OUT = ("tcp_session", "vlan", "bad_ip", "cut_in_frame", "no_frames", "quiet_hour", "talkers")
ENVIRONMENT = {**os.environ, "TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}  # Central Europe, as POSIX spells it


def text_of(path, *options, stdout=subprocess.PIPE, **more):
    """Run beside the captures, so that the path is the bare name."""
    return subprocess.run([os.environ["NETWATCH"], f"--read={path}", "--report=text", *options], cwd=generate.FOLDER,
                          env=ENVIRONMENT, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=30, **more)


def json_of(path, *options):
    done = subprocess.run([os.environ["NETWATCH"], f"--read={path}", "--report=json", *options],
                          capture_output=True, text=True, timeout=30)
    return json.loads(done.stdout)


def number(text):
    return int(text.replace(",", ""))


def rows(text, heading):
    """The rows of the table below a heading, cut at two blanks or more."""
    section = re.search(rf"^{heading}.*\n.*\n((?:  .*\n)*)", text, re.MULTILINE)
    return [re.split(r" {2,}", line.strip()) for line in section[1].splitlines()] if section else []


def volume(row):
    return {"packets": number(row[1]), "bytes": number(row[3])}


def totals(text):
    """What a text report says, in the shape of the JSON report."""
    by_reason = {row[0].split(" (")[0]: volume(row) for row in rows(text, "Not among these flows")}
    zero = {"packets": 0, "bytes": 0}
    return {
        "packets": number(re.search(r"^  packets +([\d,]+)", text, re.MULTILINE)[1]),
        "bytes": number(re.search(r"^  bytes +([\d,]+)", text, re.MULTILINE)[1]),
        "by_proto": {row[0]: volume(row) for row in rows(text, "Protocols")},
        "nonflow": by_reason.get("without a valid IP header", zero),
        "untracked": by_reason.get("no room for the flow", zero),
        "undecoded": {row[0]: number(row[1]) for row in rows(text, "Not decoded")},
        "truncated": "\nNot read to its end\n" in text,
        "flows": number((re.search(r"^Flows  ([\d,]+)", text, re.MULTILINE) or ("", "0"))[1]),
    }


def check_totals(text, report):
    said = totals(text)
    if not report["packets"]:
        said["by_proto"] = report["by_proto"]  # an empty file has no tables
    assert said == {name: len(report[name]) if name == "flows" else report[name] for name in said}


@pytest.mark.parametrize("case", READABLE, ids=names(READABLE))
def test_totals_are_those_of_the_json_report(case):
    done = text_of(case.file)
    assert done.returncode == 0
    assert done.stdout.isascii()
    check_totals(done.stdout, json_of(path_of(case)))


@pytest.mark.parametrize("name", LAID_OUT)
def test_layout(name):
    assert text_of(by_name(name).file).stdout == (REPORTS / f"{name}.txt").read_text()


def test_every_layout_has_a_test():
    assert sorted(path.stem for path in REPORTS.iterdir()) == sorted(LAID_OUT)


def test_flows_without_a_slot_are_shown(tmp_path):
    """Two hundred flows at once, where sixteen have room: the rest is untracked, and said to be."""
    capture = Capture()
    for n in range(1200):
        capture.add(f"0.{n:04}", ether(ip4("192.0.2.1", "192.0.2.2", udp(1000 + n % 200, 53))))
    path = tmp_path / "crowd.pcap"
    path.write_bytes(files.pcap(capture.records()))
    report = json_of(path, "--max-flows=16")
    assert report["untracked"]["packets"]
    check_totals(text_of(path, "--max-flows=16").stdout, report)


def test_a_clock_that_was_set_back_makes_no_negative_duration(tmp_path):
    capture = Capture()
    for at in ("9000", "100", "100.1", "100.2", "100.3"):
        capture.add(at, ether(ip4("192.0.2.1", "192.0.2.2", udp(1000, 53))))
    path = tmp_path / "stepped.pcap"
    path.write_bytes(files.pcap(capture.records()))
    text = text_of(path).stdout
    assert [row[-1] for row in rows(text, "Flows")] == ["1.30 s"]  # where the clock was set a second begins
    assert "2 h 28 min" in text  # what the file covers is known all the same


@pytest.mark.parametrize("case", [c for c in READABLE if c.report["truncated"]], ids=lambda c: c.name)
def test_a_cut_file_says_where_it_ended(case):
    """The packet that is not there in full, and the byte at which the file ends; one line on standard error."""
    done = text_of(case.file)
    where = f"broken off in packet {case.report['packets'] + 1}, at byte {len(case.data)}: "
    assert f"\nNot read to its end\n  {where}" in done.stdout
    assert where in done.stderr and len(done.stderr.splitlines()) == 1
    assert json_of(path_of(case))["broken_off"].startswith(where)


def test_a_damaged_record_ends_the_report():
    """A record that claims more than a frame can be: what stands before it is reported."""
    whole = by_name("pcap_us")
    second = 24 + 16 + 60
    broken = bytearray(whole.data)
    broken[second + 8:second + 12] = struct.pack("<I", 0x7FFFFFFF)
    done = text_of("-", input=bytes(broken).decode("latin-1"), encoding="latin-1", errors=None)
    assert done.returncode == 0
    assert totals(done.stdout)["packets"] == 1
    assert f"  unreadable from packet 2, at byte {second + 16}: invalid packet capture length" in done.stdout


def on_a_terminal(columns, *options):
    """Standard output is a terminal of so many columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    attributes = termios.tcgetattr(follower)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(follower, termios.TCSANOW, attributes)
    text_of(*options, stdout=follower)
    os.close(follower)
    text = b""
    while chunk := read_or_end(leader):
        text += chunk
    os.close(leader)
    return text.decode()


def read_or_end(fd):
    try:
        return os.read(fd, 4096)
    except OSError:  # how a terminal whose other end is gone says so
        return b""


@pytest.mark.parametrize("columns", [60, 72, 80, 100, 110, 140])
def test_the_flow_table_fits_the_terminal(columns):
    """As long as two addresses fit at all. What is shown is the same, and stands in the same columns in every row."""
    file = by_name("talkers").file
    text = on_a_terminal(columns, file)
    table = text[text.index("\nFlows"):].splitlines()[2:]
    flows = [line for line in table if re.match(r"  (udp|tcp) ", line)]
    assert len(flows) == 20
    assert max(map(len, table)) <= max(columns, 76)
    assert len({re.search(r" k?B\b", line).end() for line in flows}) == 1
    assert totals(text) == totals(text_of(file).stdout)


def test_no_escape_sequence_reaches_the_terminal(tmp_path):
    """Neither ESC nor the one character that stands for "ESC [", in UTF-8 or by itself."""
    path = tmp_path / os.fsdecode(b"\x1b[31mred\a \xc2\x9b31m \x9b31m.pcap")
    path.write_bytes(by_name("vlan").data)
    text = text_of(path).stdout
    assert text.splitlines()[0].endswith("/?[31mred? ??31m ?31m.pcap")


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    REPORTS.mkdir(exist_ok=True)
    for name in LAID_OUT:
        (REPORTS / f"{name}.txt").write_text(text_of(by_name(name).file).stdout)
