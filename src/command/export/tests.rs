//! Exports of a real store.

use std::{fs, time::Duration};

use super::*;
use crate::{
    proto::store::v1::{Answer, EraseRequest, Kind, Record, answer::Value},
    store::tests::{NOW, Running, id_of, nps, record_of},
};

fn args(format: Format, cursor: Option<PathBuf>) -> ExportArgs {
    ExportArgs { since: None, tz: "UTC".into(), cursor, format, store: StoreArgs::default() }
}

/// What was printed, and what was noted.
async fn exported(store: &Running, args: &ExportArgs) -> anyhow::Result<(String, String)> {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    run(args, &store.access(), &Clock::manual(NOW), &mut out, &mut notes).await?;
    Ok((String::from_utf8(out)?, String::from_utf8(notes)?))
}

fn commented(response: u8, comment: &str) -> Record {
    let text = Answer {
        question: "reason".into(),
        kind: Kind::Text as i32,
        value: Some(Value::Text(comment.into())),
        ..Default::default()
    };
    Record { answers: vec![nps("recommend", 0), text], ..record_of(response) }
}

fn ids(lines: &str) -> Vec<String> {
    let id =
        |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    lines.lines().map(id).collect()
}

#[tokio::test]
async fn a_line_has_the_proto_s_names_with_defaults_as_numbers_and_words() {
    let mut store = Running::start().await;
    let bare =
        Record { subject: None, attributes: [].into(), locale: String::new(), ..commented(2, "schnell") };
    store.append(vec![commented(1, "=HYPERLINK(\"http://evil.example\")"), bare]).await;
    insta::assert_snapshot!(exported(&store, &args(Format::Ndjson, None)).await.unwrap().0);
}

#[tokio::test]
async fn a_csv_has_a_row_for_each_answer_and_no_formula() {
    let mut store = Running::start().await;
    store.append(vec![commented(1, "=1+1"), commented(2, "two\nlines, \"quoted\"")]).await;
    insta::assert_snapshot!(exported(&store, &args(Format::Csv, None)).await.unwrap().0);
}

#[tokio::test]
async fn since_is_about_the_change_and_not_the_answer() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1)]).await;
    store.clock.advance(Duration::from_secs(60));
    store.append(vec![record_of(2)]).await;
    let since = Some(store.clock.now().to_string());
    let asked = ExportArgs { since, ..args(Format::Ndjson, None) };
    assert_eq!(ids(&exported(&store, &asked).await.unwrap().0), [id_of(2)]);
    let dir = tempfile::tempdir().unwrap();
    let with_cursor = ExportArgs { cursor: Some(dir.path().join("cursor")), ..asked };
    assert_eq!(ids(&exported(&store, &with_cursor).await.unwrap().0), [id_of(2)]);
}

#[tokio::test]
async fn an_export_goes_on_where_the_last_one_ended() {
    let mut store = Running::start().await;
    let dir = tempfile::tempdir().unwrap();
    let asked = args(Format::Ndjson, Some(dir.path().join("cursor")));
    store.append(vec![record_of(1), record_of(2)]).await;
    assert_eq!(ids(&exported(&store, &asked).await.unwrap().0), [id_of(1), id_of(2)]);
    assert_eq!(exported(&store, &asked).await.unwrap().0, "", "nothing has changed");
    let change =
        Record { answers: vec![nps("recommend", 3)], stamp_us: record_of(1).stamp_us + 1, ..record_of(1) };
    store.append(vec![change, record_of(3)]).await;
    assert_eq!(ids(&exported(&store, &asked).await.unwrap().0), [id_of(1), id_of(3)]);
    let erase = EraseRequest { respondent_key: vec![8; 16].into(), received_before: None };
    store.client.erase(erase).await.unwrap();
    let (lines, notes) = exported(&store, &asked).await.unwrap();
    assert_eq!((lines.as_str(), notes.lines().count()), ("", 3), "{notes}");
    assert!(notes.starts_with(&format!("erased {}", id_of(1))), "{notes}");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["cursor"], "no draft is left behind");
}

/// Takes a first part, then is full.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_export_that_could_not_be_written_is_repeated() {
    let mut store = Running::start().await;
    let dir = tempfile::tempdir().unwrap();
    let asked = args(Format::Ndjson, Some(dir.path().join("cursor")));
    store.append(vec![record_of(1)]).await;
    let full = run(&asked, &store.access(), &Clock::manual(NOW), &mut Full(100), &mut Vec::new()).await;
    assert!(full.is_err());
    assert_eq!(ids(&exported(&store, &asked).await.unwrap().0), [id_of(1)]);
}

#[tokio::test]
async fn a_file_that_is_no_cursor_is_left_alone() {
    let mut store = Running::start().await;
    store.append(vec![record_of(1)]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("thesis.txt");
    for text in ["Chapter one", "yesterday"] {
        fs::write(&path, text).unwrap();
        let error = exported(&store, &args(Format::Ndjson, Some(path.clone()))).await.unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "{error}");
    }
}
