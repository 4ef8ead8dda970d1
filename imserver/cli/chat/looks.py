"""What the chat shows and understands of features: a module here of a feature's name, with its `LOOK`. Nothing lists them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from imserver.features import FEATURES
from imserver_client import Client, ClientEvent

from .places import Names, Place


class Chat(Protocol):
    """The chat, as a feature's look works with it."""

    client: Client
    names: Names
    #: The conversation that is open.
    current: Place | None

    async def say(self, text: str, style: str = "notice") -> None:
        """Show a line that is not a message."""
        ...

    async def complain(self, text: str) -> None:
        """Show a line about an error."""
        ...

    async def show_again(self, position: int, *, changed: bool = False) -> None:
        """Show a message of the open conversation again, as it is now."""
        ...

    def refresh(self) -> None:
        """Ask every look for its part of the status again."""
        ...


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A word that the chat understands. The handler gets the chat and the rest of the line; False ends the chat."""

    handler: Callable[[Any, str], Awaitable[bool | None]]
    usage: str
    help: str


class Look:
    """The look of one feature in one chat. It overrides what the feature has; by default nothing of it is seen."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat

    def commands(self) -> Mapping[str, ChatCommand]:
        """Words of the feature, with their slash."""
        return {}

    async def hear(self, event: ClientEvent) -> None:
        """Every event of the client."""

    def hides(self, content: Mapping[str, Any]) -> bool:
        """Whether a system message is not shown, because the look shows better what it tells."""
        return False

    def words(self, who: str, content: Mapping[str, Any]) -> str:
        """A system message as a sentence about `who`; "" for those of others."""
        return ""

    def marks(self, extra: Any, mine: Any) -> str:
        """What stands below a message because of its state under the feature's name; each is None if there is none."""
        return ""

    def status(self) -> str:
        """A part of the status line; "" for none."""
        return ""

    def typed(self) -> None:
        """Called with each change of the line that is being typed."""


def looks_of(chat: Chat, offered: frozenset[str]) -> dict[str, Look]:
    """A look for each feature that has one and that the server `offered` (empty: it does not say)."""
    return {name: make(chat) for name, make in _all_looks().items() if not offered or name in offered}


@cache
def _all_looks() -> Mapping[str, type[Look]]:
    found = {feature.name: _look_of(feature.name) for feature in FEATURES}
    return {name: look for name, look in found.items() if look is not None}


def _look_of(name: str) -> type[Look] | None:
    module = f"{__package__}.{name}"
    try:
        look: type[Look] | None = getattr(import_module(module), "LOOK", None)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return look
