"""Rows on terminals of any width: nothing is wider than it, what is typed again is never cut, Chinese names are aligned."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import sys
import termios

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.cli.app import EXIT_MISTAKE, fail, run
from imserver.cli.tables import Cell, Column, Look, Table, facts, fitted
from imserver.cli.text_width import width

COLUMNS = (Column("user"), Column("name", least=6), Column("state", alone="is {}"))


def lines(rows: list[tuple[str, ...]], cells: int, table: Table | None = None) -> list[str]:
    made = (table or Table(COLUMNS, cells)).lines([tuple(map(Cell, row)) for row in rows])
    return [click.unstyle(line) for line in made]


def test_columns_stand_below_one_another_whatever_the_script() -> None:
    assert lines([("li", "李雷", "active"), ("alice", "Alice", ""), ("bob", "", "bot")], 40) == [
        "user   name    state",
        "li     李雷    active",
        "alice  Alice",
        "bob            bot",
    ]


def test_a_name_is_cut_before_an_id_and_the_widest_first() -> None:
    assert lines([("li", "王小明与他的眼镜", "active")], 24)[1] == "li    王小明与…   active"
    columns = (Column("a", least=3), Column("b", least=3))
    made = Table(columns, 14).lines([(Cell("12345678"), Cell("123456"))])
    assert [click.unstyle(line) for line in made][1] == "12345…  123456"


def test_without_room_each_row_stands_on_lines_of_its_own() -> None:
    assert lines([("guest-0c9f2f63a1b24e1d", "李雷", "active"), ("bob", "", "bot")], 30) == [
        "guest-0c9f2f63a1b24e1d",
        "  李雷 · is active",
        "bob",
        "  is bot",
    ]


def test_the_first_page_decides_and_a_longer_id_of_a_later_one_is_whole() -> None:
    table = Table(COLUMNS, 40)
    assert lines([], 0, table) == []
    assert lines([("li", "李雷", "active")], 0, table)[0].startswith("user")
    assert lines([("guest-0c9f2f63", "Guest of the page", "bot")], 0, table) == [
        "guest-0c9f2f63  Guest…  bot"
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_sentence_is_broken_at_words_on_a_terminal_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = "rehearsed this copy can be put back; nothing was changed"
    assert fitted(text, io.StringIO()) == [text]
    assert fitted(text, Terminal(), 10) == [
        "rehearsed this copy can be put",
        "          back; nothing was changed",
    ]


def test_it_is_as_wide_as_the_terminal_that_it_is_shown_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as standard output, which may go into a file."""
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 40, 0, 0))
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours):
        assert fitted("the server says that this plugin does not run", terminal) == [
            "the server says that this plugin does",
            "not run",
        ]


def test_an_error_on_a_narrow_terminal_is_broken_at_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fail("no server runs on the configured database here", EXIT_MISTAKE)
    assert capsys.readouterr().err == "imserver: no server runs on the\nconfigured database here\n"


@pytest.mark.parametrize("command", [[], ["user"], ["chat"]])
def test_help_fits_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run([*command, "--help"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if width(line) > 40] == []


def test_facts_go_on_below_the_first() -> None:
    told = [("roles", [Cell("staff (by an operator)"), Cell("optician (by booking)")]), ("", []), ("in", [])]
    assert [click.unstyle(line) for line in facts([*told, ("id", [Cell("1")])], 36, 7)] == [
        " roles  staff (by an operator)",
        "        optician (by booking)",
        "",
        " id     1",
    ]


TEXT = st.text(alphabet="ab 李雷é·", max_size=40).map(str.strip)


@given(
    rows=st.lists(st.tuples(TEXT.filter(bool), TEXT, TEXT), min_size=1, max_size=5),
    cells=st.integers(24, 120),
)
def test_nothing_is_wider_than_the_terminal_and_no_id_is_cut(rows: list[tuple[str, ...]], cells: int) -> None:
    made = lines(rows, cells)
    for user_id, _, _ in rows:
        assert any(line.startswith(user_id) for line in made)
    assert all(width(line) <= max(cells, *(width(row[0]) for row in rows)) for line in made)


@pytest.mark.parametrize("look", Look)
def test_every_look_has_a_style(look: Look) -> None:
    (line,) = facts([("a", [Cell("x", look)])], 40, 3)
    assert click.unstyle(line) == " a  x"
    assert ("\x1b" in line.removeprefix(click.style(" a ", dim=True))) is (look is not Look.PLAIN)
