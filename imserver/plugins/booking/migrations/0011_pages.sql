-- What customers agreed to, and when they took it back. `kind`: 'booking' (the data of an appointment). `version`: of the shop's
-- text. A row is never changed but for its end: who agreed again has another one.
CREATE TABLE booking_consents (
    id           INTEGER PRIMARY KEY,
    customer_id  TEXT    NOT NULL,
    store_id     TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    given_at     INTEGER NOT NULL,
    -- Who said so: the customer, or a parent in the same conversation.
    given_by     TEXT    NOT NULL,
    withdrawn_at INTEGER,
    withdrawn_by TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX booking_consents_customer ON booking_consents (customer_id, store_id, kind);
-- One consent of a kind stands at a time.
CREATE UNIQUE INDEX booking_consents_standing ON booking_consents (customer_id, store_id, kind) WHERE withdrawn_at IS NULL;

-- 1: its customer was a guest that nobody had verified when the time was taken. They share a part of each day.
ALTER TABLE booking_appointments ADD COLUMN by_guest INTEGER NOT NULL DEFAULT 0;
