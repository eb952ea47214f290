//! Counts the current answers in SQL, the held ones record by record, and makes rows of both.

use std::collections::BTreeMap;

use rusqlite::{Row, ToSql, Transaction, types::ValueRef};

use super::{
    figure,
    query::{Group, Query},
    zone::{self, BUCKET_US},
};
use crate::{
    proto::store::v1::{Answer, Confidence, Kind, Record, SummaryRow},
    store::{sqlite, words},
    survey,
};

/// Rows of one summary; an attribute with a value of its own for each answer would make millions.
const ROWS: usize = 20_000;

/// A summary has more rows than may be sent.
#[derive(Debug)]
pub(in crate::store) struct TooManyRows;

impl TooManyRows {
    /// What to do about it.
    pub(in crate::store) const HINT: &str =
        "the summary has more than 20000 rows: group by less, or narrow it by survey, brand or time";
}

/// Groups in the order asked, survey, question, kind.
type Key = (Vec<String>, String, String, i32);

#[derive(Debug, Default)]
struct Tally {
    /// All that counts, texts too.
    n: u64,
    scores: BTreeMap<i32, u64>,
    choices: BTreeMap<String, u64>,
    provisional: u64,
    held: u64,
}

type Tallies = BTreeMap<Key, Tally>;

/// Counts answers, ordered by group, survey and question.
pub(in crate::store) fn summarize(
    tx: &Transaction<'_>,
    query: &Query,
) -> rusqlite::Result<Result<Vec<SummaryRow>, TooManyRows>> {
    let mut tallies = Tallies::new();
    let fits = count_current(tx, query, &mut tallies)? && count_held(tx, query, &mut tallies)?;
    Ok(if fits { Ok(tallies.into_iter().map(row).collect()) } else { Err(TooManyRows) })
}

