-- Version 5: rows lie in the order they came in. An id is a hash; what is kept under it is now as small as can be, so
-- that a new response writes one page at random and the ends of tables, where it wrote pages full of bodies at random.

-- Where the rows of a response are. `number` is counted up; `changed` is its row in `responses`, none while nothing counts.
CREATE TABLE known (
    id      BLOB    NOT NULL PRIMARY KEY,
    number  INTEGER NOT NULL,
    changed INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO known
    SELECT ids.response_id, row_number() OVER (ORDER BY ids.response_id), responses.changed
    FROM (SELECT DISTINCT response_id FROM records) ids LEFT JOIN responses ON responses.id = ids.response_id;

ALTER TABLE records RENAME TO records_4;
CREATE TABLE records (
    response INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    decision INTEGER NOT NULL DEFAULT 0,
    body     BLOB    NOT NULL,
    PRIMARY KEY (response, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO records
    SELECT known.number, hash, decision, body FROM records_4 JOIN known ON known.id = response_id ORDER BY 1, 2;
DROP TABLE records_4;

CREATE VIEW records_by_id AS
    SELECT known.id AS response_id, hash, body FROM known JOIN records ON records.response = known.number;

DROP INDEX responses_by_interaction;
DROP INDEX responses_provisional;
ALTER TABLE responses RENAME TO responses_4;
CREATE TABLE responses (
    changed     INTEGER PRIMARY KEY,
    survey      TEXT    NOT NULL,
    brand       TEXT    NOT NULL,
    interaction TEXT    NOT NULL,
    provisional INTEGER NOT NULL,
    body        BLOB    NOT NULL
) STRICT;
INSERT INTO responses SELECT changed, survey, brand, interaction, provisional, body FROM responses_4 ORDER BY changed;
DROP TABLE responses_4;
CREATE INDEX responses_by_interaction ON responses (interaction) WHERE interaction <> '';
CREATE INDEX responses_provisional ON responses (changed) WHERE provisional = 1;
