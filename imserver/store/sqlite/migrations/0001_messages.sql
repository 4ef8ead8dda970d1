-- What a chat server keeps. `no`: our own small number for a row that has a long name. `…_at`: UTC milliseconds, except
-- members.joined_at and left_at, which are positions.
--
-- Every fact that others must learn of takes the next number of one counter, in commit order: `change`. For a message it is
-- the primary key, so messages are only ever appended. There is no index by position: it would write one page for each
-- conversation of a commit, and pages are what a commit costs. Instead each message knows the one before it in its
-- conversation, `heads` knows the last, and every 16th has a milestone (docs/decisions, "positions").
BEGIN;

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value ANY  NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    no           INTEGER PRIMARY KEY,
    user_id      TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    language     TEXT NOT NULL,
    roles        TEXT NOT NULL             -- the application's words, one a line
) STRICT;

-- A token belongs to the device that used it first.
CREATE TABLE tokens (
    token_id  TEXT    NOT NULL PRIMARY KEY,
    user_no   INTEGER NOT NULL,
    device_id TEXT    NOT NULL,
    bound_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    no              INTEGER PRIMARY KEY,
    conversation_id TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL,
    title           TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    changed         INTEGER NOT NULL,      -- last change that is no message of it and concerns all members (a receipt)
    membership      INTEGER NOT NULL       -- last change of who is a member, or in what role
) STRICT;

CREATE TABLE members (
    conversation_no INTEGER NOT NULL,
    user_no         INTEGER NOT NULL,
    role            TEXT    NOT NULL,
    joined_at       INTEGER NOT NULL,
    left_at         INTEGER,
    muted_until     INTEGER NOT NULL DEFAULT 0,
    seen_no         INTEGER NOT NULL,      -- messages.unread_no at the read cursor, or at joining if that is later
    delivered       INTEGER NOT NULL DEFAULT 0,
    read            INTEGER NOT NULL DEFAULT 0,
    changed         INTEGER NOT NULL,
    PRIMARY KEY (conversation_no, user_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_no, conversation_no);

CREATE TABLE messages (
    change          INTEGER PRIMARY KEY,
    conversation_no INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    sender_no       INTEGER NOT NULL,
    sent_at         INTEGER NOT NULL,
    unread_no       INTEGER NOT NULL,      -- how many messages up to this one are worth being counted as unread
    previous        INTEGER NOT NULL,      -- change of the message before it in its conversation, 0 for the first
    revision        INTEGER NOT NULL,
    key             BLOB    NOT NULL,
    digest          BLOB    NOT NULL,      -- of the content as first accepted, kept through edits
    content         BLOB                   -- NULL: retracted
) STRICT;
-- Starts with the key, whose beginning is a time: new rows then fall on few pages, however many conversations there are.
CREATE UNIQUE INDEX messages_by_key ON messages (key, conversation_no, sender_no);

-- The last message of each conversation. Narrow, so that the heads of busy conversations share few pages.
CREATE TABLE heads (
    conversation_no INTEGER PRIMARY KEY,
    position        INTEGER NOT NULL,
    change          INTEGER NOT NULL,
    unread_no       INTEGER NOT NULL
) STRICT;

-- Where every 16th position of a conversation is.
CREATE TABLE milestones (
    conversation_no INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    change          INTEGER NOT NULL,
    PRIMARY KEY (conversation_no, position)
) STRICT, WITHOUT ROWID;

-- What a message said before each edit.
CREATE TABLE revisions (
    conversation_no INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    content         BLOB    NOT NULL,
    replaced_at     INTEGER NOT NULL,
    PRIMARY KEY (conversation_no, position, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin_cursors (
    plugin TEXT    NOT NULL PRIMARY KEY,
    change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: the id of a fired timer must never come to mean another one.
CREATE TABLE timers (
    timer_id INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin   TEXT    NOT NULL,
    due_at   INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    payload  BLOB    NOT NULL
) STRICT;
CREATE INDEX timers_by_due ON timers (plugin, due_at, timer_id);

CREATE TABLE plugin_failures (
    failure_no INTEGER PRIMARY KEY,
    plugin     TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    error_id   TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    failed_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE plugin_migrations (
    plugin     TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    applied_at INTEGER NOT NULL,
    PRIMARY KEY (plugin, number)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
COMMIT;
