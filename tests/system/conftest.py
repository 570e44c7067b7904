"""Fixtures of the system tests: a quiet pair of namespaces, and daemons in it."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "golden")]

from netwatch_testing import Daemon, Pair, binary  # noqa: E402 (needs the path above)


@pytest.fixture(scope="module")
def pair():
    with Pair() as pair:
        yield pair


@pytest.fixture
def daemon(pair):
    """Starts daemons on the host's end of the cable; stops them when the test ends."""
    running = []

    def start(*options, namespace=pair.host, iface="veth0", **more):
        daemon = Daemon(f"--iface={iface}", *options, namespace=namespace, **more)
        running.append(daemon)
        return daemon.start()

    yield start
    for each in running:
        each.close()


@pytest.fixture
def public_binary():
    """A copy of the daemon that any user can run, in a folder that any user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="netwatch-test-"))
    folder.chmod(0o755)
    yield Path(shutil.copy(binary(), folder / "netwatchd"))
    shutil.rmtree(folder)
