"""A pattern that is not tried could not have matched; and what sifts is worth it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.dates.deferred import Deferred, compile_all, deferred
from imserver.plugins.booking.dates.needs import (
    ALWAYS,
    key_of,
    known,
    load_needed,
    needed,
    needs_of,
    work_out,
)
from imserver.plugins.booking.dates.rules import RULES
from imserver.plugins.booking.dates.sieve import Asked, Several, Sieve, TextGrams, can_match, grams_on
from imserver.plugins.booking.dates.text import MARKS, Sheet
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding import reader
from imserver.plugins.booking.understanding.acts import Scene
from imserver.plugins.booking.understanding.lexicon import Lexicon
from tests.understanding.corpus import utterances

TEXTS = sorted({Sheet(one.text).text for one in utterances("open")})


def _patterns(value: Any) -> Iterator[Any]:
    """Those in a module's tables, however they are nested."""
    if isinstance(value, re.Pattern | Deferred):
        yield from (value,) if isinstance(value.pattern, str) else ()
    elif isinstance(value, Mapping):
        yield from _patterns(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _patterns(one)


def _of_the_reader() -> Iterable[Any]:
    package = reader.__package__.rpartition(".")[0]
    modules = [module for name, module in sys.modules.items() if name.startswith(f"{package}.")]
    found = [pattern for module in modules for pattern in _patterns(tuple(vars(module).values()))]
    return {pattern.pattern: pattern for pattern in (*found, *(rule.pattern for rule in RULES))}.values()


NOW = datetime(2026, 11, 18, 10, tzinfo=UTC).replace(tzinfo=None)
PATTERNS = sorted(_of_the_reader(), key=lambda pattern: pattern.pattern)


@pytest.mark.parametrize(
    ("pattern", "grams"),
    [
        ("周[六日]", "周六 周日"),
        ("(?:周六|星期日)", "周六 星期日"),
        ("(?P<day>[六日])号?", "六 日 六号 日号"),
        ("(?=下)午?", "下"),
        ("(?<=早)上?", "早"),
        ("(?:上|下){1,2}x?", "上 下"),
        ("(?>ab|cd)", "ab cd"),
        ("[5-7]点", "5点 6点 7点"),
        ("q{2,}+", "q"),
        ("can'?t", "can' cant"),
        ("下.周五", "周五"),
        ("改(?!天)到", "改到"),
        ("\x02改", "改"),
        ("(?:ae|[0-9])[^x]周五", "周五"),
    ],
)
def test_the_strings_that_a_pattern_needs(pattern: str, grams: str) -> None:
    assert needed(pattern) == set(grams.split())


@pytest.mark.parametrize(
    "pattern",
    [
        "周?",
        "(?!周)",
        "(?<!周)",
        "[^周]",
        "周|",
        "周*",
        ".",
        r"\w",
        "[\u3400-\u9fff]",
        "(?i)周x|",
        "(?i:x)",
        "\x02",
    ],
)
def test_where_nothing_is_needed_every_text_is_tried(pattern: str) -> None:
    assert needed(pattern) == ALWAYS
    assert can_match(re.compile(pattern), "anything")


def test_of_a_pattern_that_takes_either_case_nothing_is_concluded() -> None:
    assert can_match(re.compile("X", re.IGNORECASE), "x")


def test_no_pattern_of_the_reader_is_kept_from_a_text_that_it_matches() -> None:
    assert len(PATTERNS) > 500
    assert sum(can_match(pattern, "") for pattern in PATTERNS) < len(PATTERNS) / 4  # and all are known now
    for text in TEXTS[::4]:
        possible = TextGrams(text).possible
        for pattern in PATTERNS:
            if pattern.pattern not in possible:
                assert pattern.search(text) is None, (pattern.pattern, text)


@given(st.data())
def test_nor_from_one_that_was_made_to_match(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(RULES)).pattern
    text = data.draw(st.from_regex(pattern.pattern))
    assert can_match(pattern, text)


def test_what_is_left_of_a_pattern_finds_in_a_text_all_that_the_pattern_does() -> None:
    """A server tries the alternatives that a text can match, of patterns that it has asked about before, and of new ones."""
    for text in (*TEXTS[:3], *TEXTS[::7]):
        grams = TextGrams(text)
        for pattern in PATTERNS:
            narrowed = grams.narrowed(pattern)
            found = [] if narrowed is None else [one.span() for one in narrowed.finditer(text)]
            assert found == [one.span() for one in pattern.finditer(text)], (pattern.pattern, text)


def test_the_alternatives_of_an_ascii_pattern_know_no_other_letters() -> None:
    pattern = re.compile(r"\b(?:pear|plum|fig|date)\w*", re.ASCII)
    found = TextGrams("figé, date").narrowed(pattern)
    assert found is not None
    assert [one[0] for one in found.finditer("figé, date")] == ["fig", "date"]


def test_of_several_patterns_one_is_enough() -> None:
    several = Several(map(re.compile, ("pear trees?", "plum trees?")))
    grams = TextGrams("a plum tree")  # looked at before anybody asked about them
    assert grams.holds_any(several)
    assert [TextGrams(text).holds_any(several) for text in ("a plum tree", "an oak")] == [True, False]


def test_a_sheet_keeps_what_was_taken_and_learns_what_is_put_there() -> None:
    fruit = Sieve([re.compile("quince"), re.compile("medlar")])
    sheet = Sheet("a quince")
    assert grams_on(sheet).passed(fruit) == [0]
    sheet.blank(2, 8, MARKS[0])
    assert grams_on(sheet).passed(fruit) == [0]
    sheet.rewrite(2, 8, "medlar")
    assert grams_on(sheet).passed(fruit) == [1]


def test_those_that_pass_come_in_their_order() -> None:
    sieve = Sieve(map(re.compile, ("周", "[周五]", "x", "x?", "五")))
    assert TextGrams("五").passed(sieve) == [1, 3, 4]
    assert TextGrams("x周").passed(sieve) == [0, 1, 2, 3]


def test_most_rules_are_not_tried_on_most_texts() -> None:
    sieve = Sieve(rule.pattern for rule in RULES)
    tried = sum(len(TextGrams(text).passed(sieve)) for text in TEXTS)
    assert tried < len(TEXTS) * len(RULES) / 3


def test_what_is_worked_out_of_patterns_is_shipped() -> None:
    """Else a server takes a second longer to start: `python -m tests.understanding.work_out` writes it."""
    lexicon = Lexicon(load_chain("demo"))
    for text in ("周日上午十点取镜", "sunday 10am, adjust my glasses", "不用了谢谢"):
        reader.understand(text, Scene(NOW, "Asia/Shanghai", "garden"), lexicon)
    keys = [key_of(rule.pattern.pattern, rule.pattern.flags) for rule in RULES]
    shipped = load_needed()
    assert sum(key in shipped for key in keys) > 0.8 * len(keys)
    # Words of one length stand in the same order in each process: else none of these would be found in the table.
    words = [pattern for finder in (lexicon.services, lexicon.bands) for _, pattern in finder._rows]
    assert words
    assert [one.pattern for one in words if key_of(one.pattern, one.flags) not in shipped] == []
    asked = [(pattern, flags) for pattern, flags in known() if key_of(pattern, flags) in shipped]
    assert len(asked) > 400
    for pattern, flags in asked[::8]:
        assert needs_of(pattern, flags) == work_out(pattern, flags), pattern


def test_a_pattern_is_compiled_when_it_is_first_used() -> None:
    pattern = deferred("(?P<day>[六日])号?")
    assert "search" not in vars(pattern)
    match = pattern.search("周六")
    assert match is not None
    assert match["day"] == "六"
    assert pattern.groupindex == {"day": 1}
    with pytest.raises(AttributeError):
        pattern.found  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(re.error):
        deferred("(").search("")


def test_two_threads_may_need_an_alternative_for_the_first_time_at_once() -> None:
    """Who has not found it compiled looks for its text, which the other has taken away by then."""
    asked = Asked()
    first, _ = asked.add(re.compile("aaa|bbb"))
    asked.narrowed([first])
    assert asked._alternatives.__missing__(first) is asked._alternatives[first]


def test_a_server_compiles_all_of_them_when_it_starts() -> None:
    """Or its first clients wait for it, in the middle of a conversation."""
    pattern = deferred("(?P<day>[日六])号?")
    compile_all()
    assert "search" in vars(pattern)
