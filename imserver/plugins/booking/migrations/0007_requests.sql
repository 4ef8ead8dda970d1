-- Requests that wait for the shop's yes (confirmation = "staff"): what comes next, and by which timer. One row for each pending
-- appointment; those of before get theirs at the next start.
CREATE TABLE booking_requests (
    appointment_id INTEGER PRIMARY KEY REFERENCES booking_appointments (id),
    -- When the time was asked for: at the request, or at its last move.
    asked_at       INTEGER NOT NULL,
    next_step      TEXT    NOT NULL CHECK (next_step IN ('repeat', 'offer', 'again', 'end')),
    due_at         INTEGER NOT NULL,
    timer_id       INTEGER NOT NULL
);
