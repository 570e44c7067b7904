"""Fixtures of the API tests: a quiet pair of namespaces, a daemon in it for each module, and raw sockets to it."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS / "lib"))
sys.path.append(str(TESTS))  # for golden.wire: there is a wire here, too

from netwatch_testing import Daemon, Pair  # noqa: E402 (needs the path above)


@pytest.fixture(scope="module")
def pair():
    with Pair() as pair:
        yield pair


@pytest.fixture(scope="module")
def served(pair, request):
    """A running daemon; a module may set OPTIONS, TOKEN and ENV."""
    options = getattr(request.module, "OPTIONS", ())
    more = {"token": getattr(request.module, "TOKEN", None), "env": getattr(request.module, "ENV", None)}
    with Daemon("--iface=veth0", *options, namespace=pair.host, **more) as daemon:
        yield daemon
        end_well(daemon)


def end_well(daemon):
    """Whatever the tests did to it: it stops, without a word from a sanitizer."""
    if daemon.process.poll() is None:
        daemon.stop()
    assert daemon.process.returncode == 0, daemon.output()
    assert "Sanitizer" not in daemon.output() and "runtime error" not in daemon.output(), daemon.output()


@pytest.fixture
def daemon(pair):
    """Starts further daemons; stops them when the test ends."""
    running = []

    def start(*options, **more):
        daemon = Daemon("--iface=veth0", *options, namespace=pair.host, **more)
        running.append(daemon)
        return daemon.start()

    yield start
    try:
        for each in running:
            end_well(each)
    finally:
        for each in running:
            each.close()
