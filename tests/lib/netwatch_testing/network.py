"""Two network namespaces and the cable between them.

A Pair is `host` (where the daemon runs) and `peer`, each with one end of a veth, an IPv4 and an IPv6
address and the other's as a permanent neighbour. Nobody speaks unasked: no duplicate address
detection, no router solicitations, no neighbour discovery, no ARP, and (since `arp off` also keeps
IPv6 from joining groups) no multicast reports. Offloads are off, so that a frame is a packet.
Names bear the process id and a count: any number of pairs can exist side by side.
"""

import ctypes
import itertools
import json
import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .waiting import eventually

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
COUNT = itertools.count()


def run(*command, **options):
    """Runs a command to its end; a failure shows what it wrote."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.pop("timeout", 60), **options)
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def remove_orphans():
    """Deletes the namespaces of test runs that were killed before they could."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        owner = re.fullmatch(r"nw-(\d+)-\d+-(host|peer)", name)
        if owner and not os.path.exists(f"/proc/{owner[1]}"):
            subprocess.run(["ip", "netns", "del", name], check=False)


class Namespace:
    """One network namespace. `iface`, `ip4`, `ip6` and `mac` are of its end of the cable."""

    def __init__(self, label):
        self.name = f"nw-{os.getpid()}-{next(COUNT)}-{label}"
        self.iface, self.ip4, self.ip6, self.mac = "veth0", "", "", ""
        self.children = []
        run("ip", "netns", "add", self.name)
        self.sysctl("net.ipv6.conf.default.router_solicitations", 0)
        self.sysctl("net.ipv6.conf.default.addr_gen_mode", 1)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.run("ip", "link", "set", "lo", "up")

    def sysctl(self, name, value):
        with self.entered():
            Path("/proc/sys", *name.split(".")).write_text(str(value))

    def command(self, *command):
        """The command line that runs `command` inside; its /sys is this namespace's, too."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def start(self, *command, **options):
        """Starts a process that close() ends if nobody else has."""
        process = subprocess.Popen(self.command(*command), **options)
        self.children.append(process)
        return process

    def pings(self, address, count, *options):
        """Whether each of so many echo requests, 20 ms apart, was answered by then."""
        return f" {count} received" in self.run("ping", "-q", f"-c{count}", "-i0.02", *options, address)

    @contextmanager
    def entered(self):
        """Moves the calling thread inside: sockets that it opens meanwhile belong here, and stay usable after."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            enter(there)
            try:
                yield
            finally:
                enter(home)

    def counters(self, iface=None):
        """The kernel's own count of an interface: {"rx": {"packets", "bytes", …}, "tx": …}."""
        link = json.loads(run("ip", "-n", self.name, "-j", "-s", "link", "show", iface or self.iface))
        return link[0]["stats64"]

    def carries(self, iface=None):
        """Waits until an interface of a cable lets frames out: the kernel sees to it some time after both ends are up, when
        its other work on interfaces allows, and loses what is sent before without a word."""
        name = iface or self.iface

        def operational():
            return json.loads(run("ip", "-n", self.name, "-j", "link", "show", name))[0]["operstate"] == "UP"

        eventually(operational, what=f"{name} carries")

    def close(self):
        for process in self.children:
            if process.poll() is None:
                process.kill()
            process.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=False)


def enter(namespace_file):
    if LIBC.setns(namespace_file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Pair:
    """Two namespaces with a veth between them, quiet and ready. A context manager."""

    def __init__(self):
        self.host = self.peer = None
        remove_orphans()
        try:
            self.host, self.peer = Namespace("host"), Namespace("peer")
            self.connect()
        except BaseException:
            self.close()
            raise

    def connect(self):
        run("ip", "-n", self.host.name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0",
            "netns", self.peer.name)
        for n, end in enumerate((self.host, self.peer), 1):
            end.ip4, end.ip6, end.mac = f"10.77.0.{n}", f"fd77::{n}", f"02:00:00:00:77:0{n}"
            end.run("ethtool", "-K", "veth0", "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
            end.run("ip", "link", "set", "veth0", "address", end.mac, "arp", "off")
            end.run("ip", "address", "add", end.ip4 + "/24", "dev", "veth0")
            end.run("ip", "address", "add", end.ip6 + "/64", "dev", "veth0", "nodad")
        for end, other in ((self.host, self.peer), (self.peer, self.host)):
            end.run("ip", "link", "set", "veth0", "up")
            for address in (other.ip4, other.ip6):
                end.run("ip", "neighbour", "replace", address, "lladdr", other.mac, "nud", "permanent", "dev", "veth0")
        for end in (self.host, self.peer):
            end.carries()

    def close(self):
        for end in (self.host, self.peer):
            if end:
                end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
