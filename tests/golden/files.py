"""Capture files as their formats have them: pcap (four flavours) and pcapng (both byte orders).

Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. A record is (time_ns, bytes, wire length).
"""

import struct

ETHERNET, RAW, NULL, LOOP, SLL, USER0, IPV4, IPV6, SLL2 = 1, 101, 0, 108, 113, 147, 228, 229, 276

NS_PER_S = 10**9


def pcap(records, link=ETHERNET, order="<", nanoseconds=False, snaplen=262144):
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit_ns, head = 1 if nanoseconds else 1000, struct.Struct(order + "IIII")
    data = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for time_ns, frame, length in records:
        seconds, rest = divmod(time_ns, NS_PER_S)
        data += head.pack(seconds, rest // unit_ns, len(frame), length), frame
    return b"".join(data)


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    total = len(body) + 12
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def pcapng(records, link=ETHERNET, order="<", resolutions=(9,), snaplen=262144):
    """One interface per entry of `resolutions` (if_tsresol, powers of ten); records take turns among them.
    Blocks that a reader must pass over (name resolution, statistics, custom) stand in between."""
    data = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    for resolution in resolutions:
        options = option(order, 9, bytes([resolution])) + option(order, 0, b"")
        data += block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)
    data += block(order, 4, struct.pack(order + "HH", 0, 0))
    for n, (time_ns, frame, length) in enumerate(records):
        interface = n % len(resolutions)
        ticks = time_ns // 10 ** (9 - resolutions[interface])
        head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), length)
        comment = option(order, 1, b"a comment") + option(order, 0, b"")
        data += block(order, 6, head + frame + b"\0" * (-len(frame) % 4) + comment)
    data += block(order, 5, struct.pack(order + "III", 0, 0, 0))
    return data
