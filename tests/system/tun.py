"""A tun or tap interface: what is written to it, the kernel receives on it, frame by frame and as it is.

With `virtio`, each frame is written with a virtio header (linux/virtio_net.h), and so can be any super-packet that a
virtual machine could send.
"""

import fcntl
import os
import struct

TUNSETIFF, TUNSETLINK = 0x400454CA, 0x400454CD
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 1, 2, 0x1000, 0x4000
NEEDS_CSUM = 1
CSUM_OFFSET = {"tcp": 16, "udp": 6}


class Tun:
    """A context manager: up on entry, gone on exit. `arphrd` makes the kernel believe in another kind of link."""

    def __init__(self, namespace, name="tun0", tap=False, virtio=False, arphrd=None):
        self.namespace, self.name, self.virtio, self.arphrd = namespace, name, virtio, arphrd
        self.flags = (IFF_TAP if tap else IFF_TUN) | IFF_NO_PI | (IFF_VNET_HDR if virtio else 0)

    def __enter__(self):
        with self.namespace.entered():
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", self.name.encode(), self.flags))
        if self.arphrd is not None:
            fcntl.ioctl(self.fd, TUNSETLINK, self.arphrd)
        self.namespace.run("ip", "link", "set", self.name, "up")
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def write(self, frame, gso=0, size=0, transport_at=None, transport="tcp"):
        """One frame. `gso` is a VIRTIO_NET_HDR_GSO_*, `transport_at` where the header begins that is to be segmented."""
        header = b""
        if self.virtio:
            told = transport_at is not None
            header = struct.pack("=BBHHHH", NEEDS_CSUM if told else 0, gso, 0, size, transport_at or 0,
                                 CSUM_OFFSET[transport] if told else 0)
        assert os.write(self.fd, header + frame) == len(header) + len(frame)
