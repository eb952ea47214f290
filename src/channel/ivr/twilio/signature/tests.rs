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
    let judge = |body| is_genuine(text("url"), body, &[Key::Sha1(&token)], &[text("signature")]);
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

fn account(sid: &str, tokens: &[&str], shared_keys: &[&str]) -> Account {
    let secrets = |texts: &[&str]| texts.iter().map(|text| secret(text)).collect();
    Account {
        sid: sid.to_owned(),
        tokens: secrets(tokens),
        shared_keys: secrets(shared_keys),
        ..Account::default()
    }
}

/// Of a form with these accounts' `CallSid=CA1&Digits=9`.
fn is_from(accounts: &[Account], sid: &str, signature: &str) -> bool {
    let form = form(&[("CallSid", "CA1"), ("Digits", "9")]);
    is_genuine(URL, Body::Form(&form), &keys(accounts, sid), &[signature])
}

fn signed(key: Key<'_>) -> String {
    let form = form(&[("CallSid", "CA1"), ("Digits", "9")]);
    sign(URL, Body::Form(&form), key).unwrap()
}

#[test]
fn either_of_two_live_tokens_will_do_and_none_of_another_account() {
    let accounts =
        [account("*", &["any"], &[]), account("AC1", &["old", "new"], &[]), account("AC2", &["other"], &[])];
    for (token, [first, second, unknown]) in [
        ("old", [true, false, false]),
        ("new", [true, false, false]),
        ("other", [false, true, false]),
        ("any", [false, false, true]),
        ("gone", [false, false, false]),
    ] {
        let signature = signed(Key::Sha1(&secret(token)));
        let genuine = ["AC1", "AC2", "AC3"].map(|sid| is_from(&accounts, sid, &signature));
        assert_eq!(genuine, [first, second, unknown], "{token}");
    }
}

#[test]
fn an_account_that_is_not_configured_proves_nothing() {
    let accounts = [account("AC1", &["token"], &["shared"])];
    for token in ["token", "shared"] {
        for sid in ["AC2", "", "*"] {
            assert!(!is_from(&accounts, sid, &signed(Key::Sha1(&secret(token)))), "{sid}");
            assert!(!is_from(&accounts, sid, &signed(Key::Sha256(&secret(token)))), "{sid}");
        }
    }
}

/// Made by another implementation: `openssl dgst -sha256 -hmac shared -binary | base64`, and the same with `-sha1`.
#[test]
fn signatures_of_another_implementation_are_genuine() {
    let shared = account("AC1", &[], &["shared"]);
    assert!(is_from(&[shared], "AC1", "U1t7cspDfVWeesWoIwN73xDHwVGraw1hkyOkVrsQLfI="));
    let signalwire = account("b08dacad-47e6-4b1c-b3b7-54a5b1d6b0b4", &["PSK_4f3c0ffee"], &[]);
    let sid = signalwire.sid.clone();
    assert!(is_from(&[signalwire], &sid, "m1BOsnL78YNY5k6H5Zb3h6WHWeA="));
}

/// No header is asked: a key configured for one algorithm proves nothing with the other.
#[test]
fn a_key_is_good_for_its_own_algorithm_alone() {
    let [token, shared] = [secret("token"), secret("shared")];
    let accounts = [account("AC1", &["token"], &[]), account("AC2", &[], &["shared"])];
    assert!(is_from(&accounts, "AC1", &signed(Key::Sha1(&token))));
    assert!(is_from(&accounts, "AC2", &signed(Key::Sha256(&shared))));
    for (sid, key) in [
        ("AC1", Key::Sha256(&token)),
        ("AC2", Key::Sha1(&shared)),
        ("AC1", Key::Sha256(&shared)),
        ("AC2", Key::Sha1(&token)),
    ] {
        assert!(!is_from(&accounts, sid, &signed(key)), "{sid} {key:?}");
    }
    let both = [account("AC1", &["token"], &["shared"])];
    assert!(is_from(&both, "AC1", &signed(Key::Sha1(&token))));
    assert!(is_from(&both, "AC1", &signed(Key::Sha256(&shared))));
}

#[test]
fn an_empty_token_vouches_for_nobody() {
    let form = form(&[("CallSid", "CA1")]);
    let accounts = [account("*", &[""], &[""])];
    assert_eq!(sign(URL, Body::Form(&form), Key::Sha1(&secret(""))), None);
    assert_eq!(sign(URL, Body::Form(&form), Key::Sha256(&secret(""))), None);
    assert!(!is_genuine(URL, Body::Form(&form), &keys(&accounts, "AC1"), &[""]));
}

#[test]
fn a_changed_key_value_or_url_breaks_the_signature() {
    let signed = form(&[("CallSid", "CA1"), ("Digits", "9")]);
    let token = secret("token");
    let signature = sign(URL, Body::Form(&signed), Key::Sha1(&token)).unwrap();
    let genuine =
        |url: &str, form: &Form| is_genuine(url, Body::Form(form), &[Key::Sha1(&token)], &[&signature]);
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
