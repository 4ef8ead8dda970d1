"""What a colleague may get wrong in a store, each planted in the product while a test runs.

A sabotage replaces one piece of text of one function, or of one statement in SQL, and compiles it anew. A piece that is not
there exactly once is an error: a table that plants nothing proves nothing.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from imserver.feature_host import door
from imserver.features import edits
from imserver.store.engine import arrangement, pages
from imserver.store.engine.batch import Batches
from imserver.store.engine.conversation_cache import ConversationCache, ConversationState, Journal
from imserver.store.engine.hidden import Hidden
from imserver.store.engine.transaction import RuledTransaction
from imserver.store.engine.writer import Writer
from imserver.store.sqlite import conversation_lists, positions, reader, state_reads
from imserver.store.sqlite.bulk_posts import BulkPosts
from imserver.store.sqlite.conversation_lists import ConversationLists
from imserver.store.sqlite.engine import SqliteEngine
from imserver.store.sqlite.reader import SqliteReader
from imserver.store.sqlite.transaction import SqliteTransaction


class Vanished(Exception):
    """What a sabotage replaces is not there, or is there twice."""


@dataclass(frozen=True, slots=True)
class Text:
    """A statement that a module keeps under a name."""

    module: ModuleType
    name: str


@dataclass(frozen=True, slots=True)
class Sabotage:
    """What a colleague did wrong: at this place, instead of this, that."""

    what: str
    where: Callable[..., Any] | Text
    old: str
    new: str
    #: The comparison in which it shows.
    shown: str = "in order"


@contextmanager
def planted(sabotage: Sabotage) -> Iterator[None]:
    """The product with the sabotage in it. Raises `Vanished`."""
    if isinstance(sabotage.where, Text):
        module, name = sabotage.where.module, sabotage.where.name
        before = getattr(module, name)
        setattr(module, name, _replaced(before, sabotage))
        try:
            yield
        finally:
            setattr(module, name, before)
        return
    function = _function(sabotage.where)
    code = function.__code__
    function.__code__ = _compiled(function, sabotage)
    try:
        yield
    finally:
        function.__code__ = code


def is_plantable(sabotage: Sabotage) -> bool:
    """False if the place is compiled to machine code."""
    where = sabotage.where
    return isinstance(where, Text) or isinstance(inspect.unwrap(where), FunctionType)


def _function(where: Callable[..., Any]) -> FunctionType:
    function = inspect.unwrap(where)
    assert isinstance(function, FunctionType)
    return function


def _compiled(function: FunctionType, sabotage: Sabotage) -> CodeType:
    source = _replaced(textwrap.dedent(inspect.getsource(function)), sabotage)
    filename = function.__code__.co_filename
    whole = compile(source, filename, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    found = [
        each
        for each in whole.co_consts
        if isinstance(each, CodeType) and each.co_name == function.__code__.co_name
    ]
    (code,) = found
    return code.replace(co_qualname=function.__code__.co_qualname)


def _replaced(text: str, sabotage: Sabotage) -> str:
    if (count := text.count(sabotage.old)) != 1:
        raise Vanished(f"{sabotage.what} - {count} times at its place: {sabotage.old}")
    return text.replace(sabotage.old, sabotage.new)


TX, SQL = RuledTransaction, SqliteTransaction
APART, PAGED, LIVES, NAMES = "apart", "page by page", "life after life", "other names"

#: Name -> sabotage. A name that ends a kept mutant's (`tests/mutants/table`) is the same mistake.
SABOTAGES: dict[str, Sabotage] = {
    # -- keys
    "refusal-before-the-key": Sabotage(
        "Who may not post any more is refused what was committed, instead of the first answer (posts in a run).",
        BulkPosts._unusual,
        "tx.find_committed(state, unit.sender_id, unit.key, unit.digest)",
        "None",
    ),
    "refusal-before-the-key-alone": Sabotage(
        "The same, for a post inside another unit.",
        TX.post,
        "found = self.find_committed(",
        "state and self.writable(conversation_id, state, sender_id); found = self.find_committed(",
    ),
    "edit-judged-before-its-key": Sabotage(
        "An edit that comes again is judged by the revision of now, instead of getting its first answer.",
        door._write,
        "if told is not None:",
        "if told is not None and params.revision is None:",
    ),
    "add-judged-before-its-key": Sabotage(
        "An invitation that comes again is refused: they are a member already.",
        TX.add_member,
        "if found is not None:",
        "if found is not None and user_id not in state.members:",
    ),
    "any-request-under-a-key": Sabotage(
        "A key that stands for another request is no error.",
        TX.find_committed,
        "found.digest != digest",
        "False",
    ),
    "any-content-in-a-run": Sabotage(
        "A key that comes again in a run with another content is a duplicate.",
        BulkPosts._repeated,
        "unit.digest == digest",
        "True",
    ),
    "any-content-when-asked-for-a-key": Sabotage(
        "A removal of somebody else under the same key is the same removal.",
        TX.remove_member,
        'f"remove {user_id}"',
        'f"remove"',
    ),
    "edit-of-any-position": Sabotage(
        "An edit's request does not say which message it is for.",
        edits.digest,
        'b"edit %d " % params.position + params.content',
        'b"edit " + params.content',
    ),
    "add-in-any-role": Sabotage(
        "An invitation's request does not say in which role.",
        TX.add_member,
        'f"add {role} {user_id}"',
        'f"add {user_id}"',
    ),
    "create-with-any-roles": Sabotage(
        "A new group's request does not say in which roles its members are.",
        TX.create_conversation,
        '*sorted(f"{user_id} {role}" for user_id, role in others.items())',
        "*sorted(others)",
    ),
    "keys-of-everybody": Sabotage(
        "A key that somebody else used in the conversation is taken for one's own.",
        SQL._find,
        "AND sender_no = ?",
        "AND ? > 0",
    ),
    "duplicate-with-its-own-time": Sabotage(
        "A post that comes again in the same run is told its own time, not the first one's.",
        BulkPosts._attempt,
        "self._repeated(unit, first.result[0], first.sent_at, first.digest)",
        "self._repeated(unit, first.result[0], unit.sent_at, first.digest)",
    ),
    "duplicate-alone-with-its-own-time": Sabotage(
        "A post that comes again alone is told its own time.",
        TX.post,
        "Posted((found.position, found.sent_at, True))",
        "Posted((found.position, sent_at, True))",
    ),
    "duplicate-of-an-edit-of-now": Sabotage(
        "An edit that comes again is told a revision that is not its own.",
        edits.again,
        'int(decode_content(told.content)["revision"])',
        "2",
    ),
    # -- positions and changes
    "position-behind-a-gap": Sabotage(
        "A post takes a position too high.",
        TX._append,
        "position = state.head + 1",
        "position = state.head + 1 + (state.head > 3)",
    ),
    "edit-takes-no-number": Sabotage(
        "An edit's new content shares its change with the message that tells of it.",
        TX.replace_content,
        "MessageEdited(self.next_change(), replaced)",
        "MessageEdited(self.change + 1, replaced)",
    ),
    "the-one-before-in-the-store": Sabotage(
        "A message names the one before it in the whole store, not in its conversation.",
        SQL._put_message,
        "state.head_change,",
        "change - 1,",
    ),
    "no-milestone-alone": Sabotage(
        "A message that is stored alone never gets a milestone.",
        SQL._put_message,
        "if position % MILESTONE_EVERY == 0:",
        "if False:",
    ),
    "milestone-beside-its-place": Sabotage(
        "In a run the message behind each sixteenth gets the milestone.",
        BulkPosts._attempt,
        "if position % MILESTONE_EVERY == 0:",
        "if position % MILESTONE_EVERY == 1:",
    ),
    "edit-above-the-last": Sabotage(
        "A message is looked for where there is none yet.",
        SQL._message,
        "if not 1 <= position <= state.head:",
        "if position < 1:",
    ),
    "walk-ends-too-soon": Sabotage(
        "The walk down to a message stops one above it.",
        Text(positions, "_WALK"),
        "walk.position > ?",
        "walk.position > ? + 1",
    ),
    # -- edits
    "edit-of-an-older-revision": Sabotage(
        "An edit that expects an older revision than there is overwrites the newer one.",
        TX.replace_content,
        "expected_revision != message.revision",
        "expected_revision > message.revision",
    ),
    "edit-of-a-newer-revision": Sabotage(
        "An edit that expects a revision which never was goes through.",
        TX.replace_content,
        "expected_revision != message.revision",
        "expected_revision < message.revision",
    ),
    "edit-takes-the-time-of-now": Sabotage(
        "An edited message says that it was sent at the time of the edit.",
        TX.replace_content,
        "message.sent_at,",
        "self.now_ms,",
    ),
    "edit-takes-its-own-key": Sabotage(
        "An edited message has the key of the edit.",
        TX.replace_content,
        "message.key,",
        'b"0" * 16,',
    ),
    "edit-of-what-others-said": Sabotage(
        "Anybody edits anybody's message.",
        TX.aimed,
        "if message.sender_id != user_id:",
        "if False:",
    ),
    "edit-of-what-the-server-said": Sabotage(
        "Who did something edits the message that tells of it.",
        TX.aimed,
        "return rules.SYSTEM_MESSAGE, message",
        "return rules.OWN_MESSAGE, message",
    ),
    "edit-counts-as-unread": Sabotage(
        "System messages count as unread.",
        TX._append,
        "unread = state.unread + counts",
        "unread = state.unread + 1",
    ),
    "edit-moves-the-list": Sabotage(
        "An edit brings its conversation to the top of the lists.",
        SQL._put_message,
        "if silent:",
        "if False:",
    ),
    "said-last-stays": Sabotage(
        "What is said alone leaves its conversation where it is in the lists.",
        SQL._put_message,
        "if silent:",
        "if silent or position > 1:",
    ),
    # -- former members
    "then-ends-too-soon": Sabotage(
        "Who went right before an edit is shown it.",
        TX.replace_content,
        "until=state.head + 1",
        "until=state.head",
    ),
    "content-of-now": Sabotage(
        "Who has gone is shown what messages say now.",
        SqliteReader.history_items,
        "items = found if grant.goes_on else",
        "items = found if True else",
    ),
    "last-content-of-then": Sabotage(
        "Who has gone is shown the last content before the present one, not that of then.",
        SqliteReader._replaced,
        "min(revision)",
        "max(revision)",
    ),
    "reads-on-after-leaving": Sabotage(
        "Who has gone reads what is said later.",
        pages.span_of,
        "seen = grant.cut(head)",
        "seen = head",
    ),
    "head-of-now-for-who-left": Sabotage(
        "Who has gone sees in `sync` how far the conversation is.",
        ConversationLists._row,
        "grant.cut(own.head)",
        "own.head",
    ),
    "cursors-of-now-for-who-left": Sabotage(
        "Who has gone sees how far the others have read.",
        ConversationLists._row,
        "if grant.goes_on else ()",
        "if True else ()",
    ),
    "told-after-leaving": Sabotage(
        "`sync` tells who has gone of every later message.",
        Text(conversation_lists, "_ALL_CHANGED"),
        "CASE WHEN m.left_at IS NULL THEN max(m.changed, c.changed, h.change)",
        "CASE WHEN TRUE THEN max(m.changed, c.changed, h.change)",
    ),
    "leaving-is-not-told": Sabotage(
        "`sync` does not tell of having gone.",
        SQL._end_member,
        "changed = ? WHERE",
        "changed = min(changed, ?) WHERE",
    ),
    "left-before-the-farewell": Sabotage(
        "Who is removed does not read the message that says so.",
        TX.remove_member,
        "left_at=state.head + 1",
        "left_at=state.head",
    ),
    "farewell-not-told": Sabotage(
        "Who is removed gets no push of it.",
        TX.remove_member,
        "telling, audience=before, of_team=of_team)",
        "telling)",
    ),
    "remaining-not-told": Sabotage(
        "A removal's event does not say who is left.",
        TX._append,
        "MessagePosted(change, message, audience, state.members, of_team)",
        "MessagePosted(change, message, audience)",
    ),
    "hears-on-after-leaving": Sabotage(
        "Who has gone stays in the audience until the cache forgets the conversation.",
        SQL._end_member,
        "state.without_member(user_id)",
        "pass",
    ),
    "back-in-the-cache": Sabotage(
        "A conversation that is read again has its former members among the present ones.",
        SQL.conversation,
        '" WHERE m.conversation_no = ? AND m.left_at IS NULL",',
        '" WHERE m.conversation_no = ?",',
    ),
    # -- members
    "joined-before-the-welcome": Sabotage(
        "A newcomer has joined at the message before the one that tells of it.",
        TX.add_member,
        "joined_at=state.head + 1",
        "joined_at=state.head",
    ),
    "back-since-the-first-time": Sabotage(
        "Who comes back has been there since the first time.",
        SQL._put_members,
        " joined_at = excluded.joined_at,",
        "",
    ),
    "back-and-gone": Sabotage(
        "Who comes back stays gone in the rows.",
        SQL._put_members,
        " left_at = NULL,",
        "",
    ),
    "back-in-the-old-role": Sabotage(
        "Who comes back has the old role in the rows.",
        SQL._put_members,
        " role = excluded.role,",
        "",
    ),
    "back-with-everything-unread": Sabotage(
        "Who comes back has as unread what was said meanwhile.",
        SQL._put_members,
        " seen_no = excluded.seen_no,",
        "",
    ),
    "newcomer-with-everything-unread": Sabotage(
        "Messages from before one joined count as unread.",
        SQL._put_members,
        "joined_at, state.unread, self.change + 1",
        "joined_at, 0, self.change + 1",
    ),
    "added-twice": Sabotage(
        "Who is a member in that role already is added again.",
        TX.add_member,
        "if current is role:",
        "if False:",
    ),
    "role-in-memory-alone": Sabotage(
        "A new role is known to the writer and to no reader.",
        SQL._put_role,
        "UPDATE members SET role = ?, changed",
        "UPDATE members SET role = coalesce(role, ?), changed",
    ),
    "one-member-too-many": Sabotage(
        "A full group takes one more.",
        TX.add_member,
        "len(state.members) >= self.max_members",
        "len(state.members) > self.max_members",
    ),
    "creator-not-counted": Sabotage(
        "A new group may have a member too many: its creator is not counted.",
        TX.create_conversation,
        "len(others) + 1 > self.max_members",
        "len(others) > self.max_members",
    ),
    "created-with-nobody": Sabotage(
        "A group is made with somebody who has no account, and the database refuses.",
        TX.create_conversation,
        "self._require_users([creator_id, *others])",
        "pass",
    ),
    "creator-is-a-member": Sabotage(
        "A new group has no owner.",
        TX.create_conversation,
        "{creator_id: Role.OWNER, **others}",
        "{creator_id: Role.ADMIN, **others}",
    ),
    "direct-with-nobody": Sabotage(
        "A direct conversation is made with somebody who has no account.",
        TX._open_direct,
        "all(self._user_exists(user_id) for user_id in pair)",
        "any(self._user_exists(user_id) for user_id in pair)",
    ),
    "direct-of-a-stranger": Sabotage(
        "Anybody begins a conversation of two others.",
        TX._open_direct,
        "known = sender_id in pair and",
        "known = bool(pair) and",
    ),
    "no-heir": Sabotage(
        "The owner goes, and nobody is the next.",
        TX.remove_member,
        "if current is Role.OWNER:",
        "if False:",
    ),
    "heir-by-name": Sabotage(
        "The next owner is the first by name, not the longest member.",
        TX.remove_member,
        "rules.heir(self._able(state.rows), self._joined_at(state), self._by_own_act(state))",
        "rules.heir(self._able(state.rows), dict.fromkeys(state.rows, 1), self._by_own_act(state))",
    ),
    "heir-not-told": Sabotage(
        "The message of the owner's going does not name the next one.",
        TX.remove_member,
        'telling["owner"] = heir',
        "pass",
    ),
    # -- who may speak
    "mute-over-is-a-mute": Sabotage(
        "A mute whose time is over still bars.",
        TX._seat,
        "if muted_until > self.now_ms else",
        "if muted_until else",
    ),
    "mute-over-bars-a-run": Sabotage(
        "A mute whose time is over sends the post to the slow path, where it is judged rightly, but with a number taken.",
        BulkPosts._unusual,
        "return tx.writable(unit.conversation_id, state, unit.sender_id)",
        "tx.next_change(); return tx.writable(unit.conversation_id, state, unit.sender_id)",
    ),
    "mute-unknown-in-a-run": Sabotage(
        "Who is muted posts, if the post is one of a run.",
        BulkPosts._attempt,
        "or (state.muted and state.muted.get(sender_id, 0) > now_ms)",
        "or False",
    ),
    "mute-forgotten-with-the-cache": Sabotage(
        "A mute is forgotten when the cache forgets the conversation.",
        SQL.conversation,
        "if muted_until}",
        "if False}",
    ),
    "stranger-in-a-run": Sabotage(
        "Who is no member posts, if the post is one of a run.",
        BulkPosts._attempt,
        "state.members.get(sender_id) not in state.posters",
        "state.members.get(sender_id, 'none') not in (*state.posters, 'none')",
    ),
    # -- what was taken back
    "taken-back-and-kept": Sabotage(
        "What an edited message said before it was taken back is kept, and shown to former members.",
        SQL._put_content,
        "if new.content is None:",
        "if new.content is None and new.revision == 2:",
    ),
    "taken-back-twice": Sabotage(
        "What was taken back is taken back again, or edited.",
        TX.replace_content,
        "if message.content is None:",
        "if False:",
    ),
    "taken-back-moves-up": Sabotage(
        "What tells that a message was taken back is shown as the last one of its conversation.",
        TX._tell,
        'silent = telling["event"] in SILENT_EVENTS',
        'silent = telling["event"] == "edited"',
    ),
    "taken-back-at-its-old-revision": Sabotage(
        "A tombstone has the revision of what it was.",
        TX.replace_content,
        "message.revision + 1",
        "message.revision + (content is not None)",
    ),
    "taken-back-unheard-of": Sabotage(
        "A plugin that is behind is not told that there was a message.",
        SqliteReader.messages_after,
        " ORDER BY m.change LIMIT ?",
        " AND m.content IS NOT NULL ORDER BY m.change LIMIT ?",
    ),
    # -- cursors and unread
    "cursor-falls": Sabotage(
        "A lower `read` takes the cursor down.",
        TX.move_cursors,
        "seen = max(old.read, read or 0)",
        "seen = read or old.read",
    ),
    "delivered-falls": Sabotage(
        "A lower `delivered` takes the cursor down.",
        TX.move_cursors,
        "max(old.delivered, delivered or 0, seen)",
        "max(delivered or old.delivered, seen)",
    ),
    "read-and-not-delivered": Sabotage(
        "What is read is not delivered.",
        TX.move_cursors,
        "max(old.delivered, delivered or 0, seen)",
        "max(old.delivered, delivered or 0)",
    ),
    "cursor-above-the-head": Sabotage(
        "A cursor moves above the last message.",
        TX.move_cursors,
        "not 0 <= value <= head",
        "not 0 <= value",
    ),
    "cursor-below-zero": Sabotage(
        "A cursor below zero has no effect, instead of being refused.",
        TX.move_cursors,
        "not 0 <= value <= head",
        "not value <= head",
    ),
    "nothing-takes-a-change": Sabotage(
        "A cursor that does not move takes a change, and is told.",
        TX.move_cursors,
        "if new == old:",
        "if False:",
    ),
    "receipts-in-a-channel": Sabotage(
        "Everybody in a channel hears how far one has read.",
        TX.move_cursors,
        "rules.has_receipts(state.kind, len(state.members))",
        "True",
    ),
    "receipt-for-oneself-alone": Sabotage(
        "`sync` does not tell of the others' cursors.",
        SQL._put_cursors,
        "if told:",
        "if False:",
    ),
    "channel-shows-cursors": Sabotage(
        "`sync` shows everybody's cursors in a channel.",
        ConversationLists._cursors_of_others,
        "if own.kind == Kind.CHANNEL:",
        "if False:",
    ),
    "own-cursor-among-the-others": Sabotage(
        "One's own cursors are among those of the others.",
        ConversationLists._cursors_of_others,
        "if other != user_id)",
        "if other)",
    ),
    "unread-until-delivered": Sabotage(
        "What is unread falls only if `delivered` rose, too.",
        TX.move_cursors,
        "read_rose=new.read > old.read",
        "read_rose=new.delivered > old.delivered",
    ),
    "unread-rises-by-reading": Sabotage(
        "Who joined late and reads what was before has it as unread.",
        SQL._put_cursors,
        "seen_no = max(seen_no, ?)",
        "seen_no = iif(? = 0, seen_no, ?3)",
    ),
    "unread-by-position": Sabotage(
        "Reading up to a message counts the system messages before it.",
        SQL._unread_no,
        "if position == state.head:",
        "if position < state.head: return position\n    if True:",
    ),
    "unread-by-the-head": Sabotage(
        "A list counts the system messages behind the cursor.",
        Text(conversation_lists, "_SOME_SPOKEN"),
        "x.unread_no, h.unread_no - m.seen_no FROM",
        "x.unread_no, h.position - max(m.read, m.joined_at - 1) FROM",
    ),
    "unread-with-own-words": Sabotage(
        "What one says oneself is unread.",
        Text(conversation_lists, "_SOME_SPOKEN"),
        "b.sender_no = m.user_no AND",
        "0 AND",
    ),
    "unread-less-own-notices": Sabotage(
        "What tells of one's own edits is taken off what is unread, though it never counted.",
        Text(conversation_lists, "_SOME_SPOKEN"),
        "b.unread_no > coalesce(x.unread_no, 0)",
        "1",
    ),
    "unread-first-word": Sabotage(
        "Who begins a conversation has the first message unread.",
        Text(conversation_lists, "_SOME_SPOKEN"),
        "coalesce(x.unread_no, 0)",
        "coalesce(x.unread_no, b.unread_no)",
    ),
    "unread-less-own-words-that-were-read": Sabotage(
        "Counting goes back to the cursor, and on: own words that were read are taken off.",
        Text(conversation_lists, "_SOME_SPOKEN"),
        "WHERE b.unread_no > m.seen_no",
        "WHERE b.unread_no + 1 > m.seen_no AND b.previous > 0",
    ),
    "unread-of-a-run-by-position": Sabotage(
        "Posts of a run count as many unread messages as there are positions.",
        BulkPosts._attempt,
        "position, unread = state.head + 1, state.unread + 1",
        "position = unread = state.head + 1",
    ),
    "unread-lost-with-the-cache": Sabotage(
        "When a conversation is read again, the count of what may be unread begins anew.",
        SQL.conversation,
        "state.head, state.head_change, state.unread = head",
        "state.head, state.head_change, _ = head",
    ),
    # -- runs of posts, undoing
    "one-head-a-run": Sabotage(
        "Of the conversations of a run only the first gets its new head.",
        BulkPosts._attempt,
        "if state.stamp != stamp:",
        "if state.stamp != stamp and not moved:",
    ),
    "run-tried-again-on-top": Sabotage(
        "A run that has to be tried again begins where the first attempt ended.",
        BulkPosts._take_back,
        "mark, tx.change, tx.message_change = before\n    tx.journal.undo(mark)",
        "pass",
    ),
    "run-tried-again-further-on": Sabotage(
        "A run that has to be tried again takes new numbers.",
        BulkPosts._take_back,
        "mark, tx.change, tx.message_change = before",
        "mark = before[0]",
    ),
    "run-answers-twice": Sabotage(
        "A duplicate of a run that was tried again keeps the event of the first attempt.",
        BulkPosts._take_back,
        "unit.void()",
        "pass",
    ),
    "stumbling-is-passed": Sabotage(
        "A later post of the same author passes one that may be offered again.",
        Batches._one,
        "if lane in self._held:",
        "if False:",
    ),
    "run-passes-who-stumbles": Sabotage(
        "A run of posts passes one of the same author that may be offered again.",
        Batches._posts,
        "if self._held:",
        "if False:",
    ),
    "held-for-ever": Sabotage(
        "Behind a post that stumbled its author is held in later batches, too.",
        Batches.run,
        "self._held.clear()",
        "pass",
    ),
    "undone-in-rows-alone": Sabotage(
        "A unit that is undone leaves heads, members and numbers in memory.",
        Batches._one,
        "tx.journal.undo(mark)\n        tx.change, tx.message_change = change, message_change",
        "pass",
    ),
    "undone-in-memory-alone": Sabotage(
        "A unit that is undone leaves its rows.",
        Batches._one,
        "engine.rollback_to()",
        "engine.release()",
    ),
    "undone-keeps-its-numbers": Sabotage(
        "A unit that is undone keeps its numbers.",
        Batches._one,
        "tx.change, tx.message_change = change, message_change",
        "pass",
    ),
    "undone-oldest-first": Sabotage(
        "What a unit did twice to a conversation is undone in the wrong order.",
        Journal.undo,
        "entries.pop()",
        "entries.pop(mark)",
    ),
    "undone-without-members": Sabotage(
        "Undoing leaves the members of a conversation as they had become.",
        ConversationState.restore,
        "self.title,\n        self.members,",
        "self.title,\n        _,",
    ),
    "undone-conversation-is-there": Sabotage(
        "A conversation that was undone is still in the cache.",
        ConversationCache.made,
        "self._journal.note(self._forget, state.conversation_id)",
        "pass",
    ),
    "undone-account-is-there": Sabotage(
        "An account that was undone is still in the cache.",
        ConversationCache.made_user,
        "self._journal.note(self.users.pop, user_id, None)",
        "pass",
    ),
    "event-of-the-undone": Sabotage(
        "The next unit tells of what was undone before it.",
        Batches._one,
        "tx.events = []",
        "tx.events = tx.events if len(tx.events) < 9 else []",
    ),
    "lost-batch-in-memory": Sabotage(
        "A batch that the database ended leaves heads, members and numbers in memory.",
        Batches._together,
        "tx.journal.undo()\n        tx.change, tx.message_change = before",
        "pass",
    ),
    "lost-batch-keeps-its-numbers": Sabotage(
        "A batch that the database ended keeps its numbers.",
        Batches._together,
        "tx.events = []\n",
        "tx.change += 1; tx.events = []\n",
    ),
    # -- the order of doing
    "own-post-passes-an-own-request": Sabotage(
        "Of what one session asks for, posts are done before requests that it made earlier in another conversation.",
        arrangement.arranged,
        "[lane for lane in (unit.conversation_id, unit.session) if lane is not None]",
        "[unit.conversation_id or '']",
        APART,
    ),
    "barrier-is-passed": Sabotage(
        "Posts are done before an earlier unit that may change anything.",
        arrangement.arranged,
        "least_post = number + 1",
        "least_post = number",
        APART,
    ),
    "post-passes-its-removal": Sabotage(
        "A post is done before an earlier request of its conversation.",
        arrangement.arranged,
        "post_from[lane] = number + 1",
        "post_from[lane] = number",
        APART,
    ),
    "request-passes-an-own-post": Sabotage(
        "A request is done before an earlier post of its conversation.",
        arrangement.arranged,
        "other_from[lane] = max(number, other_from.get(lane, 0))",
        "pass",
        APART,
    ),
    "requests-pass-each-other": Sabotage(
        "Requests are done in another order than they came.",
        arrangement.arranged,
        "least_other = number\n",
        "\n",
        APART,
    ),
    "batch-told-as-it-came": Sabotage(
        "A batch is told in the order in which it came, not in that in which it was done.",
        Writer._form,
        "return order, order",
        "return batch, order",
        APART,
    ),
    # -- pages of history
    "page-from-the-future": Sabotage(
        "A page after a position that was never told is empty, instead of EPOCH_CHANGED.",
        pages.span_of,
        "if after is not None and after > seen:",
        "if False:",
    ),
    "page-with-its-after": Sabotage(
        "A page repeats the message that it comes after.",
        pages.span_of,
        "max(after + 1, grant.first)",
        "max(after, grant.first)",
    ),
    "page-with-its-before": Sabotage(
        "A page repeats the message that it comes before.",
        pages.span_of,
        "min(before - 1, seen)",
        "min(before, seen)",
    ),
    "page-of-nothing": Sabotage(
        "A page of no messages may be asked for.",
        pages.span_of,
        "if limit < 1:",
        "if limit < 0:",
    ),
    "page-both-ways": Sabotage(
        "A page may be asked for from both ends.",
        pages.span_of,
        "if after is not None and before is not None:",
        "if False:",
    ),
    "page-covers-too-much": Sabotage(
        "A page that is full says that nothing is behind it.",
        pages.page_of,
        "full = full or len(items) >= limit",
        "pass",
    ),
    "page-cut-covers-too-much": Sabotage(
        "A page that ends for want of room says that nothing is behind it.",
        pages.page_of,
        "full = True",
        "pass",
    ),
    "page-larger-than-asked": Sabotage(
        "A page has more bytes than were asked for.",
        pages.page_of,
        "room < 0 or len(items) >= limit",
        "len(items) >= limit",
    ),
    "page-short-at-its-end": Sabotage(
        "A page from the end lacks its oldest message.",
        pages.Span.near_end,
        "self.last - limit + 1",
        "self.last - limit + 2",
    ),
    "page-lacks-its-block": Sabotage(
        "A page lacks the messages between its last milestone and its end.",
        positions.rows_between,
        "last + -last % MILESTONE_EVERY",
        "last",
    ),
    # -- lists
    "more-is-skipped": Sabotage(
        "The place behind a page of `sync` is the end of all, though there is more.",
        ConversationLists.sync,
        "last = Spot(*told, spot.base) if more else None",
        "last = None",
    ),
    "more-is-not-told": Sabotage(
        "A page of `sync` does not say that there is more.",
        ConversationLists.sync,
        "more = len(rows) > len(page)",
        "more = len(rows) > len(page) > 3",
    ),
    "cursor-not-in-sync": Sabotage(
        "`sync` tells of messages alone.",
        SqliteReader.head_change,
        "(SELECT value FROM meta WHERE name = 'change')",
        "0",
    ),
    "list-of-before": Sabotage(
        "The page behind one tells conversations where they were at the first page.",
        ConversationLists.sync,
        "if own.changed == some[own.no]",
        "if own.changed",
        PAGED,
    ),
    "list-for-who-was-behind": Sabotage(
        "A list that begins later is kept for who begins earlier.",
        ConversationLists._changed,
        "listing.above <= after < listing.upto",
        "after < listing.upto",
        PAGED,
    ),
    "list-ends-where-it-ended": Sabotage(
        "A remembered list is the whole, though more has come behind it.",
        ConversationLists.sync,
        "after = listing.upto",
        "after = (head, LAST_TIE)",
        PAGED,
    ),
    "listed-again": Sabotage(
        "A page of conversations begins with the last of the one before.",
        ConversationLists.conversations,
        "below = head + 1 if before is None else",
        "below = head + 1 if before is None else 1 +",
        PAGED,
    ),
    "listed-where-it-was": Sabotage(
        "The list of conversations keeps its order of the first page.",
        ConversationLists._rows_spoken,
        "if row[1] == some[row[0]]",
        "if row[1]",
        PAGED,
    ),
    "roster-of-before": Sabotage(
        "The list of members is that of the first page for ever.",
        SqliteReader.members_page,
        "roster.membership != membership",
        "False",
        PAGED,
    ),
    "audience-of-before": Sabotage(
        "Messages in the order of commit come with the members of the first page for ever.",
        SqliteReader._audience,
        "known[0] == version",
        "True",
        PAGED,
    ),
    "membership-not-noted": Sabotage(
        "A change of members is not noted, so that what readers remember of them seems good.",
        SQL._membership_changed,
        "SET membership = ?",
        "SET membership = min(membership, ?)",
        PAGED,
    ),
    "members-by-name": Sabotage(
        "Members are listed by name, not in the order of joining.",
        SqliteReader.members,
        "ORDER BY m.joined_at, u.user_id",
        "ORDER BY u.user_id",
    ),
    "member-twice": Sabotage(
        "A page of members begins with the last of the one before.",
        SqliteReader.members_page,
        "bisect_right(",
        "-1 + bisect_right(",
    ),
    # -- messages in the order of commit
    "bot-misses-its-welcome": Sabotage(
        "A bot does not get the message that brings it in.",
        reader._among,
        "b.joined_at <= m.position",
        "b.joined_at < m.position",
    ),
    "bot-misses-its-farewell": Sabotage(
        "A bot does not get the message that removes it.",
        reader._among,
        "m.position <= b.left_at",
        "m.position < b.left_at",
    ),
    "bot-hears-on": Sabotage(
        "A bot gets what is said after it has gone.",
        reader._among,
        "b.left_at IS NULL OR m.position <= b.left_at",
        "TRUE",
    ),
    "commits-skipped": Sabotage(
        "A full page in the order of commit says that everything up to now was on it.",
        SqliteReader.messages_after,
        "if len(rows) >= limit:",
        "if False:",
    ),
    # -- accounts and plugins
    "token-of-the-last": Sabotage(
        "A token belongs to the device that used it last.",
        SQL.bind_token,
        "WHERE excluded.expires_at IS NOT NULL",
        ", device_id = excluded.device_id",
    ),
    "first-name-for-ever": Sabotage(
        "A new name of an account is not kept.",
        SQL.put_user,
        "display_name = excluded.display_name",
        "display_name = display_name",
    ),
    "timer-of-another": Sabotage(
        "A plugin cancels another one's timer.",
        SQL.cancel_timer,
        "AND plugin = ?",
        "AND ? <> ''",
    ),
    "timer-one-too-late": Sabotage(
        "A timer is not due in the millisecond that it is set for.",
        SqliteReader.timers_due,
        "due_at <= ?",
        "due_at < ?",
    ),
    "timers-as-they-were-set": Sabotage(
        "Timers come in the order in which they were set.",
        SqliteReader.timers_due,
        "ORDER BY due_at, timer_id",
        "ORDER BY timer_id",
    ),
    "timer-fires-twice": Sabotage(
        "A timer that has fired may fire again.",
        SQL.mark_timer_done,
        "DELETE FROM timers WHERE timer_id = ? RETURNING timer_id",
        "SELECT ? AS timer_id",
    ),
    "plugin-cursor-falls": Sabotage(
        "What a plugin has handled may become less.",
        SQL.mark_handled,
        "SET change = max(change, ?)",
        "SET change = ?",
    ),
    "handled-twice": Sabotage(
        "A plugin may handle a change twice.",
        SQL.mark_handled,
        "AND change < ?",
        "AND change <= ?",
    ),
    # -- another life
    "numbers-come-again": Sabotage(
        "Numbers that no message took are given out again in the next life.",
        SqliteEngine.commit,
        "if tx.change not in (self._change_before, tx.message_change):",
        "if False:",
        LIVES,
    ),
    "agrees-beyond-its-life": Sabotage(
        "All that is asked for is agreed on, though the asker's life ended before it.",
        SqliteReader.check,
        "common=highest_until(self._sql, no, min(learnt.position, last), message_change, common)",
        "common=min(learnt.position, last)",
        LIVES,
    ),
    "agrees-on-one-too-few": Sabotage(
        "The last message of the asker's life is not agreed on.",
        positions.highest_until,
        "if found <= change:",
        "if found < change:",
        LIVES,
    ),
    "agrees-beyond-leaving": Sabotage(
        "Who has gone is told up to where the others agree.",
        SqliteReader.check,
        "last = grant.cut(head)",
        "last = head",
    ),
    # -- names of state that a server does not have
    "pages-show-all-names": Sabotage(
        "A page shows what a feature wrote that is not there.",
        state_reads.states_of,
        "if hidden is not None:",
        "if False:",
        NAMES,
    ),
    "changes-show-all-names": Sabotage(
        "So does `changes`.",
        state_reads.changed_items,
        "if hidden is not None:",
        "if False:",
        NAMES,
    ),
    "rows-of-sync-show-all-names": Sabotage(
        "So do rows of `sync` and `check`.",
        ConversationLists._row,
        "row if self._hidden is None else self._hidden.row(row)",
        "row",
        NAMES,
    ),
    "listed-rows-show-all-names": Sabotage(
        "So do rows of `conversations`.",
        ConversationLists._rows_spoken,
        "listed if hidden is None else hidden.row(listed)",
        "listed",
        NAMES,
    ),
    "accounts-show-all-names": Sabotage(
        "So does an account's state.",
        ConversationLists._account_after,
        "account = self._hidden.account(account)",
        "account = account",
        NAMES,
    ),
    "settings-show-all-names": Sabotage(
        "A row shows `about` without them, and settings with them.",
        Hidden.row,
        "replace(row, settings=settings, about=about)",
        "replace(row, about=about)",
        NAMES,
    ),
    "ones-own-shows-all-names": Sabotage(
        "An item shows the values for all without them, and one's own with them.",
        Hidden.maps,
        "(own := self.left(mine))",
        "(own := mine)",
        NAMES,
    ),
    "items-are-pushed-with-all-names": Sabotage(
        "What is pushed of an item has them.",
        TX.set_item,
        "self._shown(extra), told",
        "extra, told",
        NAMES,
    ),
    "ones-own-is-pushed-with-all-names": Sabotage(
        "What is pushed of one's own has them.",
        TX.set_item,
        "user_id: self._shown(data) for",
        "user_id: data for",
        NAMES,
    ),
    "about-is-pushed-with-all-names": Sabotage(
        "What is pushed of a conversation has them.",
        TX.set_about,
        "self._shown(about)",
        "about",
        NAMES,
    ),
    "settings-are-pushed-with-all-names": Sabotage(
        "What is pushed of settings has them.",
        TX.set_own,
        "self._shown(settings)",
        "settings",
        NAMES,
    ),
    "accounts-are-pushed-with-all-names": Sabotage(
        "What is pushed of an account has them.",
        TX.set_account,
        "self._shown(account)",
        "account",
        NAMES,
    ),
    "answers-have-all-names": Sabotage(
        "The answer to a put has them.",
        TX._told,
        "decode_content(self._shown(data or EMPTY_MAP))",
        "decode_content(data or EMPTY_MAP)",
        NAMES,
    ),
    "hidden-state-is-lost": Sabotage(
        "What is not shown is not kept either, where another name is written beside it.",
        TX.set_item,
        "None, event.modseq, extra)",
        "None, event.modseq, self._shown(extra))",
        NAMES,
    ),
    "what-shows-nothing-is-emptied": Sabotage(
        "An item that shows nothing for all is told as an emptied one, though its people have values of their own.",
        TX.set_item,
        "self._shown(extra), told, emptied",
        "self._shown(extra), told, emptied or self._shown(extra) == EMPTY_MAP",
        NAMES,
    ),
    "an-item-without-names-is-shown": Sabotage(
        "A page shows an empty map at an item that only what is not there wrote to.",
        state_reads.states_of,
        "if row[1:] != (EMPTY_MAP, None)",
        "if row",
        NAMES,
    ),
    "name-not-kept": Sabotage(
        "The next life does not know that a name was written under.",
        TX._use,
        "self._put_state_name(name)",
        "pass",
        NAMES,
    ),
    "name-of-a-failed-unit-is-known": Sabotage(
        "The name that a unit used first is known after it failed, so that the next one does not store it.",
        TX._use,
        "self.journal.note(self.state_names.discard, name)",
        "pass",
        NAMES,
    ),
    "name-kept-for-items-alone": Sabotage(
        "A name that only accounts have is not kept.",
        TX.set_account,
        "self._use(name)",
        "pass",
        NAMES,
    ),
}
