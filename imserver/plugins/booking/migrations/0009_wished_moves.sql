-- Where the shop confirms by hand, a customer's move is asked for: the appointment keeps its time and its cells, and owns those of
-- the wished time as well, until the shop has answered. '' and 0: nothing is asked for.
ALTER TABLE booking_appointments ADD COLUMN wish_wall TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_appointments ADD COLUMN wish_start_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE booking_appointments ADD COLUMN wish_free_at INTEGER NOT NULL DEFAULT 0;
-- The resources of the wished time, with blanks between them.
ALTER TABLE booking_appointments ADD COLUMN wish_resources TEXT NOT NULL DEFAULT '';
