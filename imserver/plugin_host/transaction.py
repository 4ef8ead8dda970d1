"""Plugin transaction: a unit of the writer's queue, and the plugin's view of it.

The unit marks its event first, so that a unit which comes second fails before it has done anything. The keys of its messages
are derived from the event, so that a second run makes the same messages; they begin with a time, because the store's index of
keys is cheapest when they grow.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from imserver.chat.naming import put_account
from imserver.chat.permissions import (
    NOTHING,
    TEAM_ONLY,
    Need,
    Relation,
    Target,
    may,
    member,
    newcomer,
    require,
)
from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.chat.units import Unit
from imserver.content import encode_content
from imserver.errors import AlreadyHandled, PluginError, Refusal
from imserver.events import MessagePosted, SetBack, TimerFired
from imserver.feature_host.askers import name_of
from imserver.feature_host.door import Request
from imserver.model import (
    KEY_BYTES,
    PERSON,
    Audience,
    GuestOf,
    Kind,
    Role,
    User,
    content_digest,
    direct_conversation_id,
    direct_pair,
    group_conversation_id,
)
from imserver.plugin_api import Content, Event, Method, Shape, ShownCode, SignInLink, Transaction
from imserver.plugin_host import sign_in
from imserver.plugin_host.attempt import Attempt
from imserver.plugin_host.registrations import Registrations
from imserver.plugin_host.sign_in import STAFF_ROLE
from imserver_protocol.shared.cards import require_card
from imserver_protocol.shared.content import content_fault

P = TypeVar("P", bound=Shape)

_TIME_BYTES = 6

#: What may stand in the audit log as an act: no room for anybody's words.
_ACT = re.compile(r"[a-z]+(\.[a-z]+)*")
MAX_ACT_CHARS = 64
#: An application's own word.
_ROLE = re.compile(r"[\w.:-]{1,64}")
#: Questions of which one transaction may say that they have another answer: 3 µs each, and a day of a busy shop has fewer.
MAX_CHANGED = 512


class Changed(NamedTuple):
    """What a transaction notes for `askers`: a question has another answer, for everybody or for these users. A name of a
    method stands for all its questions."""

    question: bytes | str
    users: frozenset[str] | None


#: What it notes instead if it set or cancelled timers.
TIMERS_CHANGED = "timers"


class Keys:
    """Idempotency keys for one unit: `keys(0)`, `keys(1)`, … are the same for the same event."""

    __slots__ = ("_seed", "_time")

    def __init__(self, at_ms: int, *parts: str | int | bytes) -> None:
        self._time = (at_ms % (1 << 8 * _TIME_BYTES)).to_bytes(_TIME_BYTES, "big")
        self._seed = hashlib.blake2b(digest_size=KEY_BYTES)
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self._seed.update(len(data).to_bytes(4, "big") + data)

    def __call__(self, ordinal: int) -> bytes:
        digest = self._seed.copy()
        digest.update(ordinal.to_bytes(8, "big"))
        return self._time + digest.digest()[: KEY_BYTES - _TIME_BYTES]

    @classmethod
    def of_request(cls, plugin: str, request: Request) -> Keys:
        """Keys that follow from a request's key, and are those of a repeat, too."""
        time = int.from_bytes(request.key[:_TIME_BYTES], "big")
        return cls(time, plugin, "request", request.user_id, request.key)

    @classmethod
    def of_event(cls, plugin: str, event: Event, purpose: str) -> Keys:
        """Keys that follow from the event alone."""
        if isinstance(event, MessagePosted):
            message = event.message
            place = (message.conversation_id, message.position)
            return cls(message.sent_at, plugin, purpose, "message", event.change, *place)
        if isinstance(event, SetBack):
            return cls(event.restored_at, plugin, purpose, "set back", event.run, event.copied_at)
        # A store may give the number of a deleted timer again, so the number alone would not do.
        return cls(event.due_at, plugin, purpose, "timer", event.timer_id, event.name, repr(event.payload))


def conversation_key(plugin: str, key: str) -> bytes:
    """The key of the conversation that a plugin calls `key`: always the same, independent of bots and events."""
    return hashlib.blake2b(f"{plugin}\0{key}".encode(), digest_size=KEY_BYTES, person=b"plugin-conv").digest()


