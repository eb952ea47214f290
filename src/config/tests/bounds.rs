use super::*;

#[track_caller]
fn pair(name: &str, good: &str, bad: &str) {
    assert!(sample_with_env(&[(name, good)]).is_ok(), "{name}={good}");
    let problems = sample_with_env(&[(name, bad)]).unwrap_err().problems;
    assert_eq!(problems.len(), 1, "{name}={bad}: {problems:?}");
    assert_eq!(problems[0].place, Place::Named(name.to_owned()));
    assert_eq!(problems[0].value.as_deref(), Some(format!("{bad:?}").as_str()));
}

#[test]
fn each_setting_is_taken_at_its_bound_and_refused_one_beyond() {
    for (name, good, bad) in [
        ("VOXGATE_HTTP_CONNECTIONS", "1", "0"),
        ("VOXGATE_HTTP_BATCH_ITEMS", "100000", "100001"),
        ("VOXGATE_HTTP_HEADER_TIMEOUT", "100 ms", "99 ms"),
        ("VOXGATE_HTTP_REQUEST_TIMEOUT", "1h", "3601s"),
        ("VOXGATE_HTTP_BODY_BYTES", "16 KiB", "16383 B"),
        ("VOXGATE_HTTP_BODY_BYTES", "16 MiB", "16777217"),
        ("VOXGATE_HTTP_DRAIN_S", "3600", "3601"),
        ("VOXGATE_HTTP_DRAIN_DELAY", "0 s", "-1 s"),
        ("VOXGATE_GRPC_STREAMS", "10000", "10001"),
        ("VOXGATE_GRPC_CONNECTIONS", "1", "0"),
        ("VOXGATE_STORE_CONNECTIONS", "1000000", "1000001"),
        ("VOXGATE_HTTP_PLAIN", "true", "yes"),
        ("VOXGATE_STORE_WINDOW", "64", "65"),
        ("VOXGATE_REDIS_TIMEOUT", "1 ms", "999 us"),
        ("VOXGATE_REDIS_BREAKER_FAILURES", "1", "0"),
        ("VOXGATE_LIMITS_FALLBACK_SHARE", "1", "1.01"),
        ("VOXGATE_LIMITS_FALLBACK_SHARE", "0.001", "0"),
        ("VOXGATE_LIMITS_PER_BRAND", "1 / 1s", "0 / 1s"),
        ("VOXGATE_LIMITS_PER_BRAND", "1 / 366d", "1 / 367d"),
        ("VOXGATE_SPOOL_BUDGET", "256 KiB", "255 KiB"),
        ("VOXGATE_SPOOL_KEEP_DELIVERED", "366d", "367d"),
        ("VOXGATE_TRUSTED_PROXIES", "10.0.0.0/8, ::1/128, 192.0.2.7", "::1/129"),
        ("VOXGATE_PUBLIC_BASE_URL", "https://a.example/x/", "https://a.example/x/?y"),
        ("VOXGATE_STORE_URL", "http://store:50052", "store:50052"),
        ("VOXGATE_TELEMETRY_LOG", "debug", "voxgate=shout"),
    ] {
        pair(name, good, bad);
    }
}

#[test]
fn an_edit_window_is_above_zero_and_a_leap_year_at_the_most() {
    let window = |window: &str| {
        Copy::new().with("surveys/support-nps.toml", "\"14d\"", &format!("\"{window}\"")).load()
    };
    for good in ["1 s", "366d"] {
        assert!(window(good).is_ok(), "{good}");
    }
    for bad in ["0 s", "999 ms", "366d 1s"] {
        assert!(only_problem(window(bad)).contains("outside the bounds"), "{bad}");
    }
}

#[test]
fn a_condition_stands_on_the_scale_and_can_come_true() {
    let below = |bound: &str| Copy::new().with("surveys/support-nps.toml", "below = 9", bound).load();
    for good in ["below = 1", "below = 10", "above = 0", "above = 9", "above = 3, below = 5"] {
        assert!(below(good).is_ok(), "{good}");
    }
    for (bad, why) in [
        ("below = 11", "not on the scale"),
        ("above = -1", "not on the scale"),
        ("below = 0", "no score"),
        ("above = 10", "no score"),
        ("above = 3, below = 4", "no score"),
    ] {
        assert!(only_problem(below(bad)).contains(why), "{bad}");
    }
}

