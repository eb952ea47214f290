//! Programs over gRPC: one call an answer, and streams of them.

use std::{collections::BTreeMap, time::Duration};

use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;
use voxgate::{
    clock::Clock,
    proto::{
        collector::v1::{
            Identity, Outcome, Respondent, Subject, SubmitRequest, SubmitStreamRequest, Value, respondent,
            result, value::Kind,
        },
        store::v1 as stored,
    },
};

use crate::support::{Gateway, collector, nps_message, score_on, text_on, with_key};

fn one(submission: voxgate::proto::collector::v1::Submission) -> SubmitRequest {
    SubmitRequest { submission: Some(submission) }
}

#[tokio::test]
async fn a_submission_is_read_back_from_the_store() {
    let gateway = Gateway::start().await;
    let answered_at = Clock::System.now().before(Duration::from_secs(60)).to_proto();
    let mut submission = nps_message("call-1", 6);
    submission.respondent = Some(Respondent { kind: Some(respondent::Kind::Ref("crm-1".to_owned())) });
    submission.subject = Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() });
    submission.locale = "fr".to_owned();
    submission.country = "CH".to_owned();
    submission.answered_at = Some(answered_at);
    submission.attributes = BTreeMap::from([("plan".to_owned(), "free".to_owned())]);
    submission.test = true;
    let reason = Value { kind: Some(Kind::Text("trop lent".to_owned())) };
    submission.answers.insert("reason".to_owned(), reason);

    let reply = collector(&gateway).submit(with_key(one(submission))).await.unwrap().into_inner();
    let receipt = reply.receipt.unwrap();
    assert_eq!(receipt.outcome(), Outcome::Accepted);
    assert_eq!(receipt.identity(), Identity::Keyed);
    assert_eq!(receipt.reason, "");
    assert_eq!(receipt.answers["recommend"].segment, "detractor");
    assert_eq!(receipt.answers["recommend"].normalized, Some(60.0));

    let response = gateway.store().first("call-1").await;
    assert_eq!(response.id, receipt.id);
    assert_eq!((response.survey.as_str(), response.brand.as_str()), ("support-nps", "acme"));
    assert_eq!(response.identity(), stored::Identity::Keyed);
    assert_eq!(response.channel(), stored::Channel::Api);
    assert_eq!(response.respondent_ref, "crm-1");
    assert_eq!(response.subject, Some(stored::Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }));
    assert_eq!((response.locale.as_str(), response.country.as_str()), ("fr", "CH"));
    assert_eq!(response.first_answered_at.map(|at| at.seconds), Some(answered_at.seconds));
    assert_eq!(response.attributes["plan"], "free");
    assert!(response.test);
    assert_eq!(score_on(&response, "recommend"), Some(6));
    assert_eq!(text_on(&response, "reason"), Some("trop lent"));
}

#[tokio::test]
async fn a_retry_with_the_key_is_a_duplicate_over_grpc_and_http_alike() {
    let gateway = Gateway::start().await;
    let mut client = collector(&gateway);
    let mut submission = nps_message("t-1", 8);
    submission.key = "retry-1".to_owned();
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let reply = client.submit(with_key(one(submission.clone()))).await.unwrap().into_inner();
        outcomes.push(reply.receipt.unwrap().outcome());
    }
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Duplicate]);
    let same = gateway.submit(&crate::support::nps("t-1", 8)).await;
    same.receipt(200, "duplicate");
}

#[tokio::test]
async fn errors_say_who_and_what_in_the_details() {
    let gateway = Gateway::start().await;
    let mut client = collector(&gateway);

    let nobody = client.submit(Request::new(one(nps_message("t-1", 8)))).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&nobody), "UNAUTHENTICATED");

    let mut foreign = nps_message("t-1", 8);
    foreign.brand = "globex".to_owned();
    let foreign = client.submit(with_key(one(foreign))).await.unwrap_err();
    assert_eq!(foreign.code(), Code::PermissionDenied);
    assert_eq!(reason_of(&foreign), "FORBIDDEN");

    let mut unknown = nps_message("t-1", 8);
    unknown.survey = "no-such".to_owned();
    let unknown = client.submit(with_key(one(unknown))).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(reason_of(&unknown), "UNKNOWN_SURVEY");

    let mut wrong = nps_message("no such reference!", 11);
    wrong.country = "Switzerland".to_owned();
    let wrong = client.submit(with_key(one(wrong))).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&wrong), "INVALID");
    let violations = wrong.get_details_bad_request().expect("contract 5: BadRequest where it applies");
    assert_eq!(violations.field_violations.len(), 3, "all problems at once: {violations:?}");

    let empty = client.submit(with_key(SubmitRequest { submission: None })).await.unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument, "{empty:?}");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&5.into(), &5.into()), "{ledger}");
}

