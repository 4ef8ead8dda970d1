"""A name beside a word for kin: 帮我姐陈芳约, 王芳 是我妈妈, "my lad's 9"."""

from __future__ import annotations

import re
from typing import Final

from .acts import Kind
from .page import Page
from .patterns import HAN, KIN
from .row import is_family_name

_RUN: Final = re.compile(f" ?([{HAN}]{{2,6}})")
#: What may stand between a name and the next blank, mark or value.
_BEHIND: Final = re.compile(
    "(?:女士|先生|小姐|同学|小朋友|阿姨|奶奶|爷爷|本人|的|也)*(?:想|要|约|预约|订|弄|办|排|搞|挂|来|去|看|验|配|做|一起|过去|过来|个|一?下)*"
)
_LONGEST: Final = 4
#: 是我妈妈, 那是我外婆的名字.
_IS_KIN: Final = re.compile(
    f"(?:这|那|她|他|就|都|写|用|给|帮|为|替|[ ,])*(?:是|系)?我(?:们)?(?:家)?(?:的|自己的?)?(?P<kin>{KIN})(?:的)?"
    "(?:名字|大名|全名|姓名)?(?:来看|来验|来|看|用|啊|哈|哦)?"
)


def read_names_of_kin(page: Page, *, asked: bool) -> None:
    """The name right behind a person, and the person right behind a name. `asked`: a name was asked for."""
    said = {act.what for act in page.acts if act.kind in (Kind.GIVE, Kind.CORRECT)}
    if not (asked or said & {"name", "person"}):
        return
    if "name" not in said:
        _behind_person(page)
    named = page.has(Kind.GIVE, "name") or page.has(Kind.CORRECT, "name")
    if not page.has(Kind.GIVE, "person") and (named or asked):
        for start, end in page.pieces:
            match = _IS_KIN.fullmatch(page.open, start, end)
            if match is not None:
                page.take_act(Kind.GIVE, "person", page.typed(*match.span("kin")), (start, end))
                return


def _behind_person(page: Page) -> None:
    persons = [act for act in page.acts if act.kind is Kind.GIVE and act.what == "person" and act.spans]
    for act in persons:
        place = next(
            (at for at in range(len(page.words)) if page.span(at, at + 1).start >= act.spans[-1].end), None
        )
        run = None if place is None else _RUN.match(page.open, place)
        if run is None:
            continue
        start, text = run.start(1), run[1]
        for length in range(min(_LONGEST, len(text)), 1, -1):
            if is_family_name(text[:length]) and _BEHIND.fullmatch(text[length:]):
                page.take_act(Kind.GIVE, "name", page.typed(start, start + length), (start, start + length))
                return
