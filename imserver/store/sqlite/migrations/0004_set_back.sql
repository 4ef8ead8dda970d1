-- When an older copy came back: of when it was, and who of the plugins was told.
BEGIN;

-- The time of the copy with which a run began that is the first after a restore; NULL for every other run.
ALTER TABLE lineage ADD COLUMN copied_at INTEGER;

-- The last run of which the plugin was told that an older copy had come back with it.
ALTER TABLE plugin_cursors ADD COLUMN told_run INTEGER NOT NULL DEFAULT 0;
UPDATE plugin_cursors SET told_run = (SELECT coalesce(max(no), 0) FROM lineage);

PRAGMA user_version = 4;
COMMIT;
