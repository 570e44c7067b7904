"""Sends one VLAN-tagged UDP datagram five times a second: AF_PACKET, since the kernel may have no VLAN devices.

tagged.py IFACE VLAN SOURCE DESTINATION, with IPv4 addresses; the headers as in RFC 791 and IEEE 802.1Q."""

import contextlib
import socket
import struct
import sys
import time

iface, vlan, source, destination = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
udp = struct.pack("!HHHH", 40000, 8080, 8 + 100, 0) + bytes(100)
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(destination))
frame = b"\xff" * 6 + b"\x02\0\0\0\0\x02" + struct.pack("!HHH", 0x8100, vlan, 0x0800) + header + udp

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind((iface, 0))
    print("ready", flush=True)
    while True:
        with contextlib.suppress(OSError):  # a link that is down takes nothing
            out.send(frame)
        time.sleep(0.2)
