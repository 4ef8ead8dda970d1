-- Guests who go on as an older account: what was asked at the counter, and from `joined_at` on what was said yes to.
CREATE TABLE booking_joins (
    guest_id        TEXT    NOT NULL PRIMARY KEY,
    account_id      TEXT    NOT NULL,
    -- Where the code was typed, and who typed it; '' behind a restore of a copy that does not know it.
    conversation_id TEXT    NOT NULL DEFAULT '',
    asked_by        TEXT    NOT NULL DEFAULT '',
    joined_at       INTEGER
) WITHOUT ROWID;
CREATE INDEX booking_joins_account ON booking_joins (account_id);

-- Codes that a member of the staff typed and no phone showed, since when; and until when none counts.
CREATE TABLE booking_wrong_codes (
    user_id       TEXT    NOT NULL PRIMARY KEY,
    count         INTEGER NOT NULL,
    since         INTEGER NOT NULL,
    stopped_until INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
