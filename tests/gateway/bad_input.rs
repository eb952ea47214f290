//! Bad input gets the refusal that the contract names, all problems of one request at once, and never a 500.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ACME_KEY, Gateway, Plan, Reply, nps};

async fn post(gateway: &Gateway, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = gateway.request(Method::POST, "/v1/responses").bearer_auth(ACME_KEY);
    Reply::of(request.header("content-type", content_type).body(body)).await
}

/// A good submission with one member replaced.
fn with(member: &str, value: Value) -> Value {
    let mut body = nps("t-1", 9);
    body[member] = value;
    body
}

#[tokio::test]
async fn each_wrong_value_is_named_by_its_pointer() {
    let gateway = Gateway::start().await;
    let answers = |value: Value| with("answers", json!({ "recommend": value }));
    let long = "x".repeat(65);
    let table = [
        (answers(json!(11)), "/answers/recommend", "off_scale"),
        (answers(json!(-1)), "/answers/recommend", "off_scale"),
        (answers(json!(1e300)), "/answers/recommend", ""),
        (answers(json!(6.5)), "/answers/recommend", "not_whole"),
        (answers(json!("ten")), "/answers/recommend", "not_a_number"),
        (answers(json!("9")), "/answers/recommend", "not_a_number"),
        (answers(json!(true)), "/answers/recommend", ""),
        (answers(json!([9])), "/answers/recommend", ""),
        (answers(json!({"value": 9})), "/answers/recommend", ""),
        (with("answers", json!({"reason": 5})), "/answers/reason", ""),
        (with("answers", json!({"reason": "x".repeat(10_000)})), "/answers/reason", "text_too_long"),
        (with("answers", json!({"nonsense": 5})), "/answers/nonsense", "unknown_question"),
        (with("answers", json!({})), "/answers", "no_answers"),
        (with("answers", json!([9])), "/answers", ""),
        (with("interaction", json!("no reference")), "/interaction", "bad_reference"),
        (with("interaction", json!("")), "/interaction", "bad_reference"),
        (with("interaction", json!(long)), "/interaction", "bad_reference"),
        (with("interaction", json!(4711)), "/interaction", "wrong_type"),
        (with("respondent", json!({"ref": "ü"})), "/respondent/ref", "bad_reference"),
        (with("respondent", json!({"email": "nobody"})), "/respondent/email", "bad_contact"),
        (with("respondent", json!({"phone": "12"})), "/respondent/phone", "bad_contact"),
        (with("subject", json!({"kind": "agent"})), "/subject/ref", "missing"),
        (with("locale", json!("not a language")), "/locale", "bad_locale"),
        (with("country", json!("Switzerland")), "/country", "bad_country"),
        (with("answered_at", json!("yesterday")), "/answered_at", "bad_time"),
        (with("answered_at", json!("1999-12-31T23:59:59Z")), "/answered_at", "bad_time"),
        (with("answered_at", json!("2126-01-01T00:00:00Z")), "/answered_at", "bad_time"),
        (with("answered_at", json!(1_700_000_000)), "/answered_at", ""),
        (with("attributes", json!({"plan": 5})), "/attributes/plan", ""),
        (with("attributes", json!({"plan": "x".repeat(10_000)})), "/attributes/plan", "bad_attribute"),
        (with("test", json!("yes")), "/test", "wrong_type"),
        (with("key", json!("")), "/key", "bad_key"),
        (with("key", json!("line\nbreak")), "/key", "bad_key"),
    ];
    let count = table.len();
    for (body, pointer, code) in table {
        let reply = gateway.submit(&body).await;
        assert_eq!(reply.status, 422, "422 invalid, by pointer, for {body}: {}", reply.text);
        let problem = reply.problem(422, "invalid");
        let errors = problem["errors"].as_array().unwrap();
        let error = errors.iter().find(|error| error["pointer"] == pointer);
        let error = error.unwrap_or_else(|| panic!("{pointer} is not named for {body}: {problem}"));
        assert!(!error["detail"].as_str().unwrap().is_empty());
        if !code.is_empty() {
            assert_eq!(error["code"], code, "for {body}");
        }
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], count, "one `rejected` each: {ledger}");
    assert!(gateway.store().all().await.is_empty());
}

#[tokio::test]
async fn all_problems_of_a_request_come_at_once() {
    let gateway = Gateway::start().await;
    let body = json!({
        "survey": "support-nps", "brand": "acme", "interaction": "no reference",
        "respondent": {"email": "nobody"}, "subject": {"kind": "agent", "ref": ""}, "locale": "??", "country": "CHE",
        "answered_at": "soon", "answers": {"recommend": 6.5, "reason": 1, "nonsense": 2},
        "attributes": {"plan": 1}, "test": "no",
    });
    let problem = gateway.submit(&body).await.problem(422, "invalid");
    let errors = problem["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    for pointer in [
        "/interaction",
        "/respondent/email",
        "/subject/ref",
        "/locale",
        "/country",
        "/answered_at",
        "/answers/recommend",
        "/answers/reason",
        "/answers/nonsense",
        "/attributes/plan",
        "/test",
    ] {
        assert!(pointers.contains(&pointer), "{pointer} is missing in {pointers:?}");
    }
}

