//! The configuration changes under load.

use std::{fs, time::Duration};

use anyhow::ensure;

use crate::chaos::{
    case::Case,
    driver::Pace,
    rig::{Server, Setup},
    verdict::Verdict,
};

const WITHIN: Duration = Duration::from_secs(20);
/// Acknowledgements between two changes.
const BETWEEN: u64 = 30;
/// An API key of `globex`, under another name.
const KEY: &str = "\n[[api_key]]\nname = \"added\"\nactions = [\"submit\"]\n\
                   sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n";

/// Surveys, keys and brands change by SIGHUP and by `POST /reload`; a broken file in between changes nothing and says
/// why. No request fails because of any of it.
pub(super) async fn under_load(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup::default().start(&case).await?;
    let load = rig.load(Pace::default(), Duration::from_secs(case.pick(60, 240)))?;
    let rounds = case.pick(3, 30);
    for round in 0..rounds {
        load.acknowledges(BETWEEN, WITHIN).await?;
        let server = &mut rig.gateway(0)?.server;
        change(server, round)?;
        let before = hash(server).await?;
        if round % 2 == 0 {
            let (status, said) = server.post("/reload").await?;
            ensure!(status == 200, "a right configuration was not taken: {status} {said}");
        } else {
            server.signal("HUP")?;
            changed(server, &before).await?;
        }
        ensure!(hash(server).await? != before, "a reload did not change the configuration");
        load.acknowledges(BETWEEN, WITHIN).await?;
        broken(&rig.gateway(0)?.server).await?;
    }
    load.acknowledges(BETWEEN, WITHIN).await?;
    let mut verdict = rig.judge(load).await?;
    let counts = verdict.counts.clone();
    verdict.must(counts.refused + counts.unknown == 0, || {
        format!("requests failed: {:?}, {} unknown", counts.refusals, counts.unknown)
    });
    verdict.note(format!("{rounds} reloads, as many broken ones"));
    Ok(verdict)
}

/// Another name, another version of the survey, one more question, one more key.
fn change(server: &Server, round: i64) -> anyhow::Result<()> {
    server.config.set("brands/acme.toml", "name", format!("Acme {round}"))?;
    server.config.set("surveys/support-nps.toml", "version", round + 2)?;
    if round == 0 {
        let question = "\n[[question]]\nid = \"added\"\nkind = \"thumbs\"\ntext = { en = \"Added?\" }\n";
        append(server, "surveys/support-nps.toml", question)?;
        append(server, "brands/globex.toml", KEY)?;
    }
    Ok(())
}

fn append(server: &Server, file: &str, text: &str) -> anyhow::Result<()> {
    let path = server.config.file(file);
    Ok(fs::write(&path, fs::read_to_string(&path)? + text)?)
}

/// A wrong file: the reload is refused with the file and the place, and nothing changes.
async fn broken(server: &Server) -> anyhow::Result<()> {
    let path = server.config.file("surveys/support-nps.toml");
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

async fn changed(server: &Server, before: &str) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    while hash(server).await? == before {
        ensure!(started.elapsed() < WITHIN, "SIGHUP did not reload");
        tokio::time::sleep(crate::process::LOOK_EVERY).await;
    }
    Ok(())
}

/// Of the configuration that is in use.
async fn hash(server: &Server) -> anyhow::Result<String> {
    let (_, metrics) = server.get("/metrics").await?;
    let line = metrics.lines().find(|line| line.starts_with("voxgate_config_info{"));
    Ok(line.unwrap_or_default().to_owned())
}
