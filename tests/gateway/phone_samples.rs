//! The exchanges of the README, as far as they run here: the Lambda function of Amazon Connect.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::{ACME_KEY, Gateway, score_on};

/// Plays a contact flow: asks what the function says, gives what the caller presses, prints each reply.
const FLOW: &str = r#"
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("survey", sys.argv[1])
survey = importlib.util.module_from_spec(spec)
spec.loader.exec_module(survey)
contact = {"ContactId": "c0a8f2b6-0001", "Channel": "VOICE", "CustomerEndpoint": {"Address": "+41446681800", "Type": "TELEPHONE_NUMBER"}}
parameters = {"survey": "technician-visit", "locale": "en"}
for digits in [None, "9", "4", "2", "5", "1"]:
    if digits:
        parameters.update(question=reply["question"], text=reply["text"], digits=digits)
    reply = survey.handler({"Name": "ContactFlowEvent", "Details": {"ContactData": contact, "Parameters": parameters}}, None)
    assert all(isinstance(value, str) for value in reply.values()), "a flow takes a flat map of texts"
    print(json.dumps(reply))
"#;

/// The first fenced block of this language in the README.
fn block(language: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn the_lambda_of_the_readme_asks_a_whole_survey() {
    let gateway = Gateway::start().await;
    let dir = tempfile::tempdir().unwrap();
    let function = dir.path().join("survey.py");
    std::fs::write(&function, block("python")).unwrap();
    let output = Command::new("python3")
        .args(["-c", FLOW, function.to_str().unwrap()])
        .env("VOXGATE_URL", format!("http://{}", gateway.http_addr()))
        .env("VOXGATE_KEY", ACME_KEY)
        .env("VOXGATE_BRAND", "acme")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let replies: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let asked: Vec<_> = replies.iter().map(|reply| reply["question"].as_str().unwrap()).collect();
    assert_eq!(
        asked,
        ["knowledge", "knowledge", "expertise", "punctuality", "friendliness", ""],
        "{printed}"
    );
    let outcomes: Vec<_> = replies.iter().map(|reply| &reply["outcome"]).collect();
    assert_eq!(outcomes[1..3], [&json!("again"), &json!("accepted")], "9 is no star: {printed}");
    let stored = gateway.store().one("c0a8f2b6-0001", |stored| stored.answers.len() == 4).await;
    let scores = ["knowledge", "expertise", "punctuality", "friendliness"].map(|id| score_on(&stored, id));
    assert_eq!(scores, [Some(4), Some(2), Some(5), Some(1)]);
    assert_eq!(stored.country, "CH", "of the caller's number");
}
