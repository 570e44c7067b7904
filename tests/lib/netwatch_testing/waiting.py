"""Waiting for something to become true: looked at again and again until a deadline, never a bare sleep."""

import time

# Long enough for a machine that is busy with other things: what never comes is late by any measure.
DEADLINE_S = 30.0


def in_time(attempt, within_s, timeout_s=DEADLINE_S):
    """What is owed within so many seconds is tried again where the machine was too busy for it. `attempt` returns how
    many it took."""
    deadline, took = time.monotonic() + timeout_s, []
    while not took or took[-1] >= within_s:
        assert time.monotonic() < deadline, f"not once within {within_s} s, but in {took}"
        took.append(attempt())


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
