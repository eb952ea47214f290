//! Checks a record as it comes in: only what a gateway could have made is stored.

use std::collections::BTreeSet;

use prost::Message as _;

use super::RecordHash;
use crate::proto::store::v1::{
    Answer, Channel, Claim, Confidence, Identity, Kind, Record, answer::Value, record::Event,
};

/// A record's encoding may be this large; a gateway's texts are bounded far below.
const RECORD_BYTES: usize = 256 * 1024;
const ANSWERS: usize = 256;
/// Ids, references and tags; some of them are repeated in each answer of a response.
const NAME_BYTES: usize = 256;
/// The last microsecond of the year 9999, which RFC 3339 can still write.
const LATEST_US: i64 = 253_402_300_799_999_999;

/// A record that may be stored.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// Names it.
    pub(crate) hash: RecordHash,
    /// The response it belongs to.
    pub(crate) response_id: [u8; 16],
    /// The record.
    pub(crate) record: Record,
    /// Its encoding.
    pub(crate) body: Vec<u8>,
}

/// A record that never will be stored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// `malformed`, `unknown_enum` or `too_large`.
    pub(crate) code: &'static str,
    /// What is wrong, for an operator; holds no personal data.
    pub(crate) detail: String,
}

/// Checks a record and encodes it.
pub(crate) fn check(record: Record) -> Result<Checked, Unfit> {
    let response_id = record
        .response_id
        .as_ref()
        .try_into()
        .map_err(|_| malformed(format!("response_id has {} bytes, not 16", record.response_id.len())))?;
    check_names(&record)?;
    check_enums(&record)?;
    check_times(&record)?;
    check_key(&record.respondent_key)?;
    match &record.event {
        None => check_answers(&record.answers)?,
        Some(event) => check_event(&record, event)?,
    }
    let body = record.encode_to_vec();
    if body.len() > RECORD_BYTES {
        let detail = format!("the record has {} bytes, {RECORD_BYTES} is the limit", body.len());
        return Err(Unfit { code: "too_large", detail });
    }
    Ok(Checked { hash: RecordHash::of(&body), response_id, record, body })
}

