-- What the staff are shown of a conversation was another for the last time by this change of the shop's inbox: 1, 2, … in the order in
-- which they were made, whatever the clock says. 0: not since this is kept.
ALTER TABLE booking_services ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX booking_services_changed ON booking_services (store_id, changed);
-- Another number: what is known of the inbox may be wrong everywhere, and is read again.
ALTER TABLE booking_staff_groups ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
