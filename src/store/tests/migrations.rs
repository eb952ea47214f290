//! Files that an older voxgate wrote: opened, they say the same, and go on.

use rusqlite::Connection;

use super::{feed, *};
use crate::proto::store::v1::{EraseRequest, Held, ListHeldRequest};

/// Puts a file back to version 4, where rows lay by the ids of responses.
const TO_VERSION_4: &str = "
    DROP VIEW records_by_id;
    ALTER TABLE records RENAME TO newer;
    CREATE TABLE records (
        response_id BLOB NOT NULL, hash BLOB NOT NULL, decision INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
        PRIMARY KEY (response_id, hash)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO records SELECT id, hash, decision, body FROM newer JOIN known ON number = response;
    DROP TABLE newer;
    DROP INDEX responses_by_interaction;
    DROP INDEX responses_provisional;
    ALTER TABLE responses RENAME TO newer;
    CREATE TABLE responses (
        changed INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, survey TEXT NOT NULL, brand TEXT NOT NULL,
        interaction TEXT NOT NULL, body BLOB NOT NULL, provisional INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO responses SELECT changed, id, survey, brand, interaction, body, provisional
        FROM newer JOIN known USING (changed);
    DROP TABLE newer;
    DROP TABLE known;
    CREATE INDEX responses_by_interaction ON responses (interaction) WHERE interaction <> '';
    CREATE INDEX responses_provisional ON responses (changed) WHERE provisional = 1;
    PRAGMA user_version = 4;
";

/// Puts a file of version 4 back to version 1, which knew no events, links or opt-outs.
const TO_VERSION_1: &str = "
    DROP TABLE opt_outs;
    DROP TABLE links;
    DROP TABLE rulings;
    DROP TABLE events;
    DROP INDEX responses_provisional;
    ALTER TABLE responses DROP COLUMN provisional;
    PRAGMA user_version = 1;
";

/// All that a store tells.
async fn told(store: &mut Running) -> (Vec<Response>, Vec<Held>, Vec<(String, String)>) {
    let held = store.client.list_held(ListHeldRequest::default()).await.unwrap().into_inner().held;
    let mut changes = Vec::new();
    let mut feed = feed::watch(store, "", true).await;
    while let Some(change) = feed::next(&mut feed).await {
        changes.push(change);
    }
    (store.responses().await, held, changes)
}

fn of_stranger(record: Record) -> Record {
    Record { respondent_key: vec![9; 16].into(), ..record }
}

/// Responses of two people, the first with an answer that was changed, and one that is held.
async fn filled() -> Running {
    let mut store = Running::start().await;
    let changed =
        Record { answers: vec![nps("recommend", 3)], stamp_us: record().stamp_us + 1, ..record_of(2) };
    let held = Record { hold: "suspicious".into(), ..record_of(3) };
    store.append(vec![record_of(2), of_stranger(record_of(1))]).await;
    store.append(vec![changed, held]).await;
    store
}

/// Erases the person of responses 2 and 3, and says what is left.
async fn erased(store: &mut Running) -> Vec<String> {
    let request = EraseRequest { respondent_key: record().respondent_key, received_before: None };
    assert_eq!(store.client.erase(request).await.unwrap().into_inner().records, 3);
    store.responses().await.into_iter().map(|response| response.id).collect()
}

async fn says_the_same_after(store: Running, older: impl FnOnce(&Connection)) {
    let mut store = store;
    let before = told(&mut store).await;
    let mut store = store.restart_after(older).await;
    assert_eq!(told(&mut store).await, before);
    store.append(vec![record_of(2)]).await;
    assert_eq!(told(&mut store).await, before, "a record of before is no news");
    store.append(vec![of_stranger(record_of(4))]).await;
    let responses = store.responses().await;
    assert_eq!(responses.last().map(|response| response.id.clone()), Some(id_of(4)));
    assert_eq!(erased(&mut store).await, [id_of(1), id_of(4)]);
}

#[tokio::test]
async fn a_file_of_version_4_says_the_same_and_goes_on() {
    let mut store = filled().await;
    store.append(vec![of_stranger(touch(5, 7))]).await;
    says_the_same_after(store, |file| file.execute_batch(TO_VERSION_4).unwrap()).await;
}

#[tokio::test]
async fn a_file_of_version_1_says_the_same_and_goes_on() {
    let store = filled().await;
    says_the_same_after(store, |file| {
        file.execute_batch(TO_VERSION_4).unwrap();
        file.execute_batch(TO_VERSION_1).unwrap();
    })
    .await;
}
