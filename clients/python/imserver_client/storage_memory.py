"""A store in memory: what a client keeps that need not outlive its process, and the measure of what any store does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from .storage import (
    ANSWERED_EVERY,
    ANSWERED_KEPT,
    ANSWERED_KEPT_BYTES,
    LineageStep,
    Saved,
    SavedAnswered,
    SavedCounted,
    SavedFall,
    SavedOwn,
    SavedPosition,
    SavedPost,
    SavedState,
    by_position,
    highest,
    recounted,
)

K = TypeVar("K")
V = TypeVar("V")

_NOWHERE: Final = SavedPosition()


class MemoryStorage:
    """Keeps everything in this object. Give the same object to a second client to play a restart of the process."""

    def __init__(self) -> None:
        self._saved = Saved()
        self._posts: dict[bytes, SavedPost] = {}
        #: Positions of those that have their answer; 0: it is gone, and its content is kept for who is told so.
        self._positions: dict[bytes, int] = {}
        self._answers = 0

    def open(self) -> Saved:
        saved = self._saved
        return replace(
            saved,
            positions=dict(saved.positions),
            outbox=[post for key, post in self._posts.items() if key not in self._positions],
            states=dict(saved.states),
            trails=dict(saved.trails),
            own=self._own(),
            notices=dict(saved.notices),
        )

    def _own(self) -> dict[bytes, SavedOwn]:
        answered = {
            key: SavedOwn(self._posts[key].conversation_id, position)
            for key, position in self._positions.items()
            if position
        }
        return by_position({**answered, **self._saved.own})

    def close(self) -> None:
        pass

    def save_identity(
        self,
        device_id: str,
        user_id: str | None,
        store_epoch: str | None,
        features: Collection[str] | None = None,
    ) -> None:
        self._saved.device_id = device_id
        self._saved.user_id = user_id
        self._saved.store_epoch = store_epoch
        self._saved.features = None if features is None else frozenset(features)

    def add_post(self, post: SavedPost) -> None:
        if position := self._positions.pop(post.key, 0):
            self._saved.own.setdefault(post.key, SavedOwn(self._posts[post.key].conversation_id, position))
        else:
            self._posts.pop(post.key, None)
        self._posts[post.key] = post

    def remove_post(self, key: bytes) -> None:
        self._posts.pop(key, None)
        self._positions.pop(key, None)

    def answer_post(self, key: bytes, position: int, step: LineageStep | None = None) -> None:
        if key in self._posts:
            self._positions[key] = position
        self._answers += 1
        if self._answers % ANSWERED_EVERY == 0:
            self._keep_newest()
        if step is not None:
            self._put(step)

    def save_progress(
        self, done: tuple[str, int] | None, handed: tuple[str, int] | None, step: LineageStep | None = None
    ) -> None:
        positions = self._saved.positions
        if done is not None:
            old = positions.get(done[0], _NOWHERE)
            if done[1] > old.have:
                positions[done[0]] = SavedPosition(done[1], old.handed, old.known_head)
        if handed is not None:
            old = positions.get(handed[0], _NOWHERE)
            if handed[1] > old.handed:
                positions[handed[0]] = SavedPosition(old.have, handed[1], old.known_head)
        if step is not None:
            self._put(step)

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
        step: LineageStep | None = None,
        forgotten: Collection[str] = (),
    ) -> None:
        self._saved.since = since
        self._saved.synced = synced
        for conversation_id, new in positions.items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = highest(old, new)
        self.save_states(states or {}, account, step)
        self._forget(forgotten)

    def save_states(
        self, states: Mapping[str, SavedState], account: SavedCounted | None, step: LineageStep | None = None
    ) -> None:
        for conversation_id, new in states.items():
            old = self._saved.states.get(conversation_id, SavedState())
            items = {**old.items, **new.items}
            kept = {position: item for position, item in items.items() if item is not None}
            self._saved.states[conversation_id] = replace(new, items=kept)
        if account is not None:
            self._saved.account = account
        self._put(step)

    def save_lineage(self, step: LineageStep, heads: Mapping[str, int] | None = None) -> None:
        for conversation_id, head in (heads or {}).items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = replace(old, known_head=max(old.known_head, head))
        self._put(step)

    def save_rest(self, resting: Collection[str], forgotten: Collection[str], step: LineageStep) -> None:
        for name in resting:
            self._saved.states.pop(name, None)
        self._forget(forgotten)
        self._put(step)

    def places(self, conversation_ids: Collection[str] | None = None) -> dict[str, SavedPosition]:
        kept = self._saved.positions
        if conversation_ids is None:
            return dict(kept)
        return {name: kept[name] for name in conversation_ids if name in kept}

    def forget_since(self, store_epoch: str | None, step: LineageStep, *, recount: bool = False) -> None:
        self._saved.since = None
        self._saved.store_epoch = store_epoch
        if recount:
            self._saved.states = {name: recounted(state) for name, state in self._saved.states.items()}
            self._saved.account = replace(self._saved.account, seq=0)
        self._put(step)

    def answered(self, conversation_id: str, above: int) -> list[SavedAnswered]:
        have = self._saved.positions.get(conversation_id, SavedPosition()).have
        return [
            SavedAnswered(post, position, position <= have)
            for key, post in self._posts.items()
            if post.conversation_id == conversation_id and (position := self._positions.get(key, 0)) > above
        ]

    def contents(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        return {key: self._posts[key].content for key in keys if key in self._positions}

    def forget_content(self, conversation_id: str, position: int) -> None:
        for key, at in list(self._positions.items()):
            if at == position and self._posts[key].conversation_id == conversation_id:
                self._saved.own.setdefault(key, SavedOwn(conversation_id, position))
                self.remove_post(key)

    def save_checked(
        self,
        fallen: Mapping[str, SavedFall | None],
        offered: Collection[bytes],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        step: LineageStep,
    ) -> None:
        for name, fall in fallen.items():
            if fall is not None:
                old = self._saved.positions.get(name, SavedPosition())
                have, handed = min(old.have, fall.upto), min(old.handed, fall.upto)
                self._saved.positions[name] = SavedPosition(have, handed, fall.known_head)
        self.save_states(states, account, step)
        for key in offered:
            self._positions.pop(key, None)
        self._forget([name for name, fall in fallen.items() if fall is None])

    # -- within

    def _forget(self, names: Collection[str]) -> None:
        for name in names:
            self._saved.positions.pop(name, None)
            self._saved.states.pop(name, None)

    def _put(self, step: LineageStep | None) -> None:
        if step:
            _update(self._saved.trails, step.trails)
            _update(self._saved.own, step.own)
            _update(self._saved.notices, step.notices)
            for key, own in step.own.items():
                if own is None and key in self._positions:
                    self._positions[key] = 0

    def _keep_newest(self) -> None:
        answered = [post for key, post in self._posts.items() if key in self._positions]
        first = max(0, len(answered) - ANSWERED_KEPT)
        size = sum(len(post.content) for post in answered[first:])
        while size > ANSWERED_KEPT_BYTES:
            size -= len(answered[first].content)
            first += 1
        for post in answered[:first]:
            position = self._positions[post.key]
            if position:
                self._saved.own.setdefault(post.key, SavedOwn(post.conversation_id, position))
            self.remove_post(post.key)


def _update(kept: dict[K, V], changes: Mapping[K, V | None]) -> None:
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
