use super::*;

/// Relative, so that the report is the same wherever the repository lies.
fn broken() -> Problems {
    let env = variables(&[("VOXGATE_GRPC_LISTEN", "everywhere"), ("VOXGATE_SPOOL_BUDGTE", "1 GiB")]);
    let overrides = Overrides { admin: Some("9090".to_owned()), ..Overrides::default() };
    load(Path::new("src/config/tests/broken"), &overrides, &env).unwrap_err()
}

#[test]
fn all_problems_of_all_files_are_reported_at_once() {
    let Problems { problems, warnings } = broken();
    let report: Vec<_> = problems.iter().chain(&warnings).map(ToString::to_string).collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn no_problem_shows_a_secret() {
    let report = format!("{:?}", broken());
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn a_missing_directory_names_the_command_that_makes_one() {
    let problem = only_problem(load(Path::new("/no/such"), &Overrides::default(), &BTreeMap::new()));
    assert!(problem.contains("voxgate init"), "{problem}");
}

#[test]
fn a_file_of_a_mebibyte_is_read_and_a_larger_one_is_not() {
    let copy = Copy::new();
    let path = copy.0.path().join("surveys/experience.toml");
    let mut text = fs::read_to_string(&path).unwrap() + "#";
    text.push_str(&" ".repeat(1024 * 1024 - text.len()));
    fs::write(&path, &text).unwrap();
    copy.load().unwrap();
    fs::write(&path, text + " ").unwrap();
    assert!(copy.problem().contains("more than 1048576 bytes"));
}

#[test]
fn an_empty_folder_of_surveys_is_a_problem() {
    let copy = Copy::new();
    fs::remove_dir_all(copy.0.path().join("surveys")).unwrap();
    fs::create_dir(copy.0.path().join("surveys")).unwrap();
    let problems = copy.load().unwrap_err().to_string();
    assert!(problems.contains("surveys: holds 0 .toml files"), "{problems}");
}

#[test]
fn a_text_missing_in_a_brands_language_is_a_warning_that_names_the_brand() {
    let copy = Copy::new().with("surveys/experience.toml", ", fr = \"Mauvaise\"", "");
    let copy = copy.with("brands/globex.toml", "\"fr\"", "\"fr-CH\"");
    let warnings = copy.load().unwrap().warnings;
    let missing: Vec<_> = warnings
        .iter()
        .filter(|warning| !warning.advice.contains("sample secret"))
        .map(|warning| format!("{} {}", warning.key, warning.advice))
        .collect();
    let says = |language, brand| {
        format!(
            "question[0].low has no text in \"{language}\", which {brand} speaks; people will read \"en\""
        )
    };
    assert_eq!(missing, [says("fr", "acme"), says("fr-CH", "globex")]);
}

#[test]
fn an_account_stands_in_one_table() {
    let second = "[[telephony]]\naccount = \"*\"\ntokens = [\"a\"]\n\n[[telephony]]";
    let copy = Copy::new().with("brands/acme.toml", "[[telephony]]", second);
    assert!(copy.problem().contains("same account"));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn a_file_with_any_line_spoiled_is_read_or_refused(
        file in proptest::sample::select(vec!["gateway.toml", "brands/acme.toml", "surveys/purchase-csat.toml"]),
        line in 0_usize..60,
        text in "[\\[\\]{}=\"a-z0-9 .*ä\\\\,#-]{0,40}",
    ) {
        let copy = Copy::new();
        let path = copy.0.path().join(file);
        let good = fs::read_to_string(&path).unwrap();
        let line = line % good.lines().count();
        let spoiled = good.lines().enumerate().map(|(n, old)| if n == line { text.as_str() } else { old });
        fs::write(&path, spoiled.collect::<Vec<_>>().join("\n")).unwrap();
        if let Err(problems) = copy.load() {
            proptest::prop_assert!(!problems.problems.is_empty());
            proptest::prop_assert!(!problems.to_string().contains("dev-link-secret"));
        }
    }
}

#[test]
fn two_question_ids_that_claims_cannot_tell_apart_are_a_problem() {
    // Found by trying: its hash begins with the same three bytes as that of "recommend".
    let copy = Copy::new().with("surveys/support-nps.toml", "\"reason\"", "\"q38628843\"");
    assert!(copy.problem().contains("cannot be told from \"recommend\""));
}

#[test]
fn a_wrong_way_to_confirm_mails_is_refused_with_its_place_and_value() {
    let line = "edit_window = \"14d\"";
    let copy = |word: &str| {
        Copy::new().with("surveys/support-nps.toml", line, &format!("{line}\nemail_confirm = \"{word}\""))
    };
    for word in ["gesture", "button"] {
        copy(word).load().unwrap();
    }
    for (word, advice) in [
        ("buton", "is not known; did you mean \"button\"?"),
        ("click", "is not known; it is one of gesture, button"),
    ] {
        let copy = copy(word);
        let problems = copy.load().unwrap_err().problems;
        let [problem] = problems.as_slice() else { panic!("{problems:#?}") };
        let file = fs::read_to_string(copy.0.path().join("surveys/support-nps.toml")).unwrap();
        let number = file.lines().position(|line| line.starts_with("email_confirm")).unwrap() + 1;
        let told = problem.to_string();
        let place = format!("surveys/support-nps.toml:{number}: email_confirm = \"{word}\" {advice}");
        assert!(told.ends_with(&place), "{told}");
    }
}
