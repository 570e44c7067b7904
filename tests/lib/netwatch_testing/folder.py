"""A folder for files that the daemon is to read, whoever it runs as."""

import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder():
    """All may enter it. Those of pytest lie in one that each run of pytest closes again, also for the others."""
    with tempfile.TemporaryDirectory(prefix="netwatch-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
