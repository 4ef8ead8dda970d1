"""Messages, and what is counted and digested of them: each row breaks one condition of one check, mostly by one."""

from __future__ import annotations

from tests.store.damages import (
    ADDED,
    CHANNEL,
    DEE,
    EDITED,
    FIRST_EDIT,
    LEFT,
    PROMOTED,
    REMOVED,
    SECOND_EDIT,
    Spoiled,
    contains,
    ended,
    gone_and,
    last_said,
    member,
    message,
    retold,
    without_index,
)
from tests.store.full_database import AT, BOB, HEAD, IN_GROUP, REVISION
from tests.store.support import said

MESSAGES: list[Spoiled] = [
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
]  # fmt: skip
