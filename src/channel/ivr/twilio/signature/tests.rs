use serde_json::Value;

use super::*;

const URL: &str = "https://acme.example/ivr/twilio/acme/support-nps?lang=de";

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn form(pairs: &[(&str, &str)]) -> Form {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn vector_form(params: &Value) -> Form {
    let text = |pair: &Value, at: usize| pair[at].as_str().unwrap().to_owned();
    params.as_array().unwrap().iter().map(|pair| (text(pair, 0), text(pair, 1))).collect()
}

fn is_genuine_vector(vector: &Value) -> bool {
    let text = |name: &str| vector[name].as_str().unwrap();
    let token = secret(text("auth_token"));
    let judge = |body| is_genuine(text("url"), body, &[&token], &[text("signature")]);
    match vector["body"].as_str() {
        Some(body) => judge(Body::Raw(body.as_bytes())),
        None => judge(Body::Form(&vector_form(&vector["params"]))),
    }
}

#[test]
fn every_vector_of_the_official_libraries_is_judged_as_they_judge_it() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../../tests/data/twilio-signature-vectors.json"))
            .unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 20);
    for vector in vectors {
        assert_eq!(is_genuine_vector(vector), vector["expect_valid"].as_bool().unwrap(), "{}", vector["id"]);
    }
}

#[test]
fn either_of_two_live_tokens_will_do_and_no_other() {
    let accounts = [
        Account { sid: "AC1".to_owned(), tokens: vec![secret("old"), secret("new")] },
        Account { sid: "AC2".to_owned(), tokens: vec![secret("other")] },
        Account { sid: "*".to_owned(), tokens: vec![secret("any")] },
    ];
    let form = form(&[("CallSid", "CA1"), ("Digits", "9")]);
    let body = Body::Form(&form);
    for (token, genuine) in [("old", true), ("new", true), ("any", true), ("other", false), ("", false)] {
        let signature = sign(URL, body, &secret(token)).unwrap_or_default();
        assert_eq!(is_genuine(URL, body, &tokens(&accounts, "AC1"), &[&signature]), genuine, "{token}");
    }
}

#[test]
fn an_empty_token_vouches_for_nobody() {
    let form = form(&[("CallSid", "CA1")]);
    let accounts = [Account { sid: "*".to_owned(), tokens: vec![secret("")] }];
    assert_eq!(sign(URL, Body::Form(&form), &secret("")), None);
    assert!(!is_genuine(URL, Body::Form(&form), &tokens(&accounts, "AC1"), &[""]));
}

#[test]
fn a_changed_key_value_or_url_breaks_the_signature() {
    let signed = form(&[("CallSid", "CA1"), ("Digits", "9")]);
    let token = secret("token");
    let signature = sign(URL, Body::Form(&signed), &token).unwrap();
    let genuine = |url: &str, form: &Form| is_genuine(url, Body::Form(form), &[&token], &[&signature]);
    assert!(genuine(URL, &signed));
    assert!(!genuine(URL, &form(&[("CallSid", "CA1"), ("Digits", "0")])));
    assert!(!genuine(URL, &form(&[("CallSid", "CA1"), ("Digits", "9"), ("To", "x")])));
    assert!(!genuine(&URL.replace("lang=de", "lang=fr"), &signed));
    assert!(!genuine(&URL.replace("https", "http"), &signed));
}

#[test]
fn signalwires_header_is_read_and_one_that_chooses_an_algorithm_is_not() {
    let mut headers = HeaderMap::new();
    headers.insert("x-twilio-webhooks-signature-settings", "key=k1,algorithm=none".parse().unwrap());
    assert!(signatures(&headers).is_empty());
    headers.insert("x-signalwire-signature", "one".parse().unwrap());
    headers.insert("x-twilio-signature", "two".parse().unwrap());
    assert_eq!(signatures(&headers), ["two", "one"]);
}

#[test]
fn a_port_is_taken_off_and_put_on_without_touching_the_rest() {
    for (url, without, with) in [
        ("https://a.example/p?x=1", "https://a.example/p?x=1", "https://a.example:443/p?x=1"),
        ("http://a.example/p?", "http://a.example/p?", "http://a.example:80/p?"),
        ("https://u:p@a.example:8443/p", "https://u:p@a.example/p", "https://u:p@a.example:8443/p"),
        ("https://[::1]:8443/p:9", "https://[::1]/p:9", "https://[::1]:8443/p:9"),
        ("https://[::1]/p", "https://[::1]/p", "https://[::1]:443/p"),
        ("https://a.example?x=a@b:1", "https://a.example?x=a@b:1", "https://a.example:443?x=a@b:1"),
    ] {
        assert_eq!(without_and_with_port(url), [without, with], "{url}");
    }
}