fn reason_of(status: &tonic::Status) -> String {
    let info = status.get_details_error_info().expect("contract 5: unary errors carry ErrorInfo");
    assert!(!info.domain.is_empty(), "google.rpc.ErrorInfo has a domain");
    info.reason
}

#[tokio::test]
async fn a_stream_gives_each_item_its_own_result_and_goes_on_after_a_bad_one() {
    let gateway = Gateway::start().await;
    let items = (0..200_u64).map(|sequence| {
        // Every tenth is off the scale.
        let score = if sequence % 10 == 3 { 99 } else { i32::try_from(sequence % 11).unwrap() };
        let submission = nps_message(&format!("s-{sequence}"), score);
        SubmitStreamRequest { sequence, submission: Some(submission) }
    });
    let stream = with_key(tokio_stream::iter(items.collect::<Vec<_>>()));
    let mut replies = collector(&gateway).submit_stream(stream).await.unwrap().into_inner();
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    while let Some(reply) = replies.next().await {
        for result in reply.unwrap().results {
            match result.kind.unwrap() {
                result::Kind::Receipt(receipt) => {
                    assert_eq!(receipt.outcome(), Outcome::Accepted);
                    taken.push(result.sequence);
                }
                result::Kind::Error(status) => {
                    assert_eq!(status.code, Code::InvalidArgument as i32, "{status:?}");
                    let named = status.details.iter().any(|detail| detail.type_url.ends_with("BadRequest"));
                    assert!(named, "details as for unary calls: {status:?}");
                    refused.push(result.sequence);
                }
            }
        }
    }
    taken.sort_unstable();
    refused.sort_unstable();
    let (bad, good): (Vec<_>, Vec<_>) = (0..200).partition(|sequence| sequence % 10 == 3);
    assert_eq!((taken, refused), (good, bad), "one result an item");
    gateway.store().count(180).await;
    gateway.settled_ledger().await;
}

#[tokio::test]
async fn what_a_stream_got_a_receipt_for_is_stored_though_the_stream_stops_in_the_middle() {
    let gateway = Gateway::start().await;
    let (send, receive) = tokio::sync::mpsc::channel(8);
    let stream = tokio_stream::wrappers::ReceiverStream::new(receive);
    let item = |sequence: u64| SubmitStreamRequest {
        sequence,
        submission: Some(nps_message(&format!("s-{sequence}"), 7)),
    };
    send.send(item(1)).await.unwrap();
    let mut replies = collector(&gateway).submit_stream(with_key(stream)).await.unwrap().into_inner();
    let first = replies.next().await.unwrap().unwrap();
    assert_eq!(first.results[0].sequence, 1);
    send.send(item(2)).await.unwrap();
    drop(replies);
    drop(send);
    gateway.store().scored("s-1", "recommend", 7).await;
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["in_flight"], 0, "every submission ends: {ledger}");
}

#[tokio::test]
async fn a_stream_without_a_key_is_refused_whole() {
    let gateway = Gateway::start().await;
    let item = SubmitStreamRequest { sequence: 1, submission: Some(nps_message("s-1", 7)) };
    let status = match collector(&gateway).submit_stream(tokio_stream::iter([item])).await {
        Err(status) => status,
        Ok(replies) => replies.into_inner().next().await.unwrap().unwrap_err(),
    };
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(gateway.store().all().await.is_empty());
}

#[tokio::test]
async fn health_and_reflection_are_on() {
    let gateway = Gateway::start().await;
    let channel =
        tonic::transport::Endpoint::from_shared(gateway.grpc_url()).unwrap().connect().await.unwrap();
    for service in ["", "voxgate.collector.v1.CollectorService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let health = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::Serving, "{service:?}");
    }
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(
            "voxgate.collector.v1.CollectorService".to_owned(),
        )),
    };
    let mut replies = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([ask]))
        .await
        .unwrap()
        .into_inner();
    let reply = replies.next().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::FileDescriptorResponse(files)) = reply else { panic!("{reply:?}") };
    let names: Vec<_> = files
        .file_descriptor_proto
        .iter()
        .map(|file| prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap())
        .flat_map(|file| file.service.into_iter().map(|service| service.name.unwrap_or_default()))
        .collect();
    assert!(names.contains(&"CollectorService".to_owned()), "{names:?}");
}
