-- Tables of the booking plugin. `…_at`, `…_until`: UTC milliseconds. `…_wall`: wall-clock time of the store.
-- Stores, services and resources are the chain file's; rows name them by id.

CREATE TABLE booking_appointments (
    id              INTEGER PRIMARY KEY,
    code            TEXT    NOT NULL UNIQUE,
    store_id        TEXT    NOT NULL,
    service_id      TEXT    NOT NULL,
    customer_id     TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    for_name        TEXT    NOT NULL DEFAULT '',
    age_band        TEXT    NOT NULL DEFAULT '',
    first_visit     INTEGER NOT NULL DEFAULT 0,
    phone           TEXT    NOT NULL DEFAULT '',
    note            TEXT    NOT NULL DEFAULT '',
    -- The truth is wall clock plus zone; start_at is derived. free_at = end_at + buffer: until then the cells are owned.
    start_wall      TEXT    NOT NULL,
    zone            TEXT    NOT NULL,
    start_at        INTEGER NOT NULL,
    end_at          INTEGER NOT NULL,
    free_at         INTEGER NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('held', 'pending', 'confirmed', 'arrived', 'in_exam', 'done',
                                                       'cancelled', 'no_show', 'expired')),
    version         INTEGER NOT NULL DEFAULT 1,
    hold_until      INTEGER,
    -- Position of the appointment's card in its conversation; it is edited in place.
    card_position   INTEGER,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    changed_by      TEXT    NOT NULL
);
CREATE INDEX booking_appointments_customer ON booking_appointments (customer_id, start_at);
CREATE INDEX booking_appointments_store ON booking_appointments (store_id, start_at);

CREATE TABLE booking_appointment_resources (
    appointment_id INTEGER NOT NULL REFERENCES booking_appointments (id),
    resource_id    TEXT    NOT NULL,
    PRIMARY KEY (appointment_id, resource_id)
) WITHOUT ROWID;

-- One row for each resource and 5 minutes of UTC (cell = ms / 300000). The primary key is what makes overlap impossible.
CREATE TABLE booking_cells (
    resource_id    TEXT    NOT NULL,
    cell           INTEGER NOT NULL,
    appointment_id INTEGER NOT NULL REFERENCES booking_appointments (id),
    PRIMARY KEY (resource_id, cell)
) WITHOUT ROWID;
CREATE INDEX booking_cells_appointment ON booking_cells (appointment_id);

-- Who did what to an appointment, and when.
CREATE TABLE booking_changes (
    appointment_id INTEGER NOT NULL REFERENCES booking_appointments (id),
    version        INTEGER NOT NULL,
    action         TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    start_wall     TEXT    NOT NULL,
    actor_id       TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (appointment_id, version)
) WITHOUT ROWID;

CREATE TABLE booking_reminders (
    appointment_id INTEGER NOT NULL REFERENCES booking_appointments (id),
    version        INTEGER NOT NULL,
    kind           TEXT    NOT NULL CHECK (kind IN ('day_before', 'same_day', 'exam_recall')),
    due_at         INTEGER,
    state          TEXT    NOT NULL CHECK (state IN ('planned', 'sent', 'not_sent')),
    reason         TEXT    NOT NULL DEFAULT '',
    timer_id       INTEGER,
    decided_at     INTEGER,
    PRIMARY KEY (appointment_id, version, kind)
) WITHOUT ROWID;

-- The service conversation: one for each (store, customer).
CREATE TABLE booking_services (
    conversation_id TEXT    NOT NULL PRIMARY KEY,
    store_id        TEXT    NOT NULL,
    customer_id     TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    last_human_at   INTEGER NOT NULL DEFAULT 0,
    -- Since when a customer's text waits for a human; NULL when nothing waits.
    waiting_since   INTEGER,
    UNIQUE (store_id, customer_id)
);
CREATE INDEX booking_services_customer ON booking_services (customer_id);

CREATE TABLE booking_staff_groups (
    conversation_id TEXT NOT NULL PRIMARY KEY,
    store_id        TEXT NOT NULL UNIQUE
);

-- What a customer said once and need not say again.
CREATE TABLE booking_customers (
    user_id     TEXT    NOT NULL PRIMARY KEY,
    language    TEXT    NOT NULL DEFAULT '',
    name        TEXT    NOT NULL DEFAULT '',
    age_band    TEXT    NOT NULL DEFAULT '',
    lens_kind   TEXT    NOT NULL DEFAULT ''
);

-- The open question of one person in one conversation. `state` is JSON (dialogue.py).
CREATE TABLE booking_dialogues (
    conversation_id TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);

-- Laid for what follows: leave, waitlist, reports, orders, views of health data.
CREATE TABLE booking_leaves (
    id          INTEGER PRIMARY KEY,
    resource_id TEXT    NOT NULL,
    start_at    INTEGER NOT NULL,
    end_at      INTEGER NOT NULL,
    actor_id    TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
);
CREATE INDEX booking_leaves_resource ON booking_leaves (resource_id, end_at);

CREATE TABLE booking_waitlist (
    id          INTEGER PRIMARY KEY,
    store_id    TEXT    NOT NULL,
    service_id  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    wanted      TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'offered', 'booked', 'left', 'expired')),
    hold_id     INTEGER REFERENCES booking_appointments (id),
    created_at  INTEGER NOT NULL
);
CREATE INDEX booking_waitlist_store ON booking_waitlist (store_id, state, created_at);

CREATE TABLE booking_reports (
    id             INTEGER PRIMARY KEY,
    appointment_id INTEGER NOT NULL REFERENCES booking_appointments (id),
    version        INTEGER NOT NULL DEFAULT 1,
    values_json    TEXT    NOT NULL,
    examiner_id    TEXT    NOT NULL,
    confirmed_at   INTEGER,
    delivered_at   INTEGER
);
CREATE INDEX booking_reports_appointment ON booking_reports (appointment_id);

CREATE TABLE booking_orders (
    id             INTEGER PRIMARY KEY,
    code           TEXT    NOT NULL UNIQUE,
    appointment_id INTEGER REFERENCES booking_appointments (id),
    store_id       TEXT    NOT NULL,
    customer_id    TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('ordered', 'in_lab', 'arrived', 'ready', 'collected', 'remake')),
    version        INTEGER NOT NULL DEFAULT 1,
    promised_on    TEXT    NOT NULL DEFAULT '',
    changed_at     INTEGER NOT NULL,
    changed_by     TEXT    NOT NULL
);
CREATE INDEX booking_orders_customer ON booking_orders (customer_id, status);
CREATE INDEX booking_orders_store ON booking_orders (store_id, status);

CREATE TABLE booking_health_views (
    id             INTEGER PRIMARY KEY,
    viewer_id      TEXT    NOT NULL,
    customer_id    TEXT    NOT NULL,
    what           TEXT    NOT NULL,
    at             INTEGER NOT NULL
);
CREATE INDEX booking_health_views_customer ON booking_health_views (customer_id, at);
