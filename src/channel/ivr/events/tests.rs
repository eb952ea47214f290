use std::cell::RefCell;

use super::{
    super::fixtures::{api_key, catalog},
    *,
};
use crate::{
    catalog::IdentityKey,
    clock::Timestamp,
    intake::{Answered, Proof},
    outcome::{Ledger, Outcome, ResponseId, Scored, Value},
    survey::{Channel, Identity, Segment},
};

/// What became of an event, what was submitted, and how many were rejected on the way.
async fn post(body: &Json) -> (Result<Taken, Refusal>, Option<Submission>, u64) {
    post_bytes(body.to_string().as_bytes()).await
}

async fn post_bytes(body: &[u8]) -> (Result<Taken, Refusal>, Option<Submission>, u64) {
    let (catalog, ledger) = (catalog(), Ledger::default());
    let desk =
        Desk { catalog: &catalog, identity_key: &IdentityKey::new([7; 32]), ledger: &ledger, form_fields: 9 };
    let submitted = RefCell::new(None);
    let submit = async |submission: Submission| {
        let problems = submission.problems.clone();
        *submitted.borrow_mut() = Some(submission);
        if problems.is_empty() { Ok(receipt()) } else { Err(Refusal::invalid(problems)) }
    };
    let taken = take(desk, &api_key(), body, submit).await;
    (taken, submitted.into_inner(), ledger.view().total.rejected)
}

fn receipt() -> Receipt {
    let scored = Scored {
        question: "recommend".to_owned(),
        value: Value::Score(9),
        segment: Some(Segment::Promoter),
        normalized: Some(90.0),
    };
    Receipt {
        id: ResponseId::from_hash([1; 16]),
        outcome: Outcome::Accepted,
        reason: None,
        identity: Identity::Keyed,
        answers: vec![scored],
        quota: None,
    }
}

