//! The configuration changes under load.

use std::{fs, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    chaos::{
        case::Case,
        driver::Pace,
        history::Fate,
        plan::Way,
        rig::{Server, Setup},
        script::{Say, Script},
        verdict::Verdict,
    },
    load::Connection,
};

const WITHIN: Duration = Duration::from_secs(60);
/// Acknowledgements between two changes.
const BETWEEN: u64 = 30;
const SURVEY: &str = "surveys/support-nps.toml";
const BRAND: &str = "brands/globex.toml";
/// Asked in every other round.
const QUESTION: &str = "\n[[question]]\nid = \"added\"\nkind = \"thumbs\"\ntext = { en = \"Added?\" }\n";

/// Surveys, keys and brands change by SIGHUP and by `POST /reload`; a broken file in between changes nothing and says
/// why. What changed holds from then on, and no request fails because of any of it.
pub(super) async fn under_load(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup::default().start(&case).await?;
    let load = rig.load(Pace::of(&case), Duration::from_secs(case.pick(120, 240)))?;
    let rounds = case.pick(3, 30);
    let script = rig.script(rounds)?;
    let files = Files::read(&rig.gateway(0)?.server)?;
    for round in 0..rounds {
        load.acknowledges(BETWEEN, WITHIN).await?;
        let server = &mut rig.gateway(0)?.server;
        let before = hash(server).await?;
        files.change(server, round)?;
        unchanged(server, round).await?;
        reload(server, round, &before).await?;
        changed(server, &script, round).await?;
        load.acknowledges(BETWEEN, WITHIN).await?;
        broken(&rig.gateway(0)?.server).await?;
    }
    load.acknowledges(BETWEEN, WITHIN).await?;
    let mut history = load.stop().await?;
    history.merge(script.history());
    let mut verdict = rig.judge_history(&history).await?;
    let counts = verdict.counts.clone();
    verdict.must(counts.refused + counts.unknown == 0, || {
        format!("requests failed: {:?}, {} unknown", counts.refusals, counts.unknown)
    });
    verdict.note(format!("{rounds} reloads, as many broken ones"));
    Ok(verdict)
}

/// The files that change, as they were.
struct Files {
    survey: String,
    brand: String,
}

impl Files {
    fn read(server: &Server) -> anyhow::Result<Self> {
        let read = |file| fs::read_to_string(server.config.file(file));
        Ok(Self { survey: read(SURVEY)?, brand: read(BRAND)? })
    }

    /// Another name, another version of the survey, one question more or less, and another key in place of the last.
    fn change(&self, server: &Server, round: u32) -> anyhow::Result<()> {
        let survey = if asks_more(round) { self.survey.clone() + QUESTION } else { self.survey.clone() };
        fs::write(server.config.file(SURVEY), survey)?;
        server.config.set(SURVEY, "version", version(round))?;
        let sha256 = hex::encode(Sha256::digest(key(round)));
        let key = format!(
            "\n[[api_key]]\nname = \"round-{round}\"\nactions = [\"submit\"]\nsha256 = \"{sha256}\"\n"
        );
        fs::write(server.config.file(BRAND), self.brand.clone() + &key)?;
        server.config.set(BRAND, "name", name(round))
    }
}

fn asks_more(round: u32) -> bool {
    round.is_multiple_of(2)
}

fn version(round: u32) -> i64 {
    i64::from(round) + 2
}

fn name(round: u32) -> String {
    format!("Globex {round}")
}

fn key(round: u32) -> String {
    format!("vg_test_round_{round}")
}

async fn reload(server: &mut Server, round: u32, before: &str) -> anyhow::Result<()> {
    if round.is_multiple_of(2) {
        let (status, said) = server.post("/reload").await?;
        ensure!(status == 200, "a right configuration was not taken: {status} {said}");
    } else {
        server.signal("HUP")?;
    }
    let started = std::time::Instant::now();
    while hash(server).await? == before {
        ensure!(started.elapsed() < WITHIN, "round {round}: a reload did not change the configuration");
        tokio::time::sleep(crate::process::LOOK_EVERY).await;
    }
    Ok(())
}

