//! `voxgate simulate call`, against a running gateway.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::support::{Cli, Gateway, Plan, score_on, voxgate};

fn simulate(gateway: &Gateway, flags: &str) -> Cli {
    let (http, store) = (format!("http://{}", gateway.http_addr()), gateway.store_url());
    let words: Vec<_> = ["simulate", "call", "--brand", "acme", "--http", &http, "--store", &store]
        .into_iter()
        .chain(flags.split_whitespace())
        .collect();
    voxgate(gateway.plan.config.path(), &words)
}

/// Lines that begin so.
fn lines<'a>(printed: &'a str, label: &str) -> Vec<&'a str> {
    printed.lines().filter_map(|line| line.strip_prefix(label)).collect()
}

#[tokio::test]
async fn a_call_is_played_in_every_dialect_and_its_receipt_shown() {
    let gateway = Gateway::start().await;
    for dialect in ["twilio", "signalwire", "telnyx", "events"] {
        let flags = format!(
            "--survey support-nps --lang en --dialect {dialect} --keys 10# --interaction {dialect} --respondent crm-1"
        );
        let printed = simulate(&gateway, &flags).ok();
        assert!(lines(&printed, "call: acme support-nps").len() == 1, "{printed}");
        assert!(printed.contains("recommend Acme to a friend"), "what is said: {printed}");
        assert_eq!(lines(&printed, "keys: "), ["10"], "{printed}");
        assert_eq!(lines(&printed, "answer: "), ["recommend 10 promoter"], "{printed}");
        let identity = if dialect == "events" { "keyed" } else { "signed" };
        assert!(lines(&printed, "receipt: ")[0].ends_with(identity), "{printed}");
        assert!(!printed.contains('\u{1b}'), "plain lines in a pipe: {printed}");
        let stored = gateway.store().first(dialect).await;
        assert_eq!(score_on(&stored, "recommend"), Some(10));
        assert_eq!(stored.respondent_ref, "crm-1");
    }
}

#[tokio::test]
async fn silence_a_slow_ten_and_a_hang_up_are_played() {
    let gateway = Gateway::start().await;
    let printed = simulate(&gateway, "--survey support-nps --lang de --keys ,1,0").ok();
    assert_eq!(lines(&printed, "keys: "), ["(silence)", "1", "0"], "{printed}");
    assert_eq!(lines(&printed, "answer: "), ["recommend 10 promoter"], "{printed}");
    let printed = simulate(&gateway, "--survey technician-visit --keys 5 --dialect telnyx").ok();
    assert_eq!(lines(&printed, "end: "), ["the caller hung up"], "{printed}");
    assert_eq!(
        lines(&printed, "answer: "),
        ["knowledge 5 satisfied"],
        "hanging up keeps what was said: {printed}"
    );
    let printed = simulate(&gateway, "--survey support-nps --dialect events --keys 11#7").ok();
    assert!(printed.contains("note: must be a whole number from 0 to 10"), "{printed}");
    assert_eq!(lines(&printed, "answer: "), ["recommend 7 passive"], "{printed}");
}

#[tokio::test]
async fn keys_can_be_typed_line_by_line_and_the_end_of_input_hangs_up() {
    let gateway = Gateway::start().await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_voxgate"))
        .args(["simulate", "call", "--brand", "acme", "--survey", "technician-visit", "--lang", "en"])
        .args(["--http", &format!("http://{}", gateway.http_addr()), "--store", &gateway.store_url()])
        .args(["--config", gateway.plan.config.path().to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"\n4\n2\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert_eq!(lines(&printed, "keys: "), ["(silence)", "4", "2", "(hangs up)"], "{printed}");
    assert_eq!(
        lines(&printed, "answer: "),
        ["expertise 2 dissatisfied", "knowledge 4 satisfied"],
        "{printed}"
    );
}

#[tokio::test]
async fn what_is_wrong_ends_with_the_exit_codes_of_the_contract_and_says_what_to_do() {
    let gateway = Gateway::start().await;
    for (flags, code, advice) in [
        ("--survey no-such --keys 1", 64, "it has "),
        ("--survey article-helpful --keys 1", 64, "\"ivr\""),
        ("--survey support-nps --keys ten", 64, "is no key"),
        ("--survey support-nps --lang x/y --keys 1", 64, "de or de-CH"),
        ("--survey support-nps --account AC9 --keys 1", 64, "AC9 has no"),
        ("--survey support-nps --dialect telnyx --signing-key abc --keys 1", 64, "32 bytes in base64"),
    ] {
        let ran = simulate(&gateway, flags);
        assert_eq!(ran.code, Some(code), "{flags}: {}", ran.all());
        assert!(ran.stderr.contains(advice), "{flags}: {}", ran.stderr);
    }
    let config = gateway.plan.config.path();
    let nowhere = ["--http", "http://127.0.0.1:1"];
    let call = ["simulate", "call", "--brand", "acme", "--survey", "support-nps", "--keys", "1"];
    let ran = voxgate(config, &[&call[..], &["--http", "nowhere"]].concat());
    assert_eq!(ran.code, Some(64), "{}", ran.all());
    assert!(ran.stderr.contains("write it like"), "{}", ran.stderr);
    let ran = voxgate(config, &[&call[..], &nowhere].concat());
    assert_eq!(ran.code, Some(69), "{}", ran.all());
    assert!(ran.stderr.contains("voxgate serve") && ran.stderr.contains("--http"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_gateway_with_other_keys_is_told_apart() {
    let gateway = Gateway::start().await;
    let other = Plan::new();
    other.config.replace("brands/acme.toml", "dev-twilio-token", "another-token");
    let http = format!("http://{}", gateway.http_addr());
    let call =
        ["simulate", "call", "--brand", "acme", "--survey", "support-nps", "--keys", "1", "--http", &http];
    let ran = voxgate(other.config.path(), &call);
    assert_eq!(ran.code, Some(64), "{}", ran.all());
    assert!(ran.stderr.contains("403") && ran.stderr.contains("public_base_url"), "{}", ran.stderr);
}
