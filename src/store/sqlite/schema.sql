-- Version 1. Times are microseconds since the Unix epoch.
--
-- `changed` numbers every change of what the store says. It is the store's clock at the change, raised where needed so
-- that no two changes share one and none goes back: the time `updated_at`, the page token and the feed's cursor at once.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The truth: all that was ever taken and not erased, and the operators' decisions (0 none, 1 released, 2 discarded).
CREATE TABLE records (
    response_id BLOB    NOT NULL,
    hash        BLOB    NOT NULL,
    decision    INTEGER NOT NULL DEFAULT 0,
    body        BLOB    NOT NULL,
    PRIMARY KEY (response_id, hash)
) STRICT, WITHOUT ROWID;

-- Which responses a person occurs in, for erasures.
CREATE TABLE people (
    key         BLOB NOT NULL,
    response_id BLOB NOT NULL,
    PRIMARY KEY (key, response_id)
) STRICT, WITHOUT ROWID;

-- Everything below but `tombstones` is computed from the records.
CREATE TABLE responses (
    changed     INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    survey      TEXT NOT NULL,
    brand       TEXT NOT NULL,
    interaction TEXT NOT NULL,
    body        BLOB NOT NULL
) STRICT;
CREATE INDEX responses_by_interaction ON responses (interaction) WHERE interaction <> '';

CREATE TABLE held (
    hash        BLOB    NOT NULL PRIMARY KEY,
    response_id BLOB    NOT NULL,
    survey      TEXT    NOT NULL,
    brand       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    questions   TEXT    NOT NULL,
    state       INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    changed     INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_age ON held (state, received, hash);
CREATE INDEX held_by_response ON held (response_id);

-- Responses that say nothing any more, for the change feed.
CREATE TABLE gone (
    response_id BLOB    NOT NULL PRIMARY KEY,
    changed     INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- Refuse what was received before; `name` is `p` and a respondent key, or `r` and a response id.
CREATE TABLE tombstones (
    name            BLOB    NOT NULL PRIMARY KEY,
    received_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
