//! Each bound on what comes in: what lies at it is taken, one more is a clear refusal, and the books balance.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::StatusCode;
use prost::Message as _;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_stream::StreamExt as _;
use tonic_types::StatusExt as _;
use voxgate::proto::collector::v1::{SubmitRequest, SubmitStreamRequest, result};

use crate::support::{
    ACME_KEY, DEADLINE, Gateway, PUBLIC_BASE, Plan, Reply, Wire, collector, exchange, form, nps, nps_message,
    parameters, plain_link, signed_post, with_key,
};

/// The defaults, as the README's tables have them.
const HEAD_BYTES: usize = 32 * 1024;
const HEAD_FIELDS: usize = 100;
const BODY_BYTES: usize = 64 * 1024;
const BEACON_BYTES: usize = 16 * 1024;
const FORM_FIELDS: usize = 120;
const MESSAGE_BYTES: usize = 128 * 1024;

const FORM: &str = "/f/acme/support-nps";

/// A head of exactly so many bytes.
fn head(target: &str, bytes: usize) -> String {
    let fixed = format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-filler: \r\n\r\n").len();
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-filler: {}\r\n\r\n", "f".repeat(bytes - fixed))
}

#[tokio::test]
async fn a_head_has_32_kib_at_the_most() {
    let gateway = Gateway::start().await;
    assert_eq!(exchange(&gateway, head(FORM, HEAD_BYTES)).await.unwrap().status, 200);
    let over = exchange(&gateway, head(FORM, HEAD_BYTES + 1)).await.unwrap();
    assert_eq!(over.status, 431, "{over:?}");
    let far_over = exchange(&gateway, head(FORM, 8 * HEAD_BYTES)).await.unwrap();
    assert_eq!(far_over.status, 431, "{far_over:?}");
}

#[tokio::test]
async fn an_address_is_bounded_by_the_head_that_it_stands_in() {
    let gateway = Gateway::start().await;
    let long = |bytes: usize| format!("{FORM}?utm={}", "u".repeat(bytes));
    let fits = long(HEAD_BYTES - 200);
    assert_eq!(exchange(&gateway, head(&fits, HEAD_BYTES)).await.unwrap().status, 200);
    let over = format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", long(HEAD_BYTES));
    assert!(matches!(exchange(&gateway, over).await.unwrap().status, 414 | 431));
}

