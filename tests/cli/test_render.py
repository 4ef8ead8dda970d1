"""Messages as rows: the text for a reader, and contents that must not control the terminal."""

from __future__ import annotations

import unicodedata
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.cli.chat.render import (
    MAX_MESSAGE_LINES,
    Page,
    Row,
    Shown,
    Tick,
    actions_of,
    card_rows,
    message_rows,
    notice,
    plain,
    preview,
    text_of,
    tick_of,
)
from imserver.cli.sanitize import escaped, safe, safe_line
from imserver.cli.text_width import clip, pad, width, wrap

NOON = 1_700_049_600_000  # 2023-11-15 12:00 UTC
PAGE = Page(width=60, now_ms=NOON, zone=UTC)


def text(words: str, **more: Any) -> Shown:
    return Shown("Bob", NOON, {"type": "text", "text": words}, **more)


def lines(rows: list[Row]) -> list[str]:
    return [plain(row) for row in rows]


CARD = {
    "type": "card",
    "title": "预约 · Eye exam",
    "text": "Which time?",
    "fields": [["门店", "南京西路店"], ["When", "12月3日 周三 15:00"]],
    "actions": [
        {"label": "15:00", "command": "/book 15:00", "style": "primary"},
        {"label": "都不行", "command": "/book none"},
    ],
}


def test_a_message_says_when_who_and_how_far_it_came() -> None:
    assert lines(message_rows(text("hello"), PAGE)) == ["12:00  Bob: hello"]
    assert lines(message_rows(text("hello", own=True, tick=Tick.COMMITTED), PAGE)) == ["12:00  you: hello ✓"]
    assert lines(message_rows(text("hello", own=True, tick=Tick.READ), PAGE)) == ["12:00  you: hello ✓✓ read"]
    assert lines(message_rows(text("hello", changed=True), PAGE)) == ["12:00  Bob (changed): hello"]


def test_an_older_message_says_its_day() -> None:
    yesterday = Shown("Bob", NOON - 86_400_000, {"type": "text", "text": "hi"})
    long_ago = Shown("Bob", 0, {"type": "text", "text": "hi"})

    assert lines(message_rows(yesterday, PAGE)) == ["14 Nov 12:00  Bob: hi"]
    assert lines(message_rows(long_ago, PAGE)) == ["1 Jan 1970 00:00  Bob: hi"]


def test_a_card_is_a_box_with_numbered_buttons() -> None:
    assert lines(message_rows(Shown("Shop", NOON, CARD), PAGE)) == [
        "12:00  Shop",
        "       ┌─ 预约 · Eye exam ────────┐",
        "       │ Which time?              │",
        "       │                          │",
        "       │ 门店  南京西路店         │",
        "       │ When  12月3日 周三 15:00 │",
        "       │                          │",
        "       │ [1] 15:00   [2] 都不行   │",
        "       └──────────────────────────┘",
    ]


@pytest.mark.parametrize("lead", ["{}. ", "{}、", "{}: ", "{})", "  {}.  "])
def test_what_a_button_says_is_not_said_again_above_it(lead: str) -> None:
    listed = "\n".join(lead.format(number) + label for number, label in enumerate(("15:00", "都不行"), 1))
    said = {**CARD, "text": f"Which time?\n{listed}"}

    assert lines(card_rows(said, PAGE)) == lines(card_rows(CARD, PAGE))
    assert preview(said, 60) == preview(CARD, 60)


@pytest.mark.parametrize(
    "line", ["1. 都不行", "2. 15:00", "3. 15:00", "0. 都不行", "15:00", "1. 15:00 or later"]
)
def test_a_line_that_is_no_button_stays(line: str) -> None:
    drawn = "\n".join(lines(card_rows({**CARD, "text": f"Which time?\n{line}"}, PAGE)))

    assert f"│ {line} " in drawn


def test_a_card_without_a_title_has_a_plain_edge() -> None:
    assert lines(card_rows({"type": "card", "text": "Which time?"}, PAGE)) == [
        "       ┌─────────────┐",
        "       │ Which time? │",
        "       └─────────────┘",
    ]


@pytest.mark.parametrize("cells", [20, 31, 80, 200])
def test_the_sides_of_a_box_are_straight(cells: int) -> None:
    rows = card_rows(
        CARD | {"text": "很长的一行文字 with English in between 👍 " * 5}, Page(cells, NOON, UTC)
    )

    assert len({width(plain(row)) for row in rows}) == 1
    assert width(plain(rows[0])) <= cells


def test_blanks_at_the_end_of_a_line_do_not_bend_a_box() -> None:
    assert lines(card_rows({"type": "card", "title": "x", "text": "hello     "}, PAGE)) == [
        "       ┌─ x ────────┐",
        "       │ hello      │",
        "       └────────────┘",
    ]


