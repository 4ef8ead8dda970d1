"""`imserver check`, condition by condition: a database spoiled in exactly one way is found, and its lawful neighbour is not.

Each row of `SPOILED` breaks one condition of one check, mostly by one; each row of `LAWFUL` goes as far as is allowed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from imserver.content import decode_content, encode_content
from imserver.model import content_digest
from imserver.store.checks import SideFile, check_database
from imserver.store.checks.run import NAMES
from tests.store.full_database import ANN, AT, BOB, CY, HEAD, IN_GROUP, MEMBER, REVISION, lived_in, names
from tests.store.support import said

Raw = sqlite3.Connection
Damage = str | Callable[[Raw], object]

BOT = "(SELECT no FROM users WHERE user_id = 'bot')"
CHANNEL = "(SELECT no FROM conversations WHERE kind = 'channel')"
DEE, EVE = (f"(SELECT no FROM users WHERE user_id = '{name}')" for name in ("dee", "eve"))
SERVICE = "(SELECT no FROM conversations WHERE title = 'service')"
#: What was edited twice, and the messages that tell of it.
EDITED, FIRST_EDIT, SECOND_EDIT = 3, 40, 41
#: In the group: cy added, bob removed, ann left, ann added, ann's role changed.
ADDED, REMOVED, LEFT, BACK, PROMOTED = 42, 43, 44, 45, 46


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("lived") / "chat.db"
    asyncio.run(lived_in(path))
    return path.read_bytes()


@pytest.fixture
def raw(lived: bytes) -> Iterator[Raw]:
    """A copy in memory, where there is no log: two bytes of the header say so."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(lived[:18] + b"\1\1" + lived[20:])
        yield connection


def message(change: str, position: int, where: str = AT) -> str:
    return f"UPDATE messages SET {change} WHERE conversation_no = {where} AND position = {position}"


def member(change: str, who: str, where: str = AT) -> str:
    return f"UPDATE members SET {change} WHERE conversation_no = {where} AND user_no = {who}"


def contains(content: Any, position: int = 30, *, where: str = AT) -> Damage:
    """The message says this now, and its digest is that of it."""
    data = content if isinstance(content, bytes) else encode_content(content)
    sql = message("content = ?, digest = ?", position, where)
    return lambda raw: raw.execute(sql, (data, content_digest(data)))


def retold(position: int, where: str = IN_GROUP, *, request: bytes | None = None, **words: Any) -> Damage:
    """A telling with other words; `request`: what its digest is of, if it follows from the words."""

    def spoil(raw: Raw) -> None:
        at = f"WHERE conversation_no = {where} AND position = {position}"
        content, digest = raw.execute(f"SELECT content, digest FROM messages {at}").fetchone()
        told = encode_content({**decode_content(content), **words})
        if request is not None:
            digest = content_digest(request)
        raw.execute(f"UPDATE messages SET content = ?, digest = ? {at}", (told, digest))

    return spoil


def gone(raw: Raw) -> None:
    """What was edited is taken back, and the second telling says so."""
    raw.execute(message("content = NULL", EDITED))
    raw.execute("DELETE FROM revisions")
    retold(SECOND_EDIT, AT, event="retracted", request=b"retract 3")(raw)  # type: ignore[operator]


def gone_and(damage: Damage) -> Damage:
    """The same, and then this."""

    def spoil(raw: Raw) -> None:
        gone(raw)
        raw.executescript(damage) if isinstance(damage, str) else damage(raw)

    return spoil


def ended(until: int | str, revision: int) -> str:
    return f"UPDATE revisions SET until = {until} WHERE revision = {revision}"


def last_said(change: int, where: str) -> str:
    return f"UPDATE heads SET spoken = {change} WHERE conversation_no = {where}"


def step_of(count: int) -> str:
    """So many messages whose state changed in the last step."""
    return (
        "WITH RECURSIVE n (p) AS (SELECT 20 UNION ALL SELECT p + 1 FROM n WHERE p + 1 < 20 + "
        + str(count)
        + ")"
        f" INSERT INTO item_values SELECT {IN_GROUP}, p, 0, 5, x'81A16101' FROM n"
    )


def map_of(size: int) -> str:
    """A msgpack map of so many bytes, in SQL."""
    data = encode_content({"a": bytes(size)})
    return f"x'{encode_content({'a': bytes(2 * size - len(data))}).hex()}'"


def teamed(team: int | str, where: str = SERVICE) -> str:
    """The conversation names this team, and so does its head."""
    return (
        f"UPDATE conversations SET team = {team} WHERE no = {where};"
        f" UPDATE heads SET team = {team} WHERE conversation_no = {where}"
    )


