-- Version 4: who wants no more invitations of which brand. `person` is a respondent key; `stamp` is in microseconds.
-- No record stands behind a row: it is all that is kept, and it outlives an erasure.
CREATE TABLE opt_outs (
    changed   INTEGER PRIMARY KEY,
    brand     TEXT    NOT NULL,
    person    BLOB    NOT NULL,
    stamp     INTEGER NOT NULL,
    withdrawn INTEGER NOT NULL,
    UNIQUE (brand, person)
) STRICT;
