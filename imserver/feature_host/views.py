"""The store as one feature sees it: its own tables, state under its own name, and no position outside of the asker's grant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from imserver.chat.reader import Reader as StoreReader
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.errors import Refusal, RefusalCode
from imserver.feature_api import AboutStands, AccountStands, Feature, ItemStands, Push, SettingsStand, Shape
from imserver.feature_host.door import Request
from imserver.model import Audience, Message, User

P = TypeVar("P", bound=Shape)
R = TypeVar("R")


class FeatureOwner:
    """`door.Owner` for one feature."""

    __slots__ = ("feature",)

    def __init__(self, feature: Feature) -> None:
        self.feature = feature

    @property
    def name(self) -> str:
        return f"feature {self.feature.name!r}"

    def write(self, tx: StoreTransaction, request: Request | None, call: Callable[[Any], R]) -> R:
        return call(FeatureTransaction(tx, self.feature, request))

    def read(self, reader: StoreReader, call: Callable[[Any], R]) -> R:
        return call(FeatureReader(reader, self.feature))


class FeatureTransaction:
    """`imserver.feature_api.Transaction` over the store's. `request` is None for what nobody asked for (follow-ups, hooks)."""

    __slots__ = ("_feature", "_request", "_tx")

    def __init__(self, tx: StoreTransaction, feature: Feature, request: Request | None = None) -> None:
        self._tx = tx
        self._feature = feature
        self._request = request

    @property
    def now_ms(self) -> int:
        return self._tx.now_ms

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._tx.feature_sql(self._feature.name, sql, params)

    def place(self, conversation_id: str) -> int:
        return self._tx.place_no(conversation_id)

    def conversation_id(self, place: int) -> str:
        return self._tx.place_named(place)

    def user_no(self, user_id: str) -> int:
        return self._tx.number_of(user_id)

    def user(self, user_id: str) -> User | None:
        return self._tx.user(user_id)

    def members(self, conversation_id: str) -> Audience:
        return self._tx.audience(conversation_id) or {}

    def message(self, conversation_id: str, position: int) -> Message | None:
        return self._tx.message(conversation_id, position)

    def set_block(self, user_id: str, other_id: str, on: bool) -> bool:
        return self._tx.set_block(user_id, other_id, on)

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        return self._tx.blocked_by(user_id, after, most)

    # -- what everybody reads -----------------------------------------------------------------------------------------

    def post_system(self, conversation_id: str, telling: Mapping[str, Any]) -> int:
        request = self._request
        if request is None or not request.key:
            raise TypeError("post_system: only in a method whose requests have keys")
        return self._tx.post_system(conversation_id, request.user_id, request.key, request.digest, telling)

    def replace_content(
        self, conversation_id: str, position: int, content: bytes | None, *, revision: int | None = None
    ) -> Message:
        self._require_within(conversation_id, position)
        return self._tx.replace_content(conversation_id, position, content, expected_revision=revision)

    # -- state that is no message -------------------------------------------------------------------------------------

    def set_item(
        self, conversation_id: str, position: int, value: Any, own: Mapping[str, Any] | None = None
    ) -> None:
        self._require_within(conversation_id, position)
        self._tx.set_item(conversation_id, position, self._feature.name, value, own)

    def stands(self, conversation_id: str, position: int, user_id: str) -> ItemStands:
        self._require_within(conversation_id, position)
        state = self._tx.item(conversation_id, position, user_id)
        return ItemStands(state.modseq, dict(state.extra), dict(state.mine))

    def set_about(self, conversation_id: str, value: Any) -> None:
        self._tx.set_about(conversation_id, self._feature.name, value)

    def about_stands(self, conversation_id: str) -> AboutStands:
        modseq, about = self._tx.about(conversation_id)
        return AboutStands(modseq, dict(about))

    def set_own(self, conversation_id: str, user_id: str, value: Any) -> None:
        self._tx.set_own(conversation_id, user_id, self._feature.name, value)

    def own_stands(self, conversation_id: str, user_id: str) -> SettingsStand:
        seq, settings = self._tx.settings(conversation_id, user_id)
        return SettingsStand(seq, dict(settings))

    def set_account(self, user_id: str, value: Any) -> None:
        self._tx.set_account(user_id, self._feature.name, value)

    def account_stands(self, user_id: str) -> AccountStands:
        seq, account = self._tx.account(user_id)
        return AccountStands(seq, dict(account))

    def push(self, user_ids: Iterable[str], push: Push[P], told: P) -> None:
        if not any(registered.push is push for registered in self._feature.pushes):
            raise TypeError(f"push {push.kind!r}: not registered, with the read that tells the same")
        self._tx.push(user_ids, push.kind, msgspec.structs.astuple(told))

    def _require_within(self, conversation_id: str, position: int) -> None:
        request = self._request
        if request is None or conversation_id != request.conversation_id:
            return
        if not request.grant.covers(position):
            raise Refusal(RefusalCode.NOT_FOUND, "no such message")


class FeatureReader:
    """`imserver.feature_api.Reader` over the store's."""

    __slots__ = ("_feature", "_reader")

    def __init__(self, reader: StoreReader, feature: Feature) -> None:
        self._reader = reader
        self._feature = feature

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._reader.feature_sql(self._feature.name, sql, params)

    def place(self, conversation_id: str) -> int:
        return self._reader.place_no(conversation_id)

    def conversation_id(self, place: int) -> str:
        return self._reader.place_named(place)

    def user_no(self, user_id: str) -> int:
        return self._reader.number_of(user_id)

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        return self._reader.blocked_by(user_id, after, most)