def without_index(statement: str) -> Damage:
    """An index that does not know of a row: SQLite's own look must say so."""

    def spoil(raw: Raw) -> None:
        raw.execute("PRAGMA writable_schema = ON")
        (sql,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'timers_by_due'").fetchone()
        (page,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'timers_by_due'").fetchone()
        raw.execute("DELETE FROM sqlite_master WHERE name = 'timers_by_due'")
        raw.execute("PRAGMA writable_schema = RESET")
        raw.execute(statement)
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute(
            "INSERT INTO sqlite_master VALUES ('index', 'timers_by_due', 'timers', ?, ?)", (page, sql)
        )
        raw.execute("PRAGMA writable_schema = RESET")

    return spoil


SPOILED: list[tuple[str, Damage, set[str]]] = [
    # -- the file
    ("a row that an index lacks", without_index("UPDATE timers SET due_at = due_at + 1"), {"integrity"}),
    ("a part of nothing", "INSERT INTO shop_parts VALUES (2, 2)", {"foreign keys"}),
    ("a table is missing", "DROP TABLE plugin_failures", {"schema", "plugins"}),
    ("an index is another", "DROP INDEX timers_by_due; CREATE INDEX timers_by_due ON timers (name)", {"schema"}),
    ("a trigger of nobody", "CREATE TRIGGER nobodys AFTER DELETE ON users BEGIN SELECT 1; END", {"schema"}),
    ("a view of nobody", "CREATE VIEW some_view AS SELECT 1", {"schema"}),
    ("a table of a plugin whose name only begins so", "CREATE TABLE shopping_list (id)", {"schema"}),
    # -- the counter
    ("no counter", "DELETE FROM meta WHERE name = 'change'", {"changes"}),
    ("a counter below 0", "UPDATE meta SET value = -1 WHERE name = 'change'", {"changes"}),
    ("a counter that is no number", "UPDATE meta SET value = '1' WHERE name = 'change'", {"changes"}),
    ("no epoch", "DELETE FROM meta WHERE name = 'epoch'", {"changes"}),
    ("an epoch too short", "UPDATE meta SET value = substr(value, 2) WHERE name = 'epoch'", {"changes"}),
    ("an epoch too long", "UPDATE meta SET value = value || '0' WHERE name = 'epoch'", {"changes"}),
    ("an epoch in capitals", "UPDATE meta SET value = 'ABCDEF0123456789' WHERE name = 'epoch'", {"changes"}),
    ("a message of change 0", message("change = 0", 3, CHANNEL), {"changes", "positions", "conversations"}),
    ("a conversation's change not given out", "UPDATE conversations SET changed = 97 WHERE no = 2", {"changes"}),
    ("a conversation's change below 0", "UPDATE conversations SET changed = -1 WHERE no = 2", {"changes"}),
    (
        "a membership not given out",
        "UPDATE conversations SET membership = 97 WHERE no = 2",
        {"changes", "conversations"},
    ),
    ("a member's change not given out", member("changed = 97", BOB), {"changes"}),
    ("a member's change below 0", member("changed = -1", BOB), {"changes"}),
    ("a head not given out", f"UPDATE heads SET change = 97 WHERE conversation_no = {AT}", {"changes", "heads"}),
    (
        "a milestone not given out",
        f"UPDATE milestones SET change = 97 WHERE conversation_no = {AT}",
        {"changes", "milestones", "tellings"},
    ),
    ("a plugin's mark not given out", "UPDATE plugin_cursors SET change = 97", {"changes"}),
    ("a plugin's mark below 0", "UPDATE plugin_cursors SET change = -1", {"changes"}),
    # -- positions
    ("the first follows something", message("previous = 1", 1, IN_GROUP), {"positions"}),
    ("one begins anew", message("previous = 0", 30), {"positions"}),
    ("one follows itself", message("previous = change", 30), {"positions"}),
    ("one follows another conversation's", message("previous = 41", 2), {"positions"}),
    ("one follows the one before the last", message("previous = previous - 1", 30), {"positions"}),
    ("one follows a change that is no message", message("previous = 83", SECOND_EDIT), {"positions"}),
    (
        "a head is behind its conversation",
        f"UPDATE heads SET position = 3, change = 94, spoken = 94, unread_no = 2 WHERE conversation_no = {CHANNEL}",
        {"positions"},
    ),
    (
        "the last message is gone",
        f"DELETE FROM messages WHERE conversation_no = {AT} AND position = 41",
        {"heads", "positions", "revisions"},
    ),
    # -- heads
    ("no head", f"DELETE FROM heads WHERE conversation_no = {CHANNEL}", {"heads", "positions", "conversations", "members"}),
    ("a head of nothing", f"INSERT INTO heads ({HEAD}) VALUES (99, 4, 95, 3)", {"heads"}),
    ("a head at the message before", f"UPDATE heads SET change = 94 WHERE conversation_no = {CHANNEL}", {"heads"}),
    ("a head one too far", f"UPDATE heads SET position = 5 WHERE conversation_no = {CHANNEL}", {"heads", "positions"}),
    ("a head that counts one more", f"UPDATE heads SET unread_no = 4 WHERE conversation_no = {CHANNEL}", {"heads"}),
    ("a head that counts one less", f"UPDATE heads SET unread_no = 2 WHERE conversation_no = {CHANNEL}", {"heads"}),
    # -- milestones
    ("no milestone", f"DELETE FROM milestones WHERE conversation_no = {AT} AND position = 32", {"milestones"}),
    (
        "a milestone at the one before",
        f"UPDATE milestones SET change = 31 WHERE conversation_no = {AT} AND position = 32",
        {"milestones"},
    ),
    ("a milestone where none belongs", f"INSERT INTO milestones VALUES ({AT}, 33, 33)", {"milestones"}),
    ("a milestone of another conversation", f"INSERT INTO milestones VALUES ({AT}, 48, 55)", {"milestones"}),
    ("a milestone above the head", f"INSERT INTO milestones VALUES ({AT}, 48, 84)", {"milestones"}),
    # -- keys and senders
    ("a key one byte short", message("key = substr(key, 2)", 30), {"keys"}),
    ("a key one byte long", message("key = zeroblob(17)", 30), {"keys"}),
    ("a digest one byte short", message("digest = substr(digest, 2)", 30), {"keys", "digests"}),
    ("a word of somebody who was never there", message(f"sender_no = {DEE}", 30), {"senders"}),
    ("a word of who left just before", message(f"sender_no = {BOB}", LEFT, IN_GROUP), {"senders", "tellings"}),
    # -- contents
    ("sent before time began", message("sent_at = -1", 30), {"contents"}),
    ("revision 0", message("revision = 0", 30), {"contents"}),
    ("no map", contains(b"\x93\x01\x02\x03"), {"contents"}),
    ("a map and a byte more", contains(said("x") + b"\xc0"), {"contents"}),
    ("no type", contains({"text": "x"}), {"contents"}),
    ("an empty type", contains({"type": "", "text": "x"}), {"contents"}),
    ("a type that is no word", contains({"type": 5, "text": "x"}), {"contents"}),
    ("a text without text", contains({"type": "text"}), {"contents"}),
    ("a text that is none", contains({"type": "text", "text": 5}), {"contents"}),
    # -- unread counts
    ("counts one more", message("unread_no = unread_no + 1", 30), {"unread counts"}),
    ("counts one less", message("unread_no = unread_no - 1", 30), {"unread counts"}),
    ("counts from 1 at the beginning", message("unread_no = 2", 1), {"unread counts"}),
    ("what the server told counts", message("unread_no = unread_no + 1", FIRST_EDIT), {"unread counts"}),
    (
        "one that was taken back counts twice",
        gone_and(message("unread_no = unread_no + 1", EDITED)),
        {"unread counts"},
    ),
    ("one that was taken back counts back", gone_and(message("unread_no = unread_no - 2", EDITED)), {"unread counts"}),
    # -- digests: what was first said, and each kind of request
    ("another digest", message("digest = zeroblob(16)", 30), {"digests"}),
    ("another digest of what was edited", message("digest = zeroblob(16)", EDITED), {"digests"}),
    ("the digest of what it was edited to", contains(said("best"), EDITED), {"digests"}),
    *(
        (f"another digest of the telling at {position}", message("digest = zeroblob(16)", position, where), {"digests"})
        for position, where in (
            (FIRST_EDIT, AT), (SECOND_EDIT, AT), (ADDED, IN_GROUP), (REMOVED, IN_GROUP), (LEFT, IN_GROUP), (PROMOTED, IN_GROUP)
        )
    ),
    ("another digest of the telling of what is gone", gone_and(message("digest = zeroblob(16)", SECOND_EDIT)), {"digests"}),
    ("a telling of another role than asked for", retold(ADDED, role="member"), {"digests"}),
    # -- tellings
    ("an event of no kind", retold(LEFT, event="danced"), {"tellings"}),
    ("made again", retold(PROMOTED, event="created", user="cy"), {"tellings"}),
    ("made by another", retold(1, CHANNEL, user="eve"), {"tellings"}),
    ("edited: no target", retold(SECOND_EDIT, AT, target="3"), {"tellings", "ends of revisions"}),
    ("edited: itself", retold(SECOND_EDIT, AT, target=SECOND_EDIT), {"tellings", "ends of revisions"}),
    ("edited: nothing", retold(SECOND_EDIT, AT, target=0), {"tellings", "ends of revisions"}),
    ("edited: a revision that there is not", retold(SECOND_EDIT, AT, revision=4), {"tellings", "ends of revisions"}),
    (
        "edited: the first revision",
        retold(SECOND_EDIT, AT, revision=1, request=b"edit 3 " + said("3")),
        {"tellings", "ends of revisions"},
    ),
    ("edited: by another", message(f"sender_no = {BOB}", FIRST_EDIT), {"tellings"}),
    ("taken back, and nothing tells of it", message("content = NULL, revision = 2", 30), {"tellings"}),
    (
        "taken back at another revision",
        gone_and(retold(SECOND_EDIT, AT, revision=2)),
        {"tellings"},
    ),
    ("taken back: no target", gone_and(retold(SECOND_EDIT, AT, target="3")), {"tellings"}),
    ("taken back: itself", gone_and(retold(SECOND_EDIT, AT, target=SECOND_EDIT, request=b"retract 41")), {"tellings"}),
    ("taken back: another", gone_and(retold(SECOND_EDIT, AT, target=4, request=b"retract 4")), {"tellings"}),
    (
        "taken back twice",
        gone_and(retold(FIRST_EDIT, AT, event="retracted", revision=3, request=b"retract 3")),
        {"tellings"},
    ),
    ("edited when it was taken back", gone_and(retold(FIRST_EDIT, AT, revision=3)), {"tellings"}),
    (
        "told to be taken back, and still there",
        retold(SECOND_EDIT, AT, event="retracted", request=b"retract 3"),
        {"tellings", "revisions", "ends of revisions"},
    ),
    ("added: a stranger", retold(ADDED, user="dee", request=b"add admin dee"), {"tellings", "members"}),
    ("added: nobody", retold(ADDED, user="zoe", request=b"add admin zoe"), {"tellings", "members"}),
    ("added: as nothing", retold(PROMOTED, role="king", request=b"add king ann"), {"tellings"}),
    ("removed: who is still there", retold(REMOVED, user="cy", request=b"remove cy"), {"tellings", "members"}),
    ("left: said by another", retold(REMOVED, event="left"), {"tellings"}),
    # -- revisions
    ("a revision that nobody made", message("revision = 2", 4), {"revisions"}),
    ("an earlier content is lost", "DELETE FROM revisions WHERE revision = 2", {"revisions", "tellings"}),
    (
        "one more than there was",
        f"INSERT INTO revisions ({REVISION}) SELECT {AT}, 4, 1, content, 0 FROM revisions WHERE revision = 1",
        {"revisions", "ends of revisions"},
    ),
    (
        "of another message",
        "UPDATE revisions SET position = 4 WHERE revision = 1",
        {"revisions", "tellings", "ends of revisions"},
    ),
    (
        "of a message that there is not",
        f"INSERT INTO revisions ({REVISION}) SELECT {AT}, 99, 1, content, 0 FROM revisions LIMIT 1",
        {"revisions", "ends of revisions"},
    ),
    (
        "what was taken back is kept",
        gone_and(f"INSERT INTO revisions ({REVISION}) VALUES ({AT}, {EDITED}, 1, x'{said('3').hex()}', 0)"),
        {"revisions", "ends of revisions"},
    ),
    (
        "a number passed over",
        "UPDATE revisions SET revision = 0 WHERE revision = 1",
        {"revisions", "tellings", "ends of revisions"},
    ),
    (
        "no map before",
        lambda raw: raw.execute("UPDATE revisions SET content = x'90' WHERE revision = 2"),
        {"revisions", "digests"},
    ),
    (
        "an edit told that there was not",
        retold(SECOND_EDIT, AT, event="added", user="ann", role="member", request=b"add member ann"),
        {"revisions", "last said", "ends of revisions"},
    ),
    # -- ends of revisions
    *(
        (f"a revision that ended {text}", ended(until, revision), {"ends of revisions"})
        for text, until, revision in (
            ("at no time", "NULL", 2),
            ("one message early", SECOND_EDIT - 1, 2),
            ("when the next one did", SECOND_EDIT, 1),
            ("where something was said", 30, 1),
            ("after the last message", SECOND_EDIT + 1, 2),
            ("at itself", EDITED, 1),
        )
    ),
    # -- what was last said
    *(
        (f"last said {text}", last_said(change, where), {"last said"})
        for text, change, where in (
            ("never", 0, AT),
            ("in what tells of an edit", 84, AT),
            ("one message early", 38, AT),
            ("in another conversation", 39, CHANNEL),
            ("before the last message", 94, CHANNEL),
        )
    ),
    ("last said below nothing", last_said(-1, CHANNEL), {"changes", "last said"}),
    ("last said with a change not given out", last_said(97, CHANNEL), {"changes", "last said"}),
    # -- state
    ("a counter of state below 0", f"UPDATE conversations SET modseq = -1 WHERE no = {AT}", {"state"}),
    ("a conversation shows no map", f"UPDATE conversations SET about = x'90' WHERE no = {IN_GROUP}", {"state"}),
    ("a conversation shows too much", f"UPDATE conversations SET about = {map_of(2049)} WHERE no = {IN_GROUP}", {"state"}),
    ("something is shown that was never counted", f"UPDATE conversations SET about = x'80' WHERE no = {AT}", {"state"}),
    ("left at no state", member("left_modseq = NULL", BOB, IN_GROUP), {"state"}),
    ("left below every state", member("left_modseq = -1", BOB, IN_GROUP), {"state"}),
    ("left after the last state", member("left_modseq = 6", BOB, IN_GROUP), {"state"}),
    ("who is there has a state of leaving", member("left_modseq = 0", CY, IN_GROUP), {"state"}),
    ("settings are no map", member("settings = x'90'", CY, IN_GROUP), {"state"}),
    ("settings are too long", member(f"settings = {map_of(2049)}", CY, IN_GROUP), {"state"}),
    ("settings that nobody counted", member("settings_seq = 0", CY, IN_GROUP), {"state"}),
    ("settings counted below 0", member("settings_seq = -1", BOB), {"state"}),
    ("state of no message", "UPDATE item_values SET position = 47", {"state of items"}),
    ("state of position 0", "UPDATE item_values SET position = 0", {"state of items"}),
    ("state of no conversation", "UPDATE item_values SET conversation_no = 99", {"state of items"}),
    ("state that was not counted", "UPDATE item_values SET modseq = 6", {"state of items"}),
    ("state from before the first", "UPDATE item_values SET modseq = 0", {"state of items"}),
    ("state of nobody", "UPDATE item_values SET user_no = 77 WHERE user_no > 0", {"state of items"}),
    ("one's own, and none for all", "DELETE FROM item_values WHERE user_no = 0", {"state of items"}),
    ("state that is no map", "UPDATE item_values SET data = x'90' WHERE user_no = 0", {"state of items"}),
    ("state that is too long", f"UPDATE item_values SET data = {map_of(1025)} WHERE user_no > 0", {"state of items"}),
    ("one's own, and the one for all is removed", "UPDATE item_values SET data = x'80' WHERE user_no = 0", {"state of items"}),
    ("one's own is empty", "UPDATE item_values SET data = x'80' WHERE user_no > 0", {"state of items"}),
    ("one's own is newer", "UPDATE item_values SET modseq = 5 WHERE user_no > 0", {"state of items"}),
    ("a step of too many messages", step_of(17), {"state of items"}),
    ("a change of state that nothing has", f"UPDATE conversations SET about = NULL WHERE no = {IN_GROUP}", {"state"}),
    ("a change of state that was never the first", "DELETE FROM first_modseqs WHERE lineage_no = 1", {"first states"}),
    ("no first change of state", "DELETE FROM first_modseqs", {"first states"}),
    ("a name of state that is not kept", "DELETE FROM state_names", {"names of state"}),
    ("another name of state is kept", "UPDATE state_names SET name = 'b'", {"names of state"}),
    *(
        (f"a name that is not kept in {where}", f"{change} = x'81A16201'{which}", {"names of state"})
        for where, change, which in (
            ("a conversation", "UPDATE conversations SET about", f" WHERE no = {IN_GROUP}"),
            ("settings", "UPDATE members SET settings", " WHERE settings IS NOT NULL"),
            ("state for all", "UPDATE item_values SET data", " WHERE user_no = 0"),
            ("one's own state", "UPDATE item_values SET data", " WHERE user_no > 0"),
            ("an account", "UPDATE user_values SET data", ""),
        )
    ),
    ("an account of nobody", "UPDATE user_values SET user_no = 77", {"state of accounts"}),
    ("an account's state that nobody counted", "UPDATE user_values SET seq = 0", {"state of accounts"}),
    ("an account's state is no map", "UPDATE user_values SET data = x'90'", {"state of accounts"}),
    ("an account's state is too long", f"UPDATE user_values SET data = {map_of(2049)}", {"state of accounts"}),
    ("an account's change not given out", "UPDATE user_values SET changed = 97", {"changes"}),
    # -- outcomes
    *(
        (f"an outcome {text}", f"UPDATE outcomes SET {change}", {"outcomes"})
        for text, change in (
            ("of nobody", "user_no = 77"),
            ("with a short key", "key = substr(key, 2)"),
            ("with a long key", "key = zeroblob(17)"),
            ("with a short digest", "digest = zeroblob(15)"),
            ("of no method", "method = ''"),
            ("without a result", "result = x''"),
            ("from before time began", "at = -1"),
        )
    ),
    # -- teams
    ("a team that there is not", teamed(99), {"teams", "members of teams", "cursors of teams"}),
    ("a team that is a channel", teamed(CHANNEL), {"teams", "members of teams", "cursors of teams"}),
    ("a team that is a pair", teamed(AT), {"teams", "members of teams"}),
    ("a team of a team", teamed(SERVICE, IN_GROUP), {"teams", "members of teams"}),
    ("a channel with a team", teamed(IN_GROUP, CHANNEL), {"teams"}),
    ("a head without the team", f"UPDATE heads SET team = NULL WHERE conversation_no = {SERVICE}", {"teams"}),
    ("a head with a team", f"UPDATE heads SET team = {IN_GROUP} WHERE conversation_no = {AT}", {"teams"}),
    ("a person is missing in a team", f"DELETE FROM team_members WHERE user_no = {ANN}", {"members of teams"}),
    ("one in a team who left it", f"UPDATE team_members SET user_no = {BOB} WHERE user_no = {ANN}", {"members of teams"}),
    ("one in a team that is none", f"INSERT INTO team_members VALUES ({EVE}, {CHANNEL}, 92)", {"members of teams"}),
    ("joined a team with another change", f"UPDATE team_members SET joined = 1 WHERE user_no = {ANN}", {"members of teams"}),
    (
        "joined a team with a change not given out",
        f"UPDATE team_members SET joined = 97 WHERE user_no = {ANN}",
        {"changes", "members of teams"},
    ),
    *(
        (f"by a team, {text}", f"UPDATE team_cursors SET {change}", {"cursors of teams"})
        for text, change in (
            ("who never was in it", f"user_no = {EVE}"),
            ("in what has none", f"conversation_no = {AT}"),
            ("read more than there is", "delivered = 2, read = 2"),
            ("delivered more than there is", "delivered = 2"),
            ("read more than was delivered", "delivered = 0"),
            ("read below nothing", "read = -1"),
            ("unread from more than there is", "seen_no = 1"),
            ("unread from below nothing", "seen_no = -1"),
            ("settings are no map", "settings = x'90'"),
            ("settings counted below 0", "settings_seq = -1"),
        )
    ),
    # -- lineage
    *(
        (f"a run {text}", f"UPDATE lineage SET {change}", {"lineage"})
        for text, change in (
            ("follows none", "no = 5 WHERE no = 3; UPDATE first_modseqs SET lineage_no = 5 WHERE lineage_no = 3"),
            ("begins before the one before it", "first_change = 49 WHERE no = 3"),
            ("begins with change 0", "first_change = 0 WHERE no = 1"),
            ("begins later than the next change", "first_change = 98 WHERE no = 3"),
            ("has a short mark", "mark = substr(mark, 2), life = substr(mark, 2) WHERE no = 3"),
            ("is of a life that never was", "life = zeroblob(16) WHERE no = 2"),
            ("is of a life to come", "life = (SELECT mark FROM lineage WHERE no = 3) WHERE no = 2"),
            ("began before time did", "at = -1 WHERE no = 2"),
            ("began for no reason", "why = '' WHERE no = 2"),
        )
    ),
    *(
        (f"a first state {text}", f"UPDATE first_modseqs SET {change}", {"first states"})
        for text, change in (
            ("of no run", "lineage_no = 4 WHERE lineage_no = 3"),
            ("of no conversation", "conversation_no = 99 WHERE lineage_no = 3"),
            ("before the first", "modseq = 0 WHERE lineage_no = 1"),
            ("as low as in the run before", "modseq = 1 WHERE lineage_no = 3"),
            ("that was not given", "modseq = 6 WHERE lineage_no = 3"),
        )
    ),
    # -- older copies and the ledger
    ("a restore of nobody knows when", "UPDATE lineage SET why = 'restore' WHERE no = 2", {"set back"}),
    ("a copy of before time began", "UPDATE lineage SET copied_at = -1 WHERE no = 2", {"set back"}),
    ("a plugin told of a run to come", "UPDATE plugin_cursors SET told_run = 4", {"set back"}),
    ("a plugin told of a run below the first", "UPDATE plugin_cursors SET told_run = -1", {"set back"}),
    ("a stranger who waits in a group", "UPDATE conversations SET asked_by = 1 WHERE kind = 'group'", {"contacts"}),
    ("somebody waits where others speak", "UPDATE conversations SET asked_by = 77 WHERE kind = 'direct'", {"contacts"}),
    (
        "an act of who is not there",
        "INSERT INTO own_acts SELECT user_no, conversation_no FROM members WHERE left_at IS NOT NULL",
        {"contacts"},
    ),
    ("an act of nobody", "INSERT INTO own_acts VALUES (77, 1)", {"contacts"}),
    (
        "who left is here",
        "INSERT INTO departures SELECT user_no, conversation_no, 5 FROM members WHERE left_at IS NULL",
        {"contacts"},
    ),
    ("nobody left", "INSERT INTO departures VALUES (77, 1, 5)", {"contacts"}),
    (
        "who left before time began",
        "INSERT OR REPLACE INTO departures SELECT user_no, conversation_no, -1 FROM members WHERE left_at IS NOT NULL",
        {"contacts"},
    ),
    ("nobody brought somebody", "INSERT INTO invited VALUES (77, 5, 1)", {"invitations"}),
    ("somebody brought nobody", "INSERT OR REPLACE INTO invited VALUES (1, 5, 0)", {"invitations"}),
    ("records of no ledger", "INSERT INTO meta VALUES ('ledger', '3 00')", {"ledger"}),
    # -- accounts and tokens
    ("a name of nothing", "UPDATE users SET user_id = '' WHERE user_id = 'bot'", {"accounts"}),
    (
        "an empty role",
        "UPDATE users SET roles = 'staff' || char(10) || char(10) || 'nurse' WHERE user_id = 'eve'",
        {"accounts", "roles"},
    ),
    ("a token of nobody", "UPDATE tokens SET user_no = 77", {"tokens"}),
    ("a token of no device", "UPDATE tokens SET device_id = ''", {"tokens"}),
    ("a token without a name", "UPDATE tokens SET token_id = ''", {"tokens"}),
    # -- states, roles, what was revoked, blocks, what is used
    ("an account of another kind", "UPDATE users SET kind = 'ghost' WHERE user_id = 'dee'", {"states of accounts"}),
    ("a bot that is disabled", "UPDATE users SET disabled_at = 5 WHERE kind = 'bot'", {"states of accounts"}),
    ("disabled before time began", "UPDATE users SET disabled_at = -1 WHERE user_id = 'eve'", {"states of accounts"}),
    ("made before time began", "UPDATE users SET made_at = -1 WHERE user_id = 'eve'", {"states of accounts"}),
    ("a token that ended before time began", "UPDATE tokens SET expires_at = -1", {"states of accounts"}),
    ("a token without an end", "UPDATE tokens SET expires_at = NULL", {"states of accounts"}),
    ("a role that nobody gave", "DELETE FROM given_roles WHERE role = 'staff'", {"roles"}),
    ("a role that was given and is not there", "UPDATE users SET roles = 'staff' WHERE user_id = 'eve'", {"roles"}),
    ("a role twice", "UPDATE users SET roles = 'staff' || char(10) || roles WHERE user_id = 'eve'", {"roles"}),
    ("a role given to nobody", "INSERT INTO given_roles VALUES (77, 'staff', 'operator')", {"roles"}),
    ("a role given to who has none", f"INSERT INTO given_roles VALUES ({CY}, 'staff', 'operator')", {"roles"}),
    ("nobody's revoked token", "UPDATE revoked_tokens SET user_no = 77", {"revocations"}),
    ("a revoked token of another", f"UPDATE revoked_tokens SET user_no = {BOB}", {"revocations"}),
    ("a revoked token without a name", "UPDATE revoked_tokens SET token_id = ''", {"revocations"}),
    ("revoked until before time began", "UPDATE revoked_tokens SET until = -1", {"revocations"}),
    ("revoked before time began", "UPDATE revoked_tokens SET at = -1", {"revocations"}),
    ("revoked of nobody", "UPDATE revoked_before SET user_no = 77", {"revocations"}),
    ("revoked of before time began", "UPDATE revoked_before SET before = -1", {"revocations"}),
    ("a revocation that ends before it begins", "UPDATE revoked_before SET until = before - 1", {"revocations"}),
    # -- browsers, links, guests, records of plugins
    ("a browser of nobody", "UPDATE browsers SET user_no = 77", {"browsers"}),
    ("a browser of a bot", f"UPDATE browsers SET user_no = {BOT}", {"browsers"}),
    ("a credential with another hash", "UPDATE browsers SET secret_hash = x'00'", {"browsers"}),
    ("a browser that is no device", "UPDATE browsers SET device_id = ''", {"browsers"}),
    ("a browser without a name", "UPDATE browsers SET label = ''", {"browsers"}),
    ("a browser of before time began", "UPDATE browsers SET made_at = -1", {"browsers"}),
    ("a browser seen before time began", "UPDATE browsers SET seen_at = -1", {"browsers"}),
    ("a browser told before time began", "UPDATE browsers SET told_at = -1", {"browsers"}),
    ("a link of nobody", "UPDATE links SET user_no = 77", {"links"}),
    ("a link of a bot", f"UPDATE links SET user_no = {BOT}", {"links"}),
    ("a link with another hash", "UPDATE links SET secret_hash = x'00'", {"links"}),
    ("a link of before time began", "UPDATE links SET made_at = -1", {"links"}),
    ("a link that ends before it begins", "UPDATE links SET expires_at = made_at - 1", {"links"}),
    ("a link used by nobody", "UPDATE links SET used_by = NULL", {"links"}),
    ("a link used by what is no device", "UPDATE links SET used_by = ''", {"links"}),
    ("a link that nobody used", "UPDATE links SET used_at = NULL", {"links"}),
    ("a link used before time began", "UPDATE links SET used_at = -1", {"links"}),
    ("a guest who is nobody", "UPDATE guests SET user_no = 77", {"guests"}),
    ("a guest who is a bot", f"UPDATE guests SET user_no = {BOT}", {"guests"}),
    ("a guest of before time began", "UPDATE guests SET made_at = -1", {"guests"}),
    ("a join of nobody", "UPDATE joins SET user_no = 77", {"joins"}),
    ("a join to nobody", "UPDATE joins SET account_no = 77", {"joins"}),
    ("a join to a bot", f"UPDATE joins SET account_no = {BOT}", {"joins"}),
    ("a join to itself", "UPDATE joins SET account_no = user_no", {"joins"}),
    ("a join that nobody asked for", "UPDATE joins SET asked_by = NULL", {"joins"}),
    ("a join that was asked of nobody", "UPDATE joins SET account_no = NULL, used_by = NULL", {"joins"}),
    ("a join with a short code", "UPDATE joins SET code = '12345'", {"joins"}),
    ("a join with a code of letters", "UPDATE joins SET code = '12345a'", {"joins"}),
    ("a join of what is no device", "UPDATE joins SET device_id = ''", {"joins"}),
    ("a join of before time began", "UPDATE joins SET made_at = -1", {"joins"}),
    ("a join that ends before it begins", "UPDATE joins SET expires_at = made_at - 1", {"joins"}),
    ("a join that ended before time began", "UPDATE joins SET ended_at = -1", {"joins"}),
    ("a join used by what is no device", "UPDATE joins SET used_by = ''", {"joins"}),
    ("a join that was used and has not ended", "UPDATE joins SET ended_at = NULL", {"joins"}),
    ("a record that is no map", "UPDATE plugin_records SET body = '[]'", {"plugin records"}),
    ("a record that cannot be read", "UPDATE plugin_records SET body = '{'", {"plugin records"}),
    ("a record without a name", "UPDATE plugin_records SET name = ''", {"plugin records"}),
    ("a record of no plugin", "UPDATE plugin_records SET plugin = ''", {"plugin records"}),
    ("a record of no number", "UPDATE plugin_records SET number = 0", {"plugin records"}),
    ("who blocks himself", "UPDATE blocks SET blocked_no = user_no", {"people shut out"}),
    ("who blocks nobody", "UPDATE blocks SET blocked_no = 77", {"people shut out"}),
    ("nobody blocks", "UPDATE blocks SET user_no = 77", {"people shut out"}),
    ("a block of before time began", "UPDATE blocks SET at = -1", {"people shut out"}),
    ("more on a day than in all", "UPDATE used SET day_bytes = bytes + 1", {"bytes used"}),
    ("less than nothing on a day", "UPDATE used SET day_bytes = -1", {"bytes used"}),
    ("less than nothing in all", "UPDATE used SET bytes = -1, day_bytes = -1", {"bytes used"}),
    ("used on no day", "UPDATE used SET day = -1", {"bytes used"}),
    ("used by nobody", "UPDATE used SET user_no = 77", {"bytes used"}),
    # -- conversations
    ("a pair that is another", "UPDATE conversations SET conversation_id = 'direct/ann/bot' WHERE no = 1", {"conversations"}),
    ("a pair that is none", "UPDATE conversations SET conversation_id = 'direct/ann' WHERE no = 1", {"conversations"}),
    ("the other one is gone", f"DELETE FROM members WHERE conversation_no = {AT} AND user_no = {BOB}", {"conversations"}),
    (
        "a third in a pair",
        f"INSERT INTO members ({MEMBER}) VALUES ({AT}, {CY}, 'member', 1, NULL, 0, 0, 0, 0, 1)",
        {"conversations"},
    ),
    (
        "an id of another maker",
        "UPDATE conversations SET conversation_id = 'group/' || lower(hex(randomblob(16))) WHERE no = 2",
        {"conversations"},
    ),
    (
        "membership changed with another's message",
        f"UPDATE conversations SET membership = 95 WHERE no = {IN_GROUP}",
        {"conversations"},
    ),
    ("membership changed with a cursor", f"UPDATE conversations SET membership = 86 WHERE no = {IN_GROUP}", {"conversations"}),
    ("two owners", member("role = 'owner'", ANN, IN_GROUP), {"conversations"}),
    ("no owner", member("role = 'admin'", CY, IN_GROUP), {"conversations"}),
    ("the first message tells of something else", contains(said("x"), 1, where=CHANNEL), {"conversations", "unread counts"}),
    # -- members
    ("an admin of a pair", member("role = 'admin'", BOB), {"members"}),
    ("a reader of a group", member("role = 'reader'", ANN, IN_GROUP), {"members"}),
    ("a king of a channel", member("role = 'king'", EVE, CHANNEL), {"members"}),
    ("muted before time began", member("muted_until = -1", BOB), {"members"}),
    ("joined before the first", member("joined_at = 0", EVE, CHANNEL), {"members"}),
    ("joined after the last", member("joined_at = 47", ANN, IN_GROUP), {"members"}),
    ("joined where another did", member(f"joined_at = {BACK}", CY, IN_GROUP), {"members", "members of teams"}),
    ("joined where it left", member(f"joined_at = {REMOVED}", BOB, IN_GROUP), {"members"}),
    ("left after the last", member("left_at = 47", BOB, IN_GROUP), {"members", "tellings"}),
    ("left where another did", member(f"left_at = {LEFT}", BOB, IN_GROUP), {"members", "tellings"}),
    ("left a pair", member("left_at = 41, left_modseq = 0", BOB), {"members", "conversations"}),
    ("came later to a pair", member("joined_at = 2", BOB), {"members"}),
    # -- cursors
    ("read more than was delivered", member("read = 20, delivered = 19, seen_no = 20", BOB), {"cursors"}),
    ("read something, and nothing was delivered", member("read = 1, delivered = 0, seen_no = 1", BOB), {"cursors"}),
    ("delivered more than there is", member("delivered = 42", BOB), {"cursors"}),
    ("read more than there is", member("delivered = 42, read = 42, seen_no = 39", BOB), {"cursors"}),
    ("delivered below nothing", member("delivered = -1", BOB), {"cursors"}),
    ("read below nothing", member("read = -1", BOB), {"cursors"}),
    ("delivered after leaving", member(f"delivered = {REMOVED + 1}", BOB, IN_GROUP), {"cursors"}),
    (
        "read after leaving",
        member(f"delivered = {REMOVED + 1}, read = {REMOVED + 1}, seen_no = 40", BOB, IN_GROUP),
        {"cursors"},
    ),
    ("unread from one less than was read", member("read = 20, delivered = 20, seen_no = 19", BOB), {"cursors"}),
    ("unread from one more than was read", member("read = 20, delivered = 20, seen_no = 21", BOB), {"cursors"}),
    ("unread from before joining", member("seen_no = 39", ANN, IN_GROUP), {"cursors"}),
    ("unread from less than the head, which was read", member("seen_no = 39", CY, IN_GROUP), {"cursors"}),
    # -- plugins
    *(
        (f"a strange name in {table}", f"INSERT INTO {table} VALUES ({values})", {"plugins"})
        for table, values in (
            ("plugin_cursors", "'Shop', 1, 0"),
            ("plugin_migrations", "'9shop', 1, 0"),
            ("timers", "1000, 'sqlite', 5, 'later', x'80'"),
            ("plugin_failures", "2, 'a_b', 'timer 1', 'ab12', 'it broke', 0"),
        )
    ),
    ("the first migration is missing", "DELETE FROM plugin_migrations WHERE number = 1", {"plugins"}),
    ("a migration is passed over", "UPDATE plugin_migrations SET number = 3 WHERE number = 2", {"plugins"}),
    ("a failure of nothing", "UPDATE plugin_failures SET event = ''", {"plugins"}),
    ("a failure that cannot be found again", "UPDATE plugin_failures SET error_id = ''", {"plugins"}),
    ("a timer's words are none", "UPDATE timers SET payload = x'90'", {"timers"}),
    ("a timer without a name", "UPDATE timers SET name = ''", {"timers"}),
    ("a timer that was not given out", "UPDATE timers SET timer_id = 2", {"timers"}),
]  # fmt: skip

LAWFUL: list[tuple[str, Damage]] = [
    ("a table of a plugin in capitals", "CREATE TABLE SHOP_more (id INTEGER)"),
    ("an index of a plugin", "CREATE INDEX shop_by_thing ON shop_parts (thing)"),
    ("a counter above the last message", "UPDATE meta SET value = 1000 WHERE name = 'change'"),
    ("a plugin's mark at the last change", "UPDATE plugin_cursors SET change = 96"),
    ("a plugin that has heard nothing", "UPDATE plugin_cursors SET change = 0"),
    ("a receipt with the last change", "UPDATE conversations SET changed = 96 WHERE no = 2"),
    ("sent when time began", message("sent_at = 0", 30)),
    ("what was edited is taken back", gone),
    ("by another", gone_and(message(f"sender_no = {BOB}", SECOND_EDIT))),
    ("of a kind that only applications know", contains({"type": "poll", "choices": [1, 2]})),
    ("an empty text", contains({"type": "text", "text": ""})),
    ("no roles", lambda raw: raw.executescript("UPDATE users SET roles = ''; DELETE FROM given_roles")),
    ("a role of two givers", f"INSERT INTO given_roles VALUES ({EVE}, 'staff', 'shop')"),
    ("disabled when time began", "UPDATE users SET disabled_at = 0, made_at = 0 WHERE user_id = 'eve'"),
    ("a token that does not say when", "UPDATE tokens SET issued_at = NULL"),
    ("a token of before times were kept", "UPDATE tokens SET issued_at = NULL, expires_at = NULL"),
    ("a revoked token without a jti", "UPDATE revoked_tokens SET token_id = '0123abcd'"),
    ("revoked to the end", "UPDATE revoked_before SET until = before, device_id = ''"),
    ("all of it on one day", "UPDATE used SET day_bytes = bytes, day = 0"),
    ("nothing used", "UPDATE used SET day_bytes = 0, bytes = 0"),
    ("muted for long", member("muted_until = 9000000000000000", BOB)),
    ("a title", "UPDATE conversations SET title = 'x' WHERE no = 2"),
    ("everything delivered, nothing read", member("delivered = 41", BOB)),
    ("everything delivered and read", member("delivered = 41, read = 41, seen_no = 39", BOB)),
    ("delivered and read up to the same", member("delivered = 20, read = 20, seen_no = 20", BOB)),
    ("read up to leaving", member(f"delivered = {REMOVED}, read = {REMOVED}, seen_no = 40", BOB, IN_GROUP)),
    ("read what came before joining", member("delivered = 10, read = 10", ANN, IN_GROUP)),
    ("no tokens", "DELETE FROM tokens"),
    ("no failures", "DELETE FROM plugin_failures"),
    ("no timers left", "DELETE FROM timers"),
    ("a link that is not used yet", "UPDATE links SET used_at = NULL, used_by = NULL"),
    ("a link that ends at once", "UPDATE links SET expires_at = made_at, made_by = ''"),
    ("a browser of when time began", "UPDATE browsers SET made_at = 0, seen_at = 0, told_at = 0"),
    ("a join that was refused", "UPDATE joins SET used_by = NULL"),
    ("a join that still stands", "UPDATE joins SET used_by = NULL, ended_at = NULL"),
    (
        "a join that nobody was asked of",
        "UPDATE joins SET used_by = NULL, account_no = NULL, asked_by = NULL, about = ''",
    ),
    ("a join that ends at once", "UPDATE joins SET expires_at = made_at, shop = ''"),
    ("a guest of no shop", "UPDATE guests SET shop = '', ref = '', made_at = 0"),
    ("the first record, with nothing in it", "UPDATE plugin_records SET number = 1, body = '{}'"),
    ("left at the last state", member("left_modseq = 5", BOB, IN_GROUP)),
    (
        "a conversation shows as much as it may",
        f"UPDATE conversations SET about = {map_of(2048)} WHERE no = {IN_GROUP}",
    ),
    ("settings as long as they may be", member(f"settings = {map_of(2048)}", CY, IN_GROUP)),
    ("settings that were taken away", member("settings = NULL", CY, IN_GROUP)),
    ("state of the last message, of the last change", "UPDATE item_values SET position = 46, modseq = 5"),
    ("state of the first message, of the first change", "UPDATE item_values SET position = 1, modseq = 1"),
    ("state as long as it may be", f"UPDATE item_values SET data = {map_of(1024)}"),
    ("a name of state that is in no map any more", "INSERT INTO state_names VALUES ('b')"),
    ("state for all, and nobody's own", "DELETE FROM item_values WHERE user_no > 0"),
    ("no outcomes", "DELETE FROM outcomes"),
    ("an outcome when time began", "UPDATE outcomes SET at = 0"),
    ("nobody with cursors by a team", "DELETE FROM team_cursors"),
    ("cursors of who left the team", f"UPDATE team_cursors SET user_no = {BOB}"),
    ("delivered by a team, and not read", "UPDATE team_cursors SET read = 0"),
    ("a run of the newest change", "UPDATE lineage SET first_change = 96 WHERE no = 3"),
    ("a run that begins with the one before it", "UPDATE lineage SET first_change = 50 WHERE no = 3"),
    (
        "neither state nor lineage yet",
        (
            "DELETE FROM first_modseqs; DELETE FROM lineage; DELETE FROM item_values;"
            " UPDATE conversations SET modseq = 0, about = NULL;"
            " UPDATE members SET left_modseq = 0 WHERE left_at IS NOT NULL"
        ),
    ),
    ("a copy of when time began", "UPDATE lineage SET copied_at = 0 WHERE no = 2"),
    ("a plugin told of the last run", "UPDATE plugin_cursors SET told_run = 3"),
    (
        "a copy whose ledger is elsewhere",
        "INSERT INTO meta VALUES ('ledger', '3 00'); INSERT INTO meta VALUES ('copied_at', 5)",
    ),
    ("state of messages alone", f"UPDATE conversations SET modseq = 4, about = NULL WHERE no = {IN_GROUP}"),
    ("sixteen messages in one step", step_of(16)),
    ("a first state that is the last", "UPDATE first_modseqs SET modseq = 5 WHERE lineage_no = 3"),
    ("a plugin with one migration", "INSERT INTO plugin_migrations VALUES ('bank', 1, 0)"),
]


def spoil(raw: Raw, damage: Damage) -> None:
    if isinstance(damage, str):
        for statement in damage.split("; ") if "TRIGGER" not in damage else [damage]:
            raw.execute(statement)
    else:
        damage(raw)


def test_what_is_kept_of_a_message_that_was_taken_back_is_named(raw: Raw) -> None:
    """For somebody has to erase it."""
    damage = next(damage for name, damage, _ in SPOILED if name == "what was taken back is kept")
    spoil(raw, damage)
    texts = [finding.text for finding in check_database(raw).findings]
    assert "message 3 of direct/ann/bob was taken back, and 1 of its contents are kept" in texts


@pytest.mark.parametrize(
    ("damage", "found_by"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED]
)
def test_what_is_spoiled_is_found(raw: Raw, damage: Damage, found_by: set[str]) -> None:
    spoil(raw, damage)
    report = check_database(raw)
    assert names(report) == found_by, report.findings


@pytest.mark.parametrize("damage", [row[1] for row in LAWFUL], ids=[row[0] for row in LAWFUL])
def test_what_is_lawful_is_not_found(raw: Raw, damage: Damage) -> None:
    spoil(raw, damage)
    assert check_database(raw).findings == []


def test_every_check_has_a_row_that_only_it_finds() -> None:
    alone = {name for _, _, found_by in SPOILED if len(found_by) == 1 for name in found_by}
    assert alone == {*NAMES} - {"side file", "complete"}  # of files: see test_running


@pytest.mark.parametrize(
    ("epoch", "behind", "found"),
    [("", 0, 0), ("", 1, 0), ("", -1, 1), ("0123456789abcdef", 0, 1), ("0123456789abcdef", 1, 1)],
    ids=["level", "behind", "ahead", "another epoch", "another epoch, behind"],
)
def test_the_side_file_is_of_this_history_and_never_ahead(
    raw: Raw, epoch: str, behind: int, found: int
) -> None:
    (own,) = raw.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    report = check_database(raw, side=SideFile(epoch or own, 96 - behind))
    assert (report.found, names(report)) == (found, {"side file"} if found else set())
