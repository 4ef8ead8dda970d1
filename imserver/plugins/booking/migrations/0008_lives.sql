-- Restores: numbers of appointments (and the codes made of them) begin anew behind all that a lost history can have given.
CREATE TABLE booking_lives (
    first_number INTEGER PRIMARY KEY,
    -- The last number that the copy knew: those between the two may have been given in what is gone.
    last_before  INTEGER NOT NULL,
    copied_at    INTEGER NOT NULL,
    restored_at  INTEGER NOT NULL
);

-- A plan that nobody answered has ended; dropped is what somebody said no to. (asked, agreed, dropped, ended)
ALTER TABLE booking_plans ADD COLUMN outcome TEXT NOT NULL DEFAULT 'asked';
UPDATE booking_plans SET outcome = CASE WHEN state = 'dropped' AND decided_by = '' THEN 'ended' ELSE state END;
ALTER TABLE booking_plans DROP COLUMN state;
ALTER TABLE booking_plans RENAME COLUMN outcome TO state;
