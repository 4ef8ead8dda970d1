"""Names at a card that are put right in English by saying which one it is not: "not Ann, Anna"; "Anna, not Ann"."""

from __future__ import annotations

import re
from typing import Final

from .acts import Kind
from .name_shapes import is_latin_name
from .page import Page
from .questions import TIMELY

_NAME: Final = "[a-z][a-z'-]+(?: [a-z][a-z'-]+)?"
_IT_IS: Final = "(?:(?:it|that|the name|my name)(?:'?s| is) |i(?:'?m| am) |but )"
_PAIR: Final = re.compile(
    f"^ ?(?:(?:no|sorry|oops|wait)[ ,]+)*(?:{_IT_IS}?not (?P<wrong>{_NAME})(?:[,.;] ?| (?=but )){_IT_IS}*(?P<right>{_NAME})"
    f"|{_IT_IS}?(?P<said>{_NAME}),? (?:and )?not (?P<other>{_NAME}))[ .!]*$"
)
#: Letters that two spellings of a name share.
_ALIKE: Final = 2


def read_name_pair(page: Page, shown: str) -> None:
    """Of two names, at a card that shows one (`shown`): the one that is not refused. They begin alike, or
    the other is shown."""
    match = _PAIR.match(page.words)
    if match is None:
        return
    right, wrong = (match.span(one) for one in (("right", "wrong") if match["right"] else ("said", "other")))
    names = [page.words[slice(*one)] for one in (right, wrong)]
    if any(not is_latin_name(one) or TIMELY.search(one) for one in names):
        return
    if names[0][:_ALIKE] != names[1][:_ALIKE] and names[1].split()[0] not in shown.casefold().split():
        return
    if page.has(Kind.CORRECT, "name"):  # "it's not Ann, it's Anna"
        page.add(Kind.REFUSE, "name", page.typed(*wrong), match.span())
    elif page.open[slice(*match.span())] == match[0]:  # not of a shop, a service, a time
        page.add(Kind.REFUSE, "name", page.typed(*wrong), wrong)
        page.take_act(Kind.CORRECT, "name", page.typed(*right), match.span())
