"""Pushes that tell of state: of messages, of a conversation, of one's own settings there, of one's account (SPEC, "State")."""

from __future__ import annotations

from typing import Any

from .descriptors import Name, Number, Position, Push, Shape


class ItemState(Shape, frozen=True):
    """The state of one message. `mine` nil: it is what it was; a map, also an empty one, replaces it."""

    position: Position
    extra: dict[str, Any]
    mine: dict[str, Any] | None = None


class ItemStands(Shape, frozen=True):
    """How one message stands, for who asked for a change: the result of methods that put and remove."""

    modseq: Number
    extra: dict[str, Any]
    mine: dict[str, Any]


class AboutStands(Shape, frozen=True):
    """What the conversation shows, whole: the result of methods that change it."""

    modseq: Number
    about: dict[str, Any]


class SettingsStand(Shape, frozen=True):
    """One's own settings in a conversation, whole: the result of methods that change them."""

    seq: Number
    settings: dict[str, Any]


class AccountStands(Shape, frozen=True):
    """One's own state, whole: the result of methods that change it."""

    seq: Number
    account: dict[str, Any]


class ItemPush(Shape, frozen=True):
    """What one step changed. `items` nil: something changed, `changes` tells what."""

    conversation_id: Name
    modseq: Number
    items: tuple[ItemState, ...] | None


class AboutPush(Shape, frozen=True):
    """What a conversation shows, whole."""

    conversation_id: Name
    modseq: Number
    about: dict[str, Any]


class SettingsPush(Shape, frozen=True):
    """One's own settings in a conversation, whole; `seq` counts their changes."""

    conversation_id: Name
    seq: Number
    settings: dict[str, Any]


class AccountPush(Shape, frozen=True):
    """One's own state, whole; `seq` counts its changes."""

    seq: Number
    account: dict[str, Any]


ITEM = Push("item", ItemPush)
ABOUT = Push("about", AboutPush)
SETTINGS = Push("settings", SettingsPush)
ACCOUNT = Push("account", AccountPush)
