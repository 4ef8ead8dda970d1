"""docs/clients.md is true: its commands print what it shows, and its tables name what judge and driver have."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from imserver.conformance.driver import DRIVER_VERSION, PARTS
from tests.conformance.drivers import PYTHON_DRIVER, load_driver
from tests.docs.console import DOCS, blocks, fits, typed

PAGE = (DOCS / "clients.md").read_text("utf-8")
STEPS = [step for block in blocks(PAGE) if block.language == "console" for step in typed(block)]
TABLES = {
    name: set(re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in rows.splitlines())))
    for name, rows in re.findall(r"^\| `?(do|event|part)`? \|.*\n\|[-| ]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
}


def test_its_commands_print_what_it_shows(tmp_path: Path) -> None:
    shutil.copy(PYTHON_DRIVER, tmp_path)
    bin_folder = Path(sys.executable).parent
    for step in STEPS:
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=tmp_path,
            env={"PATH": f"{bin_folder}:/usr/bin:/bin", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert fits(step.shown, done.stdout), f"{step.command}\n{done.stdout}{done.stderr}"
    assert len(STEPS) == 5


def test_its_table_of_parts_is_the_judges() -> None:
    assert TABLES["part"] == set(PARTS)
    assert f'"driver": {DRIVER_VERSION}' in PAGE


def test_its_tables_name_what_the_driver_has() -> None:
    driven = vars(load_driver().Driven)
    has = {name.removeprefix("do_") for name in driven if name.startswith("do_")}
    assert TABLES["do"] <= has
    source = PYTHON_DRIVER.read_text("utf-8")
    for event in TABLES["event"]:
        assert f'"{event}"' in source, event


def test_scenarios_say_nothing_that_the_tables_do_not_name() -> None:
    judge = DOCS.parent / "imserver" / "conformance"
    text = "\n".join(path.read_text("utf-8") for path in sorted(judge.rglob("*.py")))
    commands = set(re.findall(r'play\.(?:do|later)\(\s*"(\w+)"', text))
    events = set(re.findall(r'play\.event\(\s*"(\w+)"', text))
    assert commands <= TABLES["do"]
    assert events <= TABLES["event"]
