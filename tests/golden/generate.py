#!/usr/bin/python3
"""Writes the golden captures and their expected reports into captures/.

The same bytes every time. The reports follow from what cases.py says was written, never from
running the daemon, so that both can be wrong only independently.
"""

import json
from pathlib import Path

from cases import all_cases

FOLDER = Path(__file__).parent / "captures"


def dump(report):
    """JSON with one flow per line, so that a change shows as the line that it is."""
    flows = ",\n  ".join(json.dumps(flow) for flow in report["flows"])
    head = ",\n ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in report.items() if name != "flows")
    return "{" + head + ',\n "flows": [\n  ' + flows + "\n ]}\n"


def outputs():
    """(file name, bytes) of everything that belongs into the folder."""
    for case in all_cases():
        yield case.file, case.data
        expected = dump(case.report) if case.report else json.dumps({"exit": case.exit}) + "\n"
        yield case.name + ".json", expected.encode()


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, data in outputs():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
