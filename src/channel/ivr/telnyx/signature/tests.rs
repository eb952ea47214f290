use super::*;

const BODY: &[u8] = b"AccountSid=f5586561-8ff0-4291-a51b-c7dfe4139ff9&CallSid=v3%3A9X2v&Digits=9";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
/// Made of [`BODY`] at [`NOW`] with the sample's key by another implementation (pyca/cryptography 48).
const MADE_ELSEWHERE: &str =
    "OS14ZI6Gh2Ay2x2oBiebDpGlPTP0xLj702lB6JrLLs8iX7Wk8NCMYE5QcOMrY10c7giy9+W+rQqC608kylt7AA==";

fn key(seed: u8) -> SigningKey {
    SigningKey::new(&[seed; 32]).unwrap()
}

fn sample() -> SigningKey {
    SigningKey::new(&SAMPLE_SIGNING_KEY).unwrap()
}

fn account(keys: &[&SigningKey]) -> Account {
    let public_keys = keys.iter().map(|key| key.public_key().unwrap()).collect();
    Account { sid: "*".to_owned(), public_keys, ..Account::default() }
}

fn headers(fields: impl IntoIterator<Item = (HeaderName, String)>) -> HeaderMap {
    fields.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
}

fn judge(headers: &HeaderMap, body: &[u8], now: Timestamp, account: &Account) -> Result<(), Unproven> {
    Signature::read(headers, now)?.check(body, Some(account))
}

#[test]
fn a_signature_of_another_implementation_is_genuine_and_ours_is_the_same() {
    let elsewhere = [(SIGNATURE, MADE_ELSEWHERE.to_owned()), (TIMESTAMP, "1700000000".to_owned())];
    assert_eq!(judge(&headers(elsewhere.clone()), BODY, NOW, &account(&[&sample()])), Ok(()));
    assert_eq!(sample().sign(BODY, NOW), elsewhere);
}

/// RFC 8032, 7.1, test 1: the seed and its public key.
#[test]
fn the_public_key_of_a_seed_is_that_of_the_standard() {
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let key = SigningKey::new(&seed.try_into().unwrap()).unwrap();
    assert_eq!(hex::encode(key.public_key().unwrap().0), public);
}

#[test]
fn either_of_two_live_keys_will_do_and_no_other() {
    let [old, new, other] = [key(1), key(2), key(3)];
    let account = account(&[&old, &new]);
    for (signer, verdict) in [(&old, Ok(())), (&new, Ok(())), (&other, Err(Unproven::Wrong))] {
        assert_eq!(judge(&headers(signer.sign(BODY, NOW)), BODY, NOW, &account), verdict);
    }
    let signed = headers(old.sign(BODY, NOW));
    assert_eq!(Signature::read(&signed, NOW).unwrap().check(BODY, None), Err(Unproven::Wrong));
}

#[test]
fn a_changed_body_or_time_breaks_the_signature() {
    let (key, mut altered) = (key(1), BODY.to_vec());
    let account = account(&[&key]);
    *altered.last_mut().unwrap() = b'0';
    assert_eq!(judge(&headers(key.sign(BODY, NOW)), &altered, NOW, &account), Err(Unproven::Wrong));
    let [signature, _] = key.sign(BODY, NOW);
    let later = headers([signature, (TIMESTAMP, "1700000001".to_owned())]);
    assert_eq!(judge(&later, BODY, NOW, &account), Err(Unproven::Wrong));
}

#[test]
fn a_signature_is_good_for_five_minutes_before_and_after_and_no_second_more() {
    let key = key(1);
    let account = account(&[&key]);
    let signed = headers(key.sign(BODY, NOW));
    let second = Duration::from_secs(1);
    for now in [NOW.after(WINDOW), NOW.before(WINDOW)] {
        assert_eq!(judge(&signed, BODY, now, &account), Ok(()));
    }
    for now in [NOW.after(WINDOW + second), NOW.before(WINDOW + second)] {
        assert_eq!(judge(&signed, BODY, now, &account), Err(Unproven::Stale));
    }
}

#[test]
fn a_head_without_one_readable_signature_and_time_is_refused_before_the_body_is_read() {
    let fields = key(1).sign(BODY, NOW);
    let [signature, time] = fields.clone();
    for broken in ["", "9", "Zm9v", &"A".repeat(87), &"A".repeat(200), "\u{e9}"] {
        let headers = headers([(SIGNATURE, broken.to_owned()), time.clone()]);
        assert_eq!(Signature::read(&headers, NOW).unwrap_err(), Unproven::Missing, "{broken}");
    }
    for broken in ["", "-1", "1700000000.0", "+1700000000", "9999999999999", " 1700000000x"] {
        let headers = headers([signature.clone(), (TIMESTAMP, broken.to_owned())]);
        assert_eq!(Signature::read(&headers, NOW).unwrap_err(), Unproven::Missing, "{broken}");
    }
    for missing in [vec![signature.clone()], vec![time.clone()], vec![]] {
        assert_eq!(Signature::read(&headers(missing), NOW).unwrap_err(), Unproven::Missing);
    }
    for doubled in &fields {
        let mut headers = headers(fields.clone());
        headers.append(&doubled.0, doubled.1.parse().unwrap());
        assert_eq!(Signature::read(&headers, NOW).unwrap_err(), Unproven::Missing);
    }
}