class PluginUnit(Unit):
    """Runs a plugin's synchronous `fn(tx)` and marks the event that it deals with. `future` gets the answer."""

    __slots__ = (
        "_attempt",
        "_event",
        "_first_timer",
        "_fn",
        "_keys",
        "_marked",
        "_max_content_bytes",
        "_registrations",
        "_timers",
        "future",
    )

    def __init__(
        self,
        fn: Callable[[PluginTransaction], Any],
        registrations: Registrations,
        keys: Keys,
        *,
        event: Event | None = None,
        attempt: Attempt | None = None,
        max_content_bytes: int,
    ) -> None:
        super().__init__()
        self._fn = fn
        self._registrations = registrations
        self._keys = keys
        self._event = event
        self._attempt = attempt
        self._max_content_bytes = max_content_bytes
        self._marked = False
        self._timers = False
        self._first_timer: int | None = None
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def through(self, store: Store) -> Any:
        """Submit the unit and wait. Cancelling the waiter takes the unit out of the queue if it has not begun."""
        self.submit(store)
        return await self.future

    def submit(self, store: Store) -> None:
        """Put the unit into the writer's queue; `future` gets its answer."""
        attempt = self._attempt
        try:
            store.submit(self)
        except Exception as error:
            if attempt is not None:
                attempt.failed(error)
            raise
        if attempt is not None:
            attempt.submitted()
        self._registrations.units.add(self)

    def withdrawn(self) -> Exception | None:
        if self.future.cancelled() or (self._attempt is not None and self._attempt.abandoned):
            if self._attempt is not None:
                self._attempt.store_busy = True  # it was ready in time, the queue was not
            return PluginError("withdrawn: the handler was cancelled")
        return None

    def run(self, tx: StoreTransaction) -> Any:
        # May run again after a batch was rolled back: nothing of an earlier run may be left in `self`.
        view = PluginTransaction(tx, self._registrations, self._keys, self._max_content_bytes)
        try:
            if self._event is not None:
                view.handled(self._event)
            result = self._fn(view)
            if inspect.isawaitable(result):
                if inspect.iscoroutine(result):
                    result.close()
                raise PluginError("a transaction is synchronous: fn(tx) must not be `async def`")
        finally:
            self._marked = self._attempt is not None and self._attempt.event in view.marked
            self._timers, self._first_timer = view.timers_changed, view.first_timer
            view.close()
        return result

    def lost(self, error: Exception) -> None:
        """The store failed: the outcome is unknown, and `settle` will not be called."""
        self.error = error
        self.settle()

    def settle(self) -> None:
        error = self.error
        self._registrations.units.discard(self)
        if self._attempt is not None:
            self._attempt.decided(marked=self._marked, error=error)
        if not self.future.done():
            if error is None:
                self.future.set_result(self.result)
            else:
                self.future.set_exception(error)
        if error is None and self._timers:  # second: who is woken by it finds the message landed
            self._registrations.timers_changed(self._first_timer)


