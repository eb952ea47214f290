//! What people see of a brand and a survey: colours that can be read, and where a thank-you leads.

use super::*;

const PURCHASE: &str = "surveys/purchase-csat.toml";

fn coloured(accent: &str, on_accent: &str) -> Copy {
    let copy = Copy::new().with("brands/acme.toml", "\"#1d5fbf\"", &format!("{accent:?}"));
    copy.with("brands/acme.toml", "\"#ffffff\"", &format!("{on_accent:?}"))
}

#[test]
fn colours_that_people_cannot_read_are_refused_with_the_colour_and_its_contrast() {
    let problems = coloured("#ffcc00", "#ffffff").load().unwrap_err().problems;
    let [problem] = problems.as_slice() else { panic!("{problems:#?}") };
    assert_eq!((problem.key.as_str(), problem.value.as_deref()), ("colours.on_accent", Some("\"#ffffff\"")));
    assert_eq!(
        problem.advice,
        "on the accent \"#ffcc00\" has a contrast of 1.51 to 1, and people can read from 4.5 to 1 on (WCAG 2.2, 1.4.3); \
         on_accent = \"#000000\" would have 13.9"
    );
}

#[test]
fn the_guidelines_pair_of_greys_is_just_enough_and_just_too_little_under_white() {
    coloured("#767676", "#ffffff").load().unwrap();
    assert!(coloured("#777777", "#ffffff").problem().contains("a contrast of 4.47 to 1"));
}

#[test]
fn a_thank_you_for_a_segment_that_the_question_does_not_have_is_refused() {
    let copy = Copy::new().with(PURCHASE, "[thanks.satisfied]", "[thanks.promoter]");
    assert_eq!(
        copy.problem(),
        "is no segment of \"satisfaction\"; its segments are dissatisfied, neutral, satisfied"
    );
}

#[test]
fn a_thank_you_needs_a_score_that_says_who_is_thanked() {
    let copy = Copy::new().with(PURCHASE, "required = true", "required = false");
    assert!(copy.problem().contains("needs a required question with a scale"));
}

#[test]
fn a_thank_you_leads_by_https_and_has_text_and_label() {
    let link = "link = \"https://www.acme.example/reviews?brand={brand}\"";
    for (written, advice) in [
        ("link = \"http://www.acme.example/reviews\"", "write an https URL"),
        ("link = \"https://{brand}.example/\"", "not in the host"),
        ("", "stands on no link"),
    ] {
        let problem = Copy::new().with(PURCHASE, link, written).problem();
        assert!(problem.contains(advice), "{written}: {problem}");
    }
    let problem = Copy::new().with(PURCHASE, "label = {", "lable = {").load().unwrap_err().to_string();
    assert!(
        problem.contains("did you mean label?") && problem.contains("thanks.satisfied.label"),
        "{problem}"
    );
    let problem = Copy::new().with(PURCHASE, "label = { en = \"Write a review\", ", "label = { ").problem();
    assert!(problem.contains("has no text in the default language"), "{problem}");
}

#[test]
fn a_thank_you_that_a_brand_cannot_read_is_a_warning() {
    let warnings = Copy::new().with(PURCHASE, ", de = \"Bewertung schreiben\"", "").load().unwrap().warnings;
    let told = warnings.iter().find(|warning| warning.key == "thanks.satisfied.label").unwrap();
    assert!(told.advice.contains("has no text in \"de\""), "{told}");
}

#[test]
fn the_example_in_the_first_sample_is_right_where_somebody_uncomments_it() {
    let copy = Copy::new();
    let path = copy.0.path().join("surveys/support-nps.toml");
    let text = fs::read_to_string(&path).unwrap();
    let uncommented = text.replace("# link =", "link =").replace("# label =", "label =");
    assert_ne!(text, uncommented);
    fs::write(&path, uncommented).unwrap();
    let catalog = copy.load().unwrap().catalog;
    let thanks = &catalog.survey("globex", "support-nps").unwrap().thanks;
    let link = thanks[&crate::survey::Segment::Promoter].link.as_ref().unwrap();
    assert_eq!(link.address("globex"), "https://reviews.example/globex");
}
