"""The terminal's texts: sender, time in the reader's zone, counts, and never half a character."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.cli.chat.render import (
    MAX_BOX_CELLS,
    MAX_BUTTONS,
    MAX_FIELDS,
    MAX_MESSAGE_LINES,
    MAX_NAME_CELLS,
    MONTHS,
    Page,
    Row,
    Shown,
    Tick,
    actions_of,
    card_rows,
    clock_text,
    message_rows,
    notice,
    plain,
    preview,
    text_of,
)
from imserver.cli.sanitize import MAX_MARKS, safe, safe_line
from imserver.cli.text_width import clip, pad, width, wrap

NOON = 1_700_049_600_000  # 2023-11-15 12:00 UTC
ZONES = (
    "UTC",
    "Asia/Shanghai",
    "America/New_York",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kathmandu",
)
MINUTE_MS = 60_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def lines(rows: list[Row]) -> list[str]:
    return [plain(row) for row in rows]


# -- when ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "now", "then", "told"),
    [
        # The evening in America is tomorrow in UTC: what is today there is today.
        ("America/New_York", "2023-11-16T03:00", "2023-11-15T15:00", "10:00"),
        ("America/New_York", "2023-11-16T05:30", "2023-11-16T04:30", "15 Nov 23:30"),
        ("America/New_York", "2024-01-01T04:00", "2023-12-31T23:00", "18:00"),
        ("America/New_York", "2024-01-01T06:00", "2024-01-01T04:00", "31 Dec 2023 23:00"),
        ("Asia/Shanghai", "2023-11-15T17:00", "2023-11-15T15:30", "15 Nov 23:30"),
        ("Asia/Shanghai", "2023-11-15T15:59", "2023-11-14T16:00", "00:00"),
        ("Asia/Shanghai", "2023-12-31T17:00", "2023-12-31T15:00", "31 Dec 2023 23:00"),
        ("Asia/Kathmandu", "2023-11-15T12:00", "2023-11-15T12:00", "17:45"),
        ("UTC", "2023-11-15T12:00", "2022-11-15T12:00", "15 Nov 2022 12:00"),
        # Summer time ends in between: an hour is told twice, a day is a day.
        ("America/New_York", "2023-11-05T20:00", "2023-11-05T05:30", "01:30"),
        ("America/New_York", "2023-11-05T20:00", "2023-11-05T06:30", "01:30"),
    ],
)
def test_a_time_is_that_of_the_reader_s_zone(zone: str, now: str, then: str, told: str) -> None:
    page = Page(now_ms=at(now), zone=ZoneInfo(zone))
    assert clock_text(at(then), page) == told
    for content in ({"type": "text", "text": "hi"}, {"type": "system", "event": "left"}, {"type": "card"}):
        assert lines(message_rows(Shown("Bob", at(then), content), page))[0].startswith(f"{told}  ")


@given(
    st.sampled_from(ZONES),
    st.integers(at("2000-01-01"), at("2090-01-01")),
    st.integers(-400 * 24 * 60, 0),
)
def test_a_day_is_named_unless_it_is_today_and_a_year_unless_it_is_this_one(
    zone: str, now: int, minutes: int
) -> None:
    there = ZoneInfo(zone)
    then = now + minutes * MINUTE_MS
    told = clock_text(then, Page(now_ms=now, zone=there))
    day, today = (datetime.fromtimestamp(ms / 1000, there) for ms in (then, now))
    assert told.endswith(f"{day:%H:%M}")
    named = f"{day.day} {MONTHS[day.month - 1]} " if day.date() != today.date() else ""
    assert told.startswith(named)
    assert told.removeprefix(named).startswith(f"{day.year} ") is (day.year != today.year)
    assert "-" not in told


@pytest.mark.parametrize("when", [-1, -(10**18), 10**18, 2**63])
def test_a_time_that_no_calendar_has_is_drawn_all_the_same(when: int) -> None:
    for zone in ZONES:
        assert lines(message_rows(Shown("Bob", when, None), Page(now_ms=NOON, zone=ZoneInfo(zone))))


# -- who ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"event": "created", "title": "Team", "user": "ann"}, "Bob created “Team”"),
        ({"event": "added", "user": "ann", "role": "reader"}, "Bob added Ann (reader)"),
        ({"event": "removed", "user": "ann"}, "Bob removed Ann"),
        ({"event": "left", "user": "ann"}, "Ann left"),
        ({"event": "left"}, "Bob left"),
        ({"event": "painted", "colour": "red", "user": "ann"}, "Bob painted it red"),
        ({"event": "renamed", "user": "ann"}, "Bob: renamed"),
    ],
)
def test_who_did_what_to_whom(content: dict[str, Any], told: str) -> None:
    def words(who: str, content: Mapping[str, Any]) -> str:
        return f"{who} painted it {content['colour']}" if content["event"] == "painted" else ""

    page = Page(80, NOON, UTC, name_of=str.title, words=words)
    for own in (False, True):
        shown = Shown("Bob", NOON, {"type": "system", **content}, own=own)
        assert lines(message_rows(shown, page)) == [f"12:00  — {told}"]


@pytest.mark.parametrize("tick", [None, *Tick])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("kind", ["text", "card"])
def test_own_words_are_ours_with_the_tick_behind_them(tick: Tick | None, own: bool, kind: str) -> None:
    shown = Shown("Bob", NOON, {"type": kind, "text": "x", "title": "x"}, own, tick, changed=True)
    rows = lines(message_rows(shown, Page(60, NOON, UTC)))
    head = f"12:00  {'you' if own else 'Bob'} (changed)" + (": x" if kind == "text" else "")
    assert rows[0] == head + (f" {tick.value}" if tick is not None else "")


@pytest.mark.parametrize("name", ["x" * (MAX_NAME_CELLS + 1), "李" * MAX_NAME_CELLS, "x" * 500])
@pytest.mark.parametrize("kind", ["text", "card"])
def test_a_long_name_leaves_room_for_the_words(name: str, kind: str) -> None:
    rows = lines(message_rows(Shown(name, NOON, {"type": kind, "text": "hi"}), Page(80, NOON, UTC)))
    shown = rows[0].removeprefix("12:00  ").removesuffix(": hi")
    assert shown == clip(name, MAX_NAME_CELLS)
    assert width(shown) <= MAX_NAME_CELLS


def test_what_was_taken_back_says_so_and_nothing_else() -> None:
    """Neither that it changed, nor how far it came; who took it back, if that was another."""
    shown = Shown("Bob", NOON, None, own=True, tick=Tick.READ, changed=True)
    assert lines(message_rows(shown, Page(60, NOON, UTC))) == ["12:00  you: message taken back"]
    shown = Shown("Bob", NOON, None, by="Carol\u202e")
    assert lines(message_rows(shown, Page(60, NOON, UTC))) == [
        "12:00  Bob: message taken back by Carol\ufffd"
    ]


# -- how much -----------------------------------------------------------------------------------------------------------

#: Wide, narrow, of no width, beside each other.
wordy = st.text(st.sampled_from("ab 你好，（👍é\u0301。") | st.characters(codec="utf-8"), max_size=60)


@given(wordy, st.integers(0, 30))
def test_what_is_clipped_fits_and_is_the_beginning(words: str, cells: int) -> None:
    words = safe_line(words)
    cut = clip(words, cells)
    assert width(cut) <= cells
    if width(words) <= cells:
        assert cut == words
    elif cells:
        assert cut.endswith("…")
        kept = cut[:-1]
        assert words.startswith(kept)
        after = words[len(kept)]
        assert width(kept) + width(after) > cells - 1, "no more than needed is cut off"


@pytest.mark.parametrize(
    ("words", "cells", "cut"),
    [
        ("你好世界", 8, "你好世界"),
        ("你好世界", 7, "你好世…"),
        ("你好世界", 6, "你好…"),
        ("你好世界", 2, "…"),
        ("a你好", 4, "a你…"),
        ("a你好", 3, "a…"),
        ("hello", 1, "…"),
        ("hello", 0, ""),
    ],
)
def test_a_wide_character_is_never_cut_in_half(words: str, cells: int, cut: str) -> None:
    assert clip(words, cells) == cut
    assert preview({"type": "text", "text": words}, cells) == cut


@given(wordy, wordy, st.integers(20, 100), st.sampled_from([None, *Tick]))
def test_a_message_fits_into_the_terminal_and_loses_no_letter(
    who: str, words: str, cells: int, tick: Tick | None
) -> None:
    page = Page(cells, NOON, UTC)
    rows = lines(message_rows(Shown(who, NOON, {"type": "text", "text": words}, tick=tick), page))
    name = clip(safe_line(who) or "?", MAX_NAME_CELLS)
    head = f"12:00  {name}:"
    assert rows[0].startswith(head.rstrip())
    assert all(width(line) <= max(cells, width(head) + 1) for line in rows)
    if len(rows) <= MAX_MESSAGE_LINES:
        said = "".join(
            "".join([rows[0][len(head) :], *rows[1:]]).split()
        )  # every kind of space may go at an end
        assert said.startswith("".join(safe(words).split()))
        if tick is not None:
            assert said.endswith("".join(tick.value.split()))


@given(wordy, wordy, wordy, wordy, st.integers(20, 100))
def test_a_card_s_box_is_straight_whatever_stands_in_it(
    title: str, words: str, label: str, value: str, cells: int
) -> None:
    card: dict[str, Any] = {"type": "card", "title": title, "text": words, "fields": [[label, value]]}
    card["actions"] = [{"label": label, "command": "x"}, {"label": value, "command": "y"}]
    rows = lines(card_rows(card, Page(cells, NOON, UTC)))
    (cells_used,) = {width(line) for line in rows}
    assert cells_used <= min(cells, MAX_BOX_CELLS + 7)
    assert any("[1] " in line for line in rows)
    assert any("[2] " in line for line in rows)


@pytest.mark.parametrize("count", [MAX_MESSAGE_LINES, MAX_MESSAGE_LINES + 1, MAX_MESSAGE_LINES + 30])
def test_a_long_message_says_how_much_more_there_is(count: int) -> None:
    words = "\n".join(f"line {number}" for number in range(count))
    page = Page(80, NOON, UTC)
    text = lines(message_rows(Shown("Bob", NOON, {"type": "text", "text": words}), page))
    told = {"type": "card", "text": words, "actions": [{"label": "yes", "command": "y"}]}
    card = lines(message_rows(Shown("Bob", NOON, told), page))
    left = count - MAX_MESSAGE_LINES
    assert sum("line " in line for line in text) == MAX_MESSAGE_LINES
    assert any(f"… {left} more lines" in line for line in text) is (left > 0)
    assert any("more lines" in line for line in card) is (left > 0 or count == MAX_MESSAGE_LINES)
    assert "[1] yes" in card[-2], "buttons stay in sight"


@pytest.mark.parametrize(("most", "name"), [(MAX_BUTTONS, "actions"), (MAX_FIELDS, "fields")])
@pytest.mark.parametrize("more", [0, 1, 100])
def test_a_card_has_room_for_so_many(most: int, name: str, more: int) -> None:
    count = most + more
    parts = {
        "actions": [{"label": f"<{number}>", "command": f"do {number}"} for number in range(count)],
        "fields": [[f"<{number}>", "x"] for number in range(count)],
    }
    card = {"type": "card", name: parts[name]}
    drawn = "\n".join(lines(card_rows(card, Page(80, NOON, UTC))))
    assert [f"<{number}>" in drawn for number in range(count)] == [number < most for number in range(count)]
    if name == "actions":
        assert [action.command for action in actions_of(card)] == [f"do {number}" for number in range(most)]
        for number in range(most):
            assert f"[{number + 1}] <{number}>" in drawn


@pytest.mark.parametrize(
    ("action", "taps"),
    [
        ({"label": "yes", "command": "/yes"}, ("yes", "/yes")),
        ({"command": "/yes"}, ("/yes", "/yes")),
        ({"label": 3, "command": "/yes"}, ("/yes", "/yes")),
        ({"label": "yes", "command": ""}, None),
        ({"label": "yes"}, None),
        ({"label": "yes", "command": 3}, None),
    ],
)
def test_a_button_without_a_command_is_none(action: dict[str, Any], taps: tuple[str, str] | None) -> None:
    card = {"type": "card", "actions": [action, {"label": "no", "command": "/no"}]}
    found = [(each.label, each.command) for each in actions_of(card)]
    assert found == [*([taps] if taps else []), ("no", "/no")]
    assert actions_of({**card, "type": "text"}) == []


# -- whose terminal -----------------------------------------------------------------------------------------------------


@given(wordy, st.integers(2, 40))
def test_padding_and_wrapping_count_cells(words: str, cells: int) -> None:
    words = safe_line(words)
    assert all(width(line) <= cells for line in wrap(words, cells))
    if width(words) <= cells:
        assert width(pad(words, cells)) == cells
        assert pad(words, cells).rstrip() == words.rstrip()


@pytest.mark.parametrize("mark", list("，。、；：！？）」』】》〉”’…"))
def test_a_closing_mark_does_not_begin_a_line(mark: str) -> None:
    assert not any(line.startswith(mark) for line in wrap(f"你好世界{mark}你好" * 3, 8))


@pytest.mark.parametrize("mark", list("（「『【《〈“‘"))
def test_an_opening_mark_does_not_end_a_line(mark: str) -> None:
    assert not any(line.endswith(mark) for line in wrap(f"你好世{mark}界你好" * 3, 8))


@given(st.text(max_size=20), st.integers(0, 20))
def test_accents_are_bounded_on_each_character(words: str, marks: int) -> None:
    shown = safe(words + "a" + "\u0301" * marks + "b" + "\u0301" * marks)
    assert shown.endswith("a" + "\u0301" * min(marks, MAX_MARKS) + "b" + "\u0301" * min(marks, MAX_MARKS))


@pytest.mark.parametrize(
    ("words", "shown", "on_a_line"),
    [
        ("a\tb", "a    b", "a    b"),
        ("a\r\nb", "a\nb", "a b"),
        ("a\nb\n", "a\nb\n", "a b"),
        ("a\rb", "a\N{REPLACEMENT CHARACTER}b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_tabs_and_line_ends(words: str, shown: str, on_a_line: str) -> None:
    assert (safe(words), safe_line(words)) == (shown, on_a_line)
    assert not {unicodedata.category(one) for one in safe_line(words)} & {"Cc", "Cs"}


def test_a_notice_is_as_wide_as_the_terminal_allows() -> None:
    assert lines(notice("one two three four five six seven", "notice", 21)) == [
        "one two three four",
        "five six seven",
    ]
    assert notice("x", "error", 80) == [[("class:error", "x")]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"type": "text", "text": "hi"}, "hi"),
        ({"type": "text", "text": 3}, "[text]"),
        ({"type": "card", "title": "T", "text": "x"}, "T — x"),
        ({"type": "card", "text": "x"}, "x"),
        ({"type": "card", "title": "T"}, "T"),
        ({"type": "file", "name": "a.txt", "text": "x"}, "[file] a.txt"),
        ({"type": "file", "text": "x"}, "[file] x"),
        ({}, "[?]"),
    ],
)
def test_what_a_message_says_in_words(content: dict[str, Any], words: str) -> None:
    assert text_of(content) == words
