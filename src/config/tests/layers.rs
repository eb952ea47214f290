use super::{super::layers::Layers, *};

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file_which_wins_over_the_defaults() {
    let copy = Copy::new().with("gateway.toml", "listen = \"127.0.0.1:8080\"", "listen = \"127.0.0.1:2\"");
    let http = |overrides: &Overrides, env: &[(&str, &str)]| {
        copy.load_with(overrides, env).unwrap().settings.http.listen.port()
    };
    let flag = Overrides { http: Some("127.0.0.1:4".to_owned()), ..Overrides::default() };
    let env = [("VOXGATE_HTTP_LISTEN", "127.0.0.1:3")];
    assert_eq!(http(&flag, &env), 4);
    assert_eq!(http(&Overrides::default(), &env), 3);
    assert_eq!(http(&Overrides::default(), &[]), 2);
    let silent = copy.with("gateway.toml", "listen = \"127.0.0.1:2\"", "");
    assert_eq!(silent.load().unwrap().settings.http.listen.port(), 8080);
}

#[test]
fn every_default_is_read_and_everything_read_has_a_default() {
    let env = BTreeMap::new();
    let flags = BTreeMap::new();
    let reading = Reading::new(Path::new("."), &env);
    let [defaults, nothing] = [DEFAULTS, ""].map(|text| Source::defaults(reading.dir, text));
    let [defaults, nothing] = [&defaults, &nothing].map(|source| Document::parse(&reading, source).unwrap());
    let layers = Layers::new(&reading, &flags, &nothing.table(&reading), &defaults.table(&reading));
    gateway_file::read(&layers, Overrides::default().roles());
    assert_eq!(layers.dead_keys(), (Vec::new(), Vec::new()));
}

#[test]
fn the_defaults_alone_lack_nothing_but_the_keys() {
    let copy = Copy::new();
    fs::write(copy.0.path().join("gateway.toml"), "").unwrap();
    let problems = copy.load().unwrap_err().to_string();
    let file = copy.0.path().join("gateway.toml").display().to_string();
    let missing = format!(
        "{file}: identity.key is missing; voxgate init makes one, and every gateway needs the same\n\
         {file}: tokens.keys must hold 1 to 8 keys; voxgate key new --token makes one"
    );
    assert_eq!(problems, missing);
}

#[test]
fn each_default_has_a_comment_above_it() {
    let lines: Vec<_> = DEFAULTS.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].contains(" = ") && !pair[1].starts_with('#')) {
        assert!(pair[0].starts_with('#'), "{} has no comment", pair[1]);
    }
}

#[test]
fn roles_are_all_unless_some_are_named() {
    let roles = |roles: &[Role]| {
        let overrides = Overrides { roles: roles.to_vec(), ..Overrides::default() };
        load(&sample_dir(), &overrides, &BTreeMap::new()).unwrap().settings.roles
    };
    assert_eq!(roles(&[]), BTreeSet::from(Role::ALL));
    assert_eq!(roles(&[Role::Edge]), BTreeSet::from([Role::Edge]));
}

#[test]
fn the_store_flag_takes_an_address_or_a_url() {
    let store = |store: &str| {
        let overrides = Overrides { store: Some(store.to_owned()), ..Overrides::default() };
        load(&sample_dir(), &overrides, &BTreeMap::new()).unwrap().settings.store
    };
    assert_eq!(store("127.0.0.1:0").listen.port(), 0);
    assert_eq!(store("http://store.internal:1/").url.as_deref(), Some("http://store.internal:1"));
}

#[test]
fn variables_of_others_are_left_alone() {
    sample_with_env(&[("VOXGATE_SERVICE_HOST", "10.0.0.1"), ("VOXGATE_PORT", "tcp://10.0.0.1:80")]).unwrap();
}

#[test]
fn quotas_and_lists_are_read_from_the_environment() {
    let loaded = sample_with_env(&[
        ("VOXGATE_LIMITS_PER_SURVEY", "100/1m"),
        ("VOXGATE_REDIS_URLS", "redis://127.0.0.1:7000,rediss://u:p@redis.example:7001"),
        ("VOXGATE_REDIS_PASSWORD", "s3:cr@t"),
    ])
    .unwrap();
    let quota = Quota { limit: 100, window: Duration::from_secs(60) };
    assert_eq!(loaded.catalog.quotas.per_survey, Some(quota));
    assert_eq!(
        loaded.settings.redis.urls,
        ["redis://:s3%3Acr%40t@127.0.0.1:7000", "rediss://u:p@redis.example:7001"]
    );
}
