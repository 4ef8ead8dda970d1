-- Why a text waits for people, and where it stands in its conversation (NULL: it was typed elsewhere, or before this was kept).
-- Both are of the gravest of what waits; '' while nothing does.
ALTER TABLE booking_services ADD COLUMN waiting_why TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_services ADD COLUMN waiting_position INTEGER;
UPDATE booking_services SET waiting_why = 'unread' WHERE waiting_since IS NOT NULL;

-- Who of the staff has taken the conversation over from the bot, and when; '' is nobody. `given_back_at`: when the bot was last told
-- to speak again, whoever of the staff has written before that.
ALTER TABLE booking_services ADD COLUMN taken_by TEXT NOT NULL DEFAULT '';
ALTER TABLE booking_services ADD COLUMN taken_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE booking_services ADD COLUMN given_back_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX booking_services_taken ON booking_services (taken_by, store_id) WHERE taken_by <> '';

-- When its customer or the staff last said something there.
ALTER TABLE booking_services ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
UPDATE booking_services SET active_at = CASE WHEN last_human_at > created_at THEN last_human_at ELSE created_at END;
UPDATE booking_services SET active_at = waiting_since WHERE waiting_since > active_at;

-- The inbox of a shop: what waits, the alarms of it, and the rest, the latest first.
CREATE INDEX booking_services_waiting ON booking_services (store_id, waiting_since, conversation_id)
    WHERE waiting_since IS NOT NULL;
CREATE INDEX booking_services_alarms ON booking_services (store_id, waiting_since, conversation_id) WHERE waiting_why = 'alarm';
CREATE INDEX booking_services_recent ON booking_services (store_id, active_at, conversation_id) WHERE waiting_since IS NULL;
