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
fn two_question_ids_that_claims_cannot_tell_apart_are_a_problem() {
    // Found by trying: its hash begins with the same three bytes as that of "recommend".
    let copy = Copy::new().with("surveys/support-nps.toml", "\"reason\"", "\"q38628843\"");
    assert!(copy.problem().contains("cannot be told from \"recommend\""));
}
