//! What an outsider tried in order to break the contract; each case here once did.

use reqwest::Method;
use tokio_stream::StreamExt as _;
use tonic::{Code, codegen::http::uri::PathAndQuery, transport::Endpoint};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;
use voxgate::proto::{
    collector::v1::{
        Respondent, Submission, SubmitRequest, SubmitResponse, SubmitStreamRequest, Value, result,
        value::Kind,
    },
    store::v1::Identity,
};

use crate::support::{
    ACME_KEY, Gateway, MailLink, PUBLIC_BASE, Reply, client, collector, nps, nps_message, parameters,
    score_on, signed_post, voxgate_alone, with_key,
};

/// The token of the admin listener of every test's gateway.
const ADMIN_TOKEN: &str = "admin-token-of-the-tests";

/// One link for a whole mailing, signed once: it names nobody.
const ONE_FOR_ALL: MailLink<'static> = MailLink { brand: "acme", survey: "support-nps", query: "lang=en" };

#[tokio::test]
async fn people_who_share_a_signed_link_that_names_nobody_neither_see_nor_change_each_others_answers() {
    let gateway = Gateway::start().await;
    let link = ONE_FOR_ALL.signed();
    for score in ["2", "9"] {
        let page = gateway.get(&link).await;
        let key = page.input("key").expect("contract 3: a nonce in each served form");
        assert!(page.checked("recommend").is_empty(), "nobody's answer is shown to another");
        gateway.post_form(&link, &[("recommend", score), ("key", &key)]).await.page(200);
    }
    let stored = gateway.store().count(2).await;
    assert!(stored.iter().all(|response| response.identity() == Identity::None), "{stored:?}");
    let mut scores: Vec<_> = stored.iter().filter_map(|response| score_on(response, "recommend")).collect();
    scores.sort_unstable();
    assert_eq!(scores, [2, 9]);
    assert_eq!(gateway.settled_ledger().await["accepted"], 2);
}

#[tokio::test]
async fn a_retry_of_a_form_that_names_nobody_is_known_by_its_key() {
    let gateway = Gateway::start().await;
    for _ in 0..2 {
        let fields = [("recommend", "4"), ("key", "nonce-1")];
        gateway.post_form(&ONE_FOR_ALL.signed(), &fields).await.page(200);
    }
    gateway.store().count(1).await;
    assert_eq!(gateway.settled_ledger().await["duplicate"], 1);
}

fn submit(submission: Submission) -> tonic::Request<SubmitRequest> {
    with_key(SubmitRequest { submission: Some(submission) })
}

fn reason_of(status: &tonic::Status) -> String {
    status.get_details_error_info().expect("contract 5: unary errors carry ErrorInfo").reason
}

#[tokio::test]
async fn a_grpc_value_or_respondent_of_a_kind_that_is_not_known_is_refused_and_not_left_out() {
    let gateway = Gateway::start().await;
    let mut client = collector(&gateway);
    for question in ["recommend", "reason"] {
        let mut partly = nps_message("t-1", 9);
        partly.answers.insert("recommend".to_owned(), Value { kind: Some(Kind::Score(9)) });
        partly.answers.insert(question.to_owned(), Value { kind: None });
        let status = client.submit(submit(partly)).await.unwrap_err();
        assert_eq!((status.code(), reason_of(&status).as_str()), (Code::InvalidArgument, "INVALID"));
    }
    let mut nobody = nps_message("t-1", 9);
    nobody.respondent = Some(Respondent { kind: None });
    let status = client.submit(submit(nobody)).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "respondent");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["rejected"], &ledger["appended"]), (&3.into(), &0.into()), "{ledger}");
}

/// Larger than `[grpc] message_bytes`.
fn oversized() -> Submission {
    let mut submission = nps_message("t-2", 9);
    submission.answers.insert("reason".to_owned(), Value { kind: Some(Kind::Text("x".repeat(200_000))) });
    submission
}

#[tokio::test]
async fn a_grpc_message_that_cannot_be_read_is_refused_with_details_and_booked() {
    let gateway = Gateway::start().await;
    let large = collector(&gateway).submit(submit(oversized())).await.unwrap_err();
    assert_eq!((large.code(), reason_of(&large).as_str()), (Code::InvalidArgument, "TOO_LARGE"));

    // A message of another shape: its first field is a number where a submission should be.
    let channel = Endpoint::from_shared(gateway.grpc_url()).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/voxgate.collector.v1.CollectorService/Submit");
    let number = voxgate::proto::store::v1::AppendRequest { sequence: 7, records: Vec::new() };
    let codec = ProstCodec::<_, SubmitResponse>::default();
    let undecodable = client.unary(with_key(number), path, codec).await.unwrap_err();
    assert_eq!((undecodable.code(), reason_of(&undecodable).as_str()), (Code::InvalidArgument, "MALFORMED"));
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&2.into(), &2.into()), "invariant 6: {ledger}");
}

#[tokio::test]
async fn a_stream_that_breaks_at_a_message_says_which_bound_it_broke() {
    let gateway = Gateway::start().await;
    let item = |sequence, submission| SubmitStreamRequest { sequence, submission: Some(submission) };
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let stream = with_key(tokio_stream::wrappers::ReceiverStream::new(receive));
    send.send(item(1, nps_message("t-1", 9))).await.unwrap();
    let mut replies = collector(&gateway).submit_stream(stream).await.unwrap().into_inner();
    let first = replies.next().await.unwrap().unwrap();
    assert!(matches!(first.results[0].kind, Some(result::Kind::Receipt(_))), "{first:?}");
    send.send(item(2, oversized())).await.unwrap();
    let status = replies.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::InvalidArgument, "TOO_LARGE"));
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["rejected"]), (&1.into(), &1.into()), "{ledger}");
}

