use std::path::PathBuf;

use super::*;
use crate::{
    clock::{Clock, Timestamp},
    tls::tests::{Authority, Issued},
};

type Day = (i32, u8, u8);

const LONG_AGO: Day = (2000, 1, 1);
const FAR: Day = (4000, 1, 1);

/// A directory with a certificate, its key, the authority, and the key of another certificate.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self::ending(FAR)
    }

    fn ending(until: Day) -> Self {
        let authority = Authority::new();
        let [Issued { chain, key }, other] =
            [until, FAR].map(|until| authority.issue_between(LONG_AGO, until));
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in
            [("cert.pem", chain), ("key.pem", key), ("other.pem", other.key), ("ca.pem", authority.pem)]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Variables that name files, on top of the samples; those that name none are taken as they are.
    fn load(&self, env: &[(&str, &str)]) -> Result<Loaded, Problems> {
        let value = |value: &str| match value.strip_suffix(".pem") {
            Some(_) => self.path(value).display().to_string(),
            None => value.to_owned(),
        };
        let env: Vec<_> = env.iter().map(|(name, text)| (*name, value(text))).collect();
        let env: Vec<_> = env.iter().map(|(name, text)| (*name, text.as_str())).collect();
        sample_with_env(&env)
    }

    fn problem(&self, env: &[(&str, &str)]) -> String {
        let problems = self.load(env).unwrap_err().problems;
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems[0].to_string()
    }

    fn warnings(&self, env: &[(&str, &str)]) -> Vec<String> {
        let warnings = self.load(env).unwrap().warnings;
        warnings.iter().map(ToString::to_string).filter(|warning| warning.contains("certificate")).collect()
    }
}

const CERT: (&str, &str) = ("VOXGATE_HTTP_TLS_CERT", "cert.pem");
const KEY: (&str, &str) = ("VOXGATE_HTTP_TLS_KEY", "key.pem");

