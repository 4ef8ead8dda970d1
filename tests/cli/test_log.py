"""The log of the process: one line each, harmless, and silent about secrets."""

from __future__ import annotations

import io
import json
import logging
import os
from typing import Any

import pytest

from imserver.cli.app import EXIT_AGAIN, run
from imserver.cli.log import set_up_log
from imserver.cli.log_lines import ConsoleLines
from imserver.cli.text_width import width
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


# -- for people ---------------------------------------------------------------------------------------------------------

AT = {"timestamp": "2026-11-30T19:16:03.382888Z", "level": "warning"}


def shown(cells: int, event: str, **fields: Any) -> list[str]:
    lines = ConsoleLines(lambda: cells, colors=False)(None, "", {**fields, "event": event, **AT}).split("\n")
    assert cells == 0 or max(map(width, lines)) <= cells
    return lines


def test_a_narrow_terminal_shows_what_happened_first_and_cuts_no_word() -> None:
    facts: dict[str, Any] = {
        "port": 7410,
        "url": None,
        "do": "run it as a user of its own (User= in the unit)",
    }
    assert shown(40, "clear_text", **facts) == [
        "19:16:03Z warning clear_text",
        "  port=7410",
        '  do="run it as a user of its own',
        '    (User= in the unit)"',
    ]
    assert shown(80, "clear_text", **facts) == [
        "2026-11-30 19:16:03Z warning clear_text",
        '  port=7410 do="run it as a user of its own (User= in the unit)"',
    ]
    assert len(shown(0, "clear_text", **facts)) == 1, "no terminal: a line is a line"


@pytest.mark.parametrize("cells", [20, 40, 80])
def test_a_name_that_is_broken_begins_no_line(cells: int) -> None:
    forged = "x " * cells + "19:16:04Z stopped" + "李" * cells
    _, *rest = shown(cells, "login_refused", user_id=forged, names=[forged], exception="Traceback\n  why")
    assert rest[-2:] == ["Traceback", "  why"]
    assert all(line.startswith("  ") for line in rest[:-2])
    assert all(line.startswith("    ") for line in shown(cells, forged)[1:])


def test_what_could_be_taken_for_another_fact_is_in_quotes() -> None:
    (line,) = shown(0, "refused", user_id="li role=admin", cause="port=1", name="", plain="li")
    assert line.endswith('refused user_id="li role=admin" cause="port=1" name="" plain=li')


def test_what_happened_comes_first_in_json_too() -> None:
    names = list(json.loads(logged({"port": 7410})))
    assert (names[:2], names[-1]) == (["event", "level"], "timestamp")


def test_the_journal_is_told_how_bad_it_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    assert logged({}).startswith('<6>{"event"')
    assert run(["--config", "nowhere.toml", "serve"]) == EXIT_AGAIN
    assert capfd.readouterr().err.startswith("<3>imserver: ")
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + 1}")
    assert logged({}).startswith("{"), "another's, inherited"