#[tokio::test]
async fn a_head_has_100_fields_at_the_most_and_in_http_2_too() {
    let gateway = Gateway::start().await;
    let fields = |count: usize| (1..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let head = |count| format!("GET {FORM} HTTP/1.1\r\nhost: x\r\n{}\r\n", fields(count));
    assert_eq!(exchange(&gateway, head(HEAD_FIELDS)).await.unwrap().status, 200);
    assert_eq!(exchange(&gateway, head(HEAD_FIELDS + 1)).await.unwrap().status, 431);

    let mut client = Http2::connect(&gateway).await;
    let with_fields = |count: usize| {
        let names = (0..count).map(|n| (format!("x-{n}"), "1".to_owned()));
        names.collect::<Vec<_>>()
    };
    assert_eq!(client.get(with_fields(HEAD_FIELDS)).await, 200);
    assert_eq!(client.get(with_fields(HEAD_FIELDS + 1)).await, 431);
    assert_eq!(client.get(with_fields(0)).await, 200, "the connection goes on");
}

/// More than a frame holds is sent as CONTINUATION frames.
#[tokio::test]
async fn an_http_2_head_has_32_kib_at_the_most_over_several_frames_and_its_connection_goes_on() {
    let gateway = Gateway::start().await;
    let mut client = Http2::connect(&gateway).await;
    let filler = |bytes: usize| vec![("x-filler".to_owned(), "f".repeat(bytes))];
    assert_eq!(client.get(filler(HEAD_BYTES - 1_024)).await, 200);
    assert_eq!(client.get(filler(HEAD_BYTES + 1)).await, 431);
    assert_eq!(client.get(filler(1)).await, 200);
}

/// A client that says what it is told to, whatever the server's settings are.
struct Http2(h2::client::SendRequest<Bytes>);

impl Http2 {
    async fn connect(gateway: &Gateway) -> Self {
        let socket = TcpStream::connect(gateway.http_addr()).await.unwrap();
        let (send, connection) = h2::client::handshake(socket).await.unwrap();
        tokio_util::task::TaskTracker::new().spawn(connection);
        Self(send)
    }

    async fn get(&mut self, fields: Vec<(String, String)>) -> StatusCode {
        let mut request = http::Request::get(format!("http://x{FORM}"));
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let mut ready = self.0.clone().ready().await.unwrap();
        let (reply, _) = ready.send_request(request.body(()).unwrap(), true).unwrap();
        timeout(DEADLINE, reply).await.expect("an answer").unwrap().status()
    }
}

/// JSON with spaces up to so many bytes.
fn padded(body: &Value, bytes: usize) -> String {
    let text = body.to_string();
    let spaces = bytes - text.len();
    text + &" ".repeat(spaces)
}

fn program(gateway: &Gateway, path: &str) -> RequestBuilder {
    let request = gateway.request(Method::POST, path).bearer_auth(ACME_KEY);
    request.header("content-type", "application/json")
}

#[tokio::test]
async fn a_body_of_a_program_has_64_kib_at_the_most_whether_its_length_is_told_or_not() {
    let gateway = Gateway::start().await;
    let event = json!({"brand": "acme", "survey": "support-nps", "call_id": "c-1", "question": "recommend",
        "digits": "9"});
    for (path, body) in [("/v1/responses", nps("t-1", 9)), ("/v1/ivr/events", event)] {
        let at = Reply::of(program(&gateway, path).body(padded(&body, BODY_BYTES))).await;
        assert!(at.status < 300, "{path}: {} {}", at.status, at.text);
        let over = padded(&body, BODY_BYTES + 1);
        Reply::of(program(&gateway, path).body(over.clone())).await.problem(413, "too_large");
        let mut wire = Wire::open(&gateway).await;
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ACME_KEY}\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{over}\r\n0\r\n\r\n",
            over.len()
        ))
        .await;
        assert_eq!(wire.answer().await.unwrap().status, 413, "{path}, in chunks");
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&6.into(), &4.into()), "{ledger}");
}

#[tokio::test]
async fn a_beacon_has_16_kib_at_the_most() {
    let gateway = Gateway::start().await;
    let send = |bytes| {
        let request = gateway.request(Method::POST, "/v1/beacon").header("origin", "http://localhost:3000");
        Reply::of(request.body(padded(&nps("chat-1", 9), bytes)))
    };
    send(BEACON_BYTES).await.receipt(201, "accepted");
    send(BEACON_BYTES + 1).await.problem(413, "too_large");
    assert_eq!(gateway.settled_ledger().await["rejected"], 1);
}

