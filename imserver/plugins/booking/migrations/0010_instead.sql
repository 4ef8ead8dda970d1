-- A request in another shop that is to take the place of an appointment: that one stands until the other shop has said yes.
CREATE TABLE booking_instead (
    request_id   INTEGER PRIMARY KEY REFERENCES booking_appointments (id),
    ends_id      INTEGER NOT NULL REFERENCES booking_appointments (id),
    -- The version that the customer was shown: of another one nothing is cancelled.
    ends_version INTEGER NOT NULL
);
