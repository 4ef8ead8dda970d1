"""State, teams, and the lineage of the file: each row breaks one condition of one check, mostly by one."""

from __future__ import annotations

from tests.store.damages import (
    CHANNEL,
    EVE,
    SERVICE,
    Spoiled,
    map_of,
    member,
    step_of,
    teamed,
)
from tests.store.full_database import ANN, AT, BOB, CY, IN_GROUP

STATE: list[Spoiled] = [
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
]  # fmt: skip