#[tokio::test]
async fn a_form_and_a_webhook_have_64_kib_and_people_and_providers_hear_it_in_their_dialect() {
    let gateway = Gateway::start().await;
    let page = async |bytes: usize| {
        let body = format!("recommend=9&filler={}", "f".repeat(bytes - "recommend=9&filler=".len()));
        let request = gateway.request(Method::POST, FORM);
        Reply::of(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    };
    page(BODY_BYTES).await.page(200);
    page(BODY_BYTES + 1).await.page(413);

    let to = format!("{PUBLIC_BASE}/ivr/twilio/acme/support-nps").parse().unwrap();
    let webhook = async |bytes: usize| {
        let mut fields = parameters("CA1", "+41446681800");
        fields.push(("Filler", ""));
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let filler = "f".repeat(bytes - written.len());
        fields.pop();
        fields.push(("Filler", &filler));
        signed_post(&gateway, &to, &fields, "dev-twilio-token").await
    };
    assert!(webhook(BODY_BYTES).await.text.contains("<Gather"));
    let over = webhook(BODY_BYTES + 1).await;
    assert_eq!((over.status, over.text.ends_with("<Response/>")), (413, true), "{}", over.text);
    assert_eq!(gateway.settled_ledger().await["rejected"], 2);
}

#[tokio::test]
async fn a_form_has_120_fields_at_the_most_in_both_encodings_and_on_the_phone() {
    let gateway = Gateway::start().await;
    let fields = |count: usize| {
        let fillers = (1..count).map(|n| (format!("f{n}"), "x".to_owned()));
        fillers.chain([("recommend".to_owned(), "9".to_owned())]).collect::<Vec<_>>()
    };
    for (count, status) in [(FORM_FIELDS, 200), (FORM_FIELDS + 1, 413)] {
        let fields = fields(count);
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Reply::of(form(gateway.request(Method::POST, FORM), &pairs)).await.page(status);
        let part = |(name, value): &(String, String)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = fields.iter().map(part).collect::<String>() + "--b--\r\n";
        let request = gateway.request(Method::POST, FORM).body(body);
        let request = request.header("content-type", "multipart/form-data; boundary=b");
        Reply::of(request).await.page(status);

        let to = format!("{PUBLIC_BASE}/ivr/twilio/acme/support-nps").parse().unwrap();
        let mut called = parameters("CA1", "+41446681800");
        called.extend(vec![("f", "x"); count - called.len()]);
        assert_eq!(signed_post(&gateway, &to, &called, "dev-twilio-token").await.status, status);
    }
    assert_eq!(gateway.settled_ledger().await["rejected"], 3);
}

#[tokio::test]
async fn a_batch_has_as_many_items_as_configured_as_an_array_and_as_lines_and_links_too() {
    let gateway = Plan::new().set("http.batch_items", 3).start().await;
    let items = |count: usize| (0..count).map(|n| nps(&format!("t-{n}"), 9)).collect::<Vec<_>>();
    let orders = |count: usize| vec![json!({"survey": "support-nps"}); count];
    for (count, batch, links) in [(3, 200, 201), (4, 413, 413)] {
        assert_eq!(gateway.post_json("/v1/responses/batch", &json!(items(count))).await.status, batch);
        let lines = items(count).iter().map(|item| format!("{item}\n")).collect::<String>();
        let request = gateway.request(Method::POST, "/v1/responses/batch").bearer_auth(ACME_KEY);
        let request = request.header("content-type", "application/x-ndjson").body(lines);
        assert_eq!(Reply::of(request).await.status, batch);
        assert_eq!(gateway.post_json("/v1/links", &json!(orders(count))).await.status, links);
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&8.into(), &2.into()), "{ledger}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn a_batch_may_come_as_gzip_and_its_bound_holds_packed_and_unpacked() {
    const BATCH_BYTES: usize = 128 * 1024;
    let bomb = gzip(&vec![b' '; 8 << 20]);
    assert!(bomb.len() < BATCH_BYTES, "it arrives, and is stopped while it unpacks");
    let gateway = Plan::new().set("http.batch_bytes", "128 KiB").start().await;
    let send = async |body: Vec<u8>| {
        let request = program(&gateway, "/v1/responses/batch").header("content-encoding", "gzip");
        Reply::of(request.body(body)).await
    };
    let at = send(gzip(padded(&json!([nps("t-1", 9)]), BATCH_BYTES).as_bytes())).await;
    assert_eq!(at.json()["results"][0]["outcome"], "accepted", "{}", at.text);
    let over = gzip(padded(&json!([nps("t-2", 9)]), BATCH_BYTES + 1).as_bytes());
    send(over).await.problem(413, "too_large");
    send(bomb).await.problem(413, "too_large");
    send(vec![0x1f; BATCH_BYTES + 1]).await.problem(413, "too_large");
    send(b"[]".to_vec()).await.problem(400, "malformed");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["rejected"]), (&1.into(), &4.into()), "{ledger}");
}

