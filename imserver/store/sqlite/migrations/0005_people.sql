-- People: what an account is and whether it may enter, what was revoked, who knows whom, and what is used up.
BEGIN;

-- `kind`: person or bot; a plugin's bot has no tokens. `disabled_at`: NULL while the account may be used.
ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';
ALTER TABLE users ADD COLUMN disabled_at INTEGER;
ALTER TABLE users ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
UPDATE users SET kind = 'bot'
    WHERE char(10) || roles || char(10) LIKE '%' || char(10) || 'bot' || char(10) || '%'
        AND no NOT IN (SELECT user_no FROM tokens);

-- Who gave each role: 'operator', a plugin, or '' for what was there before this was kept. users.roles has each once.
CREATE TABLE given_roles (
    user_no INTEGER NOT NULL,
    role    TEXT    NOT NULL,
    giver   TEXT    NOT NULL,
    PRIMARY KEY (user_no, role, giver)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO given_roles (user_no, role, giver)
    WITH RECURSIVE split (no, role, rest) AS (
        SELECT no, '', roles || char(10) FROM users WHERE roles <> ''
        UNION ALL
        SELECT no, substr(rest, 1, instr(rest, char(10)) - 1), substr(rest, instr(rest, char(10)) + 1)
            FROM split WHERE rest <> ''
    )
    SELECT no, role, '' FROM split WHERE role <> '';

-- Every token that was used here, until it expired and its user came with another. NULL: used before this was kept.
ALTER TABLE tokens ADD COLUMN issued_at INTEGER;
ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
CREATE INDEX tokens_by_user ON tokens (user_no, expires_at);

-- What is no longer accepted: one token; or all that were issued before a time, of a device ('' for any). `until`: nothing that
-- was revoked is valid from then on, and the row may go.
CREATE TABLE revoked_tokens (
    token_id TEXT    NOT NULL PRIMARY KEY,
    user_no  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE revoked_before (
    user_no   INTEGER NOT NULL,
    device_id TEXT    NOT NULL,
    before    INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    PRIMARY KEY (user_no, device_id)
) STRICT, WITHOUT ROWID;

-- Who takes no messages from whom.
CREATE TABLE blocks (
    user_no    INTEGER NOT NULL,
    blocked_no INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (user_no, blocked_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_blocked ON blocks (blocked_no, user_no);

-- `asked_by`: of a direct conversation in which only one of the two has written: that one, a stranger to the other. NULL when
-- both have, and for all that were there before.
ALTER TABLE conversations ADD COLUMN asked_by INTEGER;
-- Present members who are there by an act of their own; and members who left by themselves, and when (UTC milliseconds). Tables
-- of their own: in a table with a key of several columns SQLite finds rows of more than 13 columns by a slower way, and `members`,
-- which nearly everything looks into, has 13.
CREATE TABLE own_acts (
    user_no         INTEGER NOT NULL,
    conversation_no INTEGER NOT NULL,
    PRIMARY KEY (user_no, conversation_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE departures (
    user_no         INTEGER NOT NULL,
    conversation_no INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (user_no, conversation_no)
) STRICT, WITHOUT ROWID;
INSERT INTO own_acts (user_no, conversation_no)
    SELECT user_no, conversation_no FROM members WHERE role = 'owner' AND left_at IS NULL;

CREATE INDEX users_by_kind ON users (kind) WHERE kind = 'bot';

-- How many people a user brought into groups and channels, on one day (days since 1970, UTC): the last on which there were any.
CREATE TABLE invited (
    user_no INTEGER PRIMARY KEY,
    day     INTEGER NOT NULL,
    people  INTEGER NOT NULL
) STRICT;

-- Bytes of contents that a user has posted: in all, and on one day (days since 1970, UTC).
CREATE TABLE used (
    user_no   INTEGER PRIMARY KEY,
    bytes     INTEGER NOT NULL,
    day       INTEGER NOT NULL,
    day_bytes INTEGER NOT NULL
) STRICT;

-- Messages behind a plugin's cursor that are dealt with already: one user's turn may come before another's.
CREATE TABLE plugin_handled (
    plugin TEXT    NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (plugin, change)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 5;
COMMIT;
