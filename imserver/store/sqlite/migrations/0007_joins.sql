-- Browsers of guests that go on as an older account, and records of the ledger that are of several plugins.
BEGIN;

-- A guest's browser that shows a code. `shop`: for which, as the page said it. `account_no`, `asked_by`, `about`: somebody of the
-- shop named the code beside this account, and what the guest is shown of it (JSON). `ended_at`: with the guest's yes (`used_by`:
-- the device that came of it) or no (NULL).
CREATE TABLE joins (
    join_no    INTEGER PRIMARY KEY,
    code       TEXT    NOT NULL,
    user_no    INTEGER NOT NULL,
    device_id  TEXT    NOT NULL,
    shop       TEXT    NOT NULL,
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    account_no INTEGER,
    asked_by   INTEGER,
    about      TEXT    NOT NULL DEFAULT '',
    ended_at   INTEGER,
    used_by    TEXT
) STRICT;
CREATE INDEX joins_by_code ON joins (code, join_no);
CREATE INDEX joins_by_user ON joins (user_no, device_id, join_no);
CREATE INDEX joins_by_end ON joins (expires_at);

-- The same record may wait for several plugins.
CREATE TABLE plugin_records_7 (
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    plugin TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (plugin, number)
) STRICT, WITHOUT ROWID;
INSERT INTO plugin_records_7 SELECT number, at, plugin, name, body FROM plugin_records;
DROP TABLE plugin_records;
ALTER TABLE plugin_records_7 RENAME TO plugin_records;

PRAGMA user_version = 7;
COMMIT;
