"""`understand`: everything in a text is accounted for, as acts, a rest and a time."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from imserver.plugins.booking.dates.parse import Reading as Dates
from imserver.plugins.booking.dates.parse import read_when

from .acts import Act, Begun, Hours, Kind, Reading, Rest, Scene, Span, Weight, When
from .ear import MAX_CHARS, Said, fold
from .lexicon import Lexicon

_BEGUN: dict[str, Begun] = {
    "预约": "book", "/book": "book", "空档": "slots", "/slots": "slots", "我的预约": "list", "/my": "list",
    "改约": "move", "改期": "move", "/move": "move", "取消": "cancel", "取消预约": "cancel", "/cancel": "cancel",
    "地址": "info", "/info": "info", "人工": "human", "/human": "human", "帮助": "help", "/help": "help",
    "门店": "stores", "/stores": "stores",
}  # fmt: skip


def understand(text: str, scene: Scene, lexicon: Lexicon) -> Reading:
    """Read a text. Pure: the same text, scene and lexicon give the same reading."""
    folded = fold(text)
    label = scene.labels.get(folded.casefold())
    if label is not None:
        return Reading(text, label=label)
    if len(folded) > MAX_CHARS:
        return Reading(text, rest=(Rest(text, Span(0, len(text)), Weight.NEUTRAL),))
    whole = Span(0, len(text))
    begun, line = _begun(folded)
    said = lexicon.ear.hear(line, 0, lexicon.chain.shop(scene.shop))
    dates = read_when(said.when_text, scene.now, ZoneInfo(scene.zone))
    acts = [Act(Kind.BEGIN, begun, None, (whole,))] if begun else []
    acts += [Act(kind, what, value, (whole,)) for kind, what, value in _facts(said, lexicon, scene)]
    acts += [Act(kind, what, value, (whole,)) for kind, what, value in _times(dates)]
    rest = () if acts or not text.strip() else (Rest(text, whole, Weight.NEUTRAL),)
    return Reading(text, tuple(acts), rest, _when(dates, scene))


def _begun(folded: str) -> tuple[Begun | None, str]:
    for word in sorted(_BEGUN, key=len, reverse=True):
        if folded.startswith(word):
            return _BEGUN[word], folded[len(word) :]
    return None, folded


def _facts(said: Said, lexicon: Lexicon, scene: Scene) -> list[tuple[Kind, str, object]]:
    found: list[tuple[Kind, str, object]] = []
    if said.answer is not None:
        found.append((Kind.YES if said.answer else Kind.NO, "", None))
    values = {
        "code": said.code or None,
        "version": said.version,
        "shop": said.shop and said.shop.id,
        "service": said.service and said.service.id,
        "age": said.age if said.age is not None else said.band and said.band.id,
        "first": said.first_visit,
        "lenses": said.lenses or None,
        "number": said.number,
    }
    if scene.step == "name":
        values["name"] = lexicon.ear.name_answer(said) or None
    elif name := lexicon.ear.name_in(said):
        values["name"] = name
    found += [(Kind.GIVE, what, value) for what, value in values.items() if value is not None]
    return found


def _times(dates: Dates) -> list[tuple[Kind, str, object]]:
    found: list[tuple[Kind, str, object]] = []
    if dates.reason == "negated":
        return [(Kind.REFUSE, "day", None)]
    if dates.day:
        found.append((Kind.GIVE, "day", dates.day))
    found += [(Kind.GIVE, "time", candidate.time()) for candidate in dates.candidates[:1]]
    if dates.part and not dates.candidates:
        found.append((Kind.GIVE, "range", Hours(0, 1440, dates.part)))
    return found


def _when(dates: Dates, scene: Scene) -> When | None:
    if dates.reason == "no_time" and not dates.day and not dates.part:
        return None
    days = (dates.day,) if dates.day else tuple(sorted({one.date() for one in dates.candidates}))
    reason = None if dates.reason == "no_time" and dates.day else dates.reason
    return When(
        dates.candidates,
        days=days,
        part=dates.part,
        reason=reason,
        wish=(dates.candidates + (None,))[0] if len(dates.candidates) == 1 else None,
    )