class PluginTransaction(Transaction):
    """The store as one plugin may use it: its own tables, its own bots, its own timers. Every call after its unit raises."""

    __slots__ = (
        "_about",
        "_changed",
        "_keys",
        "_max_content_bytes",
        "_open_tx",
        "_ordinal",
        "_registrations",
        "_request",
        "first_timer",
        "marked",
        "timers_changed",
    )

    def __init__(
        self,
        tx: StoreTransaction,
        registrations: Registrations,
        keys: Keys,
        max_content_bytes: int,
        request: Request | None = None,
        about: frozenset[str] = frozenset(),
    ) -> None:
        self._open_tx: StoreTransaction | None = tx
        self._about = about
        self._request = request
        #: In the order in which it was told. The one note of this transaction holds it.
        self._changed: dict[Changed, None] = {}
        self._registrations = registrations
        self._keys = keys
        self._ordinal = 0
        self._max_content_bytes = max_content_bytes
        #: Events marked in this transaction.
        self.marked: list[Event] = []
        self.timers_changed = False
        #: The first time for which one was set, if none was cancelled.
        self.first_timer: int | None = None

    def close(self) -> None:
        """End the transaction: a reference that the plugin kept raises from now on."""
        self._open_tx = None

    @property
    def now_ms(self) -> int:
        return self._tx.now_ms

    # -- the plugin's own tables, timers and events -------------------------------------------------------------------

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._tx.plugin_sql(self._registrations.name, sql, params)

    def schedule(self, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        if not self.timers_changed:
            self.timers_changed, self.first_timer = True, due_at
        elif self.first_timer is not None:
            self.first_timer = min(self.first_timer, due_at)
        return self._tx.schedule(self._registrations.name, due_at, name, payload)

    def cancel_timer(self, timer_id: int) -> bool:
        self.timers_changed = True
        self.first_timer = None
        return self._tx.cancel_timer(self._registrations.name, timer_id)

    def handled(self, event: Event) -> None:
        if event in self.marked:
            return
        if isinstance(event, TimerFired):
            if event.plugin != self._registrations.name:
                raise PluginError(f"a timer of the plugin {event.plugin!r}")
            self._tx.mark_timer_done(event.timer_id)
        elif isinstance(event, SetBack):
            self._tx.mark_set_back(self._registrations.name, event.run)
            for timer in event.may_have_been_sent:
                self._tx.cancel_timer(self._registrations.name, timer.timer_id)
        else:
            # Of a message that is not in hand it is not known what is before it.
            upto = self._registrations.in_hand.get(event.change, 0)
            self._tx.mark_handled(self._registrations.name, event.change, upto)
        self.marked.append(event)

    def record_failure(self, event: str, error_id: str, text: str) -> None:
        """For the host: add a row to `plugin_failures`."""
        self._tx.record_failure(self._registrations.name, event, error_id, text)

    # -- messages -----------------------------------------------------------------------------------------------------

    def post(self, conversation_id: str, content: Content, *, sender_id: str | None = None) -> int:
        bot = self._bots_in(conversation_id)[0] if sender_id is None else self._own(sender_id)
        data = self._encoded(content)
        posted = self._tx.post(
            conversation_id, bot, self._next_key(), data, sent_at=self._tx.now_ms, digest=content_digest(data)
        )
        return posted.position

    def edit(self, conversation_id: str, position: int, content: Content) -> int:
        data = self._encoded(content)
        bot = self._bot_for(conversation_id, position, Need.CHANGE_OWN)
        edited = self._tx.replace_content(conversation_id, position, data)
        telling = {"event": "edited", "target": position, "revision": edited.revision}
        digest = content_digest(b"edit %d " % position + data)
        self._tx.post_system(conversation_id, bot, self._next_key(), digest, telling)
        return edited.revision

    def retract(self, conversation_id: str, position: int) -> int:
        bot = self._bot_for(conversation_id, position, Need.CHANGE_OWN, Need.CHANGE_ANY)
        retracted = self._tx.replace_content(conversation_id, position, None)
        telling = {"event": "retracted", "target": position, "revision": retracted.revision}
        digest = content_digest(b"retract %d" % position)
        self._tx.post_system(conversation_id, bot, self._next_key(), digest, telling)
        return retracted.revision

    def post_system(self, conversation_id: str, telling: Mapping[str, Any]) -> int:
        request = self._request
        if request is None or not request.key:
            raise PluginError("post_system: only in a method whose requests have keys")
        if conversation_id != request.conversation_id:
            raise PluginError("post_system: only in the conversation that the request names")
        prefix = f"x-{self._registrations.name}."
        if not str(telling.get("event", "")).startswith(prefix):
            raise PluginError(f"post_system: an event that begins with {prefix!r}")
        with plugin_fault("telling"):
            size = len(encode_content({"type": "system", **telling}))
        if size > self._max_content_bytes:
            raise PluginError(f"telling: at most {self._max_content_bytes} bytes, not {size}")
        return self._tx.post_system(conversation_id, request.user_id, request.key, request.digest, telling)

    # -- what others hear, and what is kept of it ---------------------------------------------------------------------

    def changed(
        self, method: Method[P, Any], params: P | None, *, users: Iterable[str] | None = None
    ) -> None:
        if method.name not in self._registrations.hinted:
            raise PluginError(f"changed({method.name!r}): no read of this plugin with `hints`")
        with plugin_fault("params"):
            question = method.name if params is None else name_of(method, params)
        changed = Changed(question, None if users is None else frozenset(users))
        if changed in self._changed:
            return
        if len(self._changed) >= MAX_CHANGED:
            raise PluginError(f"changed: at most {MAX_CHANGED} questions in a transaction")
        if not self._changed:
            # One event for all: a turn of booking's names a dozen, and each is looked at by the fan-out.
            self._tx.note_plugin(self._registrations.name, self._changed)
        self._changed[changed] = None

    def audit(
        self,
        act: str,
        *,
        actor_id: str | None = None,
        about_id: str | None = None,
        conversation_id: str | None = None,
        position: int | None = None,
    ) -> None:
        if len(act) > MAX_ACT_CHARS or _ACT.fullmatch(act) is None:
            raise PluginError(f"audit: words of a-z joined by dots, at most {MAX_ACT_CHARS} characters")
        if position is not None and conversation_id is None:
            raise PluginError("audit: a position is one of a conversation")
        self._tx.audit(
            self._registrations.name,
            act,
            actor_id=actor_id,
            about_id=about_id,
            conversation_id=conversation_id,
            position=position,
        )

    # -- conversations ------------------------------------------------------------------------------------------------

    def ensure_conversation(
        self,
        key: str,
        kind: Kind,
        members: Mapping[str, Role],
        *,
        title: str = "",
        owner_id: str | None = None,
        team: str | None = None,
    ) -> str:
        owner = self._first_bot() if owner_id is None else self._own(owner_id)
        others = {user_id: role for user_id, role in members.items() if user_id != owner}
        if kind is Kind.DIRECT:
            if team is not None:
                raise PluginError("a direct conversation has no team")
            if len(others) != 1:
                raise PluginError("a direct conversation has one member beside the bot")
            return direct_conversation_id(owner, *others)  # made by its first post
        made_with = conversation_key(self._registrations.name, key)
        conversation_id = group_conversation_id(owner, made_with)
        if self._tx.audience(conversation_id) is not None:
            return conversation_id
        asking = [user_id for user_id in others if user_id in self._asking()]
        return self._tx.create_conversation(
            owner, made_with, kind, title, others, team, vouches=self._vouches, own_act=asking
        )[0]

    def set_title(self, conversation_id: str, title: str) -> None:
        bot = self._bot_that_may(Need.ADMINISTER_CONVERSATION, conversation_id, NOTHING)
        require(Need.ADMINISTER_CONVERSATION, self._tx.seat(conversation_id, bot))
        self._tx.set_title(conversation_id, bot, title)

    def set_team(self, conversation_id: str, team: str, *, keep: Iterable[str] = ()) -> None:
        for place in (team, conversation_id):
            bot = self._bot_that_may(Need.ADMINISTER_CONVERSATION, place, NOTHING)
            require(Need.ADMINISTER_CONVERSATION, self._tx.seat(place, bot))
        self._tx.set_team(conversation_id, team, keep=tuple(keep))

    def add_member(
        self, conversation_id: str, user_id: str, role: Role = Role.MEMBER, *, lets_back: bool = False
    ) -> None:
        if self._tx.seat(conversation_id, user_id).standing.relation is not Relation.MEMBER:
            actor = self._bot_that_may(Need.INVITE, conversation_id, newcomer(role))
            self._tx.add_member(
                conversation_id,
                actor,
                self._next_key(),
                user_id,
                role,
                vouches=self._vouches,
                own_act=user_id in self._asking(),
                lets_back=lets_back,
            )

    def remove_member(self, conversation_id: str, user_id: str) -> None:
        role = self.members(conversation_id).get(user_id)
        if role is not None:
            by_team = self._tx.seat(conversation_id, user_id).standing.relation is Relation.TEAM_MEMBER
            target = TEAM_ONLY if by_team else member(role)
            actor = self._bot_that_may(Need.MANAGE, conversation_id, target)
            self._tx.remove_member(conversation_id, actor, self._next_key(), user_id)

    def members(self, conversation_id: str) -> Audience:
        return self._tx.audience(conversation_id) or {}

    # -- accounts -----------------------------------------------------------------------------------------------------

    def user(self, user_id: str) -> User | None:
        return self._tx.user(user_id)

    def guest_of(self, user_id: str) -> GuestOf | None:
        return self._tx.guest_of(user_id)

    def ensure_user(self, user: User) -> None:
        known = self._tx.user(user.user_id)
        wanted = replace(user, kind=PERSON if known is None else known.kind)
        if wanted != known:
            put_account(self._tx, wanted, giver=self._registrations.name)

    def is_active(self, user_id: str) -> bool:
        return self._tx.is_active(user_id)

    def give_role(self, user_id: str, role: str) -> bool:
        if _ROLE.fullmatch(role) is None:
            raise PluginError(f"role {role!r}: a word of at most 64 characters, without spaces")
        self._tx.number_of(user_id)
        return self._tx.is_active(user_id) and self._tx.give_role(user_id, role, self._registrations.name)

    def take_role(self, user_id: str, role: str) -> bool:
        return self._tx.take_role(user_id, role, self._registrations.name)

    # -- who signs in (`sign_in`) -------------------------------------------------------------------------------------

    def shown_code(self, code: str) -> ShownCode | None:
        return sign_in.shown_code(self._tx, code)

    def ask_guest(self, code: str, account_id: str, *, asked_by: str, about: Mapping[str, Any]) -> ShownCode:
        name = self._registrations.name
        with plugin_fault("about"):
            return sign_in.ask_guest(self._tx, name, code, account_id, asked_by, about)

    def make_link(self, user_id: str, *, asked_by: str) -> SignInLink:
        return sign_in.make_link(self._tx, self._registrations, user_id, asked_by)

    def make_bot(self, user: User) -> None:
        """For the host: make or update an account that this plugin speaks as."""
        known = self._tx.user(user.user_id)
        if known is None or replace(user, kind=known.kind) != known:
            self._tx.put_user(user, giver=self._registrations.name)
        try:
            self._tx.make_bot(user.user_id)
        except Refusal:
            raise PluginError(
                f"the account {user.user_id!r} is a person's, who has logged in: give the bot another id"
            ) from None

    # -- parts --------------------------------------------------------------------------------------------------------

    @property
    def _tx(self) -> StoreTransaction:
        if self._open_tx is None:
            raise PluginError("this transaction is over: use `tx` only inside fn(tx)")
        return self._open_tx

    def _asking(self) -> set[str]:
        """Who acts in this transaction: the senders of the messages that it deals with, who asked the method, and who goes on
        as another account."""
        asking = {event.message.sender_id for event in self.marked if isinstance(event, MessagePosted)}
        asking |= self._about
        if self._request is not None:
            asking.add(self._request.user_id)
        return asking

    def _vouches(self, user_id: str) -> bool:
        """Whether the plugin may bring this person somewhere: who asks, who is staff, who is in a group that a bot of the
        plugin runs, and who knows any of its bots."""
        tx, bots = self._tx, self._registrations.bots
        user = tx.user(user_id)
        return (
            user_id in self._asking()
            or (user is not None and STAFF_ROLE in user.roles)
            or tx.belongs_to(user_id, bots)
            or any(tx.knows(user_id, bot) for bot in bots)
        )

    def _next_key(self) -> bytes:
        key = self._keys(self._ordinal)
        self._ordinal += 1
        return key

    def _encoded(self, content: Content) -> bytes:
        with plugin_fault("content"):
            data = encode_content(checked_content(content))
        if len(data) > self._max_content_bytes:
            raise PluginError(f"content: at most {self._max_content_bytes} bytes, not {len(data)}")
        return data

    def _own(self, sender_id: str) -> str:
        if sender_id not in self._registrations.bots:
            raise PluginError(f"{sender_id!r} is not a bot of the plugin {self._registrations.name!r}")
        return sender_id

    def _first_bot(self) -> str:
        for bot in self._registrations.bots:
            return bot
        raise PluginError("the plugin has no bot: call `await context.ensure_bot(…)` first")

    def _bots_in(self, conversation_id: str) -> list[str]:
        """The plugin's bots that are members, in order of registration; at least its first bot (to be refused properly)."""
        audience = self._tx.audience(conversation_id)
        members: Sequence[str] | Audience = (
            direct_pair(conversation_id) or () if audience is None else audience
        )
        return bots_among(members, self._registrations.bots) or [self._first_bot()]

    def _bot_for(self, conversation_id: str, position: int, *needs: Need) -> str:
        """The plugin's bot that may do one of these to the message; raises the refusal of the first bot, to the last need, if
        none may."""
        bots, tx = self._bots_in(conversation_id), self._tx
        aims = [(bot, tx.aimed(conversation_id, bot, position)[0]) for bot in bots]
        for need in needs:
            for bot, target in aims:
                if may(need, tx.seat(conversation_id, bot), target):
                    return bot
        bot, target = aims[0]
        require(needs[-1], tx.seat(conversation_id, bot), target)
        return bot

    def _bot_that_may(self, need: Need, conversation_id: str, target: Target) -> str:
        """The first of the plugin's bots that may do it; its first bot there (to be refused properly) if none may."""
        bots, tx = self._bots_in(conversation_id), self._tx
        able = (bot for bot in bots if may(need, tx.seat(conversation_id, bot), target))
        return next(able, bots[0])


def bots_among(members: Sequence[str] | Audience, bots: Mapping[str, None]) -> list[str]:
    """Those of `bots` that are members, in the order of `bots`. The cost is that of the smaller set."""
    if len(members) < len(bots):
        found = {user_id for user_id in members if user_id in bots}
        return sorted(found, key=list(bots).index) if len(found) > 1 else list(found)
    return [bot for bot in bots if bot in members]


def checked_content(content: Content) -> Content:
    """Check content by the rules for users: a map with a `type`; `system` is the server's own. Of a card all of it: its author
    stands before us, and a misspelt key would be a button that nobody sees."""
    fault = content_fault(content)
    if fault is not None:
        raise ValueError(fault[1])
    if content["type"] == "card":
        require_card(content)
    return content


class plugin_fault:  # noqa: N801 - used as a function is
    """Turn an error that a plugin's value causes in our code into a PluginError that names the value. A generator would cost
    three times as much, and a booking enters sixteen (benchmark `booking`)."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, (AlreadyHandled, PluginError, Refusal)):
            return
        raise PluginError(f"{self._what}: {error}") from error
