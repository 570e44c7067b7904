"""An interface whose link header only the kernel knows: a tun that claims to be PPP. It is there until this ends.

headerless.py IFACE; says `ready` once it is up."""

import fcntl
import os
import signal
import struct
import subprocess
import sys

TUNSETIFF, TUNSETLINK, IFF_TUN, IFF_NO_PI, ARPHRD_PPP = 0x400454CA, 0x400454CD, 1, 0x1000, 512

fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))
fcntl.ioctl(fd, TUNSETLINK, ARPHRD_PPP)
subprocess.run(["ip", "link", "set", sys.argv[1], "up"], check=True)
print("ready", flush=True)
signal.pause()