#[tokio::test]
async fn every_other_route_refuses_packed_bodies_and_says_what_it_takes() {
    let bomb = gzip(&vec![b' '; 1 << 20]);
    let gateway = Gateway::start().await;
    let link = plain_link(&gateway, "t-1").await.path;
    let json_type = "application/json";
    let form_type = "application/x-www-form-urlencoded";
    let routes = [
        ("/v1/responses", json_type, "identity"),
        ("/v1/responses/batch", json_type, "gzip, identity"),
        ("/v1/links", json_type, "identity"),
        ("/v1/ivr/events", json_type, "identity"),
        ("/v1/beacon", json_type, "identity"),
        (FORM, form_type, "identity"),
        (&link, form_type, "identity"),
        ("/m/acme/support-nps", form_type, "identity"),
        ("/ivr/twilio/acme/support-nps", form_type, "identity"),
    ];
    for (path, content_type, taken) in routes {
        for coding in ["br", "zstd", "deflate", "gzip, gzip", "gzip"] {
            if taken.starts_with("gzip") && coding == "gzip" {
                continue;
            }
            let request = gateway.request(Method::POST, path).bearer_auth(ACME_KEY);
            let request = request.header("content-type", content_type).header("content-encoding", coding);
            let reply = Reply::of(request.body(bomb.clone())).await;
            assert_eq!(reply.status, 415, "{path} {coding}: {}", reply.text);
            assert_eq!(reply.header("accept-encoding"), taken, "RFC 9110, 15.5.16: {path} {coding}");
        }
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 8 * 5 - 1, "links are no submissions: {ledger}");
}

#[tokio::test]
async fn a_packed_grpc_message_is_unimplemented_and_the_reply_says_what_is_taken() {
    let gateway = Gateway::start().await;
    let submission = Some(nps_message("t-1", 9));
    let mut request = with_key(SubmitRequest { submission });
    request.metadata_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    let status = collector(&gateway).submit(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented, "{status:?}");
    let taken = status.metadata().get("grpc-accept-encoding").map(|value| value.to_str().unwrap());
    assert_eq!(taken, Some("identity"), "{status:?}");
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&1.into(), &1.into()), "invariant 6: {ledger}");
}

