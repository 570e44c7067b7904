"""Starting, whom the daemon becomes, and ending."""

import signal
import time
from pathlib import Path

import pytest

import sending
from netwatch_testing import Daemon, eventually, in_time, run_briefly
from netwatch_testing.network import run

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
NO_CAPABILITIES = "0000000000000000"


def thread_statuses(pid):
    """/proc/PID/status of every thread as dictionaries."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def check_unprivileged(pid):
    threads = list(thread_statuses(pid))
    assert len(threads) > 1
    for thread in threads:
        assert "0" not in thread["Uid"].split() and "0" not in thread["Gid"].split(), thread["Name"]
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert thread[which] == NO_CAPABILITIES, (thread["Name"], which)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_shutdown(pair, daemon, how):
    """In the middle of traffic: within two seconds, status 0, one line that sums up."""
    def stopped():
        watch = daemon()
        with sending.Stream(pair.peer, pair.host, 100, 0.01):
            eventually(lambda: watch.total("packets") > 10, what="traffic is seen")
            said = watch.output().count("\n")
            status, seconds = watch.stop(how)
        assert status == 0
        assert watch.output().count("\n") - said == 1, watch.output()
        return seconds

    in_time(stopped, 2, "it ends")


def test_root_becomes_somebody_else(pair, daemon):
    watch = daemon()
    sending.ping(pair.peer, pair.host.ip4)
    watch.settle()
    assert watch.total("packets") == 10
    check_unprivileged(watch.process.pid)


def test_root_becomes_whom_it_is_told(pair, daemon):
    watch = daemon("--user=daemon")
    uid = run("id", "-u", "daemon").strip()
    for thread in thread_statuses(watch.process.pid):
        assert thread["Uid"].split() == [uid] * 4


def test_with_standard_input_and_output_closed(pair, daemon):
    """No socket takes their numbers: what is printed must not end up in one."""
    watch = daemon(prefix=("sh", "-c", 'exec "$@" <&- >&-', "sh"))
    for number in (0, 1):
        assert Path(f"/proc/{watch.process.pid}/fd/{number}").readlink() == Path("/dev/null")


def test_promiscuous_mode_ends_with_the_daemon(pair, daemon):
    def promiscuous():
        return "promiscuity 1 " in pair.host.run("ip", "-d", "link", "show", "veth0")

    watch = daemon()
    assert promiscuous()
    watch.stop()
    assert not promiscuous()
    daemon("--no-promisc")
    assert not promiscuous()


def test_without_the_privilege(pair, public_binary):
    def refused():
        done = run_briefly("--iface=veth0", "--bind=127.0.0.1:0", namespace=pair.host, prefix=NOBODY,
                           program=str(public_binary))
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "CAP_NET_RAW" in done.stderr or "setcap" in done.stderr
        return done.seconds

    in_time(refused, 5, "it is refused")


def test_with_the_privilege_on_the_file(pair, public_binary):
    run("setcap", "cap_net_raw=ep", str(public_binary))
    with Daemon("--iface=veth0", namespace=pair.host, prefix=NOBODY, program=str(public_binary)) as watch:
        sending.ping(pair.peer, pair.host.ip4)
        watch.settle()
        assert watch.total("packets") == 10
        check_unprivileged(watch.process.pid)


def test_first_number(pair, daemon, capsys):
    """The first, partial second is there soon after the start. The time is printed; what is asserted is generous."""
    def shown():
        watch = daemon()
        points = eventually(watch.points, what="the first second", every_s=0.01)
        seconds = time.monotonic() - watch.begun
        with capsys.disabled():
            print(f"\nfirst number after {seconds:.2f} s")
        assert points[0]["partial"] == (points[0]["span_ms"] < 1000)
        watch.stop()
        return seconds

    in_time(shown, 5, "there is a number")


def test_interface_of_the_default_route(pair):
    pair.host.run("ip", "route", "add", "default", "via", pair.peer.ip4)
    try:
        with Daemon(namespace=pair.host) as watch:
            assert [iface["name"] for iface in watch.json("/api/stats")["ifaces"]] == ["veth0"]
    finally:
        pair.host.run("ip", "route", "del", "default")


def test_no_default_route_names_the_choices(pair):
    done = run_briefly("--bind=127.0.0.1:0", namespace=pair.host)
    assert done.returncode == 1
    assert "veth0" in done.stderr and "lo" in done.stderr and "--iface" in done.stderr


def test_list_of_interfaces(pair):
    done = run_briefly("--list-ifaces", namespace=pair.host)
    assert done.returncode == 0
    assert "veth0" in done.stdout and "lo" in done.stdout
