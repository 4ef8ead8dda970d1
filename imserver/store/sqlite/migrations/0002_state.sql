-- Room for what grows (SPEC, "What may grow"): state that is no message, outcomes of keys, teams, lineage; and until when a
-- replaced content was the one that everybody saw.
BEGIN;

-- Position of the message that told of the replacement: before it, this revision is what was to be read.
ALTER TABLE revisions ADD COLUMN until INTEGER;

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

-- `spoken`: change of the last message that is not silent (`edited` is), by which lists are ordered; 0 if there is none.
ALTER TABLE heads ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
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
