"""The store as units see it, as a Protocol: `Transaction` for what is written. `reader.Reader` is for what is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from imserver.chat.browser_rows import BrowserRows
from imserver.chat.permissions import Seat, Target
from imserver.model import (
    Audience,
    Cursors,
    ItemState,
    Kind,
    Message,
    Role,
    Usage,
    User,
)

#: Who gives roles, and does other acts, unless a plugin does: the operator, and the program around the server.
OPERATOR = "operator"


class Posted(tuple[int, int, bool]):
    """`(position, sent_at_ms, duplicate)`: the result in the reply to a post."""

    __slots__ = ()

    @property
    def position(self) -> int:
        return self[0]

    @property
    def sent_at(self) -> int:
        return self[1]

    @property
    def duplicate(self) -> bool:
        return self[2]


@dataclass(slots=True)
class ActHooks:
    """Called in the transaction of an act, behind it; what one raises undoes the unit."""

    #: (transaction, conversation id, the message as it is now; without content it was taken back)
    content_replaced: Sequence[Callable[[Any, str, Message], None]] = ()
    #: (transaction, conversation id, user id)
    member_left: Sequence[Callable[[Any, str, str], None]] = ()
    #: (transaction, user id, whom this user is about to block): what raises keeps it from that
    blocking: Sequence[Callable[[Any, str, str], None]] = ()


class Transaction(BrowserRows, Protocol):
    """The store inside one transaction, on the writer's thread. Every method raises `Refusal` if the rules forbid the call,
    and lets the database's own errors pass, for the batch to judge.

    Whatever str is looked for, one that cannot be stored (with a lone surrogate, and where the database has no U+0000 with
    that) names nothing, and is no error. Where something is in order of ids, that is the order of their UTF-8 bytes.

    Methods that take a `key` are idempotent: the same key by the same actor in the same conversation returns the original
    outcome with `duplicate = True`, looked up *before* any refusal; the same key with another request is KEY_REUSED, one that
    is not of 16 bytes INVALID. A method that refuses has written nothing, so a unit may catch the refusal and go on.

    Every fact takes the next number of one counter, the *change*: a message, an edit (one for the new content, the next for the
    system message that tells of it), a moved cursor, a change of state. Accounts and what is a plugin's take none. An undone
    unit gives its numbers back. What sets a state to what it is already changes nothing, and takes none.
    """

    @property
    def now_ms(self) -> int:
        """Wall time, UTC milliseconds, the same for the whole transaction. May be lower than in the one before."""
        ...

    # messages
    def post(
        self,
        conversation_id: str,
        sender_id: str,
        key: bytes,
        content: bytes,
        *,
        sent_at: int,
        digest: bytes | None = None,
    ) -> Posted:
        """Append a message at the position behind the head. The first post makes a direct conversation (both users must exist).

        `digest` stands for the content as its author sent it (by default the content's own); `sent_at` of a duplicate is that
        of the first."""
        ...

    def replace_content(
        self,
        conversation_id: str,
        position: int,
        content: bytes | None,
        *,
        expected_revision: int | None = None,
    ) -> Message:
        """Give a message another content, whoever wrote it, and return it as it is then. GONE for a tombstone, CONFLICT if the
        revision is not the expected one.

        Position, time and key stay; the revision goes up by one. The earlier content is kept for those who leave before the
        next message, which is to tell of the new one. None takes the message back: its earlier contents are erased."""
        ...

    def post_system(
        self, conversation_id: str, actor_id: str, key: bytes, digest: bytes, telling: Mapping[str, Any]
    ) -> int:
        """Append the system message that tells of an act (`telling["event"]`): under the key of its request, from who acted.
        Returns its position. Some events are *silent*: they leave the conversation where it is in lists."""
        ...

    def aimed(self, conversation_id: str, user_id: str, position: int) -> tuple[Target, Message | None]:
        """The message that an act is aimed at, as far as the user may read: as `permissions` sees it, and as it is now."""
        ...

    def message(self, conversation_id: str, position: int) -> Message | None:
        """The message as it is now, for no user in particular; None if there is none at this position."""
        ...

    def told_under(self, conversation_id: str, actor_id: str, key: bytes, digest: bytes) -> Message | None:
        """The system message by which an earlier request under this key was told, as it is now; KEY_REUSED if that request was
        another. The actor need not be a member any more."""
        ...

    # what leaves no message
    def outcome(self, user_id: str, key: bytes, method: str, digest: bytes) -> bytes | None:
        """The result kept under this key of this user; None if there is none. KEY_REUSED if the request was another."""
        ...

    def keep_outcome(self, user_id: str, key: bytes, method: str, digest: bytes, result: bytes) -> None:
        """Keep the result of a request that is not to happen twice, for 30 days. Keys of outcomes and of messages do not
        meet."""
        ...

    def find_key(
        self, conversation_id: str, sender_id: str, key: bytes, digest: bytes | None = None
    ) -> Posted | None:
        """Find the message committed under this key, if any. With `digest`: KEY_REUSED if the content was another. The sender
        need not be a member any more."""
        ...

    # conversations and members
    def create_conversation(
        self,
        creator_id: str,
        key: bytes,
        kind: Kind,
        title: str,
        members: Mapping[str, Role],
        team: str | None = None,
        *,
        vouches: Callable[[str], bool] = ...,
        own_act: Collection[str] = (),
    ) -> tuple[str, int, bool]:
        """Make a group or a channel, whose owner the creator becomes. Returns (conversation id, position of the system message,
        duplicate). The id follows from creator and key; all members have joined at position 1.

        Members know the creator, or the caller `vouches` for them, else FORBIDDEN (detail `contact`); those in `own_act` come
        by an act of their own. A title that a bot has as its name is INVALID.

        `team`: a group whose persons are members, too, as long as they are in it; the creator runs that group. NOT_FOUND for
        one that the creator is not in, INVALID if it is no group or has a team, TOO_LARGE above 200 persons."""
        ...

    def set_title(self, conversation_id: str, actor_id: str, title: str) -> None:
        """Give a group or a channel another title; no effect if it is that one. INVALID as in `create_conversation`, and for a
        direct conversation. No message and no push tells of it: the conversation counts as changed, so the next `sync` does."""
        ...

    def set_team(self, conversation_id: str, team_id: str, *, keep: Collection[str] = ()) -> None:
        """Give a group a team, for ever: no effect if it has that one, CONFLICT if it has another. Refuses as
        `create_conversation` does, but asks for nobody's role. Nothing tells of it.

        Its members who are in the team are members by the team from now on, as `member`, with their cursors; the owner, who is
        muted, and whom `keep` names stays as well. Former members who are, or ever were, in the team keep no right to read, but
        those whom `keep` names."""
        ...

    def add_member(
        self,
        conversation_id: str,
        actor_id: str,
        key: bytes,
        user_id: str,
        role: Role,
        *,
        vouches: Callable[[str], bool] = ...,
        own_act: bool = False,
        lets_back: bool = False,
    ) -> tuple[int, bool]:
        """Add a member, who knows the actor or for whom the caller vouches; or give one another role (CONFLICT if it is that
        already). Returns (position of the system message, duplicate). A newcomer, also one who comes back, has joined at that
        position; TOO_LARGE if there is no room. Whoever is here by the team alone is a newcomer, and has a role of his own from
        then on. `lets_back`: an operator wants it, so that whoever left by himself comes back at once."""
        ...

    def remove_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str
    ) -> tuple[int, bool]:
        """Remove a member, or leave (`actor_id == user_id`). Returns (position of the system message, duplicate).

        Who goes is told of it, and reads up to that message and as it was then. A conversation whose owner goes gets the next
        one by `permissions.heir`, in the same message; without a member left it has none. Whoever is in the team goes on
        as a member by it; one who is here by the team alone is removed there (FORBIDDEN, detail `team`)."""
        ...

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        """Where a user stands in a conversation now. A former member is a stranger to all that writes."""
        ...

    def audience(self, conversation_id: str) -> Audience | None:
        """Members now; None if there is no such conversation."""
        ...

    def move_cursors(
        self, conversation_id: str, user_id: str, delivered: int | None, read: int | None
    ) -> Cursors:
        """Move a member's cursors up, and return them. They never go down: a lower value has no effect, and nothing at all
        takes no change. What is read is delivered. INVALID above the head. Told to all members, or, where there are no
        receipts, to the user alone."""
        ...

    # contacts
    def set_block(self, user_id: str, other_id: str, on: bool) -> bool:
        """Take no direct messages from somebody, or take them again; what features hear of it is theirs to tell. False if that
        was so already. NOT_FOUND for who does not exist."""
        ...

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        """Whom this user blocks: user ids in their order, behind `after`, at most so many."""
        ...

    def knows(self, other: str, user_id: str) -> bool:
        """Whether `user_id` may bring `other` somewhere: other wrote to user, or is with user in a small group that other
        joined by an act of his own; and other does not block user."""
        ...

    def belongs_to(self, user_id: str, owners: Collection[str]) -> bool:
        """Whether this user is a member of a group that one of the owners runs, as far as the newest groups tell."""
        ...

    def require_free_name(self, user: User) -> None:
        """Raises INVALID if this person is to be called what a bot is called."""
        ...

    # state that is no message
    def set_item(
        self,
        conversation_id: str,
        position: int,
        name: str,
        value: Any,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        """Set what a message shows under this name, for everybody, and what it shows to each of the users in `own` alone.

        None removes. Where nothing is left for everybody, everybody's own is gone, too; a value of one's own beside that is a
        ValueError. NOT_FOUND without such a message or user; TOO_LARGE above the bounds of values and maps, and for more than
        16 messages of one conversation in a unit. All that a unit sets on messages of one conversation is one step: one
        modseq, one change, one event (but a change of members between two begins another)."""
        ...

    def item(self, conversation_id: str, position: int, user_id: str) -> ItemState:
        """What the message shows this user now, in this transaction, under the conversation's modseq of now."""
        ...

    def set_about(self, conversation_id: str, name: str, value: Any) -> None:
        """Set what the conversation shows under this name, for everybody; None removes. Takes a modseq."""
        ...

    def about(self, conversation_id: str) -> tuple[int, Mapping[str, Any]]:
        """The conversation's modseq, and what it shows now, in this transaction."""
        ...

    def set_own(self, conversation_id: str, user_id: str, name: str, value: Any) -> None:
        """Set one of a member's settings in the conversation, which nobody else sees; None removes. Takes no modseq: settings
        have a counter of their own. NOT_FOUND for who is no member now."""
        ...

    def settings(self, conversation_id: str, user_id: str) -> tuple[int, Mapping[str, Any]]:
        """A member's settings in the conversation now, in this transaction, and how often they changed. NOT_FOUND for who is no
        member now."""
        ...

    def set_account(self, user_id: str, name: str, value: Any) -> None:
        """Set something of an account, which nobody else sees; None removes."""
        ...

    def account(self, user_id: str) -> tuple[int, Mapping[str, Any]]:
        """What the account keeps now, in this transaction, and how often that changed. NOT_FOUND."""
        ...

    # accounts
    def put_user(self, user: User, *, giver: str = OPERATOR) -> None:
        """Make an account, or replace what is known of it. `UnicodeEncodeError` for an id that is no text.

        A role that is new to it is given by `giver`; one that it has no more is taken, whoever gave it. The kind of an account
        that is there stays: see `make_bot`."""
        ...

    def user(self, user_id: str) -> User | None:
        """The account, as this transaction has it; None if there is none."""
        ...

    def make_bot(self, user_id: str) -> None:
        """Make the account a bot's, which no token lets in. CONFLICT if a token of its was used, unless it has had the role
        `bot` since before givers were kept; NOT_FOUND."""
        ...

    def give_role(self, user_id: str, role: str, giver: str) -> bool:
        """Give a role; False if this giver had given it. It stays as long as any of its givers lets it. NOT_FOUND."""
        ...

    def take_role(self, user_id: str, role: str, giver: str) -> bool:
        """Take back what this giver has given, and what nobody knows who gave. False if there is none of that. NOT_FOUND."""
        ...

    def is_active(self, user_id: str) -> bool:
        """Whether there is such an account, and it is not disabled."""
        ...

    def require_active(self, user_id: str) -> None:
        """FORBIDDEN for a disabled account."""
        ...

    def disable_user(self, user_id: str) -> bool:
        """Refuse all that the account asks, from now on. False if it is so already. NOT_FOUND."""
        ...

    def enable_user(self, user_id: str) -> bool:
        """Take that back. False if there is nothing to take back. NOT_FOUND."""
        ...

    def bind_token(
        self,
        token_id: str,
        user_id: str,
        device_id: str,
        issued_at: int | None = None,
        expires_at: int | None = None,
    ) -> str:
        """The device that the token belongs to: bound to `device_id` if this is its first use, for ever. NOT_FOUND if there is
        no such user. It is kept with its times (UTC ms) until it has expired and its user comes with another one."""
        ...

    def revoke_token(self, user_id: str, token_id: str, until: int) -> bool:
        """Accept the token no more. Nobody asks from `until` on. False if it was revoked already. NOT_FOUND."""
        ...

    def revoke_before(self, user_id: str, device_id: str | None, before: int, until: int) -> bool:
        """Accept no token of this device (None: of any) that was issued before then, or does not say when. False if it was
        revoked already. NOT_FOUND."""
        ...

    def put_used(self, used: Iterable[Usage]) -> None:
        """What users have posted by now, each in the place of what was known; who has no account is passed over."""
        ...

    # features and plugins
    def push(self, user_ids: Iterable[str], kind: str, fields: Sequence[Any]) -> None:
        """Push to all sessions of these users after the commit, in commit order. What is pushed so is told by a read, too."""
        ...

    def place_no(self, conversation_id: str) -> int:
        """The number of a conversation in rows of features, for ever the same. NOT_FOUND."""
        ...

    def place_named(self, place: int) -> str:
        """The conversation that has this number. NOT_FOUND."""
        ...

    def number_of(self, user_id: str) -> int:
        """The number of a user in rows of features, for ever the same. NOT_FOUND."""
        ...

    def feature_sql(self, feature: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """`plugin_sql` for a feature of ours, which may also read the views `readable`, `said` and `people`, and whose time is
        not measured."""
        ...

    def plugin_sql(self, plugin: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the plugin's own tables (name prefix `PLUGIN_`). Rows of SELECT and RETURNING, else [].

        `params` stand for the `?` of the statement that are in no text, name or comment, in order. Values, there and in rows,
        are None, int (64 bits with the sign), str, and whatever else the engine has; a value that it cannot store, or as many
        as do not fit, is a `PluginError`. SQL for every engine: see `Store.migrate_plugin`.

        `UniqueViolation` for a key that is taken, `PluginError` for any other fault of the statement: it is undone alone, and
        the unit may catch it and go on. `PluginError` too for all that is not the plugin's (other tables, the catalogue,
        functions that make tables of a text or reach files, anything that makes or changes tables or ends a transaction), for
        two statements in one, for a name as `migrate_plugin` refuses it, and beyond 50 ms of SQL in one unit.

        A statement that makes the database end the transaction fails this unit alone, though all others of the batch are done
        again. A constraint that waits for the commit fails its unit there, with `PluginError` (`Engine.commit`), and no
        neighbour. A fault of the disk is raised as it is: `Engine.fault_of` is asked for its kind."""
        ...

    def note_plugin(self, plugin: str, what: Any) -> None:
        """Hand something to the plugin's host behind the commit, in commit order: an event, and no row."""
        ...

    def audit(
        self,
        source: str,
        act: str,
        *,
        actor_id: str | None = None,
        about_id: str | None = None,
        conversation_id: str | None = None,
        position: int | None = None,
    ) -> None:
        """Keep who did what to whom, now, in the audit log, whose rows name accounts and conversations by number. `source` is
        the plugin that says so. NOT_FOUND for a user or a conversation that is not there."""
        ...

    def schedule(self, plugin: str, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        """Set a durable timer; returns its id, which no other timer of this database ever had or gets. `payload` is what
        `imserver.content` encodes, and comes back equal."""
        ...

    def cancel_timer(self, plugin: str, timer_id: int) -> bool:
        """Delete a timer of this plugin. False if there is none."""
        ...

    def mark_handled(self, plugin: str, change: int, upto: int | None = None) -> None:
        """Remember that the plugin has dealt with `change`, and with everything up to `upto` (by default: up to `change`): its
        cursor is moved there, or made; above it single changes are remembered. Raises `AlreadyHandled` if it was before."""
        ...

    def pass_handled(self, plugin: str, upto: int, ahead: Sequence[int]) -> None:
        """Remember that the plugin has dealt with everything up to `upto`, and above that with these; no matter what of it was
        remembered before."""
        ...

    def mark_set_back(self, plugin: str, run: int) -> None:
        """Note that the plugin was told of the older copy with which this run of the lineage began; raises `AlreadyHandled` if
        it was."""
        ...

    def mark_timer_done(self, timer_id: int) -> None:
        """Delete a fired timer; raises `AlreadyHandled` if it is gone."""
        ...

    def record_failure(self, plugin: str, event: str, error_id: str, text: str) -> None:
        """Keep what became of an event that a plugin could not handle, for operators: with the time, in the table
        `plugin_failures`, which nothing else reads."""
        ...