#[tokio::test]
async fn json_nests_32_levels_at_the_most() {
    let gateway = Gateway::start().await;
    let nested = |levels: usize| {
        let deep = format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        nps("t-1", 9).to_string().replacen('{', &format!(r#"{{"x":{deep},"#), 1)
    };
    let at = Reply::of(program(&gateway, "/v1/responses").body(nested(32))).await;
    at.receipt(201, "accepted");
    Reply::of(program(&gateway, "/v1/responses").body(nested(33))).await.problem(400, "malformed");
}

#[tokio::test]
async fn texts_attributes_keys_and_references_are_taken_at_their_bounds_and_named_one_beyond() {
    let gateway = Gateway::start().await;
    let with = |member: &str, value: Value| {
        let mut body = nps("t-1", 9);
        body[member] = value;
        body
    };
    let attributes = |count: usize| {
        json!((0..count).map(|n| (format!("a{n}"), json!("x"))).collect::<serde_json::Map<_, _>>())
    };
    let text = |chars: usize| json!({"reason": "ä".repeat(chars)});
    let pairs = [
        ("answers", text(4_000), text(4_001), "/answers/reason"),
        ("attributes", attributes(32), attributes(33), "/attributes"),
        ("attributes", json!({"a": "ä".repeat(256)}), json!({"a": "ä".repeat(257)}), "/attributes/a"),
        ("attributes", json!({"n".repeat(64): "x"}), json!({"n".repeat(65): "x"}), "/attributes"),
        ("key", json!("k".repeat(255)), json!("k".repeat(256)), "/key"),
        ("interaction", json!("i".repeat(64)), json!("i".repeat(65)), "/interaction"),
        ("respondent", json!({"ref": "r".repeat(64)}), json!({"ref": "r".repeat(65)}), "/respondent/ref"),
    ];
    for (member, at, over, pointer) in pairs {
        let taken = gateway.submit(&with(member, at)).await;
        assert!(taken.status < 300, "{member} at its bound: {} {}", taken.status, taken.text);
        let problem = gateway.submit(&with(member, over)).await.problem(422, "invalid");
        let named = problem["errors"][0]["pointer"].as_str().unwrap();
        assert!(named.starts_with(pointer), "{problem}");
    }
    for (length, status) in [(255, 201), (256, 422)] {
        let request = program(&gateway, "/v1/responses").header("idempotency-key", "h".repeat(length));
        let reply = Reply::of(request.body(nps(&format!("key-{length}"), 9).to_string())).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

/// A request of exactly so many bytes; its text is far too long, which is found out when it was read.
fn message(bytes: usize) -> SubmitRequest {
    let mut submission = nps_message("t-1", 9);
    submission.key = "k".repeat(bytes);
    let mut request = SubmitRequest { submission: Some(submission) };
    let over = request.encoded_len() - bytes;
    let submission = request.submission.as_mut().unwrap();
    submission.key.truncate(bytes - over);
    assert_eq!(request.encoded_len(), bytes);
    request
}

#[tokio::test]
async fn a_grpc_message_has_128_kib_at_the_most_and_its_connection_goes_on() {
    let gateway = Gateway::start().await;
    let mut client = collector(&gateway);
    let mut reason = async |bytes| {
        let status = client.submit(with_key(message(bytes))).await.unwrap_err();
        status.get_details_error_info().expect("ErrorInfo").reason
    };
    assert_eq!(reason(MESSAGE_BYTES).await, "INVALID", "it was read, and its key is too long");
    assert_eq!(reason(MESSAGE_BYTES + 1).await, "TOO_LARGE");
    let submission = Some(nps_message("t-2", 9));
    client.submit(with_key(SubmitRequest { submission })).await.unwrap();
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["rejected"]), (&1.into(), &2.into()), "{ledger}");
}

#[tokio::test]
async fn a_stream_takes_any_number_of_messages_through_its_window_and_answers_each_once() {
    const MESSAGES: u64 = 50;
    const RESULTS_TOGETHER: usize = 256;
    let gateway = Plan::new().set("grpc.in_flight", 2).start().await;
    let items = (0..MESSAGES).map(|sequence| {
        let submission = Some(nps_message(&format!("t-{sequence}"), 9));
        SubmitStreamRequest { sequence, submission }
    });
    let stream = with_key(tokio_stream::iter(items.collect::<Vec<_>>()));
    let mut replies = collector(&gateway).submit_stream(stream).await.unwrap().into_inner();
    let mut answered = Vec::new();
    while let Some(reply) = replies.next().await {
        let results = reply.unwrap().results;
        assert!(results.len() <= RESULTS_TOGETHER);
        assert!(results.iter().all(|it| matches!(it.kind, Some(result::Kind::Receipt(_)))), "{results:?}");
        answered.extend(results.into_iter().map(|it| it.sequence));
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..MESSAGES));
    assert_eq!(gateway.settled_ledger().await["accepted"], MESSAGES);
}

#[tokio::test]
async fn calls_past_the_streams_of_a_connection_wait_until_one_ends() {
    let gateway = Plan::new().set("grpc.streams", 2).start().await;
    let client = collector(&gateway);
    let mut open = Vec::new();
    for sequence in 0..2 {
        let (send, receive) = tokio::sync::mpsc::channel(1);
        let stream = with_key(tokio_stream::wrappers::ReceiverStream::new(receive));
        let submission = Some(nps_message(&format!("t-{sequence}"), 9));
        send.send(SubmitStreamRequest { sequence, submission }).await.unwrap();
        let mut replies = client.clone().submit_stream(stream).await.unwrap().into_inner();
        replies.next().await.unwrap().unwrap();
        open.push((send, replies));
    }
    let submission = Some(nps_message("t-third", 9));
    let mut third_client = client.clone();
    let third = third_client.submit(with_key(SubmitRequest { submission }));
    tokio::pin!(third);
    let early = timeout(std::time::Duration::from_millis(300), &mut third).await;
    assert!(early.is_err(), "two calls are open, which is the bound: {early:?}");
    open.pop();
    timeout(DEADLINE, third).await.expect("there is room again").unwrap();
    drop(open);
    assert_eq!(gateway.settled_ledger().await["accepted"], 3);
}

#[tokio::test]
async fn connections_past_the_bound_wait_until_one_ends() {
    let gateway = Plan::new().set("http.connections", 2).start().await;
    let head = format!("GET {FORM} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::open(&gateway).await;
        wire.send(&head).await;
        assert_eq!(wire.answer().await.unwrap().status, 200);
        kept.push(wire);
    }
    let mut third = Wire::open(&gateway).await;
    third.send(&head).await;
    let early = timeout(std::time::Duration::from_millis(300), third.answer()).await;
    assert!(early.is_err(), "two connections are open, which is the bound: {early:?}");
    kept.pop();
    assert_eq!(third.answer().await.unwrap().status, 200);
}