#[tokio::test]
async fn reflection_names_what_each_listener_serves() {
    let gateway = Gateway::start().await;
    let services = [
        (gateway.grpc_url(), "voxgate.collector.v1.CollectorService"),
        (gateway.store_url(), "voxgate.store.v1.StoreService"),
    ];
    for (url, service) in services {
        let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
        let mut client = ServerReflectionClient::new(channel);
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut replies =
            client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
        let listed = match replies.next().await.unwrap().unwrap().message_response.unwrap() {
            MessageResponse::ListServicesResponse(list) => list.service,
            other => panic!("{other:?}"),
        };
        let ours: Vec<_> = listed.iter().filter(|listed| listed.name.starts_with("voxgate.")).collect();
        assert!(matches!(ours.as_slice(), [only] if only.name == service), "{ours:?}");
    }
}

#[tokio::test]
async fn an_idempotency_key_that_cannot_be_read_is_refused_and_one_in_utf8_is_a_key() {
    let gateway = Gateway::start().await;
    let send = async |key: &[u8], score| {
        let request = gateway.request(Method::POST, "/v1/responses").bearer_auth(ACME_KEY);
        let key = reqwest::header::HeaderValue::from_bytes(key).unwrap();
        Reply::of(request.header("idempotency-key", key).json(&nps("t-1", score))).await
    };
    let problem = send(b"schl\xfcssel", 9).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/key");
    send("schlüssel".as_bytes(), 9).await.receipt(201, "accepted");
    send("schlüssel".as_bytes(), 9).await.receipt(200, "duplicate");
    send("schlüssel".as_bytes(), 3).await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn content_codings_are_named_in_any_case() {
    let gateway = Gateway::start().await;
    for (coding, status) in [("Identity", 201), ("GZIP", 415)] {
        let request = gateway.request(Method::POST, "/v1/responses").bearer_auth(ACME_KEY);
        let reply = Reply::of(request.header("content-encoding", coding).json(&nps(coding, 9))).await;
        assert_eq!(reply.status, status, "{coding}: {}", reply.text);
    }
}

#[tokio::test]
async fn telephony_gets_twiml_whatever_it_asks_for() {
    let gateway = Gateway::start().await;
    let methods = [Method::GET, Method::PUT];
    let paths = ["/ivr/twilio/acme", "/ivr/twilio/acme/%ff", "/ivr/twilio/acme/support-nps/more"];
    let mut replies = Vec::new();
    for method in methods {
        let reply = Reply::of(gateway.request(method, "/ivr/twilio/acme/support-nps")).await;
        assert_eq!((reply.status, reply.header("allow")), (405, "POST"));
        replies.push(reply);
    }
    for path in paths {
        let to = format!("{PUBLIC_BASE}{path}").parse().unwrap();
        let fields = parameters("CA1", "+41446681800");
        let reply = signed_post(&gateway, &to, &fields, "dev-twilio-token").await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
        replies.push(reply);
    }
    for reply in replies {
        assert!(reply.header("content-type").starts_with("text/xml"), "contract 4: {}", reply.text);
        assert!(reply.text.ends_with("<Response/>"), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_person_whose_path_cannot_be_read_gets_a_page() {
    let gateway = Gateway::start().await;
    for path in ["/r/%zz", "/f/%ff/support-nps", "/r/a/b/c", "/m/acme"] {
        gateway.get(path).await.page(404);
        gateway.post_form(path, &[("recommend", "9")]).await.page(404);
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&4.into(), &4.into()), "invariant 6: {ledger}");
}

#[tokio::test]
async fn the_time_of_a_phone_event_is_called_by_its_name() {
    let gateway = Gateway::start().await;
    let event = serde_json::json!({
        "brand": "acme", "survey": "support-nps", "call_id": "c-1", "question": "recommend", "digits": "9",
        "at": "2999-01-01T00:00:00Z",
    });
    let problem = gateway.post_json("/v1/ivr/events", &event).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/at", "{problem}");
}

#[tokio::test]
async fn the_scheme_of_the_admin_token_is_named_in_any_case() {
    let gateway = Gateway::start().await;
    let url = format!("{}/reload", gateway.admin_url());
    for (authorization, status) in [("bearer", 200), ("Basic", 401)] {
        let value = format!("{authorization} {}", ADMIN_TOKEN);
        let request = client().post(&url).header("authorization", value);
        assert_eq!(Reply::of(request).await.status, status, "{authorization}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_ends_with_64() {
    for wrong in [&["serve", "--nope"][..], &["serve", "--role", "boss"], &["frobnicate"]] {
        assert_eq!(voxgate_alone(wrong).code, Some(64), "{wrong:?}");
    }
    // The configuration's directory stands before the action or after it; 64 is of the directory that is not there.
    for right in
        [["quarantine", "list", "--config", "nowhere"], ["quarantine", "--config", "nowhere", "list"]]
    {
        assert!(voxgate_alone(&right).stderr.contains("nowhere: is no directory"), "{right:?}");
    }
    for right in ["--help", "--version"] {
        assert_eq!(voxgate_alone(&[right]).code, Some(0), "{right}");
    }
}
