"""Cards, which bots post to people: a title, text, facts with labels, and buttons (SPEC, "Content").

Who receives one ignores what it does not know. Who writes one has made a mistake there: a misspelt key would be a button that
nobody sees. So these types take the SPEC's keys alone, and `Card.of` says what is wrong with a map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

#: How a button may look; a client draws anything else as `default`.
STYLES: Final = ("default", "primary", "danger")


@dataclass(frozen=True, slots=True)
class Button:
    """One of a card's `actions`: tapping it posts `command` as a text. `style`: one of `STYLES`. Raises ValueError."""

    label: str
    command: str
    style: str = "default"

    def __post_init__(self) -> None:
        _require_texts("button", self, "label", "command")
        if not self.command:
            raise ValueError("button.command: what a tap posts; it is empty")
        if self.style not in STYLES:
            raise ValueError(f"button.style: one of {', '.join(STYLES)}, not {self.style!r}")


@dataclass(frozen=True, slots=True)
class CardRef:
    """What a card is about: an application's `kind` of thing, its id, and which version of it the card shows."""

    kind: str
    id: str
    version: int = 1

    def __post_init__(self) -> None:
        _require_texts("ref", self, "kind", "id")
        if not isinstance(self.version, int):
            raise ValueError(f"ref.version: an integer, not {self.version!r}")


@dataclass(frozen=True, slots=True)
class Card:
    """A card. `fields`: pairs of a label and a value, shown as rows. Raises ValueError, which names the place of the fault.

    Clients without buttons show `text` alone: say there what a tap would say, too.
    """

    title: str
    text: str = ""
    fields: Sequence[tuple[str, str]] = ()
    actions: Sequence[Button] = ()
    ref: CardRef | None = None

    def __post_init__(self) -> None:
        _require_texts("card", self, "title", "text")
        for number, row in enumerate(cast("Sequence[Any]", self.fields)):
            if len(row) != 2 or not (isinstance(row[0], str) and isinstance(row[1], str)):
                raise ValueError(f"card.fields[{number}]: a label and a value, two strings, not {row!r}")

    def content(self) -> dict[str, Any]:
        """The map that is posted."""
        content: dict[str, Any] = {
            "type": "card",
            "title": self.title,
            "text": self.text,
            "fields": [[label, value] for label, value in self.fields],
            "actions": [
                {"label": button.label, "command": button.command, "style": button.style}
                for button in self.actions
            ],
        }
        if self.ref is not None:
            content["ref"] = {"kind": self.ref.kind, "id": self.ref.id, "version": self.ref.version}
        return content

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Card:
        """The card in a map that somebody is about to post. Raises ValueError for what no client would draw: an unknown key
        (but for an application's own, `x-…`), or a value of the wrong kind."""
        if content.get("type") != "card":
            raise ValueError(f"card.type: `card`, not {content.get('type')!r}")
        card = {name: value for name, value in content.items() if name != "type" and name[:2] != "x-"}
        _require_keys("card", cls, card)
        made: dict[str, Any] = {
            **card,
            "fields": [tuple(row) for row in _rows("card.fields", card.get("fields", ()))],
            "actions": [
                _made(f"card.actions[{number}]", Button, each)
                for number, each in enumerate(_rows("card.actions", card.get("actions", ()), Mapping))
            ],
        }
        if "ref" in card:
            made["ref"] = _made("card.ref", CardRef, card["ref"])
        return cls(**made)


_LISTS: Final = (list, tuple)
_CARD: Final = frozenset(("type", *(each.name for each in fields(Card))))
_BUTTON: Final = frozenset(each.name for each in fields(Button))
_REF: Final = frozenset(each.name for each in fields(CardRef))


def require_card(content: Mapping[str, Any]) -> None:
    """Raises ValueError where `Card.of` does. What is right at a glance, as nearly every card is, is not taken apart for it."""
    if not _right_at_a_glance(content):
        Card.of(content)


def _right_at_a_glance(content: Mapping[str, Any]) -> bool:
    """Whether it is a card for certain: of the plainest types, without an application's own keys. False says nothing."""
    rows, actions = content.get("fields", ()), content.get("actions", ())
    if not (
        content.get("type") == "card"
        and _CARD.issuperset(content)
        and type(content.get("title")) is str
        and type(content.get("text", "")) is str
        and type(rows) in _LISTS
        and type(actions) in _LISTS
    ):
        return False
    for row in rows:
        if type(row) not in _LISTS or len(row) != 2 or type(row[0]) is not str or type(row[1]) is not str:
            return False
    for one in actions:
        if not (type(one) is dict and _BUTTON.issuperset(one) and one.get("style", "default") in STYLES):
            return False
        if type(one.get("label")) is not str or type(one.get("command")) is not str or not one["command"]:
            return False
    if "ref" not in content:
        return True
    ref = content["ref"]
    plain = type(ref) is dict and _REF.issuperset(ref) and type(ref.get("version", 1)) is int
    return plain and type(ref.get("kind")) is str and type(ref.get("id")) is str


def _made(place: str, kind: Callable[..., T], value: Any) -> T:
    """One of these types from a map, which stands at this place."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{place}: a map, not {value!r}")
    _require_keys(place, kind, value)
    return kind(**value)


def _require_keys(place: str, kind: Any, value: Mapping[str, Any]) -> None:
    known, required = _keys(kind)
    for name in value:
        if name not in known:
            raise ValueError(f"{place}.{name}: there is no such key (keys: {', '.join(known)})")
    for name in required:
        if name not in value:
            raise ValueError(f"{place}.{name}: is missing")


@cache
def _keys(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that a map may have, and those that it has to."""
    known = fields(kind)
    return tuple(each.name for each in known), tuple(each.name for each in known if each.default is MISSING)


def _rows(place: str, value: Any, kind: type = Sequence) -> Sequence[Any]:
    """A list of lists, or of maps."""
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else None
    if rows is None or not all(isinstance(row, kind) and not isinstance(row, str) for row in rows):
        raise ValueError(f"{place}: a list, not {value!r}")
    return rows


def _require_texts(place: str, value: object, *names: str) -> None:
    for name in names:
        if not isinstance(found := getattr(value, name), str):
            raise ValueError(f"{place}.{name}: a string, not {found!r}")
