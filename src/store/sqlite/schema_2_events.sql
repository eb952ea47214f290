-- Version 2: events (touches, opt-outs), which are records without answers, and verdicts on answers.

-- Which records are events, for the change feed; computed from the records.
CREATE TABLE events (
    changed     INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE,
    response_id BLOB NOT NULL
) STRICT;

-- What operators ruled about the answers of a response (1 confirmed, 0 provisional), for what was received until then.
CREATE TABLE rulings (
    response_id BLOB    NOT NULL PRIMARY KEY,
    confirmed   INTEGER NOT NULL,
    until       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether an answer of it is provisional; computed.
ALTER TABLE responses ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
CREATE INDEX responses_provisional ON responses (changed) WHERE provisional = 1;
