-- The language that a customer has chosen, on the page or with /language; '': none. Commands, which are of no language, are answered
-- in it.
ALTER TABLE booking_customers ADD COLUMN chosen_language TEXT NOT NULL DEFAULT '';
