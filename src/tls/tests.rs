//! Certificates made on the spot: what is taken, what is refused, what is said of their time.

mod authority;

use rcgen::KeyPair;

pub(crate) use self::authority::{Authority, Issued};
use super::*;
use crate::clock::Timestamp;

const FROM: (i32, u8, u8) = (2020, 1, 1);
const UNTIL: (i32, u8, u8) = (2030, 1, 15);
const TWO_WEEKS: std::time::Duration = std::time::Duration::from_hours(14 * 24);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn a_chain_is_warned_of_from_two_weeks_before_its_end() {
    let chain = Chain::read(&Authority::new().issue_between(FROM, UNTIL).chain).unwrap();
    let end = at("2030-01-15T00:00:00Z");
    for (now, lifetime) in [
        ("2019-12-31T23:59:59Z", Lifetime::NotYet(at("2020-01-01T00:00:00Z"))),
        ("2020-01-01T00:00:00Z", Lifetime::Current),
        ("2030-01-01T00:00:00Z", Lifetime::Current),
        ("2030-01-01T00:00:01Z", Lifetime::Ending(end)),
        ("2030-01-15T00:00:00Z", Lifetime::Ending(end)),
        ("2030-01-15T00:00:01Z", Lifetime::Ended(end)),
    ] {
        assert_eq!(chain.lifetime(at(now), TWO_WEEKS), lifetime, "{now}");
    }
}

#[test]
fn a_chain_ends_with_the_first_of_its_certificates() {
    let authority = Authority::new();
    let [long, short] = [UNTIL, (2025, 1, 1)].map(|until| authority.issue_between(FROM, until).chain);
    let chain = Chain::read(&format!("{long}{short}")).unwrap();
    let end = at("2025-01-01T00:00:00Z");
    assert_eq!(chain.lifetime(at("2026-01-01T00:00:00Z"), TWO_WEEKS), Lifetime::Ended(end));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let [one, other] = [FROM, FROM].map(|from| authority.issue_between(from, UNTIL));
    Identity::new(Chain::read(&one.chain).unwrap(), &one.key).unwrap();
    let refused = Identity::new(Chain::read(&one.chain).unwrap(), &other.key).unwrap_err();
    assert!(matches!(refused, TlsError::OtherKey), "{refused:?}");
}

#[test]
fn texts_that_hold_something_else_are_refused_by_what_they_lack() {
    let Issued { chain, key } = Authority::new().issue_between(FROM, UNTIL);
    for nothing in ["", "hello", &key] {
        assert!(matches!(Chain::read(nothing), Err(TlsError::NoCertificate)), "{nothing}");
        assert!(matches!(Authorities::read(nothing), Err(TlsError::NoCertificate)), "{nothing}");
    }
    let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Chain::read(garbled), Err(TlsError::Certificate(_))));
    assert!(matches!(Authorities::read(garbled), Err(TlsError::Authorities(_))));
    let identity = |key: &str| Identity::new(Chain::read(&chain).unwrap(), key);
    assert!(matches!(identity(&chain), Err(TlsError::NoKey)));
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert!(matches!(identity(&locked), Err(TlsError::NoKey)), "nobody can type a passphrase");
    let garbled = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(identity(garbled), Err(TlsError::Key(_))));
}

#[test]
fn nothing_here_prints_a_key() {
    let authority = Authority::new();
    let Issued { chain, key } = authority.issue_between(FROM, UNTIL);
    let identity = Identity::new(Chain::read(&chain).unwrap(), &key).unwrap();
    let authorities = Authorities::read(&authority.pem).unwrap();
    let server = ServerTls::new(&identity, Some(authorities.clone()), Protocols::Grpc).unwrap();
    let live = LiveServerTls::new(Some(server.clone()));
    let client = ClientTls::new(Some(authorities), Some(identity.clone()));
    let printed =
        format!("{identity:?} {server:?} {live:?} {client:?} {:?}", LiveClientTls::new(client.clone()));
    let secret = key.lines().nth(1).unwrap();
    assert!(!printed.contains(secret), "{printed}");
    // Nor as the list of bytes that a derived Debug makes of it.
    let bytes = format!("{:?}", KeyPair::from_pem(&key).unwrap().serialized_der());
    assert!(!printed.contains(&bytes[1..40]), "{printed}");
}
