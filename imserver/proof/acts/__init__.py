"""Acts of features in the proofs: what people do with a feature, and the judge of what came of it.

A feature's acts stand in the module of its name here, as `ACTS`; nothing lists them. In simulation and torture devices do
them among posts and faults, and note what comes of it; at the end the judge gets the notes, and the rows as they are stored.

A note outlives a kill of its device, so a judge compares *what was answered or told* with what is stored: a change that was
answered is there. One whose answer was lost may be there or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from random import Random
from typing import Any, Protocol, TypeVar

from imserver.features import FEATURES
from imserver.proof.transcript import digest_of
from imserver_client import Client, ClientEvent

__all__ = [
    "Act",
    "Acts",
    "Evidence",
    "Facts",
    "Hand",
    "Listener",
    "Notes",
    "Query",
    "Row",
    "all_acts",
    "digest_of",
]

T = TypeVar("T")
Facts = tuple[Any, ...]
Query = Callable[..., Iterable[tuple[Any, ...]]]


class Listener(Protocol):
    """One device, as it hears of something."""

    @property
    def user_id(self) -> str: ...

    def note(self, *facts: Any) -> None:
        """Write down what msgpack can say, for this feature's judge."""
        ...

    def says_now(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        """The device was told that a message has another content now. Whoever reads contents here is shown this one, and it is
        compared with what is stored."""
        ...


class Hand(Listener, Protocol):
    """One device, as it acts. Its client is up when an act begins."""

    @property
    def random(self) -> Random:
        """Decides everything that an act leaves open, so that a seed repeats it."""
        ...

    @property
    def client(self) -> Client: ...

    def where(self) -> str:
        """A conversation: mostly one of the device's."""
        ...

    def own(self) -> Sequence[tuple[str, int]]:
        """Conversation and position of posts of this device that were answered, as far as remembered."""
        ...

    def seen(self) -> Sequence[tuple[str, int]]:
        """Conversation and position of messages that the device was shown lately."""
        ...

    def text(self) -> dict[str, Any]:
        """A content that nothing else has."""
        ...

    def ask(
        self, call: Callable[[Client], Awaitable[T]], then: Callable[[T], None] = lambda answer: None
    ) -> None:
        """Make a call in the background, and give its answer to `then`. A refusal is counted; an answer may also be lost."""
        ...


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a device does now and then. `weight`: how often, where a simple post has 30."""

    weight: float
    do: Callable[[Hand], None]


@dataclass(frozen=True, slots=True)
class Notes:
    """What one device wrote down, over all its lives: `facts` in order; `rest` at the end, None if it did not come to rest."""

    user_id: str
    device_id: str
    facts: Sequence[Facts]
    rest: Sequence[Facts] | None = None


class Row(Protocol):
    """A message as it is stored, with the digests of all contents that it ever had, by revision."""

    @property
    def sender_id(self) -> str: ...

    @property
    def revision(self) -> int: ...

    @property
    def digests(self) -> Mapping[int, bytes]: ...

    @property
    def telling(self) -> Mapping[str, Any]:
        """The content of a system message; empty for others."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a judge goes by."""

    notes: Sequence[Notes]
    #: Conversation, position -> the stored message.
    row: Callable[[str, int], Row | None]
    #: Conversation -> user -> (position of joining, of leaving or None).
    members: Callable[[str], Mapping[str, tuple[int, int | None]]]
    #: A SELECT on the database, by a connection of the proof's own.
    query: Query
    #: Conversation, position -> messages that older copies of the database took back, as they had been.
    taken_back: Callable[[str, int], Sequence[Row]] = lambda conversation_id, position: ()
    #: User, conversation -> whether the user had become a member there, or left, in a history that is gone.
    moved: Callable[[str, str], bool] = lambda user_id, conversation_id: False
    #: What of the feature's `stored` was otherwise before an older copy came back than behind it.
    undone: Collection[Facts] = ()


@dataclass(frozen=True, slots=True)
class Acts:
    """All of one feature.

    `hears` gets every event of a device's client. `rest` is asked of each device when nothing happens any more: what its client
    shows then, as facts for the judge. `judge` gives what is wrong, each in a sentence. `stored` reads by SELECTs what the
    judge expects to stay as it was answered: it is told what of that was undone when older copies of the database came back.
    """

    acts: Sequence[Act] = ()
    hears: Callable[[Listener, ClientEvent], None] | None = None
    rest: Callable[[Hand], Awaitable[Iterable[Facts]]] | None = None
    judge: Callable[[Evidence], Iterable[str]] | None = None
    stored: Callable[[Query], Iterable[Facts]] | None = None
    #: Conversation and user that an event tells of, if it is told at once to who is a member then, and stored nowhere.
    tells_of: Callable[[ClientEvent], tuple[str, str] | None] = lambda event: None


@cache
def all_acts() -> Mapping[str, Acts]:
    """Acts of every feature that has some, by its name."""
    found = {feature.name: _acts_of(feature.name) for feature in FEATURES}
    return {name: acts for name, acts in found.items() if acts is not None}


def no_query(statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Where there is no database behind the rows."""
    return []


def _acts_of(name: str) -> Acts | None:
    module = f"{__name__}.{name}"
    try:
        acts: Acts = import_module(module).ACTS
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return acts