/// An event of the support survey with these fields over the usual ones.
fn event(fields: Json) -> Json {
    let mut event = json!({"brand": "acme", "survey": "support-nps", "call_id": "pbx-1"});
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn pointers(taken: &Result<Taken, Refusal>) -> Vec<(&str, &'static str)> {
    let refusal = taken.as_ref().unwrap_err();
    assert_eq!(refusal.reason, Reason::Invalid);
    refusal.problems.iter().map(|problem| (problem.pointer.as_str(), problem.reason.code())).collect()
}

#[tokio::test]
async fn an_answer_is_submitted_with_all_that_the_event_says() {
    let body = event(json!({
        "question": "recommend", "digits": "9", "interaction": "t-1", "from": "+41446681800",
        "respondent": {"ref": "crm-1"}, "subject": {"kind": "agent", "ref": "a-7"}, "locale": "de_ch",
        "at": "2026-11-21T20:00:00Z", "attributes": {"plan": "pro"}, "unknown": [1],
    }));
    let (taken, submission, rejected) = post(&body).await;
    let submission = submission.unwrap();
    assert_eq!((submission.channel, rejected), (Channel::Ivr, 0));
    assert!(matches!(&submission.proof, Proof::Key(key) if key.name == "pbx"));
    assert_eq!(submission.interaction.unwrap().as_str(), "t-1");
    assert_eq!(submission.respondent.unwrap().reference.unwrap().as_str(), "crm-1");
    assert_eq!(submission.subject.unwrap().reference.as_str(), "a-7");
    let key = SubmissionKey { text: "pbx-1:recommend".to_owned(), strict: false };
    assert_eq!(submission.key, Some(key));
    assert_eq!(submission.locale.unwrap().as_str(), "de-CH");
    assert_eq!(submission.country.unwrap().as_str(), "CH");
    assert_eq!(submission.answered, Answered::At(Timestamp::parse("2026-11-21T20:00:00Z").unwrap()));
    assert_eq!(submission.answers, [("recommend".to_owned(), Given::Whole(9))]);
    assert_eq!(submission.attributes["plan"], "pro");
    let taken = taken.unwrap();
    assert_eq!(taken.status(), http::StatusCode::CREATED);
    let reply = json!({
        "id": "01010101-0101-8101-8101-010101010101", "outcome": "accepted", "identity": "keyed",
        "answers": {"recommend": {"value": 9, "segment": "promoter", "normalized": 90}}, "next": null,
    });
    assert_eq!(taken.to_json(), reply);
}

#[tokio::test]
async fn digits_are_final() {
    for (digits, score) in [
        (json!("1"), 1),
        (json!("01"), 1),
        (json!("10"), 10),
        (json!("0"), 0),
        (json!(10), 10),
        (json!("7#"), 7),
    ] {
        let (_, submission, _) = post(&event(json!({"question": "recommend", "digits": digits}))).await;
        assert_eq!(submission.unwrap().answers, [("recommend".to_owned(), Given::Whole(score))], "{digits}");
    }
}

#[tokio::test]
async fn without_references_the_call_and_the_callers_number_stand_for_them() {
    let answer = |from: &str| event(json!({"question": "recommend", "digits": "9", "from": from}));
    let submission = post(&answer("+41 44 668 18 00")).await.1.unwrap();
    assert_eq!(submission.interaction.unwrap().as_str(), "pbx-1");
    let key = IdentityKey::new([7; 32]).respondent("phone", "+41446681800");
    assert_eq!(submission.respondent.unwrap().key, key);
    for anonymous in ["anonymous", "+266696687", "0446681800", ""] {
        assert_eq!(post(&answer(anonymous)).await.1.unwrap().respondent, None, "{anonymous}");
    }
}

#[tokio::test]
async fn the_next_question_follows_the_answer_in_the_events_language() {
    let next = async |fields: Json| post(&event(fields)).await.0.unwrap().next;
    let mood = |text: &str| {
        Some(Next { question: "mood".to_owned(), text: text.to_owned(), audio: None, is_text: false })
    };
    let answer = |digits: &str| json!({"question": "recommend", "digits": digits, "locale": "de-CH"});
    assert_eq!(next(answer("6")).await, mood("Wie ist mood bei Tom & Co?"));
    assert_eq!(next(answer("7")).await, None);
    assert_eq!(
        next(json!({"question": "recommend", "digits": "6"})).await,
        mood("What about mood at Tom & Co?")
    );
    assert_eq!(next(json!({"question": "recommend", "digits": "6", "completed": true})).await, None);
    let visit = json!({"survey": "visit", "question": "knowledge", "digits": "5"});
    assert_eq!(next(visit).await.unwrap().question, "topic");
    let visit = json!({"survey": "visit", "question": "topic", "digits": "2"});
    assert_eq!(next(visit).await.unwrap().question, "helpful");
}

#[tokio::test]
async fn an_event_without_digits_is_no_answer_and_says_what_to_ask() {
    for (fields, next) in [
        (json!({}), Some("recommend")),
        (json!({"completed": true}), None),
        (json!({"question": "mood"}), Some("mood")),
        (json!({"question": "mood", "digits": ""}), Some("mood")),
        (json!({"question": "reason"}), Some("recommend")),
    ] {
        let (taken, submission, rejected) = post(&event(fields.clone())).await;
        let taken = taken.unwrap();
        assert_eq!(taken.next.as_ref().map(|next| next.question.as_str()), next, "{fields}");
        assert_eq!((taken.status(), submission.is_none(), rejected), (http::StatusCode::OK, true, 0));
        assert_eq!(taken.to_json().as_object().unwrap().keys().collect::<Vec<_>>(), ["next"]);
    }
}

#[tokio::test]
async fn all_problems_are_told_at_once_by_pointer() {
    let (taken, submission, rejected) = post(&json!({"digits": true, "completed": 1, "at": "noon"})).await;
    let expected = [
        ("/brand", "missing"),
        ("/survey", "missing"),
        ("/call_id", "missing"),
        ("/digits", "wrong_type"),
        ("/at", "bad_time"),
        ("/completed", "wrong_type"),
    ];
    assert_eq!(pointers(&taken), expected);
    assert_eq!((submission.is_none(), rejected), (true, 1));

    let body = event(json!({
        "call_id": "a b", "question": "recommend", "digits": "11", "respondent": {"phone": "123", "email": "x"},
        "subject": {"kind": "agent"}, "locale": "!", "country": "CHE", "attributes": {"a/b": 1}, "from": 4,
        "interaction": ["t"],
    }));
    let (taken, _, rejected) = post(&body).await;
    let mut given = pointers(&taken);
    given.sort_unstable();
    let expected = [
        ("/attributes/a~1b", "wrong_type"),
        ("/call_id", "bad_reference"),
        ("/country", "bad_country"),
        ("/digits", "off_scale"),
        ("/from", "wrong_type"),
        ("/interaction", "wrong_type"),
        ("/locale", "bad_locale"),
        ("/respondent", "bad_contact"),
        ("/subject/ref", "missing"),
    ];
    assert_eq!((given, rejected), (expected.to_vec(), 1));
}

#[tokio::test]
async fn digits_that_answer_nothing_are_refused() {
    for (fields, pointer, code) in [
        (json!({"digits": "9"}), "/question", "missing"),
        (json!({"digits": "9", "question": "nothing"}), "/question", "unknown_question"),
        (json!({"digits": "9", "question": "reason"}), "/question", "wrong_type"),
        (json!({"digits": "ten", "question": "recommend"}), "/digits", "not_a_number"),
        (json!({"digits": "00", "question": "recommend"}), "/digits", "off_scale"),
        (json!({"digits": "11", "question": "recommend"}), "/digits", "off_scale"),
        (json!({"digits": 6.5, "question": "recommend"}), "/digits", "not_a_number"),
        (json!({"digits": -1, "question": "recommend"}), "/digits", "not_a_number"),
        (json!({"digits": "4", "question": "mood"}), "/digits", "off_scale"),
        (json!({"digits": "3", "question": "topic", "survey": "visit"}), "/digits", "unknown_choice"),
    ] {
        let (taken, submission, rejected) = post(&event(fields.clone())).await;
        assert_eq!(pointers(&taken), [(pointer, code)], "{fields}");
        assert_eq!((submission.is_none(), rejected), (true, 1), "{fields}");
    }
}

#[tokio::test]
async fn a_readable_answer_goes_to_intake_with_its_problems_so_that_all_are_told_together() {
    let body = event(json!({"question": "recommend", "digits": "9", "country": "CHE"}));
    let (taken, submission, rejected) = post(&body).await;
    assert_eq!(pointers(&taken), [("/country", "bad_country")]);
    assert_eq!((submission.is_some(), rejected), (true, 0));
}

#[tokio::test]
async fn what_is_not_there_not_ours_or_no_json_is_refused_as_such() {
    for (fields, reason) in [
        (json!({"brand": "globex"}), Reason::Forbidden),
        (json!({"survey": "nothing"}), Reason::UnknownSurvey),
        (json!({"survey": "closed"}), Reason::SurveyClosed),
        (json!({"survey": "mail-only"}), Reason::ChannelClosed),
    ] {
        let (taken, _, rejected) = post(&event(fields)).await;
        assert_eq!((taken.unwrap_err().reason, rejected), (reason, 1));
    }
    let deep = "[".repeat(100_000);
    for body in ["", "[]", "9", "{", &deep] {
        let (taken, _, rejected) = post_bytes(body.as_bytes()).await;
        assert_eq!((taken.unwrap_err().reason, rejected), (Reason::Malformed, 1));
    }
    assert_eq!(post_bytes(b"{\"brand\":\"\xff\"}").await.0.unwrap_err().reason, Reason::Malformed);
}

#[test]
fn a_recorded_question_is_named_beside_its_words() {
    let next = |audio: Option<&str>| {
        let next = Next {
            question: "mood".to_owned(),
            text: "How?".to_owned(),
            audio: audio.map(str::to_owned),
            is_text: false,
        };
        Taken { receipt: None, next: Some(next) }.to_json().to_string()
    };
    assert_eq!(next(None), r#"{"next":{"question":"mood","text":"How?"}}"#);
    let recorded = r#"{"next":{"audio":"https://a.example/mood.wav","question":"mood","text":"How?"}}"#;
    assert_eq!(next(Some("https://a.example/mood.wav")), recorded);
}

#[tokio::test]
async fn a_text_is_asked_of_an_exchange_that_can_write_down_what_is_said_and_of_no_other() {
    let answer = |more: Json| {
        let mut fields = json!({"question": "recommend", "digits": "7"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event(fields)
    };
    let next = async |more: Json| post(&answer(more)).await.0.unwrap().to_json()["next"].clone();
    assert_eq!(next(json!({})).await, Json::Null, "keys cannot give it");
    let asked = json!({"question": "reason", "text": "What about reason at Tom & Co?", "kind": "text"});
    assert_eq!(next(json!({"texts": true})).await, asked);
    let said = event(json!({"question": "reason", "text": "  It took too long. ", "texts": true}));
    let (taken, submission, _) = post(&said).await;
    let submission = submission.unwrap();
    assert_eq!(submission.answers, [("reason".to_owned(), Given::Text("It took too long.".to_owned()))]);
    assert_eq!(submission.key.unwrap().text, "pbx-1:reason");
    assert!(taken.is_ok());
    // Silence: what to ask again.
    let again = post(&event(json!({"question": "reason", "text": " ", "texts": true}))).await;
    assert_eq!((again.0.unwrap().to_json()["next"].clone(), again.1.is_none()), (asked, true));
}

#[tokio::test]
async fn a_text_and_digits_answer_the_questions_that_take_them() {
    for (fields, problems) in [
        (json!({"question": "recommend", "text": "nine"}), vec![("/text", "wrong_type")]),
        (
            json!({"question": "reason", "text": "slow", "digits": "1"}),
            vec![("/text", "wrong_type"), ("/question", "wrong_type")],
        ),
        (json!({"text": "slow"}), vec![("/question", "missing")]),
        (json!({"question": "reason", "text": 7}), vec![("/text", "wrong_type")]),
        (json!({"question": "reason", "text": "slow", "texts": "yes"}), vec![("/texts", "wrong_type")]),
    ] {
        let (taken, ..) = post(&event(fields.clone())).await;
        assert_eq!(pointers(&taken), problems, "{fields}");
    }
}
