"""Waiting for something to become true: looked at again and again until a deadline, never a bare sleep."""

import time


def eventually(probe, timeout_s=10.0, what="", every_s=0.02):
    """Calls `probe` until it returns something true, and returns that. AssertionError at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or getattr(probe, '__doc__', None) or probe}")
        time.sleep(every_s)
