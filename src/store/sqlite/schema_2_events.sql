-- Version 2: events (touches, opt-outs), which are records without answers.

-- Which records are events, for the change feed; computed from the records.
CREATE TABLE events (
    changed     INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE,
    response_id BLOB NOT NULL
) STRICT;
