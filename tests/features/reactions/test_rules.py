"""What an emoji is, how many there may be, and that whatever is shown of them fits: names go first, then the rarest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgpack import packb
from msgspec.msgpack import encode

from imserver.errors import Refusal, RefusalCode
from imserver.features.reactions import rules
from imserver.proof.acts.reactions import EMOJI
from imserver_protocol.shared.bounds import MAX_VALUE_BYTES

#: One of each way to make one.
ONE = {
    "a picture": "👍",
    "an old one, as text": "❤",
    "an old one, as a picture": "❤️",
    "a skin tone": "👍🏽",
    "a skin tone on an old one": "☝🏿",
    "a keycap": "5️⃣",
    "a keycap without the selector": "#⃣",
    "a flag of letters": "🇨🇳",
    "a flag of tags": "🏴󠁧󠁢󠁷󠁬󠁳󠁿",
    "a flag of two pictures": "🏳️‍🌈",
    "a profession": "👩🏽‍🚀",
    "somebody who goes": "⛹🏽‍♀️",
    "a kiss": "👩🏻‍❤️‍💋‍👨🏿",
    "the longest family": "👨🏻‍👩🏻‍👧🏻‍👦🏻",
    "an eye in a bubble": "👁️‍🗨️",
    "a sign": "‼️",
    "a mark": "™️",
    "a letter that is a sign": "ℹ️",
    "Japanese in a circle": "㊗️",
    "a tile": "🀄",
    "of a later Unicode": "\U0001fabe",
}
NONE = {
    "nothing": "",
    "a letter": "a",
    "a digit": "5",
    "Chinese": "好",
    "a word": "great",
    "two": "👍👍",
    "a blank behind it": "👍 ",
    "a line behind it": "👍\n",
    "a letter before it": "x👍",
    "half a flag": "🇨",
    "a flag and a half": "🇨🇳🇨",
    "a joiner alone": "\u200d",
    "a joiner behind it": "👍\u200d",
    "two joiners": "👩\u200d\u200d🚀",
    "a selector alone": "\ufe0f",
    "as text": "❤\ufe0e",
    "a tone alone": "🏽",
    "two tones": "👍🏽🏽",
    "tags without an end": "🏴\U000e0067",
    "a control": "\x07",
    "a mark of direction": "\u202e👍",
    "half a pair": "\ud83d",
    "pictures without end": "\u200d".join("👩" * 8),
    "one byte too long": "🏴" + "\U000e0067" * 10 + "\U000e007f" + "\ufe0f",
}


@pytest.mark.parametrize("what", ONE)
def test_one_emoji_is_one(what: str) -> None:
    assert rules.is_emoji(ONE[what])
    assert len(ONE[what].encode()) <= rules.MAX_EMOJI_BYTES


@pytest.mark.parametrize("what", NONE)
def test_anything_else_is_none(what: str) -> None:
    assert not rules.is_emoji(NONE[what])


def test_a_long_one_is_refused_at_its_bound() -> None:
    family = "\u200d".join("👩" * 7)
    assert len(family.encode()) == 4 * 7 + 3 * 6 == rules.MAX_EMOJI_BYTES - 2
    assert rules.is_emoji(family)
    assert not rules.is_emoji(f"{family[:-1]}👩\ufe0f")


@given(st.text("👍👩🏽🚀❤\u200d\ufe0f🇨🇳5#\u20e3ax 好\n\u202e", max_size=6))
def test_what_is_one_has_no_letter_no_blank_and_no_control(text: str) -> None:
    if rules.is_emoji(text):
        assert not set(text) & set("ax 好\n\u202e")
        assert not rules.is_emoji(text * 2) or "\u200d" not in text * 2
        assert text[0] not in "\u200d\ufe0f🏽\u20e3"
        assert text[-1] not in "\u200d5#"


def test_so_many_of_one_person_and_so_many_kinds() -> None:
    def refused(emoji: str, own: Any, kinds: Any) -> tuple[RefusalCode, Any]:
        with pytest.raises(Refusal) as told:
            rules.may_put(emoji, own, kinds)
        return told.value.code, told.value.detail

    many = [chr(0x1F600 + number) for number in range(rules.MAX_KINDS)]
    rules.may_put("👍", many[: rules.MAX_OWN - 1], many[: rules.MAX_KINDS - 1])
    rules.may_put(many[3], (), many)
    assert refused("👍", many[: rules.MAX_OWN], many[: rules.MAX_OWN]) == (RefusalCode.TOO_LARGE, "own")
    assert refused("👍", (), many) == (RefusalCode.TOO_LARGE, "kinds")
    assert refused("x", (), many) == (RefusalCode.INVALID, "emoji")


def test_nothing_is_shown_of_none() -> None:
    assert (rules.shown({}, {}), rules.own(())) == (None, None)


def test_most_people_first_and_up_to_eight_names() -> None:
    nine = [f"user{number}" for number in range(9)]
    names = {"👍": nine, "🎉": nine[:2], "👀": nine[:2]}
    assert rules.shown({"🎉": 2, "👍": 12, "👀": 2}, names) == (
        (("👍", 12, tuple(nine[:8])), ("🎉", 2, tuple(nine[:2])), ("👀", 2, tuple(nine[:2]))),
        3,
    )


LONG = "\u200d".join("👩" * 7)
PEOPLE = st.lists(st.text("abc😀", min_size=1, max_size=64), max_size=8)
KINDS = st.dictionaries(
    st.text("👍🏽👩\u200d", min_size=1, max_size=12),
    st.tuples(st.integers(1, 2**40), PEOPLE),
    min_size=1,
    max_size=16,
)


@given(KINDS)
@example({f"{LONG}{number}"[-12:]: (2**40, ["x" * 64] * 8) for number in range(10, 26)})
def test_whatever_there_is_it_fits(kinds: dict[str, tuple[int, list[str]]]) -> None:
    """Names are cut before kinds, everywhere as much; and what is cut had no room."""
    counts = {emoji: count for emoji, (count, _) in kinds.items()}
    names = {emoji: people for emoji, (_, people) in kinds.items()}
    value = rules.shown(counts, names)
    assert value is not None
    assert len(encode(value)) == len(packb(value)) <= MAX_VALUE_BYTES
    rows, all_kinds = value
    assert all_kinds == len(kinds)
    order = rules.in_order(counts)
    assert [emoji for emoji, _, _ in rows] == order[: len(rows)]
    assert all(count == counts[emoji] for emoji, count, _ in rows)
    most = max(len(people) for *_, people in rows)
    assert all(list(people) == names[emoji][:most] for emoji, _, people in rows)
    if len(rows) < len(order):
        assert most == 0
        more = [*rows, [order[len(rows)], counts[order[len(rows)]], []]]
        assert len(encode([more, all_kinds])) > MAX_VALUE_BYTES
    elif most < max(map(len, names.values())):
        more = [[emoji, counts[emoji], names[emoji][: most + 1]] for emoji in order]
        assert len(encode([more, all_kinds])) > MAX_VALUE_BYTES


def test_all_that_one_person_may_put_fits_as_ones_own() -> None:
    assert len(EMOJI) > rules.MAX_OWN, "the proofs meet the bound"
    own = rules.own("x" * (rules.MAX_EMOJI_BYTES - 1) + str(number) for number in range(rules.MAX_OWN))
    assert len(encode(own)) <= MAX_VALUE_BYTES


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (200, 200), (201, 200)])
def test_pages_have_a_bound(asked: int, given: int) -> None:
    assert rules.page_size(asked) == given


def test_a_page_of_nobody_is_a_mistake() -> None:
    with pytest.raises(Refusal):
        rules.page_size(0)


def test_a_page_has_whole_people_and_ends_where_the_frame_does() -> None:
    rows = [("ann", "🎉"), ("ann", "👀"), ("bob", "👍"), ("cy", "👍")]
    ann, bob, cy = ("ann", ("🎉", "👀")), ("bob", ("👍",)), ("cy", ("👍",))
    assert rules.page(rows, 3) == ([ann, bob, cy], False)
    assert rules.page(rows, 2) == ([ann, bob], True)
    assert rules.page([], 2) == ([], False)
    long = [(f"{number:064}", emoji) for number in range(200) for emoji in EMOJI[: rules.MAX_OWN]]
    found, more = rules.page(long, 200)
    assert 1 < len(found) < 200
    assert more
    assert len(encode(found)) <= rules.MAX_PAGE_BYTES + 3
    assert len(rules.page([("x" * 50_000, "👍"), ("y", "👍")], 9)[0]) == 1, "one at least, or it never ends"
