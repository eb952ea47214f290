-- Version 3: what short handles stand for. `made` and `kept_until` are microseconds since the Unix epoch.
CREATE TABLE links (
    handle     TEXT    NOT NULL PRIMARY KEY,
    token      TEXT    NOT NULL,
    person     BLOB,
    made       INTEGER NOT NULL,
    expires    INTEGER,
    kept_until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_person ON links (person) WHERE person IS NOT NULL;
CREATE INDEX links_by_age ON links (kept_until) WHERE kept_until IS NOT NULL;
