"""The rules of contact: who may write to whom and bring whom somewhere; what a stranger's request and a block keep away.

Two people know each other in one direction at a time. `other` knows `user`, and may be written to and brought into groups by
him, if other wrote to user in their direct conversation, or is by his own act in a small group of both. Anybody else is a
*stranger*: his first direct post is a *request*, and he waits for an answer. Bots write and are written to; whom a plugin may
bring is decided by its host, which *vouches* for them here.

What is quiet stays quiet: in a direct conversation in which only one has written, or one blocks the other, nobody hears of
cursors and of typing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from imserver.chat.permissions import FREE, Bars
from imserver.chat.transaction import ActHooks
from imserver.config import LimitsConfig
from imserver.errors import Refusal, RefusalCode
from imserver.events import ContactChanged
from imserver.model import BOT, User, direct_conversation_id, folded_name
from imserver.store.engine.conversation_cache import ConversationState
from imserver.store.engine.state import StateRules

DAY_MS = 24 * 3600 * 1000
#: A group in which people know each other has at most so many members.
SMALL_GROUP = 50
#: Groups that somebody joined by his own act, the newest, among which a common one is looked for.
GROUPS_LOOKED_AT = 500
#: Whoever left by himself is not brought back for so long.
STAYS_OUT_MS = DAY_MS
#: Users whom one user blocks.
MAX_BLOCKS = 10_000


class ContactLimits(NamedTuple):
    """How strangers are met (`[limits]`). The defaults are a store's own: nobody is a stranger."""

    ask: bool = False
    #: Conversations in which a person was ever a member by himself.
    max_conversations: int = 10_000
    #: People whom one person brings into groups and channels on one day (UTC).
    invitations_per_day: int = 200


NO_STRANGERS = ContactLimits()


def contact_limits(limits: LimitsConfig) -> ContactLimits:
    """As an operator has set them."""
    return ContactLimits(
        limits.strangers == "ask", limits.max_conversations_per_user, limits.invitations_per_day
    )


