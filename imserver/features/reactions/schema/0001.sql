CREATE TABLE reactions_put (
    place    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    user_no  INTEGER NOT NULL,
    emoji    TEXT NOT NULL,
    put_at   INTEGER NOT NULL,
    PRIMARY KEY (place, position, user_no, emoji)
);
CREATE INDEX reactions_by_emoji ON reactions_put (place, position, emoji, user_no);
CREATE INDEX reactions_by_user ON reactions_put (user_no, place, position);
CREATE TABLE reactions_kinds (
    place    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    emoji    TEXT NOT NULL,
    people   INTEGER NOT NULL,
    PRIMARY KEY (place, position, emoji)
);
