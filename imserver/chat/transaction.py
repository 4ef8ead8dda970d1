"""The store as units and queries see it, as Protocols: `Transaction` for writes, `Reader` for reads of one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from imserver.chat.browser_rows import BrowserReads, BrowserRows
from imserver.chat.permissions import Seat, Target
from imserver.model import (
    Account,
    Agreement,
    Audience,
    AuditRow,
    Changes,
    ConversationRow,
    Cursors,
    ItemPage,
    ItemState,
    Kind,
    Learnt,
    Membership,
    Message,
    Page,
    Person,
    Role,
    SignIn,
    SyncPage,
    Usage,
    UsedToken,
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


#: Whether a page takes one more row.
Takes: TypeAlias = Callable[[ConversationRow], bool]


class Reader(BrowserReads, Protocol):
    """Reads in one snapshot, on a reader's thread. Raises `Refusal` (NOT_FOUND, EPOCH_CHANGED) like the wire would.

    An outsider cannot tell a conversation from none. A former member is shown what was to be read at leaving: no later message,
    edit, title, cursor or state.
    """

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        """A page of ascending positions: from `after` on, before `before`, or (neither) the newest; at most `limit` items
        and about `max_bytes` (see `engine.pages`), one at least. It says which positions it covers. EPOCH_CHANGED for an
        `after` above what the user may read: who knows more knows another history."""
        ...

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        """The same page as plain tuples, with the state of its messages, for callers that only encode it.

        A former member is shown what came about up to leaving, and of a message that changed later nothing."""
        ...

    def changes(
        self, conversation_id: str, user_id: str, after_modseq: int, limit: int, max_bytes: int
    ) -> Changes:
        """Messages whose state changed after this modseq, as it is now, by modseq: at most `limit`, and about `max_bytes`, but
        always whole steps, one at least. Removed state is an empty map. NOT_FOUND for a former member, too."""
        ...

    def sync_page(self, user_id: str, since: str | None, limit: int, takes: Takes | None = None) -> SyncPage:
        """`sync`, with the user's own state if it changed after the token."""
        ...

    def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        """Conversations of the user that changed since the token, in commit order; the next token; whether there is more.

        The token is a sealed place (`engine.places`) whose `upto` is the change of the last row, or the head. None is the
        beginning. A change is a message, a change of what the conversation or the membership is, or a cursor that
        is told (one's own always). Who takes every page misses nothing, whatever is written between two of them. A former
        member gets the change of leaving, and none later. EPOCH_CHANGED for a token of another history.

        A row has the cursors of each other present member by id, zeros too, where there are receipts
        (`permissions.has_receipts`); for a former member the head and the `modseq` of leaving, and nothing of what is
        everybody's.

        `takes` is asked for each row in turn; the page ends before the first that it does not take.
        """
        ...

    def conversations(
        self, user_id: str, before: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        """The user's present conversations, newest message first, and the token of the next page. `takes`: as in `sync`.

        By the change of the last message that is not silent, which is `last`, as it reads now. `unread` counts what others
        said behind the read cursor, but not before joining, and no system message: exactly below `MORE_UNREAD`, which says
        that there is more. The user's own posts are left out as far as they are among the newest `UNREAD_MESSAGES` messages. A
        row has nobody else's cursors. The token is sealed as `LISTED`; EPOCH_CHANGED for one of another history or of `sync`.
        """
        ...

    def check(self, user_id: str, learnt: Learnt) -> Agreement | None:
        """Up to where what the user learnt is part of this history; None: no such conversation for this user.

        `Places.common` says up to which change the two histories are one, `lineage.agreed_position` and `lineage.state_good`
        what follows from it. The row is as in `sync`, of now; a former member agrees on nothing behind leaving."""
        ...

    def account(self, user_id: str) -> Account | None:
        """The user's own state, as names that are shown have it; None: it never changed."""
        ...

    def members(self, conversation_id: str) -> list[Membership]:
        """Present members by the position at which they joined, then by id. Empty if there is no such conversation."""
        ...

    def added(self, conversation_id: str) -> tuple[list[Membership], str | None]:
        """Whoever was ever added, former members too, by user id; and the conversation's team. Who is a member by the team
        alone is not among them."""
        ...

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        """At most `limit` of them in the order of user ids, from the first after `after` on."""
        ...

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        """Where a user stands in a conversation, for what reads need. Former members are told from strangers."""
        ...

    def users(self, user_ids: Sequence[str]) -> list[User]:
        """Those that exist, in the order asked, each once."""
        ...

    def bound_device(self, token_id: str) -> str | None:
        """The device that the token is bound to; None before its first use."""
        ...

    def sign_in(self, user_id: str, token_id: str, device_id: str) -> SignIn:
        """All that decides whether this token lets this user's device in, in one look."""
        ...

    # for operators
    def people(
        self,
        after: str | None,
        limit: int,
        *,
        disabled: bool | None = None,
        kind: str | None = None,
        role: str | None = None,
    ) -> list[Person]:
        """At most `limit` accounts in the order of ids, behind `after`; of these states, kinds and roles alone."""
        ...

    def person(self, user_id: str) -> Person | None:
        """One account; None if there is none."""
        ...

    def tokens_of(self, user_id: str, limit: int) -> list[UsedToken]:
        """Tokens of a user that were used here and are still known, those that end last first."""
        ...

    def used_token(self, user_id: str, token_id: str) -> UsedToken | None:
        """One of them."""
        ...

    def revoked_before(self, user_id: str) -> list[tuple[str | None, int]]:
        """(device id, or None for all; time, UTC ms): tokens issued before are not accepted."""
        ...

    def conversations_of(self, user_id: str) -> int:
        """In how many conversations the user is a member now."""
        ...

    def used(self, user_id: str) -> Usage:
        """What the user has posted, as it was written last; zeros for who never did."""
        ...

    # for the plugin host
    def head_change(self) -> int:
        """The number of the last change in this snapshot: the start of a plugin that never ran."""
        ...

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        """Messages in commit order after `change` that one of `bots` was a member for (None: all), each with the members
        of now; and the change up to which the answer is complete. A member for a message is also who joins or leaves by it.

        At most `limit` of them. The answer may be complete up to less than the newest change even if it is empty, so
        that one read is bounded; it is always above `change` unless there is nothing behind that, then `change` itself."""
        ...

    def plugin_cursor(self, plugin: str) -> int | None:
        """The change up to which the plugin has handled everything; None if it never ran."""
        ...

    def plugin_handled(self, plugin: str) -> list[int]:
        """The changes above its cursor that the plugin has handled, in order."""
        ...

    def set_backs(self, plugin: str) -> list[tuple[int, int, int]]:
        """(run, copied_at, its beginning) of each run that began with an older copy, and of which the plugin was not told, in
        order. One that never ran here has nothing to be told."""
        ...

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        """(timer id, name, due_at, payload) in order of due_at, then of setting."""
        ...

    def next_timer_at(self, plugin: str) -> int | None:
        """When the first of the plugin's timers is due; None if it has none."""
        ...

    def place_no(self, conversation_id: str) -> int:
        """As in `Transaction`."""
        ...

    def place_named(self, place: int) -> str:
        """As in `Transaction`."""
        ...

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        """As in `Transaction`."""
        ...

    def number_of(self, user_id: str) -> int:
        """As in `Transaction`."""
        ...

    def aimed(self, conversation_id: str, user_id: str, position: int) -> tuple[Target, Message | None]:
        """As in `Transaction`, for former members, too: the message as it was to be read then."""
        ...

    def audit_after(self, audit_no: int, limit: int) -> list[AuditRow]:
        """The audit log behind this row, in order."""
        ...

    def feature_sql(self, feature: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on a feature's own tables and the views `readable`, `said` and `people`, for at most 50 ms a read."""
        ...

    def plugin_sql(self, plugin: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on the plugin's own tables. `PluginError` for all else, as in `Transaction.plugin_sql`; the bound of
        time is for all statements of one reader."""
        ...
