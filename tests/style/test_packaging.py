"""What --help, the man page and the packaged files have to agree on."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
OPTION = re.compile(r"--([a-z][a-z-]*)")


def options_of_the_table():
    return re.findall(r'\.name = "([a-z-]+)"', (ROOT / "src/options_table.c").read_text())


def man_page():
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MAN_KEEP_FORMATTING": ""}
    return subprocess.run(
        ["man", "--warnings", "--no-hyphenation", "--no-justification", "-l", PACKAGING / "netwatchd.8"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_help_man_page_and_table_name_the_same_options():
    table = set(options_of_the_table())
    assert len(table) > 20
    assert set(OPTION.findall((ROOT / "src/options_help.c").read_text())) == table

    headings = re.findall(r"^ {7}(-.*)$", man_page().stdout, re.MULTILINE)
    assert set(OPTION.findall("\n".join(headings))) == table
    assert set(OPTION.findall(man_page().stdout)) == table


def test_man_page_is_clean():
    page = man_page()
    assert page.stderr == ""
    assert max(map(len, page.stdout.splitlines())) <= 80


def test_readme_names_every_option():
    assert set(OPTION.findall((ROOT / "README.md").read_text())) >= set(options_of_the_table())


def test_the_unit_is_hardened():
    report = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", PACKAGING / "netwatchd.service"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", report).group(1))
    assert exposure <= 2.0


def test_the_example_environment_shows_real_options():
    text = (PACKAGING / "netwatchd.env").read_text()
    variables = re.findall(r"^#?(NETWATCH_[A-Z_]+)=", text, re.MULTILINE)
    known = {"NETWATCH_" + name.upper().replace("-", "_") for name in options_of_the_table()}
    assert variables and set(variables) <= known