def test_a_malformed_card_is_drawn_as_far_as_it_goes() -> None:
    card = {
        "type": "card",
        "title": 7,
        "fields": [["a"], "bc", ["k", 1]],
        "actions": [{"label": "x"}, 3, None],
    }

    assert actions_of(card) == []
    assert any("k  1" in line for line in lines(card_rows(card, PAGE)))


def test_what_has_no_words_is_named() -> None:
    assert text_of(None) == "message taken back"
    assert text_of({"type": "image", "name": "cat.png"}) == "[image] cat.png"
    assert text_of({"type": "x-game"}) == "[x-game]"
    assert preview(CARD, 20) == "预约 · Eye exam — W…"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"event": "created", "title": "Team"}, "Bob created “Team”"),
        ({"event": "added", "user": "ann", "role": "member"}, "Bob added Ann"),
        ({"event": "added", "user": "ann", "role": "admin"}, "Bob added Ann (admin)"),
        ({"event": "left", "user": "ann"}, "Ann left"),
        ({"event": "promoted"}, "Bob: promoted"),
    ],
)
def test_system_messages_are_sentences(content: dict[str, str], told: str) -> None:
    page = Page(80, NOON, UTC, name_of=str.title)

    assert lines(message_rows(Shown("Bob", NOON, {"type": "system", **content}), page)) == [
        f"12:00  — {told}"
    ]


@pytest.mark.parametrize(
    ("others", "tick"),
    [
        ([], Tick.COMMITTED),
        ([(4, 0)], Tick.COMMITTED),
        ([(5, 0)], Tick.DELIVERED),
        ([(5, 5)], Tick.READ),
        ([(0, 5)], Tick.READ),
        ([(9, 9), (5, 4)], Tick.DELIVERED),
        ([(9, 9), (4, 4)], Tick.COMMITTED),
    ],
)
def test_the_slowest_reader_decides_the_tick(others: list[tuple[int, int]], tick: Tick) -> None:
    assert tick_of(5, others) is tick


# -- strangers ----------------------------------------------------------------------------------------------------------

EVIL = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe\u2066 \x9b31m\r\x00 \u2028x\ue000"


def test_nothing_reaches_the_terminal_that_it_would_act_upon() -> None:
    card = {
        "type": "card",
        "title": EVIL,
        "text": EVIL,
        "fields": [[EVIL, EVIL]],
        "actions": [{"label": EVIL, "command": EVIL}],
    }
    page = Page(60, NOON, UTC, name_of=lambda user: EVIL)
    rows = [
        *message_rows(Shown(EVIL, NOON, {"type": "text", "text": EVIL}), page),
        *message_rows(Shown(EVIL, NOON, card), page),
        *message_rows(Shown(EVIL, NOON, {"type": "system", "event": EVIL, "user": EVIL}), page),
        *message_rows(Shown(EVIL, NOON, {"type": EVIL, "name": EVIL}), page),
        *notice(EVIL),
    ]

    for line in lines(rows):
        assert line.isprintable(), line


@given(st.text())
def test_any_text_becomes_harmless_and_stays_itself_if_it_was(words: str) -> None:
    harmful = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    kept = set(safe(words)) - set("\n\u200c\u200d")
    assert not [character for character in kept if unicodedata.category(character) in harmful]
    assert "\n" not in safe_line(words)
    assert "\x1b" not in escaped(words)
    assert safe(safe(words)) == safe(words)


@pytest.mark.parametrize("words", ["你好，世界", "👨‍👩‍👧", "café", "نص", "e\u0301", "می‌خواهم"])
def test_writing_of_people_is_left_alone(words: str) -> None:
    assert safe(words) == words
    assert escaped(words) == words


def test_accents_do_not_climb_into_other_lines() -> None:
    assert safe("a" + "\u0301" * 500) == "a" + "\u0301" * 4


def test_a_log_shows_what_was_there() -> None:
    assert escaped("bob\n\x1b[31m\u202e\x9b") == r"bob\n\x1b[31m\u202e\x9b"


def test_nobody_pushes_everything_else_off_the_screen() -> None:
    rows = lines(message_rows(text("a\n" * 5000), PAGE))

    assert len(rows) == MAX_MESSAGE_LINES + 1
    assert rows[-1] == "… 4941 more lines"


# -- cells --------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=200), st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(words: str, cells: int) -> None:
    words = safe(words)
    wrapped = wrap(words, cells)

    assert all(width(line) <= cells for line in wrapped)
    assert "".join("".join(wrapped).split()) == "".join(words.split())  # a no-break space is a space, too


def test_lines_break_between_words_and_beside_chinese() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("你好世界abc", 6) == ["你好世", "界abc"]
    assert wrap("x" * 10, 4) == ["xxxx", "xxxx", "xx"]
    assert wrap("", 10) == [""]


def test_clipping_and_padding_count_cells() -> None:
    assert clip("你好世界", 5) == "你好…"
    assert pad("你好", 6) == "你好  "
    assert clip("short", 10) == "short"
