"""What answers a step that asks to choose: a service refused beside another, a shop that is asked for by where it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from .acts import Kind, Scene
from .lexicon import Lexicon
from .page import Page

#: 只验光 不配: what is not wanted beside what is.
_NO_OTHER: Final = re.compile(
    "(?:先|也|就|暂时|这次|我)*(?:不|别|没打算|不用|不需要|不想)(?:再|要)?(?:配|验|做|换|买|测|查)"
    "(?:了|镜|眼镜|光|别的)*(?=$|[ ,.!])"
    "|(?<![a-z])(?:no|not|without) (?:new )?(?:glasses|specs|frames|lenses|contacts|eye test|exam)(?![a-z])"
)
_WHICH: Final = re.compile(
    "[哪边](?=.*(?:[近离到走]|方便|好找|地铁|分钟|号线|顺路|位置))|[近离].*[哪边]|(?<![a-z])(?:which|where|what)(?![a-z])"
    "(?=.*(?:near|close|far|easy|easier|station|train|bus|walk))|(?<![a-z])(?:nearest|closest)(?![a-z])"
)


#: Who names the eyes, and nothing that is worn, wants them looked at.
_EYES: Final = re.compile(
    "(?:查|测|看|验|量|检查)?(?:一?下)?(?:眼睛|视力|度数|近视|散光|老花)(?:度数?)?|(?<![a-z])(?:eyes?|eyesight|vision|sight)(?![a-z])"
)
_WARES: Final = re.compile(
    "镜|框|片|隐形|美瞳|(?<![a-z])(?:glasses|specs|frames?|contacts?|lens(?:es)?|repair|fix|collect)"
)


def answers_to_step(page: Page, scene: Scene, lexicon: Lexicon) -> None:
    """Refusals of other services at the step "service", and questions which shop is where at the step "shop"."""
    if scene.step == "service" and page.has(Kind.GIVE, "service") and not page.has(Kind.REFUSE, "service"):
        left = page.unread(0, len(page.words))
        if match := _NO_OTHER.search(left):
            page.take_act(Kind.REFUSE, "service", None, match.span())
    if scene.step == "service" and not any(page.has(kind, "service") for kind in (Kind.GIVE, Kind.REFUSE)):
        match, exam = _EYES.search(page.words), next(lexicon.services.find("验光"), None)
        if match and exam and not page.has(Kind.QUESTION) and not _WARES.search(page.words):
            page.add(Kind.GIVE, "service", exam.id, match.span())
    if scene.step == "shop" and not page.has(Kind.GIVE, "shop") and _WHICH.search(page.words):
        others = [act for act in page.acts if act.kind is Kind.QUESTION and act.what == "other"]
        if others:
            page.acts = [replace(act, what="place") if act in others else act for act in page.acts]
        elif not page.acts:
            page.take_act(Kind.QUESTION, "place", None, (0, len(page.words)))
