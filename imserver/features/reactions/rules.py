"""What an emoji is, how many there may be, and what is shown of them: pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from msgspec.msgpack import encode

from imserver.feature_api import Refusal, RefusalCode
from imserver_protocol.shared.bounds import MAX_PAGE_ITEMS, MAX_VALUE_BYTES

#: The longest that people send, a kiss or a family in which each has a skin tone, takes 41 bytes of UTF-8.
MAX_EMOJI_BYTES = 48
#: Different emoji of one person on one message: whatever they are, these fit into the value that shows one's own.
MAX_OWN = 8
#: Different emoji on one message. Each put looks at all of them in the writer, which has one thread.
MAX_KINDS = 16
#: People who are named at an emoji; all of them stand behind the read.
MAX_NAMES = 8
#: Bytes of people in a page: it fits into half of the smallest frame that a server may be configured for.
MAX_PAGE_BYTES = 16_000

#: Emoji, how many people, some of their ids; and how many kinds there are.
Shown = tuple[tuple[tuple[str, int, tuple[str, ...]], ...], int]

#: Unicode's Extended_Pictographic, with the places that it reserves: an emoji of a later Unicode is one, too.
_PICTURE = (
    "[©®‼⁉™ℹ↔-↙↩↪⌚⌛⌨⎈⏏⏩-⏳⏸-⏺Ⓜ▪▫▶◀◻-◾☀-★☇-☒☔-⚅⚐-✅✈-✒✔✖✝✡✨✳✴❄❇❌❎❓-❕❗❣-❧➕-➗➡➰➿⤴⤵⬅-⬇⬛⬜⭐⭕〰〽㊗㊙"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f"
    "\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff]"
)
#: A picture as an emoji or in a skin tone, or a flag of a region by its tags.
_ELEMENT = f"{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?(?:[\U000e0020-\U000e007e]+\U000e007f)?"
_EMOJI = re.compile(f"[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff]{{2}}|{_ELEMENT}(?:\u200d{_ELEMENT})*")


def is_emoji(text: str) -> bool:
    """One emoji: a picture, a keycap, a flag, or pictures joined to one."""
    return len(text.encode(errors="replace")) <= MAX_EMOJI_BYTES and _EMOJI.fullmatch(text) is not None


def may_put(emoji: str, own: Collection[str], kinds: Collection[str]) -> None:
    """Raises the refusal, if a message with these kinds does not take another `emoji` of who has put `own` there."""
    if not is_emoji(emoji):
        raise Refusal(RefusalCode.INVALID, "emoji: one emoji", detail="emoji")
    if len(own) >= MAX_OWN:
        raise Refusal(RefusalCode.TOO_LARGE, f"at most {MAX_OWN} of one person", detail="own")
    if emoji not in kinds and len(kinds) >= MAX_KINDS:
        raise Refusal(RefusalCode.TOO_LARGE, f"at most {MAX_KINDS} different ones", detail="kinds")


def in_order(kinds: Mapping[str, int]) -> list[str]:
    """Those of most people first."""
    return sorted(kinds, key=lambda emoji: (-kinds[emoji], emoji))


def shown(kinds: Mapping[str, int], names: Mapping[str, Sequence[str]]) -> Shown | None:
    """What everybody sees: `[[[emoji, people, [user id…]]…], kinds]`, None if there is nothing.

    A value has a bound. Where it is met everybody names fewer people, and where there are no names left, the rarest are not
    shown; `kinds` tells that there are more.
    """
    if not kinds:
        return None
    order = in_order(kinds)
    for most in range(MAX_NAMES, -1, -1):
        value = tuple((emoji, kinds[emoji], tuple(names[emoji][:most])) for emoji in order), len(kinds)
        if fits(value):
            return value
    rows = tuple((emoji, kinds[emoji], ()) for emoji in order)
    while not fits((rows, len(kinds))):
        rows = rows[:-1]
    return rows, len(kinds)


def fits(value: Any) -> bool:
    """Whether the kernel takes the value."""
    return len(encode(value)) <= MAX_VALUE_BYTES


def own(emoji: Iterable[str]) -> tuple[str, ...] | None:
    """What the one who put them sees as one's own."""
    return tuple(sorted(emoji)) or None


def page_size(asked: int) -> int:
    """How many people one answer names. More than the largest page is the largest page; less than one is a mistake."""
    if asked < 1:
        raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")
    return min(asked, MAX_PAGE_ITEMS)


def page(rows: Iterable[tuple[str, str]], size: int) -> tuple[list[tuple[str, tuple[str, ...]]], bool]:
    """People with what they put, from rows of user id and emoji; and whether there are more than have room."""
    found: list[tuple[str, tuple[str, ...]]] = []
    room = MAX_PAGE_BYTES
    for user_id, some in groupby(rows, key=itemgetter(0)):
        one = (user_id, tuple(sorted(emoji for _, emoji in some)))
        room -= len(encode(one))
        if len(found) == size or (found and room < 0):
            return found, True
        found.append(one)
    return found, False