/// Files alone change nothing: the new key is not known yet.
async fn unchanged(server: &Server, round: u32) -> anyhow::Result<()> {
    let (status, said) = submit(server, round, &key(round), json!({"recommend": 9})).await?;
    ensure!(status == 401, "round {round}: a key was taken before the reload: {status} {said}");
    Ok(())
}

/// The new key is taken and the last one is not; brand and survey are the new ones.
async fn changed(server: &Server, script: &Script, round: u32) -> anyhow::Result<()> {
    if let Some(last) = round.checked_sub(1) {
        let (status, said) = submit(server, round, &key(last), json!({"recommend": 9})).await?;
        ensure!(status == 401, "round {round}: the key that was removed is taken: {status} {said}");
    }
    let (status, said) = submit(server, round, &key(round), json!({"recommend": 9, "added": 1})).await?;
    if asks_more(round) {
        ensure!(status == 201, "round {round}: the new question was not taken: {status} {said}");
    } else {
        ensure!(status == 422, "round {round}: the question that was removed is taken: {status} {said}");
        let (status, said) = submit(server, round, &key(round), json!({"recommend": 9})).await?;
        ensure!(status == 201, "round {round}: the new key was not taken: {status} {said}");
    }
    let say = Say { gateway: 0, way: Way::Json, person: round, score: 9, ordinal: 0 };
    script.note(say, Duration::ZERO, Fate::Acknowledged { held: false });
    let shown = definition(server).await?;
    let [shown_version, shown_name] = ["/version", "/brand/name"].map(|place| shown.pointer(place));
    let is_new = shown_version == Some(&version(round).into()) && shown_name == Some(&name(round).into());
    ensure!(is_new, "round {round}: an older brand or survey is shown: {shown}");
    Ok(())
}

/// A person of the script answers `globex`.
async fn submit(server: &Server, round: u32, key: &str, answers: Value) -> anyhow::Result<(u16, Value)> {
    let person = Script::person(round);
    let body = json!({
        "survey": "support-nps", "brand": "globex", "interaction": person.interaction(),
        "respondent": {"ref": person.respondent()}, "answers": answers,
    });
    let fields = format!("authorization: Bearer {key}\r\n");
    server.submit("/v1/responses", &fields, &body.to_string()).await
}

/// What a widget of the brand would show.
async fn definition(server: &Server) -> anyhow::Result<Value> {
    let mut connection = Connection::open(server.http).await?;
    let request = "GET /v1/surveys/support-nps?brand=globex HTTP/1.1\r\nhost: localhost\r\n\r\n";
    Ok(serde_json::from_slice(connection.exchange(request.as_bytes()).await?.body)?)
}

/// A wrong file: the reload is refused with the file and the place, and nothing changes.
async fn broken(server: &Server) -> anyhow::Result<()> {
    let path = server.config.file(SURVEY);
    let (right, before) = (fs::read_to_string(&path)?, hash(server).await?);
    fs::write(&path, right.replacen("kind = \"nps\"", "kind = \"npz\"", 1))?;
    let (status, said) = server.post("/reload").await?;
    fs::write(&path, right)?;
    ensure!(status == 422, "a broken configuration: {status} {said}");
    ensure!(said.contains("support-nps.toml") && said.contains("npz"), "it does not say why: {said}");
    ensure!(server.log().contains("not reloaded"), "the log does not say that nothing was reloaded");
    ensure!(hash(server).await? == before, "a broken configuration changed something");
    Ok(())
}

/// Of the configuration that is in use.
async fn hash(server: &Server) -> anyhow::Result<String> {
    let (_, metrics) = server.get("/metrics").await?;
    let line = metrics.lines().find(|line| line.starts_with("voxgate_config_info{"));
    Ok(line.unwrap_or_default().to_owned())
}
