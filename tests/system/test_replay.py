"""A capture file that is served: whole and queryable, in its own time, without privileges."""

import errno
import gzip
import json
import lzma
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import files
from netwatch_testing import DEADLINE_S, Daemon, binary, eventually, in_time, run_briefly
from netwatch_testing.daemon import NO_PROXY
from test_lifetime import NOBODY, check_unprivileged
from wire import ether, ip4, udp

START_S = 1_600_000_000
NS = 10**9


def packet(number, second, at_ns=0):
    """Flow `number` in a second; its size tells both."""
    sizes = 20 + number * 7 + second % 50
    frame = ether(ip4(f"10.0.0.{number + 1}", "192.0.2.7", udp(5000 + number, 53, b"x" * sizes))).data
    return (START_S + second) * NS + at_ns, frame, len(frame)


def records(seconds, flows=3):
    """In second s one packet of each of s % flows + 1 flows."""
    return [packet(n, s, n * NS // 10) for s in seconds for n in range(s % flows + 1)]


@pytest.fixture
def write(tmp_path):
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)

    def write(data, name="day.pcap"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def serve(write):
    """Starts daemons over files; stops them when the test ends."""
    running = []

    def start(packets, *options, **more):
        data = packets if isinstance(packets, bytes) else files.pcap(packets, nanoseconds=True)
        daemon = Daemon(f"--read={write(data)}", *options, **more)
        running.append(daemon)
        return daemon.start()

    yield start
    for each in running:
        each.close()


def events(daemon):
    return {row["event"]: row for row in daemon.json("/api/events")["rows"]}


def ended(daemon):
    return eventually(lambda: daemon.json("/api/stats")["file"]["ended"] and events(daemon).get("file_end"),
                      what="the file has been read")


def test_every_second(serve):
    """Counters of each second and its flows are what the file holds, silent seconds zeros; after the end, too."""
    packets = records([*range(0, 70), *range(80, 130)])
    watch = serve(packets)
    ended(watch)
    points = watch.points(**{"from": START_S * 1000, "to": (START_S + 130) * 1000})
    assert [p["ts"] for p in points] == [(START_S + s) * 1000 for s in range(130)]
    for s, point in enumerate(points):
        of_second = [(time, length) for time, _, length in packets if time // NS == START_S + s]
        assert point["packets"] == len(of_second)
        assert point["bytes"] == sum(length for _, length in of_second)
        assert not point["partial"]
    for s in (0, 1, 41, 69, 80, 129):
        rows = watch.flows(at=(START_S + s) * 1000)
        expected = {5000 + n: len(packet(n, s)[1]) for n in range(s % 3 + 1)}
        assert {row["a_port"]: row["ab_bytes"] for row in rows} == expected, s
    assert watch.flows(at=(START_S + 75) * 1000) == []
    rows = watch.flows(**{"from": START_S * 1000, "to": (START_S + 130) * 1000})
    assert sum(row["ab_bytes"] + row["ba_bytes"] for row in rows) == sum(length for _, _, length in packets)


def test_relative_times_count_from_the_end_of_the_file(serve):
    watch = serve(records(range(100)))
    ended(watch)
    end = (START_S + 100) * 1000
    answer = watch.json("/api/counters", **{"from": "-10s"})
    assert (answer["from"], answer["to"]) == (end - 10_000, end)
    assert {row["a_port"] for row in watch.flows(at="-1s")} == {5000}  # second 99
    assert {row["a_port"] for row in watch.flows(at="-2s")} == {5000, 5001, 5002}
    assert watch.json("/api/top", **{"from": "-10s"})["from"] == end - 10_000
    assert watch.request("/api/flows", at="-0s").status == 400  # has not come
    assert watch.json("/api/events", **{"from": "-1s"})["rows"][-1]["event"] == "file_end"
    assert {gap["reason"] for gap in watch.json("/api/counters", **{"from": "-200s"})["gaps"]} == {"not_started"}


def test_what_is_said_of_it(serve):
    watch = serve(records(range(10)))
    end = ended(watch)
    stats = watch.json("/api/stats")
    assert stats["file"] == {"name": "day.pcap", "speed": None, "ended": True}
    [iface] = stats["ifaces"]
    assert (iface["name"], iface["link"], iface["up"], iface["state"]) == ("day.pcap", "ethernet", True, "up")
    assert iface["frames_received"] == iface["frames_counted"] == 19
    assert iface["since_start"]["unseen_packets"] == iface["backlog_drops"] == 0
    assert {row["iface"] for row in watch.flows()} == {"day.pcap"}
    assert events(watch)["start"]["ts"] == START_S * 1000
    assert end["ts"] == records([9])[-1][0] // 10**6
    assert "19 packets" in end["detail"]
    assert watch.json("/healthz") == {"status": "ok"}
    assert 'iface="day.pcap"} 19' in watch.request("/metrics").body.decode()


def test_a_name_that_is_no_text(write):
    path = write(files.pcap(records(range(3))), name="x" * 90)
    path = path.rename(str(path.parent) + "/" + "\udcff\n\"" + "y" * 90)
    with Daemon(f"--read={path}") as watch:
        ended(watch)
        assert watch.json("/api/stats")["file"]["name"] == '??"' + "y" * 60


def test_nothing_in_it(serve):
    watch = serve(files.pcap([]))
    assert "0 packets" in ended(watch)["detail"]
    assert watch.json("/api/counters")["points"] == []
    assert watch.json("/api/counters", **{"from": "-60s"})["points"] == []
    assert watch.json("/api/flows")["rows"] == []


def test_its_clock_was_never_set(serve):
    """Times near 1970, as packets without a timestamp have them: what is further back than that is its beginning."""
    watch = serve([(second * NS, frame, length) for second in range(3) for _, frame, length in [packet(0, second)]])
    ended(watch)
    assert [point["ts"] for point in watch.points(**{"from": "-60s"})] == [0, 1000, 2000]
    assert watch.json("/api/top", **{"from": "-5m"})["rows"][0]["packets"] == 3
    assert watch.flows(**{"from": "-1h"})[0]["packets"] == 3


def test_without_privileges(write, public_binary):
    path = write(files.pcap(records(range(5)), nanoseconds=True))
    with Daemon(f"--read={path}", prefix=NOBODY, program=str(public_binary)) as watch:
        ended(watch)
        check_unprivileged(watch.process.pid)


def test_root_becomes_somebody_else(serve):
    watch = serve(records(range(5)))
    ended(watch)
    check_unprivileged(watch.process.pid)


def test_cut(serve):
    """What can be read is served; log and event say where it ended."""
    whole = files.pcap(records(range(20)), nanoseconds=True)
    watch = serve(whole[:-5])
    ended(watch)
    assert "broken off in packet 39" in events(watch)["file_cut"]["detail"]
    eventually(lambda: "broken off in packet 39" in watch.output(), what="it is logged")
    assert watch.total("packets") == 38


@pytest.fixture
def silent_fifo(write):
    """A FIFO without a writer; and how to become one, once somebody has opened it for reading."""
    path = write(b"", "silent")
    path.unlink()
    os.mkfifo(path, 0o644)

    def writer():
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO
            return None

    return path, writer


def check_ends(process, status):
    """Returns what it said, and in how many seconds it ended."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=DEADLINE_S)[1]
    assert process.returncode == status, said
    return said, time.monotonic() - begun


@pytest.mark.parametrize("options, status", [(("--bind=127.0.0.1:0",), 0), (("--report=json",), 1)])
@pytest.mark.parametrize("bytes_there", [0, 30])
def test_stopped_while_a_pipe_is_silent(silent_fifo, options, status, bytes_there):
    """Within two seconds, also before the first packet."""
    path, writer = silent_fifo

    def stopped():
        process = subprocess.Popen([binary(), f"--read={path}", *options], stderr=subprocess.PIPE, text=True,
                                   stdout=subprocess.DEVNULL)
        end = eventually(writer, what="the FIFO is opened")
        os.write(end, files.pcap(records(range(5)))[:bytes_there])
        said, seconds = check_ends(process, status)
        os.close(end)
        assert "interrupted before its first packet" in said
        return seconds

    in_time(stopped, 2, "it ends")


def test_a_pipe_is_served_as_it_comes(silent_fifo):
    """Packets of a writer that then falls silent are there; so is the end, when it is asked for."""
    path, writer = silent_fifo

    def stopped():
        process = subprocess.Popen([binary(), f"--read={path}", "--bind=127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        end = eventually(writer, what="the FIFO is opened")
        os.write(end, files.pcap(records(range(5)))[:-1])
        url = next(line for line in process.stderr if "http://" in line).split()[-1]

        def seen():
            with NO_PROXY.open(url + "api/stats") as answer:
                return json.load(answer)["ifaces"][0]["frames_received"]

        eventually(lambda: seen() == len(records(range(5))) - 1, what="all but the last packet, which is not there in full")
        _, seconds = check_ends(process, 0)
        os.close(end)
        return seconds

    in_time(stopped, 2, "it ends")


def test_a_report_is_not_made_by_root(silent_fifo):
    path, writer = silent_fifo

    def stopped():
        process = subprocess.Popen([binary(), f"--read={path}", "--report=json"], stderr=subprocess.PIPE, text=True,
                                   stdout=subprocess.DEVNULL)
        end = eventually(writer, what="the FIFO is opened")
        os.write(end, files.pcap(records(range(5)))[:-1])
        eventually(lambda: len(os.listdir(f"/proc/{process.pid}/task")) > 1, what="it has its threads")
        check_unprivileged(process.pid)
        _, seconds = check_ends(process, 1)
        os.close(end)
        return seconds

    in_time(stopped, 2, "it ends")


def test_longer_than_the_retention(serve):
    watch = serve(records(range(200)), "--retention=1m")
    ended(watch)
    kept = events(watch)["file_kept"]["detail"]
    assert "2020-09-13T12:29:00Z to 2020-09-13T12:30:00Z" in kept  # the last 60 of seconds 0 to 199
    eventually(lambda: kept in watch.output(), what="it is logged")
    points = watch.points()
    assert [p["ts"] // 1000 - START_S for p in points] == list(range(140, 200))
    assert watch.request("/api/flows", at=(START_S + 100) * 1000).status == 410
    gaps = watch.json("/api/counters", **{"from": START_S * 1000})["gaps"]
    assert [gap["reason"] for gap in gaps] == ["expired"]


def test_shorter_than_the_retention_is_kept_whole(serve):
    watch = serve(records(range(60)), "--retention=1m")
    ended(watch)
    assert "file_kept" not in events(watch)
    assert len(watch.points()) == 60


def test_its_clock_was_set_back(serve):
    watch = serve(records(range(100, 130)) + records(range(10, 40)))
    ended(watch)
    seen = watch.json("/api/stats")["ifaces"][0]["seen"]
    assert seen["packets"] == len(records(range(100, 130)) + records(range(10, 40)))
    assert events(watch)["clock_step"]["detail"].startswith("the wall clock was set back")


def test_seconds_before_its_clock_was_set_back(serve):
    """They can be asked for by their time like any other, as long as no later second bears it."""
    first, then = records(range(100, 130)), records(range(10, 40))
    watch = serve(first + then)
    ended(watch)
    for second in (100, 115, 127):
        sent = [p for p in first if p[0] // NS == START_S + second]
        at = (START_S + second) * 1000
        counted = watch.json("/api/counters", **{"from": at, "to": at + 1000})["points"]
        assert [p["packets"] for p in counted] == [len(sent)]
        for path in ("/api/flows", "/api/top"):
            assert watch.json(path, at=at)["summary"]["matched"] == {
                "flows": len(sent), "packets": len(sent), "bytes": sum(p[2] for p in sent)}
    packets = len(first + then)
    for path, more in (("/api/flows", {}), ("/api/top", {}), ("/api/series", {"step": "1s"})):
        later = watch.json(path, **{"from": (START_S + 100) * 1000}, **more)["summary"]["matched"]
        assert later["packets"] + watch.json(path, to="-0s", **more)["summary"]["matched"]["packets"] == packets
        both = watch.json(path, **{"from": 0, "to": (START_S + 5000) * 1000}, **more)
        assert both["summary"]["matched"]["packets"] == packets
        assert watch.json("/api/counters", **{"from": both["from"], "to": both["to"]})["points"][0]["ts"] == both["from"]
        assert both["to"] == (START_S + 130) * 1000
    assert watch.request("/api/flows", at=(START_S + 130) * 1000).status == 400


def test_pace(serve):
    """An hour and more at twice its pace: the last frame is not there while the first ones are, and the silent seconds
    between the frames are ticked all the same."""
    def stopped():
        watch = serve([packet(0, s) for s in (0, 1, 2, 3, 4000)], "--speed=2")
        last = eventually(lambda: [p for p in watch.points() if p["ts"] >= (START_S + 5) * 1000],
                          what="silent seconds come after the last frame that is due")
        assert not any(p["packets"] for p in last)
        assert watch.total("packets") == 4
        stats = watch.json("/api/stats")
        assert stats["file"] == {"name": "day.pcap", "speed": 2.0, "ended": False}
        assert "file_end" not in events(watch)
        assert watch.json("/healthz") == {"status": "ok"}
        status, seconds = watch.stop()
        assert status == 0
        return seconds

    in_time(stopped, 2, "it ends")


def test_pace_to_the_end(serve):
    """Sums are those of the file, whatever its pace: also over a step of its clock, which nobody waits for."""
    packets = records(range(2000, 2100)) + records(range(100))
    watch = serve(packets, "--speed=100")
    ended(watch)
    assert watch.json("/api/stats")["ifaces"][0]["seen"] == {
        "packets": len(packets), "bytes": sum(length for _, _, length in packets)}
    assert [row["event"] for row in watch.json("/api/events")["rows"]] == ["start", "clock_step", "file_end"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stopped_while_it_waits(serve, how):
    def stopped():
        watch = serve([packet(0, 0), packet(0, 80_000)], "--speed=0.01")
        eventually(lambda: events(watch).get("start"), what="it is served")
        status, seconds = watch.stop(how)
        assert status == 0
        assert "stopped after" in watch.output()
        return seconds

    in_time(stopped, 2, "it ends")


def test_stopped_while_it_reads(serve):
    def stopped():
        watch = serve(records(range(400), flows=30))
        status, seconds = watch.stop()
        assert status == 0
        return seconds

    in_time(stopped, 5, "it ends")


def test_standard_input(write):
    path = write(files.pcap(records(range(10)), nanoseconds=True))
    with Daemon("--read=-", prefix=("sh", "-c", f'exec "$@" <{path}', "sh")) as watch:
        ended(watch)
        assert watch.json("/api/stats")["file"]["name"] == "standard input"


@pytest.mark.parametrize("data, words", [
    (None, ("No such file",)),
    (b"", ("is not a pcap",)),
    (b"hello, this is no capture file at all", ("is not a pcap",)),
    (files.pcap([])[:20], ("is not a pcap",)),
    (gzip.compress(files.pcap([])), ("is compressed", "zcat ")),
    (lzma.compress(files.pcap([])), ("is compressed", "xzcat ")),
])
def test_bad_file(tmp_path, data, words):
    """Said before the port is opened, in one line, with status 1."""
    path = tmp_path / "bad.pcap"
    if data is not None:
        path.write_bytes(data)
    done = run_briefly(f"--read={path}", "--bind=127.0.0.1:0")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "http://" not in done.stderr + done.stdout
    for word in (str(path), *words):
        assert word in done.stderr


def test_same_sums_as_the_report(write):
    """One file, told in two ways."""
    path = Path(__file__).parent.parent / "golden/captures/half_closed.pcap"
    report = json.loads(run_briefly(f"--read={path}", "--report=json").stdout)
    with Daemon(f"--read={path}") as watch:
        ended(watch)
        assert watch.total("packets") == report["packets"]
        assert watch.total("bytes") == report["bytes"]
        assert len(watch.flows()) == len(report["flows"])
