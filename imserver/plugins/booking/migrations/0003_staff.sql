-- Whom the chain file makes staff of a store. `ended_at`: since when it does not any more, or the account is disabled. A row that
-- has not ended, of somebody who is not in the staff group: left by himself, and stays out.
CREATE TABLE booking_staff (
    store_id TEXT    NOT NULL,
    user_id  TEXT    NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (store_id, user_id)
) WITHOUT ROWID;

-- 0: from when staff were members of each service conversation one by one; its turn to get the staff group as its team will come.
ALTER TABLE booking_services ADD COLUMN by_team INTEGER NOT NULL DEFAULT 0;
CREATE INDEX booking_services_by_rows ON booking_services (conversation_id) WHERE by_team = 0;
-- Members of service conversations who are neither the customer nor staff: staff brought them when staff could.
CREATE TABLE booking_guests (
    conversation_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) WITHOUT ROWID;

-- 1: the customer wants no messages: no reminders are sent, and the bot may be blocked.
ALTER TABLE booking_customers ADD COLUMN no_messages INTEGER NOT NULL DEFAULT 0;

-- The timer that gives the next of them their team (`to_teams`).
CREATE TABLE booking_to_team (
    timer_id INTEGER NOT NULL PRIMARY KEY
);