#[tokio::test]
async fn the_boundaries_of_what_is_right_are_taken() {
    let gateway = Gateway::start().await;
    let right = [
        with("answers", json!({"recommend": 0})),
        with("answers", json!({"recommend": 10})),
        with("interaction", json!("x".repeat(64))),
        with("interaction", json!("A-z.0:9_")),
        with("answered_at", json!("2000-01-01T00:00:00Z")),
        with("answered_at", json!("2026-01-01T01:00:00+01:00")),
        with("answers", json!({"reason": "only a text"})),
        with("respondent", json!({"phone": "+41446681800"})),
    ];
    for body in right {
        let reply = gateway.submit(&body).await;
        assert!([200, 201, 202].contains(&reply.status), "{body}: {}", reply.text);
    }
    // JSON writes whole numbers in several ways.
    for number in ["9.0", "9e0", "90e-1"] {
        let body = nps("whole", 9).to_string().replace(":9", &format!(":{number}"));
        let reply = post(&gateway, "application/json", body).await;
        assert!([200, 201].contains(&reply.status), "{number} is a whole number: {}", reply.text);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_malformed() {
    let gateway = Gateway::start().await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep_member = nps("t-1", 9).to_string().replacen('{', &format!(r#"{{"x":{deep},"#), 1);
    let deep_value = nps("t-1", 9).to_string().replace(":9", &format!(":{deep}"));
    let unreadable: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"\xff\xfe{}".to_vec(),
        nps("t-1", 9).to_string().replace("support", "\u{0}").into_bytes(),
        b"{\"survey\": \"support-nps\", \"brand\": \"acme\", \"interaction\": \"\xc3\x28\"}".to_vec(),
        deep.into_bytes(),
        [nps("t-1", 9).to_string().as_bytes(), b" trailing"].concat(),
    ];
    for body in unreadable {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = post(&gateway, "application/json", body).await;
        assert_eq!(reply.status, 400, "400 malformed: {shown}: {}", reply.text);
        reply.problem(400, "malformed");
    }
    for body in ["null", "[]", "9", r#"{"survey": "\ud800"}"#, &deep_member, &deep_value] {
        let reply = post(&gateway, "application/json", body.to_owned()).await;
        let shown = &body[..body.len().min(60)];
        assert!(
            [400, 422].contains(&reply.status),
            "{shown} is no submission: {} {}",
            reply.status,
            reply.text
        );
        assert!(reply.header("content-type").starts_with("application/problem+json"));
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 13, "{ledger}");
}

#[tokio::test]
async fn an_unknown_or_missing_survey_or_brand_is_told_apart() {
    let gateway = Gateway::start().await;
    gateway.submit(&with("survey", json!("no-such"))).await.problem(404, "unknown_survey");
    let brand = gateway.submit(&with("brand", json!("no-such"))).await;
    assert!([403, 404].contains(&brand.status), "404 unknown brand: {}", brand.text);
    for member in ["survey", "brand", "answers"] {
        let mut body = nps("t-1", 9);
        body.as_object_mut().unwrap().remove(member);
        let problem = gateway.submit(&body).await;
        assert_eq!(problem.status, 422, "{member} is missing: {}", problem.text);
        assert!(problem.text.contains(&format!("/{member}")), "{}", problem.text);
    }
}

#[tokio::test]
async fn a_closed_channel_refuses() {
    let gateway = Plan::new()
        .config(|config| config.set("surveys/support-nps.toml", "channels", vec!["email"]))
        .start()
        .await;
    gateway.submit(&nps("t-1", 9)).await.problem(403, "channel_closed");
    let form = gateway.post_form("/f/acme/support-nps", &[("recommend", "9")]).await;
    form.page(403);
    assert_eq!(gateway.settled_ledger().await["rejected"], 2);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_of_another_type_is_refused() {
    let gateway = Gateway::start().await;
    let huge = with("attributes", json!({"plan": "x".repeat(5_000_000)}));
    gateway.submit(&huge).await.problem(413, "too_large");
    post(&gateway, "text/csv", "a,b").await.problem(415, "unsupported_media_type");
    let encoded = gateway.request(Method::POST, "/v1/responses").bearer_auth(ACME_KEY);
    let encoded = encoded.header("content-type", "application/json").header("content-encoding", "br");
    Reply::of(encoded.body("xx")).await.problem(415, "unsupported_media_type");
    let form = gateway.request(Method::POST, "/f/acme/support-nps").header("content-type", "application/pdf");
    assert_eq!(Reply::of(form.body("xx")).await.status, 415);
    let batch = json!((0..20_000).map(|index| nps(&format!("b-{index}"), 9)).collect::<Vec<_>>());
    let batch = gateway.post_json("/v1/responses/batch", &batch).await;
    assert_eq!(
        batch.status,
        413,
        "invariant 7, items are bounded: {}",
        &batch.text[..batch.text.len().min(300)]
    );
}

#[tokio::test]
async fn unknown_routes_methods_and_bad_percent_encoding_are_no_faults() {
    let gateway = Gateway::start().await;
    let table = [
        (Method::GET, "/nowhere", vec![404]),
        (Method::GET, "/v1/responses", vec![405]),
        (Method::DELETE, "/v1/responses", vec![405]),
        (Method::PUT, "/f/acme/support-nps", vec![405]),
        (Method::GET, "/r/%ff%fe", vec![404]),
        (Method::GET, "/r/%", vec![400, 404]),
        (Method::GET, "/m/acme/support-nps?interaction=%zz", vec![200, 400, 404, 422]),
        (Method::GET, "/f/acme/support-nps?lang=%ff", vec![200, 400]),
        (Method::GET, "/v1/surveys/%00?brand=acme", vec![400, 404]),
        (Method::POST, "/ivr/twilio/acme/no-such", vec![200, 403]),
        (Method::POST, "/ivr/twilio/nobody/support-nps", vec![200, 403]),
    ];
    for (method, path, allowed) in table {
        let reply = Reply::of(gateway.request(method.clone(), path)).await;
        assert!(allowed.contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.text);
        if path.starts_with("/ivr/twilio/") {
            assert!(reply.text.contains("<Response"), "telephony always gets TwiML: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn form_bodies_with_bad_bytes_are_refused_and_never_a_fault() {
    let gateway = Gateway::start().await;
    let urlencoded = "application/x-www-form-urlencoded";
    let table: [(&str, &[u8]); 7] = [
        (urlencoded, b"recommend=%zz"),
        (urlencoded, b"recommend=%ff"),
        (urlencoded, b"recommend=\xff"),
        (urlencoded, b""),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\xff\xff\r\n--b--\r\n"),
    ];
    for (content_type, body) in table {
        let request =
            gateway.request(Method::POST, "/f/acme/support-nps").header("content-type", content_type);
        let reply = Reply::of(request.body(body)).await;
        let shown = String::from_utf8_lossy(body);
        assert!(
            (400..500).contains(&reply.status),
            "{content_type} {shown}: {} {}",
            reply.status,
            reply.text
        );
    }
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&json!(7), &json!(7)), "{ledger}");
}

#[tokio::test]
async fn a_request_that_stops_in_the_middle_is_one_rejected_submission() {
    use tokio::io::AsyncWriteExt as _;
    let gateway = Gateway::start().await;
    let mut socket = tokio::net::TcpStream::connect(gateway.http_addr()).await.unwrap();
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ACME_KEY}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"survey\":"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.flush().await.unwrap();
    crate::support::wait_for("the request to be in flight", async || {
        (gateway.ledger().await["received"] == 1).then_some(())
    })
    .await;
    drop(socket);
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], 1, "invariant 6: {ledger}");
}

#[tokio::test]
async fn unknown_enum_values_and_empty_oneofs_over_grpc_are_invalid_arguments() {
    use crate::support::{collector, nps_message, with_key};
    use voxgate::proto::collector::v1::{Respondent, SubmitRequest, Value as Given, value::Kind};
    let gateway = Gateway::start().await;
    let mut client = collector(&gateway);
    let mut nothing = nps_message("t-1", 9);
    nothing.answers.insert("recommend".to_owned(), Given { kind: None });
    let mut text_for_score = nps_message("t-1", 9);
    text_for_score.answers.insert("recommend".to_owned(), Given { kind: Some(Kind::Text("9".to_owned())) });
    let mut nobody = nps_message("t-1", 9);
    nobody.respondent = Some(Respondent { kind: None });
    let mut time = nps_message("t-1", 9);
    time.answered_at = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -5 });
    let mut none = nps_message("t-1", 9);
    none.answers.clear();
    for submission in [nothing, text_for_score, time, none] {
        let shown = format!("{submission:?}");
        let status =
            client.submit(with_key(SubmitRequest { submission: Some(submission) })).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{shown}: {status:?}");
    }
    let unnamed = client.submit(with_key(SubmitRequest { submission: Some(nobody) })).await;
    let taken = unnamed.is_ok_and(|reply| reply.into_inner().receipt.is_some());
    let ledger = gateway.settled_ledger().await;
    assert_eq!(ledger["rejected"], if taken { 4 } else { 5 }, "never a fault: {ledger}");
}
