-- Room for what grows (SPEC, "What may grow"): state that is no message, outcomes of keys, teams, lineage; and until when a
-- replaced content was the one that everybody saw.
BEGIN;

-- Position of the message that told of the replacement: before it, this revision is what was to be read.
ALTER TABLE revisions ADD COLUMN until INTEGER;

-- Every edit up to now is told of by {"type": "system", "event": "edited", "target": …, "revision": …}, in the bytes that we make
-- of it: always the same 33, the target, nine more, the revision. So the bytes that told of a revision follow from it, and nothing
-- is decoded. Without an edit no message is looked at.
CREATE TEMP TABLE told (
    conversation_no INTEGER NOT NULL,
    words           TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    PRIMARY KEY (conversation_no, words)
) WITHOUT ROWID;
INSERT OR IGNORE INTO told
    SELECT conversation_no, hex(substr(content, 34)), position FROM messages
    WHERE EXISTS (SELECT 1 FROM revisions)
        AND substr(content, 1, 33) = x'84A474797065A673797374656DA56576656E74A6656469746564A6746172676574';
UPDATE revisions SET until = (
    SELECT told.position FROM told WHERE told.conversation_no = revisions.conversation_no AND told.words =
        printf(CASE WHEN revisions.position < 128 THEN '%02X' WHEN revisions.position < 256 THEN 'CC%02X'
            WHEN revisions.position < 65536 THEN 'CD%04X' WHEN revisions.position < 4294967296 THEN 'CE%08X'
            ELSE 'CF%016X' END, revisions.position)
        || 'A87265766973696F6E'
        || printf(CASE WHEN revision < 127 THEN '%02X' WHEN revision < 255 THEN 'CC%02X'
            WHEN revision < 65535 THEN 'CD%04X' ELSE 'CE%08X' END, revision + 1)
);
DROP TABLE told;

-- Changes of state of a conversation: 1, 2, 3… without gaps. `about`: one msgpack map for all members. `team`: a group whose
-- persons are members here, too.
ALTER TABLE conversations ADD COLUMN modseq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN about BLOB;
ALTER TABLE conversations ADD COLUMN team INTEGER;
CREATE INDEX conversations_by_team ON conversations (team, changed) WHERE team IS NOT NULL;

-- `left_modseq`: the conversation's modseq when the member left. `settings`: the member's own msgpack map for the conversation.
ALTER TABLE members ADD COLUMN left_modseq INTEGER;
ALTER TABLE members ADD COLUMN settings BLOB;
ALTER TABLE members ADD COLUMN settings_seq INTEGER NOT NULL DEFAULT 0;
UPDATE members SET left_modseq = 0 WHERE left_at IS NOT NULL;

-- `spoken`: change of the last message that is not silent (`edited` is), by which lists are ordered; 0 if there is none.
ALTER TABLE heads ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
UPDATE heads SET spoken = coalesce((
    WITH RECURSIVE walk (change, previous, silent) AS (
        SELECT change, previous,
            substr(content, 1, 33) IS x'84A474797065A673797374656DA56576656E74A6656469746564A6746172676574'
            FROM messages WHERE change = heads.change
        UNION ALL
        SELECT m.change, m.previous,
            substr(m.content, 1, 33) IS x'84A474797065A673797374656DA56576656E74A6656469746564A6746172676574'
            FROM walk JOIN messages m ON m.change = walk.previous WHERE walk.silent AND walk.previous < walk.change
    )
    SELECT change FROM walk WHERE NOT silent
), 0);
ALTER TABLE heads ADD COLUMN team INTEGER;
CREATE INDEX heads_by_team ON heads (team, change) WHERE team IS NOT NULL;

-- State of messages. user_no 0: for everybody; else that viewer's own. Removed shared values stay, as empty maps.
CREATE TABLE item_values (
    conversation_no INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    user_no         INTEGER NOT NULL,
    modseq          INTEGER NOT NULL,
    data            BLOB    NOT NULL,
    PRIMARY KEY (conversation_no, position, user_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_values_by_modseq ON item_values (conversation_no, modseq);

-- State of accounts. `seq` counts the account's own changes; `changed` is the place in commit order.
CREATE TABLE user_values (
    user_no INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    changed INTEGER NOT NULL
) STRICT;

-- What a key led to that left no message. Starts with the key, as messages_by_key does.
CREATE TABLE outcomes (
    key     BLOB    NOT NULL,
    user_no INTEGER NOT NULL,
    method  TEXT    NOT NULL,
    digest  BLOB    NOT NULL,
    result  BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (key, user_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_by_age ON outcomes (at);

-- Persons of a group that is a team, with the change of joining.
CREATE TABLE team_members (
    user_no INTEGER NOT NULL,
    team_no INTEGER NOT NULL,
    joined  INTEGER NOT NULL,
    PRIMARY KEY (user_no, team_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_by_team ON team_members (team_no);

-- Cursors and settings of those who are members by a team only.
CREATE TABLE team_cursors (
    user_no         INTEGER NOT NULL,
    conversation_no INTEGER NOT NULL,
    seen_no         INTEGER NOT NULL,
    delivered       INTEGER NOT NULL DEFAULT 0,
    read            INTEGER NOT NULL DEFAULT 0,
    settings        BLOB,
    settings_seq    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_no, conversation_no)
) STRICT, WITHOUT ROWID;

-- Runs of history: a row at each opening for writing, and when the clocks part; never thinned. `mark` is random (16 bytes);
-- `life` is the mark with which its process began; `first_change` the first change that falls into the run.
CREATE TABLE lineage (
    no           INTEGER PRIMARY KEY,
    mark         BLOB    NOT NULL UNIQUE,
    life         BLOB    NOT NULL,
    first_change INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    why          TEXT    NOT NULL
) STRICT;

-- The first modseq that each run gave in a conversation: state met above it is of that run or a later one.
CREATE TABLE first_modseqs (
    conversation_no INTEGER NOT NULL,
    lineage_no      INTEGER NOT NULL,
    modseq          INTEGER NOT NULL,
    PRIMARY KEY (conversation_no, lineage_no)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
COMMIT;
