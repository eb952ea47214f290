//! HTTP as nobody should send it: a clear refusal or the plain answer, never a fault, never a hang.

use crate::support::{ACME_KEY, Answer, Gateway, Wire, exchange, nps};

fn post(fields: &str, body: &str) -> String {
    let head = format!("POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ACME_KEY}\r\n");
    format!("{head}content-type: application/json\r\n{fields}\r\n{body}")
}

fn sized(fields: &str, body: &str) -> String {
    post(&format!("{fields}content-length: {}\r\n", body.len()), body)
}

async fn status(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> u16 {
    exchange(gateway, bytes).await.map_or(0, |answer: Answer| answer.status)
}

#[tokio::test]
async fn a_body_whose_length_is_told_in_two_ways_is_never_read_as_two_requests() {
    let gateway = Gateway::start().await;
    let body = nps("t-1", 9).to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let two_lengths = format!("content-length: {}\r\ncontent-length: 3\r\n", body.len());
    assert_eq!(status(&gateway, post(&two_lengths, &body)).await, 400);
    for odd in ["content-length: +5\r\n", "content-length: 0x5\r\n", "content-length: -1\r\n"] {
        assert_eq!(status(&gateway, post(odd, &body)).await, 400, "{odd}");
    }
    for odd in ["transfer-encoding: gzip\r\n", "transfer-encoding: chunked, gzip\r\n"] {
        assert_eq!(status(&gateway, post(odd, &chunked)).await, 400, "{odd}");
    }
    // RFC 9112, 6.3: the chunks count. What follows them must not be a second request of somebody else's.
    let both = format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", chunked.len() + 10);
    let smuggled = "DELETE /v1/links HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut wire = Wire::open(&gateway).await;
    wire.send(post(&both, &chunked) + smuggled).await;
    let first = wire.answer().await.unwrap();
    assert!(matches!(first.status, 201 | 400), "{first:?}");
    let ledger = gateway.settled_ledger().await;
    assert!(ledger["accepted"].as_u64().unwrap() <= 1, "{ledger}");
}

#[tokio::test]
async fn two_authorizations_keys_types_or_codings_are_not_one_of_them() {
    let gateway = Gateway::start().await;
    let body = nps("t-1", 9).to_string();
    let second_key = "authorization: Bearer nobody\r\n";
    assert_eq!(status(&gateway, sized(second_key, &body)).await, 400);
    let codings = "content-encoding: identity\r\ncontent-encoding: gzip\r\n";
    assert_eq!(status(&gateway, sized(codings, &body)).await, 415);
    let keys = "idempotency-key: one\r\nidempotency-key: two\r\n";
    assert_eq!(status(&gateway, sized(keys, &body)).await, 400);
    let types = "content-type: text/csv\r\n";
    assert_eq!(status(&gateway, sized(types, &body)).await, 400);
    let ledger = gateway.settled_ledger().await;
    assert_eq!((&ledger["received"], &ledger["rejected"]), (&4.into(), &4.into()), "{ledger}");
}

#[tokio::test]
async fn old_and_odd_requests_get_the_plain_answer() {
    let gateway = Gateway::start().await;
    let body = nps("t-1", 9).to_string();
    let json = "content-type: application/json\r\n";
    let rest =
        format!("{json}authorization: Bearer {ACME_KEY}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for line in [
        "POST /v1/responses HTTP/1.0\r\n",
        "POST http://evil.example/v1/responses HTTP/1.1\r\nhost: x\r\n",
        "POST /v1/responses/ HTTP/1.1\r\nhost: x\r\n",
        "POST /v1/responses?x=%00%ff HTTP/1.1\r\nhost: x\r\n",
        "POST /v1/respon%73es HTTP/1.1\r\nhost: x\r\nx-odd: \x7f\u{80}\r\n",
    ] {
        let status = status(&gateway, format!("{line}{rest}")).await;
        assert!(matches!(status, 200 | 201 | 400), "{line}: {status}");
    }
    for (line, expected) in [
        ("TRACE /v1/responses HTTP/1.1\r\n", 405),
        ("post /v1/responses HTTP/1.1\r\n", 405),
        ("CONNECT x:443 HTTP/1.1\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\n", 404),
        ("GET /f/acme%2Fsupport-nps HTTP/1.1\r\n", 404),
        ("GET /f/acme/support-nps%00 HTTP/1.1\r\n", 404),
        ("GET /f/../v1/responses HTTP/1.1\r\n", 404),
        ("GET //evil.example/%2e%2e HTTP/1.1\r\n", 404),
        ("PRI * HTTP/2.0\r\n", 400),
        ("GET /f/acme/support-nps HTTP/3.0\r\n", 400),
        ("GET  HTTP/1.1\r\n", 400),
        ("\r\n\r\nGET /f/acme/support-nps HTTP/1.1\r\n", 200),
    ] {
        let status = status(&gateway, format!("{line}host: x\r\nconnection: close\r\n\r\n")).await;
        let closed = status == 0 && expected == 400;
        assert!(status == expected || closed, "{line:?}: {status}, not {expected}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let gateway = Gateway::start().await;
    let body = nps("t-1", 9).to_string();
    let mut wire = Wire::open(&gateway).await;
    wire.send(post(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len()), "")).await;
    assert_eq!(wire.answer().await.unwrap().status, 100);
    wire.send(&body).await;
    assert_eq!(wire.answer().await.unwrap().status, 201);
    // Who may not speak is refused before the body was sent.
    let mut wire = Wire::open(&gateway).await;
    wire.send(
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 60000\r\n\r\n",
    )
    .await;
    assert_eq!(wire.answer().await.unwrap().status, 401);
}

#[tokio::test]
async fn chunks_with_extensions_and_trailers_are_read_and_broken_ones_refused() {
    let gateway = Gateway::start().await;
    let body = nps("t-1", 9).to_string();
    let chunked = |chunks: String| post("transfer-encoding: chunked\r\n", &chunks);
    let length = body.len();
    let good = format!("{length:x};name=\"value\"\r\n{body}\r\n0\r\nx-trailer: 1\r\n\r\n");
    assert_eq!(status(&gateway, chunked(good)).await, 201);
    for broken in [
        format!("zz\r\n{body}\r\n0\r\n\r\n"),
        format!("{:x}\r\n{body}", length + 1) + "\r\nx\r\n",
        "ffffffffffffffffff\r\n".to_owned(),
    ] {
        assert_eq!(status(&gateway, chunked(broken.clone())).await, 400, "{broken}");
    }
    let flood = format!("0\r\n{}\r\n", "x-trailer: 1\r\n".repeat(10_000));
    assert!((400..500).contains(&status(&gateway, chunked(flood)).await));
    assert_eq!(gateway.settled_ledger().await["accepted"], 1);
}

#[tokio::test]
async fn odd_json_is_read_as_the_standard_says_or_refused_and_never_a_fault() {
    let gateway = Gateway::start().await;
    let around = |answers: &str| {
        format!(r#"{{"survey":"support-nps","brand":"acme","interaction":"odd","answers":{answers}}}"#)
    };
    let long = format!(r#"{{"{}":9}}"#, "q".repeat(30_000));
    for (answers, expected) in [
        (r#"{"recommend":9,"recommend":3}"#, 422),
        (r#"{"recommend":9,"\u0072ecommend":3}"#, 422),
        (r#"{"recommend":1e400}"#, 422),
        (r#"{"recommend":-1e400}"#, 422),
        (r#"{"recommend":99999999999999999999}"#, 422),
        (r#"{"recommend":0x9}"#, 400),
        (r#"{"recommend":09}"#, 400),
        (r#"{"recommend":NaN}"#, 400),
        (r#"{"reason":"\ud800"}"#, 422),
        (r#"{"reason":"a\u0000b"}"#, 201),
        (r#"{"recommend":-0}"#, 200),
        (r#"{"recommend":-0.0}"#, 200),
        (&long, 422),
    ] {
        let reply = exchange(&gateway, sized("", &around(answers))).await.unwrap();
        let shown = &answers[..answers.len().min(60)];
        assert!(reply.status == expected || (expected == 200 && reply.status < 300), "{shown}: {reply:?}");
    }
    let marked = format!("\u{feff}{}", around(r#"{"recommend":9}"#));
    assert_eq!(status(&gateway, sized("", &marked)).await, 400, "RFC 8259, 8.1: no byte order mark");
    let with_charset = "content-type: application/json; charset=utf-16\r\n";
    let body = around(r#"{"recommend":9}"#);
    let head = format!("POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ACME_KEY}\r\n");
    let request = format!("{head}{with_charset}content-length: {}\r\n\r\n{body}", body.len());
    assert!(status(&gateway, request).await < 300, "RFC 8259, 11: charset means nothing for JSON");
}

#[tokio::test]
async fn odd_forms_are_read_as_browsers_mean_them_or_refused_with_a_page() {
    let gateway = Gateway::start().await;
    let send = async |content_type: &str, body: &str| {
        let head = "POST /f/acme/support-nps HTTP/1.1\r\nhost: x\r\n";
        let length = body.len();
        let request = format!("{head}content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}");
        exchange(&gateway, request).await.unwrap()
    };
    let urlencoded = "application/x-www-form-urlencoded";
    let part = |head: &str, value: &str| format!("--b\r\n{head}\r\n\r\n{value}\r\n--b--\r\n");
    let recommend = "Content-Disposition: form-data; name=\"recommend\"";
    let multipart = "multipart/form-data; boundary=b";
    let nested = format!("{recommend}\r\nContent-Type: multipart/mixed; boundary=c");
    let file = format!("{recommend}; filename=\"x.png\"");
    let upper = format!("{urlencoded}; charset=iso-8859-1");
    for (content_type, body, expected) in [
        (urlencoded, "recommend=9&recommend=3".to_owned(), 422),
        (urlencoded, "recommend=9%00".to_owned(), 422),
        (urlencoded, "reason=a%00b%0D%0A".to_owned(), 200),
        (&upper, "recommend=9".to_owned(), 200),
        ("multipart/form-data", part(recommend, "9"), 400),
        ("multipart/form-data; boundary=", part(recommend, "9"), 400),
        (multipart, part(recommend, "9"), 200),
        (multipart, part(&file, "9"), 422),
        (multipart, part(&nested, "--c\r\n\r\n9\r\n--c--"), 422),
        (multipart, part("Content-Disposition: form-data", "9"), 400),
    ] {
        let reply = send(content_type, &body).await;
        assert_eq!(
            reply.status,
            expected,
            "{content_type} {body}: {}",
            &reply.body[..200.min(reply.body.len())]
        );
        assert!(reply.head.contains("content-type: text/html"), "a person gets a page: {}", reply.head);
    }
}
