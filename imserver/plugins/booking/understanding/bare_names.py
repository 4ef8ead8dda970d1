"""Names that nothing introduces: the bare answer to "what is your name?", and one that stands among times and figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .acts import Scene
from .name_shapes import (
    GIVEN_TOO,
    LATIN_NAME,
    LATIN_WORD,
    LITTLE,
    PARTICLES,
    SHORT_NAME,
    TIMELY,
    family,
    is_latin_name,
    is_name,
    is_no_wish,
    is_titled,
    looks_like_one,
    trimmed,
)
from .page import Cover, Page
from .patterns import HAN, template
from .questions import TIMELY as SPEAKS_OF_TIME
from .questions import asks_in_words
from .word_lists import load_words

_WORDS: Final = load_words("names")
#: 没开玩笑，真叫这个: so even an everyday word is the name.
_INSISTED: Final = template("names", "insisted")
_SPACED: Final = re.compile(f" ?([{HAN}]) ([{HAN}]{{1,2}}) ?")
_DIGIT: Final = re.compile("[0-9]")
_NUMBER_NEXT: Final = re.compile(" ?[0-9]{1,2}(?![0-9:])")
_AGAIN: Final = template("names", "again")


def bare_answer(page: Page) -> Iterator[tuple[int, int]]:
    """The answer to "what is your name?": a clause, or the first piece of one, that looks like a name."""
    latin: list[tuple[int, int]] = []
    spaced = _SPACED.fullmatch(page.open)
    if spaced and is_name(spaced[1] + spaced[2]):
        yield spaced.start(1), spaced.end(2)
        return
    insisted = _INSISTED.search(page.words) is not None
    for start, end in page.pieces:
        if asks_in_words(page.words[start:end]):
            continue
        start, end = trimmed(page.words, start, end)
        start = said_again(page, start, end)
        short = PARTICLES.sub("", page.open[start:end].rstrip("\x02 "))
        if not short:
            continue
        alone = len(page.pieces) == 1
        if looks_like_one(short, alone=alone) or (insisted and SHORT_NAME.fullmatch(short) and family(short)):
            yield start, start + len(short)
        elif (
            is_latin_name(short)
            or (alone and is_titled(page.typed(start, start + len(short))))
            or (alone and short in GIVEN_TOO and page.typed(start, end).istitle())
        ):
            latin.append((start, start + len(short)))
    said = [clause for clause in page.clauses if page.open[slice(*clause)].strip("\x02 ")]
    if latin and len(said) <= 3:
        yield max(latin, key=lambda place: len(page.words[place[0] : place[1]].split()))


def said_again(page: Page, start: int, end: int) -> int:
    """Where a name begins behind 还是, 又是, "again": these are no part of it."""
    match = _AGAIN.match(page.open, start, end)
    if match is None or match.end() == end:
        return start
    page.take(start, match.end(), Cover.HARMLESS)
    return match.end()


def beside_values(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    """A name without a word before it, where none was asked: 李三 明天三点, "Joel, 44", 罗小虎 13900005566."""
    whole = len(page.pieces)
    for index, (start, end) in enumerate(page.pieces):
        text = page.open[start:end]
        if (
            whole > 1
            and len(text) < 4
            and text[:1] not in LITTLE
            and SHORT_NAME.fullmatch(text)
            and is_name(text)
        ):
            before = page.words[max(0, start - 1)] if start else ""
            if before in ("", " ") and (scene.staff or _has_value(page, page.pieces, index)):
                yield start, end
        elif (
            whole > 1
            and scene.is_free
            and (signed := _of_latin(page, page.pieces, index))
            and (signed[1] - signed[0] < end - start or _aged(page, page.pieces, index) or _wished(page))
        ):
            yield signed


def _has_value(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> bool:
    """Whether a time or a figure stands right beside a piece."""
    near = [pieces[place] for place in (index - 1, index + 1) if 0 <= place < len(pieces)]
    return any(
        TIMELY.search(page.words[start:end]) or _DIGIT.search(page.words[start:end]) for start, end in near
    )


_CAPITALS_AGE: Final = template("names", "capitals_age")
#: A name with the age behind it: "jordan 19", "Fiona McAllister-Reid (56)".
_WITH_AGE: Final = re.compile(f" ?(?P<name>{LATIN_NAME.pattern}) {_WORDS['age_behind']}")


def _of_latin(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> tuple[int, int] | None:
    """The name in Latin letters that a piece is, or begins with if an age follows."""
    start, end = pieces[index]
    text = page.open[start:end].rstrip("\x02 (")
    end = start + len(text)
    if match := _WITH_AGE.match(text):
        if is_no_wish(match["name"]) and int(match["age"]) > 2:
            return start + match.start("name"), start + match.end("name")
        return None
    if not is_no_wish(text.strip()):
        return None
    if _signed(page, pieces, index) or (
        index and page.typed(start, end).istitle() and _aged(page, pieces, index)
    ):
        return start, end
    return None


def before_age(page: Page, scene: Scene) -> Iterator[tuple[int, int]]:
    """ "Eye test friday 3pm Tom Hardy 34": one or two words in capitals before a number that is no time."""
    if not scene.is_free:
        return
    for match in page.find(_CAPITALS_AGE):
        words = list(LATIN_WORD.finditer(page.open, match.start(), match.end("name")))
        while words and not _is_of_a_name(page, words, 0):
            words.pop(0)
        if words and all(_is_of_a_name(page, words, place) for place in range(len(words))):
            yield words[0].start(), words[-1].end()


def _is_of_a_name(page: Page, words: Sequence[re.Match[str]], place: int) -> bool:
    """Whether a word has a capital and is none of a wish, or is a first name as well (Will Smith)."""
    word = words[place]
    first = place == 0 and len(words) > 1 and word[0] in GIVEN_TOO
    return page.typed(*word.span())[:1].isupper() and (first or is_no_wish(word[0]))


def _wished(page: Page) -> bool:
    """Whether the text says when or what for: who wishes stands beside it."""
    return SPEAKS_OF_TIME.search(page.words) is not None or len(page.pieces) > 2


def _signed(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> bool:
    """Whether a piece is written as a name among values: two words in capitals, or one that is no word of a wish."""
    start, end = pieces[index]
    typed = page.typed(start, end).strip()
    words = [word for word in re.split("[ -]", typed) if word]
    if not typed or not all(word[:1].isupper() for word in words) or (typed.isupper() and len(words) == 1):
        return False
    if len(words) > 1:
        return index > 0 or _aged(page, pieces, index)
    before = page.words[:start].rstrip(" ")[-1:]
    last = index == len(pieces) - 1
    return index > 0 and (last or before in (",", ":", "-") or page.words[end : end + 1] == ",")


def _aged(page: Page, pieces: Sequence[tuple[int, int]], index: int) -> bool:
    start, end = pieces[index + 1] if index + 1 < len(pieces) else (0, 0)
    return _NUMBER_NEXT.match(page.words[start:end]) is not None
