"""docs/imserver.toml tells the truth: it loads, names every field, and shows the defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from imserver.config import Config, load_config

DOCUMENTED = Path(__file__).parents[2] / "docs" / "imserver.toml"


def test_it_loads() -> None:
    config = load_config(DOCUMENTED, {})

    assert config.server == Config().server
    assert config.store.path == str(DOCUMENTED.parent / "imserver.db")


def test_it_names_every_field_with_its_default() -> None:
    defaults = msgspec.to_builtins(Config())
    # Whose presence alone opens a listener stand there as comments: tests/seeing/test_pages.py.
    assert [name for name, value in defaults.items() if value is None] == ["http", "admin"]
    # Nor can a table that may stand there several times be shown empty.
    assert defaults["auth"].pop("keys") == []
    assert tomllib.loads(DOCUMENTED.read_text()) == {
        name: value for name, value in defaults.items() if value is not None
    }


def test_every_section_says_something_of_itself() -> None:
    lines = DOCUMENTED.read_text().splitlines()

    for number, line in enumerate(lines):
        if line.startswith("["):
            assert lines[number - 1].startswith("#"), line
