"""State that is no message, of all conversations and of the account: what the server tells goes through the rules in `state`,
is announced, kept in the store, and asked for while a conversation is shown.

Values are kept as bytes: as maps they would take a hundred times as much. A conversation that never had a state has no entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from imserver_client.errors import ClientError, Refused
from imserver_client.events import AboutChanged, AccountChanged, ClientEvent, ItemChanged, SettingsChanged
from imserver_client.limits import ClientLimits
from imserver_client.storage import Saved, SavedCounted, SavedItem, SavedState, Storage
from imserver_client.values import Item, ItemState
from imserver_protocol import EncodeError, decode_content, encode_content
from imserver_protocol.methods.changes import CHANGES, ChangesParams, ChangesResult
from imserver_protocol.methods.history import HistoryResult
from imserver_protocol.methods.state import AboutPush, AccountPush, ItemPush, SettingsPush
from imserver_protocol.methods.sync import SyncResult, SyncRow

from .inbox import Inbox
from .lineage import ACCOUNT, Checked, Lineage
from .requests import Requests, SessionLost
from .state import UNSAID, ConversationState, Counted, Kept, Ranges, Row, Told

_Map = Mapping[str, Any] | None


class TooLarge(Exception):
    """A value that this client does not keep."""


class StatesOwner(Protocol):
    """The rest of the client, as `States` uses it."""

    @property
    def may_offer(self) -> bool:
        """False until the first sync of a new device is finished."""
        ...

    def want_sync(self) -> None:
        """Something was pushed that only sync explains."""
        ...

    def violated(self, text: str) -> None: ...

    def connection_failed(self, error: Exception) -> None:
        """A fault of ours: the client is over."""
        ...

    def announce(self, event: Callable[[], ClientEvent], /) -> None: ...


class States:
    """The state of every followed conversation that has one, and the account's."""

    def __init__(
        self,
        owner: StatesOwner,
        requests: Requests,
        inbox: Inbox,
        lineage: Lineage,
        storage: Storage,
        limits: ClientLimits,
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._inbox = inbox
        self._lineage = lineage
        self._storage = storage
        self._limits = limits
        self._states: dict[str, ConversationState[bytes]] = {}
        self._account: Counted[bytes] = Counted()
        #: Those with items, the one that changed last at the end; how many items each has, and all together.
        self._counts: dict[str, int] = {}
        self._count = 0
        #: Bytes of `about` and settings.
        self._bytes = 0
        self._shown: set[str] = set()
        self._readers: dict[str, asyncio.Task[None]] = {}
        #: Of the server that told all this.
        self._features: frozenset[str] | None = None
        self._unsaved: set[str] = set()
        self._account_unsaved = False
        self._wake = asyncio.Event()
        self._running = False

    # -- what is known ------------------------------------------------------------------------------------------------

    def item(self, conversation_id: str, position: int) -> ItemState | None:
        """See Client.item."""
        state = self._states.get(conversation_id)
        if state is None:
            track = self._inbox.get(conversation_id)
            return ItemState({}, {}) if track is not None and 0 < position <= track.have else None
        if position not in state.held:
            return None
        kept = state.items.get(position) or Kept()
        return ItemState(_decoded(kept.extra), _decoded(kept.mine))

    def about(self, conversation_id: str) -> Mapping[str, Any]:
        """See Client.about."""
        state = self._states.get(conversation_id)
        return {} if state is None else _decoded(state.about.value)

    def settings(self, conversation_id: str) -> Mapping[str, Any]:
        """See Client.settings."""
        state = self._states.get(conversation_id)
        return {} if state is None else _decoded(state.settings.value)

    def account(self) -> Mapping[str, Any]:
        """See Client.account."""
        return _decoded(self._account.value)

    def show(self, conversation_id: str) -> None:
        """See Client.show."""
        self._shown.add(conversation_id)
        self._look_at(conversation_id)

    def hide(self, conversation_id: str) -> None:
        """See Client.hide."""
        self._shown.discard(conversation_id)

    # -- pushes -------------------------------------------------------------------------------------------------------

    def on_item(self, push: ItemPush) -> None:
        """Items of one unit, or a hint."""
        state = self._pushed(push.conversation_id)
        if state is None:
            return
        items: list[Told[bytes]] | None = None
        if push.items is not None:
            try:
                items = [
                    (
                        item.position,
                        self._encoded(item.extra),
                        UNSAID if item.mine is None else self._encoded(item.mine),
                    )
                    for item in push.items
                ]
            except TooLarge:
                items = None
        if items is None:
            state.hint(push.modseq)
            self._changed(push.conversation_id, state, ())
        else:
            self._changed(push.conversation_id, state, state.push_items(push.modseq, items))

    def on_about(self, push: AboutPush) -> None:
        """A conversation's own value."""
        state = self._pushed(push.conversation_id)
        if state is None:
            return
        before = state.about.value
        try:
            about = self._encoded(push.about)
        except TooLarge:
            state.hint(push.modseq)
        else:
            if state.push_about(push.modseq, about):
                self._about_changed(push.conversation_id, before, about)
        self._changed(push.conversation_id, state, ())

    def on_settings(self, push: SettingsPush) -> None:
        """This user's own settings of a conversation."""
        state = self._pushed(push.conversation_id)
        if state is not None:
            state.told()
            self._take_settings(push.conversation_id, state, push.seq, push.settings)
            self._changed(push.conversation_id, state, ())

    def on_account(self, push: AccountPush) -> None:
        """The account's."""
        self._lineage.moved(ACCOUNT)
        self._take_account(push.seq, push.account)
        self._wake.set()

    def told(self, conversation_id: str) -> None:
        """A push of a message: the conversation can be asked again."""
        state = self._states.get(conversation_id)
        if state is not None:
            refused = state.refused
            state.told()
            if refused:
                self._look_at(conversation_id)

    def handed_on(self, conversation_id: str, position: int) -> None:
        """The application gets this message."""
        state = self._states.get(conversation_id)
        if state is not None:
            state.message(position)
            self._unsaved.add(conversation_id)
            self._look_at(conversation_id)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def take_rows(self, result: SyncResult, new: Iterable[str]) -> None:
        """Rows of sync; `new` are conversations that were not followed before."""
        fresh = set(new)
        for row in result.rows:
            name = row.conversation_id
            modseq = row.modseq or 0
            if name in fresh and modseq:
                # Nothing of it is held: all that is read from now on is newer, or lowers `seen`.
                track = self._inbox.get(name)
                have = track.have if track is not None else 0
                self._states[name] = ConversationState(have=have, seen=modseq, top=modseq)
                fresh.discard(name)
            if name in self._states or modseq or row.settings_seq or row.about:
                state = self._of(name)
                if state is not None:
                    self._take_row(name, state, row, modseq)
        if result.account is not None:
            self._take_account(result.account_seq or 0, result.account)

    def _take_row(self, name: str, state: ConversationState[bytes], row: SyncRow, modseq: int) -> None:
        state.row(modseq, former=row.left_at is not None)
        if row.left_at is None:
            self._take_about(name, state, modseq, row.about)
        if row.settings_seq is not None:
            self._take_settings(name, state, row.settings_seq, row.settings)
        self._changed(name, state, ())

    def synced(self) -> None:
        """Every row is known: what is shown can be asked."""
        for conversation_id in sorted(self._shown):
            self._look_at(conversation_id)

    def unsaved(self) -> tuple[dict[str, SavedState], SavedCounted | None]:
        """What the store does not have yet, to be saved in one step; then call `saved`."""
        states = {name: _saved(self._states[name]) for name in self._unsaved if name in self._states}
        account = SavedCounted(self._account.seq, self._account.value) if self._account_unsaved else None
        return states, account

    def saved(self) -> None:
        """The store has it."""
        for name in self._unsaved:
            if name in self._states:
                self._states[name].unsaved.clear()
        self._unsaved.clear()
        self._account_unsaved = False

    # -- pages and answers --------------------------------------------------------------------------------------------

    @contextmanager
    def page_asked(self, conversation_id: str) -> Iterator[None]:
        """While a page is on its way, values of what is not held are kept: it may be about to be."""
        state = self._states.get(conversation_id)
        if state is None:
            yield
            return
        state.paging += 1
        try:
            yield
        finally:
            state.paging -= 1

    def take_page(self, conversation_id: str, page: HistoryResult) -> None:
        """A page that the application gets, at once or as messages. Before these are handed on: who has them already?"""
        modseq = page.modseq or 0
        state = self._states.get(conversation_id)
        if state is None and modseq:
            state = self._of(conversation_id)
        if state is None:
            return
        items = []
        for item in page.items:
            try:
                items.append((item.position, self._encoded(item.extra), self._encoded(item.mine)))
            except TooLarge:
                state.forget_items()
        self._lineage.moved(conversation_id)
        self._changed(conversation_id, state, state.page(modseq, items))

    def shown_as(self, item: Item, modseq: int) -> Item:
        """An item of such a page with what is known of it: a push may have been newer."""
        state = self._states.get(item.conversation_id)
        kept = None if state is None else state.items.get(item.position)
        if kept is None or (kept.modseq <= modseq and kept.mine_modseq <= modseq):
            return item
        return replace(item, extra=_decoded(kept.extra), mine=_decoded(kept.mine))

    def item_stands(self, conversation_id: str, position: int, modseq: int, extra: _Map, mine: _Map) -> None:
        """A put was answered."""
        state = self._of(conversation_id)
        if state is not None:
            try:
                values = self._encoded(extra), self._encoded(mine)
            except TooLarge:
                return
            self._lineage.moved(conversation_id)
            changed = state.answered_put(modseq, position, *values)
            self._changed(conversation_id, state, (position,) if changed else ())

    def about_stands(self, conversation_id: str, modseq: int, about: _Map) -> None:
        """A put to a conversation was answered: right as of its modseq, like a row. It says nothing of items."""
        state = self._of(conversation_id)
        if state is not None:
            state.met = max(state.met, modseq)
            self._take_about(conversation_id, state, modseq, about)
            self._changed(conversation_id, state, ())

    def own_stands(self, conversation_id: str, seq: int, settings: _Map) -> None:
        """A put to one's settings was answered."""
        state = self._of(conversation_id)
        if state is not None:
            self._take_settings(conversation_id, state, seq, settings)
            self._changed(conversation_id, state, ())

    def account_stands(self, seq: int, account: _Map) -> None:
        """A put to one's account was answered."""
        self._take_account(seq, account)
        self._wake.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    def restore(self, saved: Saved) -> None:
        """Resume from the store. Messages kept without state: nothing is known of them since modseq 0."""
        self._account = Counted(saved.account.seq, saved.account.value)
        self._features = saved.features
        for name, one in saved.states.items():
            place = saved.positions.get(name)
            state = ConversationState[bytes](have=place.have if place else 0, seen=one.seen, top=one.top)
            state.met = max(state.met, one.met)
            state.held = Ranges(one.held)
            state.about = Counted(one.about.seq, one.about.value)
            state.settings = Counted(one.settings.seq, one.settings.value)
            state.former = one.former
            for position, item in one.items.items():
                if item is not None:
                    state.items[position] = Kept(item.modseq, item.extra, item.mine_modseq, item.mine)
            self._states[name] = state
            self._bytes += len(state.about.value or b"") + len(state.settings.value or b"")
            self._counted(name, state)

    def served_with(self, features: frozenset[str]) -> bool:
        """WELCOME names the features. Of others, what is kept may show other keys under the same numbers: then it counts as of
        0 until it is told again, True is returned, and the same is to be stored before a sync from the beginning."""
        before, self._features = self._features, features
        if before == features or not (self._states or self._account.seq):
            return False
        for state in self._states.values():
            state.recount()
        self._account.seq = 0
        self._account_unsaved = False
        self._unsaved.clear()
        return True

    def session_lost(self) -> None:
        """What was asked is lost."""
        for state in self._states.values():
            state.session_lost()

    # -- when an older copy of the server's database has come back ------------------------------------------------------

    def met(self, conversation_id: str) -> int:
        """The highest modseq met there."""
        state = self._states.get(conversation_id)
        return 0 if state is None else max(state.met, state.about.seq)

    def fall(self, checked: Checked) -> None:
        """A row that replaces."""
        row = checked.row
        name, former = row.conversation_id, row.left_at is not None
        state = self._states.get(name)
        if state is None and (row.modseq or row.settings_seq or row.about):
            state = self._of(name)
        if state is None:
            return
        about, settings = state.about.value, state.settings.value
        if checked.keep is not None:
            state.cap(checked.keep)
        changed: list[int] = []
        if checked.discard_state:
            changed = state.discard(former=former)
        elif checked.doubt_state:
            state.doubt()
        state.replace(
            row.modseq or 0,
            self._encoded_or_none(row.about),
            row.settings_seq or 0,
            self._encoded_or_none(row.settings),
            former=former,
        )
        self._about_changed(name, about, state.about.value)
        self._settings_changed(name, settings, state.settings.value)
        self._changed(name, state, changed)

    def _encoded_or_none(self, value: _Map) -> bytes | None:
        try:
            return self._encoded(value)
        except TooLarge:
            return None

    def account_is(self, seq: int, account: _Map) -> None:
        """The account's values, whatever was known of them."""
        self._account.seq = -1
        self._take_account(seq, account)

    def is_shown(self, conversation_id: str) -> bool:
        """Whether a screen shows it, or its state is being asked."""
        return conversation_id in self._shown or conversation_id in self._readers

    def drop(self, conversation_id: str) -> None:
        """The conversation is not followed any more. If it is shown, it stays so."""
        state = self._states.pop(conversation_id, None)
        if state is not None:
            state.refused = True  # a reader that waits for its answer asks no more
            self._grown(state.about.value, None)
            self._grown(state.settings.value, None)
            self._count -= self._counts.pop(conversation_id, 0)
            self._unsaved.discard(conversation_id)

    async def run(self) -> None:
        """Save what changed, a moment later, until cancelled."""
        self._running = True
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(self._limits.save_state_every_s)
                self.save()
        finally:
            self._running = False
            readers = list(self._readers.values())
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    def save(self) -> None:
        """Bring the store up to date: values and `seen` in one step."""
        states, account = self.unsaved()
        if states or account is not None:
            self._storage.save_states(states, account, self._lineage.unsaved())
            self._lineage.saved()
            self.saved()

    # -- asking -------------------------------------------------------------------------------------------------------

    def _look_at(self, conversation_id: str) -> None:
        """Ask if something is missing that is shown."""
        state = self._states.get(conversation_id)
        if state is None or not state.due():
            return
        if conversation_id not in self._shown or conversation_id in self._readers:
            return
        if not self._owner.may_offer or not self._running:
            return
        work = self._read(conversation_id, state)
        reader = asyncio.create_task(work, name="imserver_client changes")
        self._readers[conversation_id] = reader
        reader.add_done_callback(partial(self._read_ended, conversation_id))

    def _read_ended(self, conversation_id: str, reader: asyncio.Task[None]) -> None:
        del self._readers[conversation_id]
        if reader.cancelled():
            return
        error = reader.exception()
        if error is None:
            self._look_at(conversation_id)
        elif isinstance(error, Exception) and not isinstance(error, ClientError):
            self._owner.connection_failed(error)

    async def _read(self, conversation_id: str, state: ConversationState[bytes]) -> None:
        """Ask until nothing is missing: one question at a time."""
        while self._states.get(conversation_id) is state and conversation_id in self._shown and state.due():
            after = state.ask()
            self._lineage.changes_asked(conversation_id)
            params = ChangesParams(conversation_id, after, self._limits.changes_rows)
            try:
                result = await self._requests.call(CHANGES, params, patient=False)
            except SessionLost:
                return  # sync comes first
            except Refused:
                state.refuse()
                continue
            if self._states.get(conversation_id) is not state:
                return
            if result.upto < after or (result.more and (result.upto == after or not result.rows)):
                state.refuse()
                self._owner.violated("changes: an answer that does not go on")
                return
            if self._take_answer(conversation_id, state, result):
                await asyncio.sleep(self._limits.ask_again_s)

    def _take_answer(
        self, conversation_id: str, state: ConversationState[bytes], result: ChangesResult
    ) -> bool:
        rows: list[Row[bytes]] = []
        try:
            rows += (
                (row.position, row.modseq, self._encoded(row.extra), self._encoded(row.mine))
                for row in result.rows
            )
        except TooLarge:
            state.forget_items()
        self._lineage.moved(conversation_id)
        changed, behind = state.answer(rows, result.upto, result.more)
        if not result.more:
            self._lineage.changes_answered(conversation_id)
        self._changed(conversation_id, state, changed)
        return behind

    # -- within -------------------------------------------------------------------------------------------------------

    def _encoded(self, value: _Map) -> bytes | None:
        """A map as it is kept; None if it is empty. Raises TooLarge."""
        if not value:
            return None
        try:
            data = encode_content(value)
        except EncodeError:
            raise TooLarge from None
        if len(data) > self._limits.max_state_bytes:
            raise TooLarge
        return data

    def _of(self, conversation_id: str) -> ConversationState[bytes] | None:
        """The state of a followed conversation. One without any had none when its messages were handed on."""
        state = self._states.get(conversation_id)
        track = self._inbox.get(conversation_id)
        if state is None and track is not None:
            state = self._states[conversation_id] = ConversationState(have=track.have)
            state.held.add(1, track.have)
        if state is not None and track is not None:
            state.have = max(state.have, track.have)
        return state

    def _pushed(self, conversation_id: str) -> ConversationState[bytes] | None:
        state = self._of(conversation_id)
        if state is None:
            self._owner.want_sync()
        else:
            self._lineage.moved(conversation_id)
        return state

    def _changed(self, name: str, state: ConversationState[bytes], positions: Sequence[int]) -> None:
        """Tell the application, let go what is too much, and note what is to be saved or asked."""
        for position in positions:
            kept = state.items.get(position) or Kept()
            self._owner.announce(partial(_item_changed, name, position, kept.extra, kept.mine))
        self._counted(name, state)
        self._unsaved.add(name)
        self._wake.set()
        self._look_at(name)

    def _counted(self, name: str, state: ConversationState[bytes]) -> None:
        limits = self._limits
        if len(state.items) > limits.max_item_states:
            most = max(1, limits.max_item_states * 3 // 4)
            positions = sorted(one for one in state.items if one in state.held)
            if len(positions) > most:
                state.cut(positions[-most])
            if len(state.items) > limits.max_item_states:
                state.forget_unheld()
        below = state.held.shorten(limits.max_ranges_held)
        if below is not None:
            state.cut(below)
        self._count += len(state.items) - self._counts.pop(name, 0)
        if state.items:
            self._counts[name] = len(state.items)
        while self._count > limits.max_item_states_in_all and len(self._counts) > 1:
            eldest = next((one for one in self._counts if one not in self._shown), next(iter(self._counts)))
            self._states[eldest].forget_items()
            self._states[eldest].forget_unheld()  # those whose messages have yet to come
            self._unsaved.add(eldest)
            self._count -= self._counts.pop(eldest)

    def _take_about(self, name: str, state: ConversationState[bytes], modseq: int, about: _Map) -> None:
        before = state.about.value
        try:
            value = self._encoded(about)
        except TooLarge:
            return
        if state.row_about(modseq, value):
            self._about_changed(name, before, value)

    def _about_changed(self, name: str, before: bytes | None, about: bytes | None) -> None:
        self._grown(before, about)
        if about != before:
            self._owner.announce(partial(_about_changed, name, about))

    def _take_settings(self, name: str, state: ConversationState[bytes], seq: int, settings: _Map) -> None:
        before = state.settings.value
        try:
            value = self._encoded(settings)
        except TooLarge:
            return
        if state.settings.take(seq, value):
            self._settings_changed(name, before, value)

    def _settings_changed(self, name: str, before: bytes | None, settings: bytes | None) -> None:
        self._grown(before, settings)
        if settings != before:
            self._owner.announce(partial(_settings_changed, name, settings))

    def _take_account(self, seq: int, account: _Map) -> None:
        before = self._account.value
        try:
            value = self._encoded(account)
        except TooLarge:
            return
        if self._account.take(seq, value):
            self._account_unsaved = True
            if value != before:
                self._owner.announce(lambda: AccountChanged(_decoded(value)))

    def _grown(self, before: bytes | None, after: bytes | None) -> None:
        self._bytes += len(after or b"") - len(before or b"")
        if self._bytes > self._limits.max_settings_bytes:
            self._owner.violated("more settings than a client keeps")


def _decoded(value: bytes | None) -> dict[str, Any]:
    return {} if value is None else decode_content(value)


def _item_changed(name: str, position: int, extra: bytes | None, mine: bytes | None) -> ItemChanged:
    return ItemChanged(name, position, _decoded(extra), _decoded(mine))


def _about_changed(name: str, about: bytes | None) -> AboutChanged:
    return AboutChanged(name, _decoded(about))


def _settings_changed(name: str, settings: bytes | None) -> SettingsChanged:
    return SettingsChanged(name, _decoded(settings))


def _saved(state: ConversationState[bytes]) -> SavedState:
    """With the items that changed since the last save, None for those that went."""
    items: dict[int, SavedItem | None] = {}
    for position in state.unsaved:
        kept = state.items.get(position)
        items[position] = (
            None if kept is None else SavedItem(kept.modseq, kept.extra, kept.mine_modseq, kept.mine)
        )
    return SavedState(
        state.seen,
        state.top,
        state.met,
        state.former,
        SavedCounted(state.about.seq, state.about.value),
        SavedCounted(state.settings.seq, state.settings.value),
        tuple(state.held.pairs()),
        items,
    )