class Contacts(StateRules):
    """The part of `RuledTransaction` that concerns who knows whom."""

    contacts: ContactLimits
    hooks: ActHooks
    now_ms: int
    change: int

    # -- direct conversations -----------------------------------------------------------------------------------------

    def contact_bars(self, state: ConversationState, user_id: str) -> Bars:
        """What keeps a user from reaching the other one of a direct conversation."""
        [other] = (one for one in state.members if one != user_id)
        return self._bars(user_id, other, waits=state.asked_by == user_id, blocked_by=state.blocked_by)

    def opening_bars(self, user_id: str, other: str) -> Bars:
        """The same before there is a conversation."""
        return self._bars(user_id, other, waits=False, blocked_by=self._blocks_between(user_id, other))

    def _bars(self, user_id: str, other: str, *, waits: bool, blocked_by: Collection[str]) -> Bars:
        waiting = waits and self.contacts.ask and self._is_stranger(user_id, other)
        if not waiting and not blocked_by:
            return FREE
        return Bars(blocked=other in blocked_by, waiting=waiting, refuses=user_id in blocked_by)

    def _is_stranger(self, user_id: str, other: str) -> bool:
        bots = self._bots()
        return user_id not in bots and other not in bots and not self._in_small_group(other, user_id)

    def opened(self, state: ConversationState, user_id: str) -> None:
        """A direct conversation was made by the post of this user."""
        if self.contacts.ask:
            self._put_between(state, user_id)

    def written(self, state: ConversationState, user_id: str) -> None:
        """This user posts to a direct conversation in which one has not written yet."""
        if state.asked_by != user_id:
            self._put_between(state, None)

    def _put_between(self, state: ConversationState, asked_by: str | None) -> None:
        self.journal.note(state.restore, state.memento())
        if asked_by != state.asked_by:
            self._put_asked_by(state, asked_by)
        state.put_contact(asked_by, self._blocks_between(*state.members))

    # -- blocks -------------------------------------------------------------------------------------------------------

    def set_block(self, user_id: str, other_id: str, on: bool) -> bool:
        """Take no direct messages from somebody, or take them again. False if that was so already."""
        if other_id == user_id:
            raise Refusal(RefusalCode.INVALID, "user_id: somebody else", detail="user_id")
        if not self._user_exists(other_id):
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=other_id)
        if (user_id in self._blocks_between(user_id, other_id)) is on:
            return False
        if on:
            for hook in self.hooks.blocking:
                hook(self, user_id, other_id)
            if self._blocks_of(user_id) >= MAX_BLOCKS:
                raise Refusal(RefusalCode.TOO_LARGE, f"at most {MAX_BLOCKS} users", detail=MAX_BLOCKS)
        self._put_block(user_id, other_id, on)
        state = self._state(direct_conversation_id(user_id, other_id))
        if state is not None:
            self._put_between(state, state.asked_by)
            self.events.append(ContactChanged(self.change, state.conversation_id, state.members))
        return True

    # -- groups -------------------------------------------------------------------------------------------------------

    def knows(self, other: str, user_id: str) -> bool:
        """Whether `user_id` may bring `other` somewhere: other wrote to user, or they are together in a small group that other
        joined by his own act; and no block is between them."""
        state = self._state(direct_conversation_id(user_id, other))
        if other in (state.blocked_by if state is not None else self._blocks_between(user_id, other)):
            return False
        if state is not None and state.asked_by != user_id:
            return True
        return self._in_small_group(other, user_id)

    def bring(self, actor_id: str, user_ids: Collection[str], vouches: Callable[[str], bool]) -> None:
        """Judge people whom the actor brings into a conversation, before anything else is written; and count them. Those for
        whom `vouches` says True need not know the actor."""
        bots = self._bots()
        people = [user_id for user_id in user_ids if user_id not in bots]
        full = self._without_room(people, self.contacts.max_conversations)
        if full is not None:
            raise Refusal(
                RefusalCode.FORBIDDEN, "is in as many conversations as one may be", detail={"contact": full}
            )
        if not self.contacts.ask:
            return
        invited = 0 if actor_id in bots else len(people)
        used = self._invitations_left(actor_id, invited)
        for user_id in people:
            if not self.knows(user_id, actor_id) and not vouches(user_id):
                raise stranger(user_id)
        if invited:
            self._put_invited(actor_id, self.now_ms // DAY_MS, used + invited)

    def belongs_to(self, user_id: str, owners: Collection[str]) -> bool:
        """Whether this user is a member of a group that one of the owners runs, among the newest `GROUPS_LOOKED_AT`."""
        return self._in_group_of(user_id, owners)

    def require_room(self, user_id: str) -> None:
        """Raises the refusal if this user is, or was, in as many conversations as one may be."""
        most = self.contacts.max_conversations
        if user_id not in self._bots() and self._without_room([user_id], most) is not None:
            raise Refusal(RefusalCode.TOO_LARGE, f"one is in at most {most} conversations", detail=most)

    def require_return(self, state: ConversationState, actor_id: str, user_id: str, *, at_once: bool) -> None:
        """Judge the return of somebody who left by himself: by his own act, or an operator's, at once, brought by people a day
        later, and by a plugin never."""
        left_on = self._left_on(state, user_id) if self.contacts.ask and not at_once else None
        if left_on is None:
            return
        if actor_id in self._bots() or self.now_ms < left_on + STAYS_OUT_MS:
            raise Refusal(
                RefusalCode.FORBIDDEN, "left here, and stays out for a while", detail={"contact": user_id}
            )

    def require_free_title(self, creator_id: str, title: str) -> None:
        """Raises the refusal of a title that is the name of a bot, unless a bot gives it."""
        if creator_id not in self._bots() and folded_name(title) in self._bots().values():
            raise Refusal(RefusalCode.INVALID, "title: a bot is called that", detail="title")

    def require_free_name(self, user: User) -> None:
        """The same of a person's name. One that is kept may stay: the bot came later."""
        bots, known = self._bots(), self.user(user.user_id)
        if (
            user.kind == BOT
            or user.user_id in bots
            or (known is not None and known.display_name == user.display_name)
        ):
            return
        if folded_name(user.display_name) in bots.values():
            raise Refusal(RefusalCode.INVALID, "display name: a bot is called that", detail="display_name")

    def _invitations_left(self, actor_id: str, more: int) -> int:
        """How many people this user brought today. Raises the refusal if so many more are too many."""
        most, today = self.contacts.invitations_per_day, self.now_ms // DAY_MS
        if more > most:
            raise Refusal(RefusalCode.TOO_LARGE, f"at most {most} people a day", detail=most)
        day, used = self._invited(actor_id)
        used = used if day == today else 0
        if used + more > most:
            back_at = (today + 1) * DAY_MS
            raise Refusal(
                RefusalCode.RATE_LIMITED,
                f"{most} people a day may be brought into groups; again from 00:00 UTC",
                retry_after_ms=back_at - self.now_ms,
                detail={
                    "quota": "invitations_per_day",
                    "used": used,
                    "limit": most,
                    "left": max(0, most - used),
                    "back_at": back_at,
                },
            )
        return used

    # -- rows: implemented by each store ------------------------------------------------------------------------------

    @abstractmethod
    def user(self, user_id: str) -> User | None: ...

    @abstractmethod
    def _bots(self) -> Mapping[str, str]:
        """All bots, with their folded names."""

    @abstractmethod
    def _put_asked_by(self, state: ConversationState, user_id: str | None) -> None:
        """Store who alone has written to a direct conversation; None: both have."""

    @abstractmethod
    def _blocks_between(self, one: str, other: str) -> frozenset[str]:
        """Which of the two blocks the other."""

    @abstractmethod
    def _blocks_of(self, user_id: str) -> int:
        """How many users this one blocks."""

    @abstractmethod
    def _put_block(self, user_id: str, other_id: str, on: bool) -> None: ...

    @abstractmethod
    def _in_small_group(self, other: str, user_id: str) -> bool:
        """Whether both are members of a group of at most `SMALL_GROUP`, which `other` joined by his own act: among the newest
        `GROUPS_LOOKED_AT` of these."""

    @abstractmethod
    def _in_group_of(self, user_id: str, owners: Collection[str]) -> bool:
        """See `belongs_to`."""

    @abstractmethod
    def _without_room(self, user_ids: Collection[str], most: int) -> str | None:
        """One of these who is or was a member of at least so many conversations; None if nobody is."""

    @abstractmethod
    def _invited(self, user_id: str) -> tuple[int, int]:
        """On which day this user brought people last, and how many; zeros if never."""

    @abstractmethod
    def _put_invited(self, user_id: str, day: int, count: int) -> None: ...

    @abstractmethod
    def _left_on(self, state: ConversationState, user_id: str) -> int | None:
        """When this user left the conversation by himself; None for who did not."""

    @abstractmethod
    def _put_left_on(self, state: ConversationState, user_id: str) -> None:
        """This user, whose membership was ended, left by himself, now."""

    @abstractmethod
    def _by_own_act(self, state: ConversationState) -> Collection[str]:
        """Present members who are there by an act of their own."""

    @abstractmethod
    def _put_own_act(self, state: ConversationState, user_id: str) -> None:
        """This member is there by an act of his own."""


def nobody(user_id: str) -> bool:
    """Vouches for nobody."""
    return False


def stranger(user_id: str) -> Refusal:
    """The refusal of bringing somebody who does not know who brings them."""
    return Refusal(
        RefusalCode.FORBIDDEN, "only who wrote to you may be added by you", detail={"contact": user_id}
    )
