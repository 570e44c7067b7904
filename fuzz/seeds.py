#!/usr/bin/python3
"""Writes the seed corpora of the fuzz targets, one folder each: golden captures, filters.

usage: seeds.py FOLDER

They are made when the fuzz targets are built, and the same every time, so that a new golden case is
a new seed. A seed is named after the capture that it comes from, a filter by its number.
"""

import struct
import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
sys.dont_write_bytecode = True

import cases  # noqa: E402 (needs the path above)
import files  # noqa: E402
import wire  # noqa: E402
from ledger import Capture  # noqa: E402

# LINKTYPE → enum frame_link of src/packet/packet.h.
LINKS = {files.ETHERNET: 0, files.RAW: 1, 12: 1, 14: 1, files.IPV4: 2, files.IPV6: 3, files.NULL: 4, files.LOOP: 4,
         files.SLL: 5, files.SLL2: 6, files.USER0: 8}
TCP, UDP = 1 << 3, 2 << 3  # enum frame_gso, where fuzz_packet.c has it


def frames(data):
    """(LINKTYPE, captured bytes, wire length) of a pcap file, as far as it goes."""
    if len(data) < 24 or data[:4] == b"\n\r\r\n":
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link, at = struct.unpack_from(order + "I", data, 20)[0], 24
    while at + 16 <= len(data):
        captured, length = struct.unpack_from(order + "II", data, at + 8)
        if at + 16 + captured > len(data):
            return
        yield link, data[at + 16:at + 16 + captured], length
        at += 16 + captured


def packet_input(link, frame, length, cut=0, tag=None, gso=0, gso_size=0):
    """As fuzz_packet.c reads it."""
    missing = min(max(length - len(frame), 0), 0xFFFF)
    head = struct.pack("<BBHHH", LINKS[link], (tag is not None) | gso, gso_size if gso else tag or 0, cut, missing)
    return head + frame


def packet_seeds(case):
    """Every frame once, and as a super-packet; of tagged ones also what the kernel makes of them, the tag beside the
    frame."""
    for n, (link, frame, length) in enumerate(frames(case.data)):
        if link not in LINKS:
            return
        yield f"{case.name}-{n}", packet_input(link, frame, length, cut=n)
        gso = (TCP, UDP)[n % 2]
        yield f"{case.name}-{n}-super", packet_input(link, frame, len(frame) + 9999, gso=gso, gso_size=1000)
        if link == files.ETHERNET and frame[12:14] == b"\x81\0":
            tag = struct.unpack_from(">H", frame, 14)[0]
            yield f"{case.name}-{n}-stripped", packet_input(link, frame[:12] + frame[16:], length, tag=tag)


def file_seeds(case):
    yield case.file, case.data


def crowd():
    """More flows at once than the tables of fuzz_file.c have room for, in a short file."""
    capture = Capture()
    for n in range(84):
        capture.add(f"{n // 60}.{n:03}", wire.ip4("10.0.0.1", "10.0.0.2", wire.udp(1000 + n % 42, 53)))
    return cases.pcap_case("crowd", capture, files.RAW)


# Every word of the filter language, and every kind of value.
FILTERS = [
    "", "host 10.0.0.1 or 10.0.0.2", "src host 10.0.0.1 and not dst port 80", "src or dst net 10.0.0.0/8",
    "dst and src net 192.168 mask 255.255.0.0", "ip6 net 2001:db8::/32 || ip host 10.0.0.1", "10.0.0.1 or 2001:db8::1",
    "tcp port (80 or not 443) or 22", "udp dst portrange 1-1024", "sctp port 0x50 && !(port domain)",
    "ip proto 6 or 17", "ip6 proto icmp6", "proto \\tcp", "icmp or icmp6 or igmp or igrp or pim", "vrrp or carp or ah or esp",
    "vlan and not vlan 5 or (6 or 7)", "iface eth0 or in", "in and not out", "inbound or outbound",
    "bytes > 1.5M and packets<=10k", "rate >= 10M or rate != 0", "age < 500ms or duration == 1.5h and age=3",
    "flags syn or fin and not rst", "flags (psh or ack or urg or ece or cwr)", "state active or ended",
    "not (tcp and (udp or (not (icmp))))", "not not tcp", "arp", "tcp[13] = 2", "host example.com", "greater 5", ") (",
    "(" * 220 + "tcp" + ")" * 220, "tcp or " * 501 + "udp", "(" * 200 + "tcp or udp" + ")" * 200,
]


def write_filter_seeds(folder):
    """As fuzz_filter.c reads them; where to complete differs."""
    for n, text in enumerate(FILTERS):
        (folder / f"{n}").write_bytes(bytes([n, n % 7]) + text.encode())


SEEDS = {"packet": packet_seeds, "file": file_seeds}


def main(folder):
    for target, seeds in SEEDS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for case in [*cases.all_cases(), crowd()]:
            for name, data in seeds(case):
                (folder / target / name).write_bytes(data)
    (folder / "filter").mkdir(exist_ok=True)
    write_filter_seeds(folder / "filter")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
