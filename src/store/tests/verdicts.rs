//! Verdicts as clients see them: they follow the evidence, and operators stand above them.

use super::*;
use crate::proto::store::v1::{DecideResponsesRequest, EraseRequest, Press, Signals, SummarizeRequest};

fn person(response: u8) -> Record {
    let signals = Signals { page_ms: Some(9_000), press: Press::Pointer.into(), ..Signals::default() };
    Record { signals: Some(signals), ..record_of(response) }
}

fn machine(response: u8) -> Record {
    let signals = Signals { page_ms: Some(9), press: Press::Pointer.into(), ..Signals::default() };
    Record { signals: Some(signals), ..record_of(response) }
}

impl Running {
    async fn verdicts(&mut self) -> Vec<(Confidence, Vec<String>)> {
        let answers = self.responses().await.into_iter().flat_map(|response| response.answers);
        answers.map(|answer| (answer.confidence(), answer.reasons)).collect()
    }

    async fn decide(&mut self, response: u8, confidence: Confidence) -> Result<u32, Code> {
        let request = DecideResponsesRequest { ids: vec![id_of(response)], confidence: confidence.into() };
        let reply = self.client.decide_responses(request).await;
        reply.map(|reply| reply.into_inner().decided).map_err(|status| status.code())
    }

    async fn provisional(&mut self) -> Vec<String> {
        let request = ListResponsesRequest { provisional: true, ..Default::default() };
        let listed = self.client.list_responses(request).await.unwrap().into_inner().responses;
        listed.into_iter().map(|response| response.id).collect()
    }
}

fn provisional(reason: &str) -> (Confidence, Vec<String>) {
    (Confidence::Provisional, vec![reason.to_owned()])
}

const CONFIRMED: (Confidence, Vec<String>) = (Confidence::Confirmed, Vec::new());

#[tokio::test]
async fn a_verdict_changes_with_the_evidence_and_is_counted_apart() {
    let mut store = Running::start().await;
    store.append(vec![person(1)]).await;
    assert_eq!(store.verdicts().await, [CONFIRMED]);
    let before = store.responses().await[0].updated_at;
    store.append((0..11).map(|score| touch(1, score)).collect()).await;
    assert_eq!(store.verdicts().await, [provisional("swept")]);
    assert_ne!(store.responses().await[0].updated_at, before, "whoever exports hears of it");
    assert_eq!(store.provisional().await, [id_of(1)]);
    let summary = store.client.summarize(SummarizeRequest::default()).await.unwrap().into_inner();
    assert_eq!((summary.rows[0].n, summary.rows[0].provisional), (0, 1));

    let later = Record {
        received_us: record().received_us + 60_000_000,
        stamp_us: record().stamp_us + 60_000_000,
        ..person(1)
    };
    store.append(vec![later]).await;
    assert_eq!(store.verdicts().await, [CONFIRMED], "the person's own answer replaces it");
    assert_eq!(store.provisional().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operator_overrules_a_verdict_for_what_there_is_and_takes_it_back() {
    let mut store = Running::start().await;
    store.append(vec![machine(1)]).await;
    assert_eq!(store.verdicts().await, [provisional("too_fast")]);
    assert_eq!(store.decide(1, Confidence::Confirmed).await, Ok(1));
    assert_eq!(store.decide(1, Confidence::Confirmed).await, Ok(0));
    assert_eq!(store.verdicts().await, [CONFIRMED]);
    let mut store = store.restart().await;
    store.append(vec![machine(1), touch(1, 3)]).await;
    assert_eq!(store.verdicts().await, [CONFIRMED], "decisions outlive a restart and a replay");
    assert_eq!(store.decide(1, Confidence::Provisional).await, Ok(1));
    assert_eq!(store.verdicts().await, [provisional("operator")]);
    let after = NOW.as_micros() + 1;
    store.append(vec![Record { received_us: after, stamp_us: after, ..person(1) }]).await;
    assert_eq!(store.verdicts().await, [CONFIRMED], "who answers later is judged by the rules");
}

#[tokio::test]
async fn a_decision_about_nothing_that_was_answered_is_refused() {
    let mut store = Running::start().await;
    store.append(vec![touch(1, 9), machine(2)]).await;
    for unknown in [1, 99] {
        assert_eq!(store.decide(unknown, Confidence::Confirmed).await, Err(Code::NotFound));
    }
    assert_eq!(store.decide(2, Confidence::Unspecified).await, Err(Code::InvalidArgument));
    let both =
        DecideResponsesRequest { ids: vec![id_of(2), id_of(99)], confidence: Confidence::Confirmed.into() };
    assert_eq!(store.client.decide_responses(both).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(store.verdicts().await, [provisional("too_fast")], "all or none");
}

#[tokio::test]
async fn an_erasure_takes_the_decision_with_the_answer() {
    let mut store = Running::start().await;
    store.append(vec![machine(1)]).await;
    store.decide(1, Confidence::Confirmed).await.unwrap();
    let request = EraseRequest { respondent_key: vec![8; 16].into(), received_before: None };
    store.client.erase(request).await.unwrap();
    // A decision of the future would hold for this one, had it been kept.
    store.append(vec![Record { received_us: NOW.as_micros(), ..machine(1) }]).await;
    assert_eq!(store.verdicts().await, [provisional("too_fast")]);
}