#[test]
fn each_listener_takes_a_certificate_and_its_key() {
    let files = Files::new();
    for section in ["HTTP", "GRPC", "STORE", "ADMIN"] {
        let [cert, key] = ["CERT", "KEY"].map(|what| format!("VOXGATE_{section}_TLS_{what}"));
        let loaded = files.load(&[(&cert, "cert.pem"), (&key, "key.pem")]).unwrap().settings;
        let tls = [&loaded.http.tls, &loaded.grpc.tls, &loaded.store.tls, &loaded.admin.tls];
        assert_eq!(tls.iter().filter(|tls| tls.is_some()).count(), 1, "{section}");
        for (alone, text) in [(&cert, "cert.pem"), (&key, "key.pem")] {
            assert!(files.problem(&[(alone, text)]).contains(" beside it"), "{alone}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_where_it_is_named() {
    let files = Files::new();
    for (cert, key, named, says) in [
        ("absent.pem", "key.pem", CERT.0, "cannot be read"),
        ("cert.pem", "absent.pem", KEY.0, "cannot be read"),
        ("key.pem", "key.pem", CERT.0, "holds no certificate"),
        ("cert.pem", "cert.pem", KEY.0, "holds no private key"),
        ("cert.pem", "other.pem", KEY.0, "is not the key of the certificate"),
    ] {
        let problem = files.problem(&[(CERT.0, cert), (KEY.0, key)]);
        assert!(problem.starts_with(named) && problem.contains(says), "{cert} {key}: {problem}");
    }
}

#[test]
fn a_key_written_in_place_of_its_path_is_not_shown() {
    let files = Files::new();
    let key = fs::read_to_string(files.path("key.pem")).unwrap().replace('\n', "");
    for env in [&[CERT, (KEY.0, key.as_str())][..], &[(KEY.0, key.as_str())]] {
        let problem = files.problem(env);
        assert!(problem.starts_with(KEY.0), "{problem}");
        assert!(!problem.contains(&key[30..50]), "{problem}");
    }
}

#[test]
fn a_certificate_that_has_ended_or_soon_will_is_warned_of() {
    let day = |days: i64| {
        let at = Timestamp::from_secs(Clock::System.now().as_secs() + days * 86_400).to_string();
        let mut parts = at.get(..10).unwrap().split('-').map(|part| part.parse::<u16>().unwrap());
        let [year, month, day] = std::array::from_fn(|_| parts.next().unwrap());
        (i32::from(year), u8::try_from(month).unwrap(), u8::try_from(day).unwrap())
    };
    assert_eq!(Files::ending(day(30)).warnings(&[CERT, KEY]), Vec::<String>::new());
    for (days, says) in [(7, "ends on "), (-2, "ended on ")] {
        let warnings = Files::ending(day(days)).warnings(&[CERT, KEY]);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(CERT.0) && warnings[0].contains(says), "{warnings:?}");
    }
}

#[test]
fn mutual_tls_needs_authorities_that_can_be_read_and_tls_below_it() {
    let files = Files::new();
    for section in ["GRPC", "STORE"] {
        let [cert, key, ca] =
            ["CERT", "KEY", "CLIENT_CA"].map(|what| format!("VOXGATE_{section}_TLS_{what}"));
        let with = |file| [(cert.as_str(), "cert.pem"), (key.as_str(), "key.pem"), (ca.as_str(), file)];
        files.load(&with("ca.pem")).unwrap();
        assert!(files.problem(&with("key.pem")).contains("holds no certificate"));
        assert!(files.problem(&with("ca.pem")[2..]).contains("without TLS"));
    }
}

#[test]
fn off_loopback_a_listener_has_tls_or_says_that_it_has_none() {
    let files = Files::new();
    for section in ["HTTP", "GRPC", "ADMIN"] {
        let [listen, plain, cert, key] =
            ["LISTEN", "PLAIN", "TLS_CERT", "TLS_KEY"].map(|what| format!("VOXGATE_{section}_{what}"));
        let open = (listen.as_str(), "0.0.0.0:0");
        let says = |env: &[(&str, &str)]| files.load(env).unwrap_err().to_string();
        let unsaid = format!("or {}.plain = true", section.to_lowercase());
        assert!(says(&[open]).contains(&unsaid));
        assert!(!says(&[open, (&plain, "true")]).contains(&unsaid));
        assert!(!says(&[open, (&cert, "cert.pem"), (&key, "key.pem")]).contains(&unsaid));
        let both = files.problem(&[(&plain, "true"), (&cert, "cert.pem"), (&key, "key.pem")]);
        assert!(both.starts_with(&plain) && both.contains("choose one"), "{both}");
    }
}

#[test]
fn authorities_for_a_plain_url_are_a_problem_because_they_protect_nothing() {
    let files = Files::new();
    let ca = [("VOXGATE_STORE_TLS_CA", "ca.pem"), ("VOXGATE_REDIS_TLS_CA", "ca.pem")];
    let [store, redis] = ["VOXGATE_STORE_URL", "VOXGATE_REDIS_URLS"];
    files.load(&[ca[0], (store, "https://store:50052")]).unwrap();
    files.load(&[ca[1], (redis, "rediss://one:6379,rediss://two:6379")]).unwrap();
    files.load(&ca).unwrap();
    assert!(files.problem(&[ca[0], (store, "http://store:50052")]).contains("no https:// URL"));
    let mixed = (redis, "rediss://one:6379,redis://two:6379");
    assert!(files.problem(&[ca[1], mixed]).contains("no rediss:// URL"));
}

#[test]
fn files_of_a_role_that_is_not_played_are_not_looked_for() {
    let absent = variables(&[
        ("VOXGATE_STORE_TLS_CERT", "absent.pem"),
        ("VOXGATE_STORE_TLS_KEY", "absent.pem"),
        ("VOXGATE_STORE_TLS_CLIENT_CA", "absent.pem"),
    ]);
    let edge = Overrides { roles: vec![Role::Edge], ..Overrides::default() };
    load(&sample_dir(), &edge, &absent).unwrap();
    assert_eq!(load(&sample_dir(), &Overrides::default(), &absent).unwrap_err().problems.len(), 3);
}
