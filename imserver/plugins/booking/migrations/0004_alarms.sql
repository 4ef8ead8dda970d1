-- When a customer last had the urgent card and the careful text, and which families of kinds (`chemical`, `stroke`, `urgent`) were
-- answered since that card: one urgent card for a customer and ten minutes, however many texts.
CREATE TABLE booking_alarms (
    customer_id TEXT    NOT NULL PRIMARY KEY,
    urgent_at   INTEGER NOT NULL DEFAULT 0,
    careful_at  INTEGER NOT NULL DEFAULT 0,
    told        TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;
