//! Counts the current answers and the held ones, and makes rows of them.
//!
//! Responses are read one by one and folded here. SQL would need a table of answers beside the responses, which every
//! append would pay for, and would sort all of them for each `GROUP BY`.

use std::collections::BTreeMap;

use rusqlite::Transaction;

use super::{
    figure,
    label::{Facts, Labels},
    query::Query,
};
use crate::{
    clock::Timestamp,
    proto::store::v1::{
        Answer, Confidence, CurrentAnswer, Record, Response, SummaryRow, current_answer::Content,
    },
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

/// Counts answers, ordered by group, survey and question.
pub(in crate::store) fn summarize(
    tx: &Transaction<'_>,
    query: &Query,
) -> rusqlite::Result<Result<Vec<SummaryRow>, TooManyRows>> {
    let mut summary = Summary { query, labels: Labels::new(query), tallies: BTreeMap::new() };
    let fits = summary.count_current(tx)? && summary.count_held(tx)?;
    Ok(if fits { Ok(summary.tallies.into_iter().map(row).collect()) } else { Err(TooManyRows) })
}

struct Summary<'a> {
    query: &'a Query,
    labels: Labels<'a>,
    tallies: BTreeMap<Key, Tally>,
}

impl Summary<'_> {
    /// False when there are too many rows.
    fn count_current(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<bool> {
        let mut statement = tx.prepare_cached(
            "SELECT body FROM responses WHERE (?1 = '' OR survey = ?1) AND (?2 = '' OR brand = ?2)",
        )?;
        let mut rows = statement.query((&self.query.survey, &self.query.brand))?;
        while let Some(row) = rows.next()? {
            let response: Response = sqlite::decode(row.get_ref(0)?.as_blob()?)?;
            if self.query.include_test || !response.test {
                response.answers.iter().for_each(|answer| self.add_current(&response, answer));
            }
            if self.tallies.len() > ROWS {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add_current(&mut self, response: &Response, answer: &CurrentAnswer) {
        let at = answer.answered_at.as_ref().map(Timestamp::from_proto).unwrap_or_default();
        if !self.query.spans(at.as_micros()) {
            return;
        }
        let facts = Facts {
            brand: &response.brand,
            country: &response.country,
            subject: response.subject.as_ref(),
            identity: response.identity,
            attributes: &response.attributes,
            channel: answer.channel,
            locale: &answer.locale,
            at_us: at.as_micros(),
        };
        let groups = self.labels.of(&facts);
        self.tally(groups, &response.survey, &answer.question, answer.kind).add(answer);
    }

    /// Held answers are few, by the gateways' budget.
    fn count_held(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<bool> {
        let mut statement = tx.prepare_cached(
            "SELECT r.body, h.questions FROM held h
             JOIN records_by_id r ON r.response_id = h.response_id AND r.hash = h.hash
             WHERE h.state = 1 AND (?1 = '' OR h.survey = ?1) AND (?2 = '' OR h.brand = ?2)",
        )?;
        let mut rows = statement.query((&self.query.survey, &self.query.brand))?;
        while let Some(row) = rows.next()? {
            let record: Record = sqlite::decode(row.get_ref(0)?.as_blob()?)?;
            let questions = sqlite::questions(row.get_ref(1)?.as_str()?);
            self.add_held(&record, &questions);
            if self.tallies.len() > ROWS {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add_held(&mut self, record: &Record, questions: &[String]) {
        if !self.query.spans(record.stamp_us) || (record.test && !self.query.include_test) {
            return;
        }
        let groups = self.labels.of(&Facts {
            brand: &record.brand,
            country: &record.country,
            subject: record.subject.as_ref(),
            identity: record.identity,
            attributes: &record.attributes,
            channel: record.channel,
            locale: &record.locale,
            at_us: record.stamp_us,
        });
        let held = |answer: &&Answer| questions.contains(&answer.question);
        for answer in record.answers.iter().filter(held) {
            self.tally(groups.clone(), &record.survey, &answer.question, answer.kind).held += 1;
        }
    }

    fn tally(&mut self, groups: Vec<String>, survey: &str, question: &str, kind: i32) -> &mut Tally {
        self.tallies.entry((groups, survey.to_owned(), question.to_owned(), kind)).or_default()
    }
}

impl Tally {
    fn add(&mut self, answer: &CurrentAnswer) {
        if answer.confidence == Confidence::Provisional as i32 {
            self.provisional += 1;
            return;
        }
        self.n += 1;
        match &answer.content {
            Some(Content::Value(score)) => *self.scores.entry(*score).or_default() += 1,
            Some(Content::Choice(choice)) => *self.choices.entry(choice.clone()).or_default() += 1,
            Some(Content::Text(_)) | None => {}
        }
    }
}

fn row(((groups, survey, question, kind), tally): (Key, Tally)) -> SummaryRow {
    let figure =
        survey::Kind::parse(&words::kind(kind)).and_then(|kind| figure::interval(kind, &tally.scores));
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
