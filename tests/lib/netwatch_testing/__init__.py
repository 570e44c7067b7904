"""What the tests over a running daemon share: network namespaces, the daemon, waiting with a deadline.

    from netwatch_testing import Daemon, Pair

    with Pair() as pair, Daemon("--iface=veth0", "--bpf=", namespace=pair.host) as daemon:
        pair.peer.run("ping", "-c3", pair.host.ip4)
        daemon.settle()
        rows = daemon.json("/api/flows")["rows"]
"""

from .daemon import LITTLE_QUARANTINE, Daemon, binary, run_briefly
from .folder import open_folder
from .network import Namespace, Pair
from .waiting import DEADLINE_S, eventually, in_time

__all__ = ["DEADLINE_S", "LITTLE_QUARANTINE", "Daemon", "Namespace", "Pair", "binary", "eventually", "in_time",
           "open_folder", "run_briefly"]
