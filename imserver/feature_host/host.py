"""The features of one server: what they registered, looked up by name, and their life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from imserver.chat.permissions import EVERYTHING
from imserver.chat.ports import Store
from imserver.chat.posting import Posting
from imserver.chat.reader import Reader as StoreReader
from imserver.chat.transaction import ActHooks
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.chat.units import Work
from imserver.content import encode_content
from imserver.errors import ConfigError, Refusal, RefusalCode
from imserver.events import MessagePosted, StoredEvent
from imserver.feature_api import (
    Asker,
    Feature,
    Heard,
    Method,
    Reader,
    Sessions,
    Shape,
    Task,
    Transaction,
)
from imserver.feature_host.door import Owner, plan_read, plan_write
from imserver.feature_host.follow import Follower
from imserver.feature_host.offers import Offer, Offers
from imserver.feature_host.views import FeatureOwner, FeatureReader, FeatureTransaction
from imserver.method_rows import ReadRow, WriteRow

P = TypeVar("P", bound=Shape)
R = TypeVar("R")
T = TypeVar("T")


class ReadInOrder(Protocol):
    """Reads of which none is answered ahead of a push that its snapshot holds: `imserver.chat.service.Chat.read`."""

    async def __call__(self, query: Callable[[StoreReader], tuple[T, int]]) -> T:
        """The first of what `query` returns; the second is the last change of its snapshot."""
        ...


class FeatureHost:
    """All features of one server. Two servers in one process may have others.

    Raises `ConfigError` for two features, methods, signals or content types of one name, ValueError for a registration that
    cannot work.
    """

    def __init__(
        self, features: Sequence[Feature], store: Store, read: ReadInOrder, posting: Posting, log: Any
    ) -> None:
        self.features = tuple(features)
        self._store = store
        self._read = read
        self._posting = posting
        self.log = log
        #: The features' methods, and those of plugins.
        self.offers = Offers()
        #: Signal kind -> its row.
        self.signals: dict[str, Heard[Any]] = {}
        content_types: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        names: set[str] = set()
        for feature in self.features:
            if feature.name in names:
                raise ConfigError("features", f"two are called {feature.name!r}")
            names.add(feature.name)
            if feature.migrations and (feature.export is None or feature.erase is None):
                raise ValueError(f"feature {feature.name!r}: tables, and no export or no erase")
            owner = FeatureOwner(feature)
            for row in feature.methods:
                self.offers.add(Offer(owner, row))
            for heard in feature.signals:
                _put(self.signals, heard.signal.kind, heard, "signals are called")
            for kind, check in feature.content_types.items():
                _put(content_types, kind, check, "features check contents of type")
        posting.content_checks = content_types
        self._followers: list[Follower] = []
        #: Set by the composition root before `start`.
        self.sessions: Sessions | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return tuple(feature.name for feature in self.features)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the tables, hook into the acts of the kernel, follow."""
        for feature in self.features:
            await self._store.migrate_plugin(feature.name, list(feature.migrations))  # judges the name, too
        self._hook(self._store.hooks)
        for feature in self.features:
            if feature.follow is not None:
                follower = Follower(feature, self._store, self.log)
                self._followers.append(follower)
                await follower.start()

    async def stop(self) -> None:
        """Stop following. Nothing else is running: methods belong to their sessions."""
        await asyncio.gather(*(follower.stop() for follower in self._followers))
        self._followers.clear()

    def notify(self, events: Sequence[StoredEvent]) -> None:
        """Called on the loop after each commit."""
        if self._followers and any(type(event) is MessagePosted for event in events):
            for follower in self._followers:
                follower.notify()

    async def idle(self) -> None:
        """Wait until every feature that follows has dealt with every message. For tests."""
        for follower in self._followers:
            await follower.until_idle()

    def _hook(self, hooks: ActHooks) -> None:
        replaced, left = [], []
        for feature in self.features:
            if (on_replaced := feature.hooks.content_replaced) is not None:
                replaced.append(_bound(feature, on_replaced))
            if (on_left := feature.hooks.member_left) is not None:
                left.append(_bound(feature, on_left))
        hooks.content_replaced = (*hooks.content_replaced, *replaced)
        hooks.member_left = (*hooks.member_left, *left)

    # -- methods ------------------------------------------------------------------------------------------------------

    async def call(self, method: Method[P, R], user_id: str, params: P) -> R:
        """Ask in this process, as this user. Raises `Refusal`, UNKNOWN_METHOD for a feature that this server has not."""
        offer = self.offers.methods.get(method.name)
        if offer is None:
            raise Refusal(RefusalCode.UNKNOWN_METHOD, f"no method {method.name!r}")
        row = offer.row
        if isinstance(row, ReadRow):
            return await self.read(offer.owner, row, user_id, params)
        if isinstance(row, Task):
            return await self.run(offer.owner, row, user_id, params)
        refusal = await self._reviewed(row, user_id, params)
        return await self._store.write(self.plan(offer.owner, row, user_id, params, refusal))

    async def read(self, owner: Owner, read: ReadRow[Any, Any, R], user_id: str, params: Any) -> R:
        """Answer a read, in one snapshot."""
        query = plan_read(owner, read, user_id, params)
        return await self._read(lambda reader: (query(reader), reader.head_change()))

    def plan(
        self,
        owner: Owner,
        write: WriteRow[Any, Any, R],
        user_id: str,
        params: Any,
        refusal: Refusal | None = None,
    ) -> Work[R]:
        """The work of a write's unit, behind what can be checked without the store. Raises `Refusal`."""
        self._posting.require_accepting()
        self.content_of(write, params)
        return plan_write(owner, write, user_id, params, refusal)

    def content_of(self, write: WriteRow[Any, Any, Any], params: Any) -> Mapping[str, Any] | None:
        """The content in the params, decoded and checked; None if there is none. Raises `Refusal`."""
        if write.content is None:
            return None
        decoded, final = self._posting.check(params.key, getattr(params, write.content))
        if final is not None:
            raise final
        return decoded

    async def _reviewed(self, write: WriteRow[Any, Any, Any], user_id: str, params: Any) -> Refusal | None:
        decoded = self.content_of(write, params)
        if decoded is None:
            return None
        return await self._posting.review(getattr(params, "conversation_id", ""), user_id, decoded)

    async def run(self, owner: Owner, task: Task[Any, R], user_id: str, params: Any) -> R:
        """Run a task within its deadline."""
        assert isinstance(owner, FeatureOwner), "plugins have no tasks"
        self._posting.require_accepting()
        services = FeatureServices(self, owner.feature)
        deadline = asyncio.timeout(task.deadline_s)
        try:
            async with deadline:
                return await task.handler(services, Asker(user_id, EVERYTHING), params)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise Refusal(RefusalCode.OVERLOADED, "this took too long", retry_after_ms=1000) from None

    # -- persons ------------------------------------------------------------------------------------------------------

    async def export(self, user_id: str) -> dict[str, Mapping[str, Any]]:
        """All that features keep of a person, by feature, of one moment."""

        return await self._store.read(lambda reader: self.exported(reader, user_id))

    def exported(self, reader: StoreReader, user_id: str) -> dict[str, Mapping[str, Any]]:
        """The same, in a snapshot of the caller's."""
        return {
            feature.name: feature.export(FeatureReader(reader, feature), user_id)
            for feature in self.features
            if feature.export is not None
        }

    async def erase(self, user_id: str) -> None:
        """Remove all that features keep of a person, in as many transactions as it takes. Broken off, it may begin again."""
        for feature in self.features:
            if feature.erase is not None:
                while await self._store.write(partial(_erase_some, feature, feature.erase, user_id)):
                    pass

    async def post_as(
        self, user_id: str, conversation_id: str, content: Mapping[str, Any], key: bytes
    ) -> int:
        """See `imserver.feature_api.Services.post_as`."""
        posted = await self._posting.post_for(user_id, conversation_id, key, encode_content(content))
        return posted.position


