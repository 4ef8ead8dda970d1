-- Browsers that are signed in by a cookie, links that sign another one in, guests, and records of plugins.
BEGIN;

-- One row for each credential; of its secret the hash alone (SHA-256). `device_id` is a device of this user's, which no other
-- browser ever has. `seen_at`: within an hour of its last use; it is good for 400 days from then. `told_at`: the browser has
-- been told of all others of its user that were made until then.
CREATE TABLE browsers (
    secret_hash BLOB    NOT NULL PRIMARY KEY,
    user_no     INTEGER NOT NULL,
    device_id   TEXT    NOT NULL,
    label       TEXT    NOT NULL,
    made_at     INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    told_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX browsers_by_user ON browsers (user_no, device_id);

-- What signs one browser in, once: the hash of its secret, and who made it: a browser of the user (its device), or an operator
-- (''). `used_by`: the device that came of it.
CREATE TABLE links (
    link_no     INTEGER PRIMARY KEY,
    secret_hash BLOB    NOT NULL UNIQUE,
    user_no     INTEGER NOT NULL,
    made_by     TEXT    NOT NULL,
    made_at     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER,
    used_by     TEXT
) STRICT;
CREATE INDEX links_by_user ON links (user_no, made_at);

-- Accounts that began as a guest: for which shop, and from which poster, as the page said it.
CREATE TABLE guests (
    user_no INTEGER PRIMARY KEY,
    made_at INTEGER NOT NULL,
    shop    TEXT    NOT NULL,
    ref     TEXT    NOT NULL
) STRICT;

-- Records of the ledger that are a plugin's, until the plugin has done what they say: `number` is the record's.
CREATE TABLE plugin_records (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    plugin TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    body   TEXT    NOT NULL
) STRICT;

PRAGMA user_version = 6;
COMMIT;
