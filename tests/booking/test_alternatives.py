"""A pattern in its alternatives finds what it finds whole, whichever of them a text cannot match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.dates.alternatives import alternatives, few, flat


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("周一|周二|周三|周四", ["周一", "周二", "周三", "周四"]),
        ("(?:a|b)|(?:c|d)", ["a", "b", "c", "d"]),
        (
            "(?<![a-z])(?:a|b)(?![a-z])|c|d",
            ["(?<![a-z])(?:a)(?![a-z])", "(?<![a-z])(?:b)(?![a-z])", "c", "d"],
        ),
        (r"[|(\]]x|a\|b|c|d\)", [r"[|(\]]x", r"a\|b", "c", r"d\)"]),
        ("(?:a|b)?x|c|d|e", ["(?:a|b)?x", "c", "d", "e"]),
        ("[])|]a|b|c|[^]|]d", ["[])|]a", "b", "c", "[^]|]d"]),
    ],
)
def test_the_alternatives_of_a_pattern(pattern: str, expected: list[str]) -> None:
    assert list(alternatives(pattern)) == expected


@pytest.mark.parametrize("pattern", ["a|b", "(a)|b|c|d", "(?P<day>a)|b|c|d", "(?i)a|b|c|d", "a(?:b|c|d|e)"])
def test_a_pattern_that_stays_whole(pattern: str) -> None:
    """Its alternatives are few, or its groups or flags would be lost."""
    assert alternatives(pattern) == (pattern,)


_WORDS = st.text("ab", min_size=1, max_size=3)
_PARTS = st.recursive(
    st.one_of(_WORDS, _WORDS.map("(?<!a){}".format), _WORDS.map("{}+".format), _WORDS.map("(?=b?){}".format)),
    lambda parts: (
        st.builds("(?:{}){}".format, st.lists(parts, min_size=1, max_size=3).map("|".join), _WORDS)
        | st.lists(parts, min_size=1, max_size=3).map("|".join).map("(?:{})".format)
    ),
    max_leaves=6,
)


@given(st.lists(_PARTS, min_size=1, max_size=4).map("|".join), st.text("ab", max_size=12))
def test_together_they_find_what_the_whole_does(pattern: str, text: str) -> None:
    whole, parts = re.compile(pattern), few([re.compile(one) for one in flat(pattern)])
    assert [one.span() for one in parts.finditer(text)] == [one.span() for one in whole.finditer(text)]
    for name in ("search", "match", "fullmatch"):
        found, expected = getattr(parts, name)(text), getattr(whole, name)(text)
        assert (found and found.span()) == (expected and expected.span()), name