fn check_names(record: &Record) -> Result<(), Unfit> {
    for (field, name) in [("survey", &record.survey), ("brand", &record.brand)] {
        if name.is_empty() {
            return Err(malformed(format!("{field} is empty")));
        }
    }
    let Record { survey, brand, interaction, respondent_ref, locale, country, invitation, .. } = record;
    let subject = record.subject.iter().flat_map(|subject| [&subject.kind, &subject.r#ref]);
    let names = [survey, brand, interaction, respondent_ref, locale, country, invitation];
    if names.into_iter().chain(subject).any(|name| name.len() > NAME_BYTES) {
        return Err(malformed(format!("an id, reference or tag has more than {NAME_BYTES} bytes")));
    }
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if record.hold.len() > NAME_BYTES || !record.hold.bytes().all(word) {
        return Err(malformed("hold must be a lower-case word, or empty"));
    }
    Ok(())
}

fn check_enums(record: &Record) -> Result<(), Unfit> {
    known::<Identity>("identity", record.identity)?;
    known::<Channel>("channel", record.channel)?;
    if record.event.is_some() {
        return Ok(());
    }
    known::<Claim>("claim", record.claim)?;
    known::<Confidence>("confidence", record.confidence)
}

/// Zero is the value that is never sent.
fn known<E: TryFrom<i32>>(field: &str, value: i32) -> Result<(), Unfit> {
    match E::try_from(value) {
        Ok(_) if value != 0 => Ok(()),
        _ => {
            let detail =
                format!("{field} is {value}, which this store does not know: upgrade it, then retry");
            Err(Unfit { code: "unknown_enum", detail })
        }
    }
}

fn check_times(record: &Record) -> Result<(), Unfit> {
    for (field, time) in [("stamp_us", record.stamp_us), ("received_us", record.received_us)] {
        if !(0..=LATEST_US).contains(&time) {
            return Err(malformed(format!("{field} must lie between 1970 and 9999")));
        }
    }
    match record.edit_window_us {
        0.. => Ok(()),
        _ => Err(malformed("edit_window_us is negative")),
    }
}

fn check_key(respondent_key: &[u8]) -> Result<(), Unfit> {
    match respondent_key.len() {
        0 | 16 => Ok(()),
        _ => Err(malformed("respondent_key must have 16 bytes, or none")),
    }
}

fn check_event(record: &Record, event: &Event) -> Result<(), Unfit> {
    if !record.answers.is_empty() || !record.hold.is_empty() {
        return Err(malformed("an event has no answers, and is not held"));
    }
    match event {
        Event::Touched(touched) => check_question(&touched.question),
        Event::OptedOut(_) if record.respondent_key.is_empty() => {
            Err(malformed("opted_out needs a respondent_key"))
        }
        Event::OptedOut(_) => Ok(()),
    }
}

fn check_answers(answers: &[Answer]) -> Result<(), Unfit> {
    if answers.is_empty() || answers.len() > ANSWERS {
        return Err(malformed(format!("answers must be 1 to {ANSWERS}")));
    }
    let mut questions = BTreeSet::new();
    for answer in answers {
        check_answer(answer)?;
        if !questions.insert(&answer.question) {
            return Err(malformed(format!("the question `{}` is answered twice", answer.question)));
        }
    }
    Ok(())
}

fn check_answer(answer: &Answer) -> Result<(), Unfit> {
    let question = &answer.question;
    check_question(question)?;
    known::<Kind>("kind", answer.kind)?;
    if answer.normalized.is_some_and(|normalized| !(0.0..=100.0).contains(&normalized)) {
        return Err(malformed(format!("normalized of `{question}` must be 0 to 100")));
    }
    match &answer.value {
        None => Err(malformed(format!("`{question}` has no value"))),
        Some(Value::Score(score)) if !on_scale(answer, *score) => {
            Err(malformed(format!("{score} is off the scale that `{question}` carries")))
        }
        Some(_) => Ok(()),
    }
}

fn check_question(question: &str) -> Result<(), Unfit> {
    if question.is_empty() || question.len() > NAME_BYTES || question.chars().any(char::is_control) {
        return Err(malformed(format!(
            "question must have 1 to {NAME_BYTES} bytes and no control characters"
        )));
    }
    Ok(())
}

fn on_scale(answer: &Answer, score: i32) -> bool {
    answer.scale_min.is_none_or(|min| min <= score) && answer.scale_max.is_none_or(|max| score <= max)
}

fn malformed(detail: impl Into<String>) -> Unfit {
    Unfit { code: "malformed", detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proto::store::v1::{OptedOut, Touched},
        store::tests::{nps, record, touch},
    };

    fn refused(spoil: impl FnOnce(&mut Record)) -> &'static str {
        let mut record = record();
        spoil(&mut record);
        check(record).map_or_else(|unfit| unfit.code, |_| "stored")
    }

    #[test]
    fn a_record_as_a_gateway_makes_it_is_taken() {
        assert_eq!(refused(|_| {}), "stored");
    }

    #[test]
    fn a_record_that_no_gateway_makes_is_malformed() {
        type Spoil = fn(&mut Record);
        let spoils: [(&str, Spoil); 13] = [
            ("short id", |record| record.response_id = vec![1; 15].into()),
            ("no survey", |record| record.survey.clear()),
            ("long brand", |record| record.brand = "b".repeat(257)),
            ("hold is no word", |record| record.hold = "Hold me".into()),
            ("before 1970", |record| record.stamp_us = -1),
            ("after 9999", |record| record.received_us = LATEST_US + 1),
            ("negative window", |record| record.edit_window_us = -1),
            ("short key", |record| record.respondent_key = vec![1; 15].into()),
            ("no answers", |record| record.answers.clear()),
            ("answered twice", |record| record.answers.extend(record.answers.clone())),
            ("no value", |record| record.answers[0].value = None),
            ("off the scale", |record| record.answers[0].value = Some(Value::Score(11))),
            ("not a number", |record| record.answers[0].normalized = Some(f64::NAN)),
        ];
        for (what, spoil) in spoils {
            assert_eq!(refused(spoil), "malformed", "{what}");
        }
    }

    #[test]
    fn an_event_is_taken_without_answers_and_never_with_them() {
        let refused = |spoil: fn(&mut Record)| {
            let mut record = touch(1, 9);
            spoil(&mut record);
            check(record).map_or_else(|unfit| unfit.code, |_| "stored")
        };
        let opted_out = Event::OptedOut(OptedOut::default());
        assert_eq!(refused(|_| {}), "stored");
        assert_eq!(refused(|record| record.event = Some(Event::OptedOut(OptedOut::default()))), "stored");
        assert_eq!(refused(|record| record.event = None), "unknown_enum");
        assert_eq!(refused(|record| record.answers.push(nps("recommend", 9))), "malformed");
        assert_eq!(refused(|record| record.hold = "late".into()), "malformed");
        assert_eq!(refused(|record| record.event = Some(Event::Touched(Touched::default()))), "malformed");
        let nobodys = Record { event: Some(opted_out), respondent_key: Vec::new().into(), ..touch(1, 9) };
        assert_eq!(check(nobodys).unwrap_err().code, "malformed");
    }

    #[test]
    fn an_enum_value_of_the_future_or_none_is_unknown() {
        for value in [0, 99, -1] {
            assert_eq!(refused(|record| record.channel = value), "unknown_enum", "{value}");
            assert_eq!(refused(|record| record.answers[0].kind = value), "unknown_enum", "{value}");
        }
    }

    #[test]
    fn a_record_at_the_limit_is_taken_and_one_byte_more_is_too_large() {
        let with_text = |bytes: usize| {
            let mut record = record();
            record.answers[0].value = Some(Value::Text("x".repeat(bytes)));
            record
        };
        let others = with_text(RECORD_BYTES / 2).encoded_len() - RECORD_BYTES / 2;
        let at_limit = with_text(RECORD_BYTES - others);
        let over = with_text(RECORD_BYTES - others + 1);
        assert_eq!(at_limit.encoded_len(), RECORD_BYTES);
        assert!(check(at_limit).is_ok());
        assert_eq!(check(over).unwrap_err().code, "too_large");
    }
}
