"""Waiting for something to become true: looked at again and again until a deadline, never a bare sleep."""

import time

# Long enough for a machine that is busy with other things: what never comes is late by any measure.
DEADLINE_S = 30.0


def eventually(probe, timeout_s=DEADLINE_S, what="", every_s=0.02):
    """Calls `probe` until it returns something true, and returns that. AssertionError at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or getattr(probe, '__doc__', None) or probe}")
        time.sleep(every_s)


def in_time(attempt, limit_s, what):
    """Holds what has to happen within `limit_s` against the clock. `attempt` makes it happen, checks all else of it, and
    returns the seconds that it took; it is made again where the machine was too busy for it."""
    deadline, took = time.monotonic() + DEADLINE_S, []
    while not took or took[-1] >= limit_s:
        assert time.monotonic() < deadline, f"not once within {limit_s} s, but in {took}: {what}"
        took.append(attempt())