fn count_current(tx: &Transaction<'_>, query: &Query, tallies: &mut Tallies) -> rusqlite::Result<bool> {
    let (sql, keys) = current_sql(query);
    let mut parameters: Vec<&dyn ToSql> =
        vec![&query.survey, &query.brand, &query.since_us, &query.until_us, &query.include_test];
    parameters.extend(keys.iter().map(|key| key as &dyn ToSql));
    let mut statement = tx.prepare(&sql)?;
    let mut rows = statement.query(parameters.as_slice())?;
    let mut labels = Labels::new(query);
    while let Some(row) = rows.next()? {
        let groups = labels.read(row)?;
        let first = query.by.len();
        let key = (groups, row.get(first)?, row.get(first + 1)?, row.get(first + 2)?);
        tallies.entry(key).or_default().add(row, first + 3)?;
        if tallies.len() > ROWS {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The statement, and the attributes' names that it takes from its sixth parameter on.
fn current_sql(query: &Query) -> (String, Vec<String>) {
    let (mut columns, mut joins, mut keys) = (String::new(), String::new(), Vec::new());
    for group in &query.by {
        let column = match group {
            Group::Channel => "a.channel".to_owned(),
            Group::Brand => "r.brand".to_owned(),
            Group::Country => "r.country".to_owned(),
            Group::Language => "a.language".to_owned(),
            Group::Subject => "r.subject".to_owned(),
            Group::Identity => "r.identity".to_owned(),
            Group::Day | Group::Week | Group::Month => format!("a.at / {BUCKET_US}"),
            Group::Attribute(key) => {
                keys.push(key.clone());
                let place = keys.len();
                let parameter = place + 5;
                joins += &format!(
                    " LEFT JOIN attributes x{place} ON x{place}.changed = a.changed AND x{place}.name = ?{parameter}"
                );
                format!("coalesce(x{place}.value, '')")
            }
        };
        columns += &column;
        columns += ", ";
    }
    let groups: Vec<_> = (1..=query.by.len() + 6).map(|place| place.to_string()).collect();
    let sql = format!(
        "SELECT {columns}r.survey, a.question, a.kind, a.confidence, a.score, a.choice, count(*)
         FROM answers a JOIN responses r ON r.changed = a.changed{joins}
         WHERE (?1 = '' OR r.survey = ?1) AND (?2 = '' OR r.brand = ?2) AND a.at >= ?3 AND a.at < ?4
           AND (?5 OR NOT r.test)
         GROUP BY {}",
        groups.join(", ")
    );
    (sql, keys)
}

/// Reads groups from rows; days are looked up once for each quarter of an hour.
struct Labels<'a> {
    query: &'a Query,
    days: BTreeMap<(usize, i64), String>,
}

impl<'a> Labels<'a> {
    const fn new(query: &'a Query) -> Self {
        Self { query, days: BTreeMap::new() }
    }

    fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<Vec<String>> {
        (0..self.query.by.len()).map(|place| Ok(self.label(place, row.get_ref(place)?))).collect()
    }

    fn label(&mut self, place: usize, column: ValueRef<'_>) -> String {
        let Some(group) = self.query.by.get(place) else { return String::new() };
        match (group, column) {
            (Group::Channel, ValueRef::Integer(value)) => words::channel(small(value)),
            (Group::Identity, ValueRef::Integer(value)) => words::identity(small(value)),
            (_, ValueRef::Integer(bucket)) => {
                let zone = &self.query.zone;
                let label = self.days.entry((place, bucket));
                label.or_insert_with(|| zone::label(group, bucket, zone)).clone()
            }
            (_, column) => column.as_str().unwrap_or_default().to_owned(),
        }
    }
}

fn small(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(0)
}

impl Tally {
    /// Adds a row's confidence, score, choice and count, which begin at a column.
    fn add(&mut self, row: &Row<'_>, first: usize) -> rusqlite::Result<()> {
        let count = row.get::<_, i64>(first + 3)?.unsigned_abs();
        if row.get::<_, i32>(first)? == Confidence::Provisional as i32 {
            self.provisional += count;
            return Ok(());
        }
        self.n += count;
        if let Some(score) = row.get(first + 1)? {
            *self.scores.entry(score).or_default() += count;
        }
        if let Some(choice) = row.get(first + 2)? {
            *self.choices.entry(choice).or_default() += count;
        }
        Ok(())
    }
}

/// Held answers are few, by the gateways' budget: they are read whole.
fn count_held(tx: &Transaction<'_>, query: &Query, tallies: &mut Tallies) -> rusqlite::Result<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT r.body, h.questions FROM held h
         JOIN records r ON r.response_id = h.response_id AND r.hash = h.hash
         WHERE h.state = 1 AND (?1 = '' OR h.survey = ?1) AND (?2 = '' OR h.brand = ?2)",
    )?;
    let mut rows = statement.query((&query.survey, &query.brand))?;
    while let Some(row) = rows.next()? {
        let record: Record = sqlite::decode(row.get_ref(0)?.as_blob()?)?;
        let questions = sqlite::questions(row.get_ref(1)?.as_str()?);
        if asked_for(query, &record) {
            add_held(query, &record, &questions, tallies);
        }
        if tallies.len() > ROWS {
            return Ok(false);
        }
    }
    Ok(true)
}

fn asked_for(query: &Query, record: &Record) -> bool {
    let in_time = query.since_us <= record.stamp_us && record.stamp_us < query.until_us;
    in_time && (query.include_test || !record.test)
}

fn add_held(query: &Query, record: &Record, questions: &[String], tallies: &mut Tallies) {
    let groups: Vec<_> = query.by.iter().map(|group| held_label(group, record, query)).collect();
    let held = |answer: &&Answer| questions.contains(&answer.question);
    for answer in record.answers.iter().filter(held) {
        let key = (groups.clone(), record.survey.clone(), answer.question.clone(), answer.kind);
        tallies.entry(key).or_default().held += 1;
    }
}

fn held_label(group: &Group, record: &Record, query: &Query) -> String {
    match group {
        Group::Channel => words::channel(record.channel),
        Group::Brand => record.brand.clone(),
        Group::Country => record.country.clone(),
        Group::Language => sqlite::primary_language(&record.locale).to_owned(),
        Group::Subject => record.subject.as_ref().map(sqlite::subject).unwrap_or_default(),
        Group::Identity => words::identity(record.identity),
        Group::Attribute(key) => record.attributes.get(key).cloned().unwrap_or_default(),
        Group::Day | Group::Week | Group::Month => {
            zone::label(group, record.stamp_us.div_euclid(BUCKET_US), &query.zone)
        }
    }
}

fn row(((groups, survey, question, kind), tally): (Key, Tally)) -> SummaryRow {
    let figure = domain(kind).and_then(|kind| figure::interval(kind, &tally.scores));
    let scores = tally.scores.iter().map(|(score, count)| (score.to_string(), *count));
    SummaryRow {
        groups,
        survey,
        question,
        kind,
        n: tally.n,
        score: figure.map(|figure| figure.score),
        low: figure.map(|figure| figure.low),
        high: figure.map(|figure| figure.high),
        mean: figure::mean(&tally.scores),
        counts: scores.chain(tally.choices.clone()).collect(),
        provisional: tally.provisional,
        held: tally.held,
    }
}

fn domain(kind: i32) -> Option<survey::Kind> {
    Kind::try_from(kind).ok().and_then(|_| survey::Kind::parse(&words::kind(kind)))
}
