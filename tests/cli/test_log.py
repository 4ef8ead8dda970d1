"""The log of the process: one line each, harmless, and silent about secrets."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from imserver.cli.log import set_up_log
from imserver.config import LogConfig

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


pytestmark = pytest.mark.usefixtures("quiet_log")


def logged(fields: dict[str, Any], format: str = "json") -> str:
    stream = io.StringIO()
    set_up_log(LogConfig(format=format), stream).info("tried", **fields)
    return stream.getvalue()


def test_lines_are_json_when_nobody_looks() -> None:
    line = json.loads(logged({"user_id": "李", "port": 7410}, "auto"))

    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "tried", "level": "info", "user_id": "李", "port": 7410}


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_name_cannot_forge_a_line_or_move_the_cursor(format: str) -> None:
    text = logged({"user_id": 'x\n{"event": "forged"}\x1b[2J\u202e\x9b'}, format)

    assert len(text.splitlines()) == 1
    assert text.strip("\n").isprintable()
    assert "u202e" in text


@pytest.mark.parametrize("format", ["json", "console"])
def test_tokens_and_contents_are_withheld_wherever_they_stand(format: str) -> None:
    text = logged({"token": "s3cret", "cause": f"bad {TOKEN}", "frame": {"content": "private"}}, format)

    assert "s3cret" not in text
    assert "c2lnbmF0dXJl" not in text
    assert "private" not in text


def test_other_libraries_speak_in_the_same_form() -> None:
    stream = io.StringIO()
    set_up_log(LogConfig(), stream)

    logging.getLogger("asyncio").error("task failed %s", "\x1b[1m", exc_info=ValueError("why"))

    line = json.loads(stream.getvalue())
    assert line["event"] == r"task failed \x1b[1m"
    assert "ValueError: why" in line["exception"]


def test_the_level_is_kept() -> None:
    stream = io.StringIO()
    log = set_up_log(LogConfig(level="warning"), stream)

    log.info("nobody hears")
    log.warning("heard")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["heard"]


def test_a_long_value_is_cut() -> None:
    assert len(logged({"cause": "x" * 1_000_000})) < 3000
