"""Exit codes are one table: in the code, in docs/operating.md, and in the unit there; and which failures may be tried again."""

from __future__ import annotations

import errno
import re
import socket
import sqlite3
from configparser import ConfigParser
from pathlib import Path

import pytest

from imserver.cli import app
from imserver.errors import ConfigError, StartError
from imserver.passing import passes

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text("utf-8")


def test_the_page_lists_what_the_code_has() -> None:
    table = PAGE.split("| exit code | means |")[1].split("\n\n")[0]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}

    assert listed == {0, *(value for name, value in vars(app).items() if name.startswith("EXIT_"))}


def test_the_unit_gives_up_on_what_a_person_must_mend_and_on_nothing_else() -> None:
    unit = ConfigParser(strict=False)  # a unit may name ExecReload twice
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(re.findall(r"^```ini\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])

    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartPreventExitStatus"].split() == [str(app.EXIT_MISTAKE)]
    assert int(unit["Service"]["RestartSec"]) > 0
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "or systemd gives up after five tries"


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(errno.EADDRINUSE, ""), True),
        (OSError(errno.EADDRNOTAVAIL, ""), True),
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EDQUOT, ""), True),
        (OSError(errno.EMFILE, ""), True),
        (OSError(errno.ESTALE, ""), True),
        (FileNotFoundError(errno.ENOENT, ""), True),
        (TimeoutError(), True),
        (socket.gaierror(socket.EAI_NONAME, ""), True),
        (PermissionError(errno.EACCES, ""), False),
        (IsADirectoryError(errno.EISDIR, ""), False),
        (_sqlite(sqlite3.SQLITE_FULL), True),
        (_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (_sqlite(sqlite3.SQLITE_IOERR_FSYNC), True),
        (_sqlite(sqlite3.SQLITE_CORRUPT), False),
        (_sqlite(sqlite3.SQLITE_NOTADB), False),
        (_sqlite(sqlite3.SQLITE_READONLY), False),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, ""), False),
    ],
)
def test_what_may_pass_by_itself(error: Exception, again: bool) -> None:
    assert passes(error) is again


@pytest.mark.parametrize("again", [True, False])
def test_every_error_of_a_start_carries_it_to_the_exit_code(again: bool, monkeypatch, capsys) -> None:
    for error in (StartError("no", again=again), ConfigError("$.auth", "no", again=again)):

        def token(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("imserver.cli.token.make_token", token)
        assert app.run(["token", "x"]) == (app.EXIT_AGAIN if again else app.EXIT_MISTAKE)
        assert capsys.readouterr().err.count("\n") == 1
