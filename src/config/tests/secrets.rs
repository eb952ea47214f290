use super::*;

const FRESH: [(&str, &str); 2] = [("A", "a-fresh-secret"), ("VOXGATE_ADMIN_TOKEN", "an-admin-token")];

#[test]
fn a_secret_comes_from_a_literal_a_variable_or_a_file_and_is_read_again() {
    let copy =
        Copy::new().with("brands/acme.toml", "[\"dev-link-secret\"]", "[\"env:A\", \"file:link-secret\"]");
    for secret in ["first", "second"] {
        fs::write(copy.0.path().join("link-secret"), format!("{secret}\r\n")).unwrap();
        let loaded = copy.load_with(&Overrides::default(), &FRESH).unwrap();
        let secrets = &loaded.catalog.brand("acme").unwrap().link_secrets;
        assert!(secrets[0].matches("a-fresh-secret"));
        assert!(secrets[1].matches(secret));
    }
}

#[test]
fn an_empty_secret_is_a_problem() {
    let copy = Copy::new().with("brands/acme.toml", "dev-link-secret", "env:A");
    let loaded = copy.load_with(&Overrides::default(), &[("A", "")]);
    assert_eq!(only_problem(loaded), "is an empty secret");
}

#[test]
fn nothing_that_is_loaded_prints_a_secret() {
    let copy = Copy::new().with("brands/acme.toml", "[\"dev-link-secret\"]", "[\"env:A\"]");
    let mut env = FRESH.to_vec();
    env.push(("VOXGATE_REDIS_URLS", "redis://u:a-redis-password@127.0.0.1"));
    let printed = format!("{:?}", copy.load_with(&Overrides::default(), &env).unwrap());
    for secret in
        ["a-fresh-secret", "an-admin-token", "a-redis-password", "dev-twilio-token", "sample identity"]
    {
        assert!(!printed.contains(secret), "{secret}");
    }
    assert!(!printed.contains("73616d706c65"), "{printed}");
}

#[test]
fn sample_secrets_keep_every_listener_on_loopback() {
    for listener in ["HTTP", "GRPC", "ADMIN"] {
        let [name, plain] = ["LISTEN", "PLAIN"].map(|key| format!("VOXGATE_{listener}_{key}"));
        let problem = only_problem(sample_with_env(&[(&name, "0.0.0.0:0"), (&plain, "true")]));
        assert!(problem.contains("sample secrets"), "{problem}");
        sample_with_env(&[(&name, "[::1]:0")]).unwrap();
    }
}

#[test]
fn a_store_off_loopback_needs_a_key_or_mutual_tls() {
    let open = ("VOXGATE_STORE_LISTEN", "0.0.0.0:0");
    let says = |env: &[(&str, &str)]| sample_with_env(env).unwrap_err().to_string();
    assert!(says(&[open]).contains("the store has no key"));
    assert!(!says(&[open, ("VOXGATE_STORE_KEY", "k")]).contains("the store has no key"));
    assert!(!says(&[open, ("VOXGATE_STORE_TLS_CLIENT_CA", "ca.pem")]).contains("the store has no key"));
}

#[test]
fn a_listener_of_a_role_that_is_not_played_may_stand_anywhere() {
    let edge = Overrides { roles: vec![Role::Edge], ..Overrides::default() };
    load(&sample_dir(), &edge, &variables(&[("VOXGATE_STORE_LISTEN", "0.0.0.0:0")])).unwrap();
}

#[test]
fn two_token_keys_with_one_id_are_a_problem() {
    let key = hex::encode([7; 32]);
    let problem = only_problem(sample_with_env(&[("VOXGATE_TOKENS_KEYS", &format!("{key},{key}"))]));
    assert!(problem.contains("id of another key"), "{problem}");
}