class FeatureServices:
    """`imserver.feature_api.Services`."""

    __slots__ = ("_feature", "_host")

    def __init__(self, host: FeatureHost, feature: Feature) -> None:
        self._host = host
        self._feature = feature

    @property
    def sessions(self) -> Sessions:
        assert self._host.sessions is not None, "the server has not started"
        return self._host.sessions

    async def write(self, work: Callable[[Transaction], T]) -> T:
        feature = self._feature
        return await self._host._store.write(lambda tx: work(FeatureTransaction(tx, feature)))

    async def read(self, query: Callable[[Reader], T]) -> T:
        feature = self._feature
        return await self._host._store.read(lambda reader: query(FeatureReader(reader, feature)))

    async def post_as(
        self, user_id: str, conversation_id: str, content: Mapping[str, Any], *, key: bytes
    ) -> int:
        return await self._host.post_as(user_id, conversation_id, content, key)


def _erase_some(
    feature: Feature, erase: Callable[[Transaction, str], bool | None], user_id: str, tx: StoreTransaction
) -> bool:
    return bool(erase(FeatureTransaction(tx, feature), user_id))


def _bound(feature: Feature, hook: Callable[..., None]) -> Callable[..., None]:
    def called(tx: StoreTransaction, *told: Any) -> None:
        hook(FeatureTransaction(tx, feature), *told)

    return called


def _put(table: dict[str, T], name: str, row: T, what: str) -> None:
    if name in table:
        raise ConfigError("features", f"two {what} {name!r}")
    table[name] = row
