"""A running netwatchd: started, asked, stopped. NETWATCH is the path of the binary.

It is started inside a namespace (or outside of any) on a free port of the loopback there; the URL is
read from what it prints. Requests are made from inside the same namespace.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import nullcontext

from .waiting import DEADLINE_S, eventually

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# for a daemon whose memory is measured: the address sanitizer keeps much of what was freed
LITTLE_QUARANTINE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"}


def binary():
    return os.environ["NETWATCH"]


def run_briefly(*options, namespace=None, prefix=(), timeout_s=DEADLINE_S, env=None, program=None):
    """Runs the daemon where it is expected to end by itself. Returns the completed process, with `.seconds`."""
    command = [*prefix, program or binary(), *options]
    begun = time.monotonic()
    done = subprocess.run(namespace.command(*command) if namespace else command, capture_output=True, text=True,
                          timeout=timeout_s, env=clean_environment(env), stdin=subprocess.DEVNULL)
    done.seconds = time.monotonic() - begun
    return done


def clean_environment(more=None):
    """No NETWATCH_* option of the caller's leaks in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NETWATCH")}
    return environment | (more or {})


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Daemon:
    """A context manager: running on entry, stopped and reaped on exit."""

    def __init__(self, *options, namespace=None, prefix=(), env=None, token=None, program=None, port=0):
        self.namespace, self.token = namespace, token
        command = [*prefix, program or binary(), f"--bind=127.0.0.1:{port}", *options]
        self.command = namespace.command(*command) if namespace else command
        self.env = clean_environment(env)
        self.process = None
        self.lines = []
        self.readers = []
        self.url = None

    # ---- lifetime ----

    def start(self, timeout_s=DEADLINE_S):
        self.begun = time.monotonic()
        self.process = subprocess.Popen(self.command, env=self.env, text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for stream in (self.process.stdout, self.process.stderr):
            reader = threading.Thread(target=self.lines.extend, args=(stream,), daemon=True)
            reader.start()
            self.readers.append(reader)
        try:
            self.url = eventually(self.printed_url, timeout_s, "the daemon prints its URL")
        except AssertionError as late:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{late}; it said: {self.output()}") from None
        return self

    def printed_url(self):
        found = re.search(r"http://[^\s/]+/", self.output())
        if not found and self.process.poll() is not None:
            raise AssertionError(f"exit {self.process.returncode}")
        return found and found[0]

    def output(self):
        return "".join(list(self.lines))

    def stop(self, how=signal.SIGTERM, timeout_s=DEADLINE_S):
        """Asks it to end. Returns (exit status, seconds that it took)."""
        begun = time.monotonic()
        self.process.send_signal(how)
        status = self.process.wait(timeout_s)
        seconds = time.monotonic() - begun
        for reader in self.readers:
            reader.join(timeout_s)
        return status, seconds

    def close(self):
        """Ends it if nobody has. It must do so by itself and with status 0: a sanitizer's finding shows here."""
        if not self.process or self.process.poll() is not None:
            return
        try:
            status, _ = self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        assert status == 0, self.output()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # ---- asking ----

    def request(self, path, method="GET", headers=None, body=None, timeout_s=DEADLINE_S, **parameters):
        """One request; any status is an answer."""
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters)
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", "Bearer " + self.token)
        request = urllib.request.Request(self.url.rstrip("/") + path, body, headers, method=method)
        with self.namespace.entered() if self.namespace else nullcontext():
            try:
                with NO_PROXY.open(request, timeout=timeout_s) as reply:
                    return Answer(reply.status, reply.headers, reply.read())
            except urllib.error.HTTPError as refusal:
                with refusal:
                    return Answer(refusal.code, refusal.headers, refusal.read())

    def json(self, path, **parameters):
        answer = self.request(path, **parameters)
        assert answer.status == 200, f"{path} {parameters}: {answer.status} {answer.body[:500]!r}"
        return answer.json()

    def points(self, **parameters):
        """The seconds of /api/counters, oldest first."""
        return self.json("/api/counters", **({"from": "-1h"} | parameters))["points"]

    def spans(self):
        """{second in ms: of how many ms it tells}. Where the daemon was held up several seconds are told as one, and where
        it began one in part: what is sent to be found in a second is sent anew then."""
        return {point["ts"]: point["span_ms"] for point in self.points()}

    def settle(self, timeout_s=DEADLINE_S):
        """Waits until everything that was captured up to now is in the history: until the present second has closed.
        Then nothing is on its way any more, if nothing is sent meanwhile. The first second is shown before its end:
        where it is the present one, the one after it tells. A frame that the kernel hands over too late for its second
        is counted in a later one."""
        now_ms = int(time.time()) * 1000

        def closed():
            return [p for p in self.points() if p["ts"] > now_ms or (p["ts"] == now_ms and not p["partial"])]

        eventually(closed, timeout_s, "the present second closes")
        received = [iface["frames_received"] for iface in self.json("/api/stats")["ifaces"]]

        def counted():
            ifaces = self.json("/api/stats")["ifaces"]
            return all(i["frames_counted"] + i["frames_dropped"] >= n for i, n in zip(ifaces, received))

        eventually(counted, timeout_s, "what was received is counted")

    def total(self, field="packets"):
        """Σ of a field over all seconds; for {packets, bytes, …} of what is a number in it."""
        points = self.points()
        if points and isinstance(points[0][field], dict):
            numbers = [name for name, value in points[0][field].items() if isinstance(value, int)]
            return {name: sum(p[field][name] for p in points) for name in numbers}
        return sum(p[field] for p in points)

    def flows(self, **parameters):
        """All rows of /api/flows, page by page."""
        rows, cursor = [], None
        while True:
            page = self.json("/api/flows", **({"limit": 1000, "state": "all"} | parameters), **(cursor or {}))
            rows += page["rows"]
            if not page["next"]:
                return rows
            cursor = {"cursor": page["next"]}
