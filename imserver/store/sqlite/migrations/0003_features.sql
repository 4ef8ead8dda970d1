-- What features and plugins stand on: the names of their state, and the audit log. (Their views are each connection's own, see views.py.)
BEGIN;

-- Who did what to whom, when. Accounts and conversations by their numbers; `source` is the plugin that says so, or 'server'.
CREATE TABLE audit (
    audit_no        INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    act             TEXT    NOT NULL,
    actor_no        INTEGER,
    about_no        INTEGER,
    conversation_no INTEGER,
    position        INTEGER
) STRICT;

-- Under which names state was ever written: a server that does not have all of them leaves the others out of what it shows.
CREATE TABLE state_names (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
COMMIT;
