-- What was changed by talking: fields of the chain, leave, and the appointments that are in the way of either.

-- One row; its revision grows with every change of the chain in effect.
CREATE TABLE booking_chain (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
);

-- Fields that are not as in the chain file. `value`, `was`: JSON; null is nothing there. At most one row of a path has not ended.
CREATE TABLE booking_chain_changes (
    id              INTEGER PRIMARY KEY,
    path            TEXT    NOT NULL,
    value           TEXT    NOT NULL,
    was             TEXT    NOT NULL,
    actor_id        TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    made_at         INTEGER NOT NULL,
    ended_at        INTEGER,
    ended_by        TEXT    NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX booking_chain_changes_standing ON booking_chain_changes (path) WHERE ended_at IS NULL;

-- The wall times are the truth; start_at and end_at are derived, in the zone of the shop. `origin`: the message, or 'file'.
ALTER TABLE booking_leaves ADD COLUMN store_id TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_leaves ADD COLUMN zone TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_leaves ADD COLUMN start_wall TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_leaves ADD COLUMN end_wall TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_leaves ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_leaves ADD COLUMN origin TEXT NOT NULL DEFAULT 'message';
ALTER TABLE booking_leaves ADD COLUMN conversation_id TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_leaves ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE booking_leaves ADD COLUMN withdrawn_at INTEGER;
ALTER TABLE booking_leaves ADD COLUMN withdrawn_by TEXT NOT NULL DEFAULT '';
CREATE INDEX booking_leaves_store ON booking_leaves (store_id, end_at);

-- What staff asked for, with the appointments in its way: asked, then agreed (and done) or dropped. `detail`: JSON.
CREATE TABLE booking_plans (
    id                INTEGER PRIMARY KEY,
    store_id          TEXT    NOT NULL,
    detail            TEXT    NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1,
    state             TEXT    NOT NULL CHECK (state IN ('asked', 'agreed', 'dropped')),
    actor_id          TEXT    NOT NULL,
    conversation_id   TEXT    NOT NULL,
    position          INTEGER NOT NULL,
    asked_at          INTEGER NOT NULL,
    decided_at        INTEGER,
    decided_by        TEXT    NOT NULL DEFAULT '',
    -- The list in the staff group whose lines are ticked off.
    progress_position INTEGER
);

-- Who was offered other times because of a plan, and what became of it.
CREATE TABLE booking_offers (
    plan_id        INTEGER NOT NULL REFERENCES booking_plans (id),
    appointment_id INTEGER NOT NULL REFERENCES booking_appointments (id),
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'silent', 'unreachable', 'moved', 'kept', 'cancelled', 'over',
                                                     'withdrawn')),
    -- The appointment's start when it was in the way.
    start_wall     TEXT    NOT NULL,
    told_at        INTEGER NOT NULL,
    -- When the staff hear that there is no answer.
    due_at         INTEGER,
    answered_at    INTEGER,
    PRIMARY KEY (plan_id, appointment_id)
) WITHOUT ROWID;
CREATE INDEX booking_offers_appointment ON booking_offers (appointment_id);

-- Appointments whose service, people or rooms are not in the chain any more, and of which the staff were told.
CREATE TABLE booking_strays (
    appointment_id INTEGER NOT NULL PRIMARY KEY REFERENCES booking_appointments (id),
    told_at        INTEGER NOT NULL
);
