//! What must hold in the end: of each identity, the store says what was acknowledged newest, by the driver's own order,
//! or something sent after it whose reply never came.

use std::collections::{BTreeMap, BTreeSet};

use super::people::{Person, Sent, brief};
use crate::proto::store::v1::{Response, current_answer::Content};

const QUESTIONS: [&str; 2] = ["recommend", "reason"];

/// Holds what is stored to what was sent. Gives the first thing that is wrong, and about whom.
pub(super) fn judge(people: &[Person], stored: &[Response]) -> Result<(), (String, String)> {
    let mut by_name: BTreeMap<&str, &Response> = BTreeMap::new();
    for response in stored {
        if by_name.insert(&response.interaction, response).is_some() {
            let wrong = format!("{} has two responses", response.interaction);
            return Err((response.interaction.clone(), wrong));
        }
    }
    for person in people {
        let response = by_name.remove(person.name.as_str());
        if let Some(complaint) = person.complaints.first() {
            return Err((person.name.clone(), complaint.clone()));
        }
        for question in QUESTIONS {
            judge_question(person, question, response).map_err(|wrong| (person.name.clone(), wrong))?;
        }
    }
    match by_name.into_keys().next() {
        Some(stranger) => Err((stranger.to_owned(), format!("{stranger} never sent anything"))),
        None => Ok(()),
    }
}

fn judge_question(person: &Person, question: &str, response: Option<&Response>) -> Result<(), String> {
    let stored = response.and_then(|response| value_of(response, question));
    let allowed = allowed(&person.sent, question);
    if allowed.contains(&stored) {
        return Ok(());
    }
    let sent: Vec<_> = person.sent.iter().map(|sent| (brief(&sent.values), sent.acknowledged)).collect();
    let short = |value: &Option<String>| value.as_ref().map(|text| text.chars().take(5).collect::<String>());
    let allowed: Vec<_> = allowed.iter().map(short).collect();
    Err(format!("{}: `{question}` is {:?}, may be {allowed:?}; sent {sent:?}", person.name, short(&stored)))
}

/// What a question may say: the newest acknowledged value, or a later one that was not acknowledged.
fn allowed(sent: &[Sent], question: &str) -> BTreeSet<Option<String>> {
    let mut allowed = BTreeSet::from([None]);
    for Sent { values, acknowledged, .. } in sent {
        let Some(value) = values.get(question) else { continue };
        if *acknowledged {
            allowed.clear();
        }
        allowed.insert(Some(value.clone()));
    }
    allowed
}

fn value_of(response: &Response, question: &str) -> Option<String> {
    let answer = response.answers.iter().find(|answer| answer.question == question)?;
    match answer.content.as_ref()? {
        Content::Value(score) => Some(score.to_string()),
        Content::Text(text) => Some(text.clone()),
        Content::Choice(choice) => Some(choice.clone()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn sent(score: &str, acknowledged: bool) -> Sent {
        Sent { values: [("recommend", score.to_owned())].into(), acknowledged, at: Instant::now() }
    }

    fn may_be(sends: &[Sent]) -> Vec<Option<String>> {
        allowed(sends, "recommend").into_iter().collect()
    }

    #[test]
    fn what_was_acknowledged_newest_or_sent_later_may_be_stored_and_nothing_older() {
        assert_eq!(may_be(&[]), [None]);
        assert_eq!(may_be(&[sent("1", false)]), [None, Some("1".to_owned())]);
        assert_eq!(may_be(&[sent("1", false), sent("2", true)]), [Some("2".to_owned())]);
        let later = [sent("1", true), sent("2", true), sent("0", false)];
        assert_eq!(may_be(&later), [Some("0".to_owned()), Some("2".to_owned())]);
        assert_eq!(allowed(&later, "reason").into_iter().collect::<Vec<_>>(), [None]);
    }
}