#[test]
fn a_text_is_1_to_1000_characters_on_one_line() {
    let text =
        |text: &str| Copy::new().with("surveys/experience.toml", "\"Bad\"", &format!("\"{text}\"")).load();
    for good in ["B", &"ä".repeat(1000), "{subject} of {brand}"] {
        assert!(text(good).is_ok(), "{good}");
    }
    for (bad, why) in [
        ("", "has 0 characters"),
        (&"ä".repeat(1001), "has 1001 characters"),
        ("a\\nb", "control characters"),
        ("{brand} {name}", "holds {name}"),
    ] {
        assert!(only_problem(text(bad)).contains(why), "{bad}");
    }
}

#[test]
fn a_choice_question_offers_2_to_50_choices() {
    let offered = |count: usize| {
        let choice = |n| format!("{{ value = \"c{n}\", text = {{ en = \"C\" }} }}");
        let choices: Vec<_> = (0..count).map(choice).collect();
        let question = format!("kind = \"choice\"\nchoices = [{}]", choices.join(", "));
        let copy = Copy::new().with("surveys/support-nps.toml", "kind = \"text\"", &question);
        copy.load()
    };
    for (good, bad) in [(2, 1), (50, 51)] {
        assert!(offered(good).is_ok(), "{good}");
        assert!(only_problem(offered(bad)).contains("a question offers 2 to 50"), "{bad}");
    }
}

#[test]
fn a_survey_asks_100_questions_at_the_most() {
    let asked = |count: usize| {
        let copy = Copy::new();
        let path = copy.0.path().join("surveys/experience.toml");
        let question = |n| format!("[[question]]\nid = \"q{n}\"\nkind = \"text\"\ntext = {{ en = \"Q\" }}\n");
        let more: String = (1..count).map(question).collect();
        fs::write(&path, fs::read_to_string(&path).unwrap() + &more).unwrap();
        copy.load()
    };
    assert_eq!(asked(100).unwrap().catalog.survey("acme", "experience").unwrap().questions.len(), 100);
    assert!(only_problem(asked(101)).contains("is there 101 times"));
}

#[test]
fn two_secrets_are_live_and_a_third_is_refused() {
    let live = |secrets: &str| Copy::new().with("brands/acme.toml", "[\"dev-link-secret\"]", secrets).load();
    for good in ["[\"a\"]", "[\"a\", \"b\"]"] {
        assert!(live(good).is_ok(), "{good}");
    }
    for bad in ["[]", "[\"a\", \"b\", \"c\"]"] {
        assert!(only_problem(live(bad)).contains("one secret, or two"), "{bad}");
    }
}

#[test]
fn eight_token_keys_are_read_and_a_ninth_is_refused() {
    let keys = |count: u8| {
        let keys: Vec<_> = (0..count).map(|n| hex::encode([n; 32])).collect();
        sample_with_env(&[("VOXGATE_TOKENS_KEYS", &keys.join(","))])
    };
    assert_eq!(keys(8).unwrap().catalog.link_keys.0.len(), 8);
    assert!(only_problem(keys(9)).contains("1 to 8 keys"));
}

#[test]
fn a_small_spool_has_small_segments() {
    let spool = |budget| sample_with_env(&[("VOXGATE_SPOOL_BUDGET", budget)]).unwrap().settings.spool;
    assert_eq!(spool("512 MiB").segment_bytes, 64 << 20);
    assert_eq!(spool("1 MiB").segment_bytes, 128 << 10);
}

#[test]
fn a_folder_holds_20000_files_at_the_most() {
    let held = |count: usize| {
        let copy = Copy::new();
        let folder = copy.0.path().join("surveys");
        let there = fs::read_dir(&folder).unwrap().count();
        for n in there..count {
            fs::write(folder.join(format!("s{n}.toml")), "").unwrap();
        }
        let problems = copy.load().unwrap_err().problems;
        problems.iter().any(|problem| problem.advice.contains("it must hold 1 to 20000"))
    };
    assert!(!held(20_000), "they are read, and each says what it lacks");
    assert!(held(20_001));
}

#[test]
fn a_secrets_file_has_8_kib_at_the_most() {
    let secret = |bytes: usize| {
        let copy = Copy::new().with("brands/acme.toml", "\"dev-link-secret\"", "\"file:secret\"");
        fs::write(copy.0.path().join("secret"), "s".repeat(bytes)).unwrap();
        copy.load()
    };
    assert!(secret(8 * 1024).is_ok());
    assert!(only_problem(secret(8 * 1024 + 1)).contains("more than 8192 bytes"));
}
