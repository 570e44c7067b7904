"""The house of ARCHITECTURE.md, checked on the #include lines of src/.

A folder includes only folders that stand below it, and those only by their face,
`<folder>/<folder>.h`; base has no face, each of its headers is one. Every header
compiles alone.
"""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# What a folder may include beside itself. "" stands for src/ itself: the wiring.
BELOW = {
    "base": set(),
    "packet": {"base"},
    "flow": {"base", "packet"},
    "capture": {"base", "packet"},
    "history": {"base", "packet", "flow"},
    "render": {"base", "packet", "flow", "history"},
    "pipeline": {"base", "packet", "flow", "capture", "history"},
    "server": {"base", "packet", "flow", "capture", "history", "render"},
}
BELOW[""] = set(BELOW)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]*)[">]', re.MULTILINE)

SOURCES = sorted(path for path in SRC.rglob("*.[ch]"))
HEADERS = [path for path in SOURCES if path.suffix == ".h"]


def relative(path):
    return str(path.relative_to(SRC))


def folder_of(name):
    return name.rpartition("/")[0]


def complaint_about(source, included):
    """Why `source` may not include that, both named from src/ on; None where it may."""
    if not (SRC / included).is_file() or ".." in included:
        return "is not named by its path from src/"
    mine, theirs = folder_of(source), folder_of(included)
    if mine == theirs:
        return None
    if theirs not in BELOW[mine]:
        return f"{mine or 'src/'} must not know {theirs or 'src/'}"
    if theirs != "base" and included != f"{theirs}/{theirs}.h":
        return f"{theirs} is to be included by {theirs}/{theirs}.h only"
    return None


def complaints_in(source, text):
    for bracket, included in INCLUDE.findall(text):
        of_the_system = bracket == "<" and not (SRC / included).is_file()
        complaint = None if of_the_system else complaint_about(source, included)
        if complaint:
            yield f"{source} includes {included}: {complaint}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_includes_point_downwards(path):
    assert folder_of(relative(path)) in BELOW, "a folder that the house does not have"
    assert list(complaints_in(relative(path), path.read_text())) == []


@pytest.mark.parametrize(
    "source, included",
    [
        ("base/log.c", "packet/packet.h"),
        ("flow/table.c", "capture/capture.h"),
        ("capture/ring.c", "flow/flow.h"),
        ("history/history.c", "capture/capture.h"),
        ("history/history.c", "render/render.h"),
        ("pipeline/worker.c", "server/server.h"),
        ("server/http.c", "pipeline/pipeline.h"),
        ("server/http.c", "options.h"),
        ("main.c", "base/../flow/flow.h"),
        ("main.c", "nowhere.h"),
    ],
)
def test_a_wrong_include_is_found(source, included):
    assert list(complaints_in(source, f'#include <stdio.h>\n  # include "{included}"\n'))


def test_angle_brackets_are_no_way_round():
    assert list(complaints_in("base/log.c", "#include <flow/flow.h>\n"))


def test_only_the_face_of_another_folder_is_included():
    private = [relative(h) for h in HEADERS if folder_of(relative(h)) not in ("", "base")]
    private = [h for h in private if h != f"{folder_of(h)}/{folder_of(h)}.h"]
    for header in private:
        assert complaint_about("main.c", header)
        assert complaint_about(f"{folder_of(header)}/x.c", header) is None


@pytest.mark.parametrize("path", HEADERS, ids=relative)
def test_header_compiles_alone(path):
    command = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    # as an include, since a header that is the main file may warn of unused inline functions
    result = subprocess.run(
        [*command, f"-I{SRC}", "-x", "c", "-"],
        input=f'#include "{relative(path)}"\n',
        text=True,
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr
