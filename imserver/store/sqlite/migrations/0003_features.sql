-- What features and plugins stand on: three views that every engine has, and the audit log.
BEGIN;

-- What a person may read, conversation by conversation: positions `first..last`.
CREATE VIEW readable (user_no, place, first, last) AS
    SELECT user_no, conversation_no, 1, coalesce(left_at, 9007199254740991) FROM members;

-- Messages that are there: not those that were taken back.
CREATE VIEW said (place, position, change, sender_no, sent_at) AS
    SELECT conversation_no, position, change, sender_no, sent_at FROM messages WHERE content IS NOT NULL;

CREATE VIEW people (user_no, user_id, kind) AS
    SELECT no, user_id, CASE WHEN char(10) || roles || char(10) LIKE '%' || char(10) || 'bot' || char(10) || '%'
        THEN 'bot' ELSE 'person' END FROM users;

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

PRAGMA user_version = 3;
COMMIT;
