//! The wall clock jumps; answers say that they are of another time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    chaos::{
        case::Case,
        driver::Pace,
        history::{Fate, Sent},
        plan::{Answer, Person, Proof, Way},
        rig::{Server, Setup},
        verdict::Verdict,
    },
    identity::API_KEY,
};

/// Longer than the jumps take.
const AT_MOST: Duration = Duration::from_secs(300);
/// For so many acknowledgements after a jump.
const SOON: Duration = Duration::from_secs(20);
/// Their numbers do not meet those of the load.
const FIRST_PERSON: u32 = 10_000_000;
/// How old answers say they are.
const AGES: [&str; 6] = ["0", "-1", "1e300", "31536000000000", "9223372036854775807", "18446744073709551615"];
/// Where the clock goes, and back again, by libfaketime's words.
const JUMPS: [&str; 4] = ["-1d", "+0", "+365d", "+0"];
/// Those without a link that expires within a year: its answers are held then.
const WAYS: [Way; 6] = [Way::Json, Way::Batch, Way::Ndjson, Way::Submit, Way::SubmitStream, Way::IvrEvent];
/// What a gateway that lost its Redis, its timers or its mind over a jump would take.
const UNFELT: Duration = Duration::from_secs(2);

/// A day back, a year forward, and back again each time, while the load runs; gateway and store live by the same clock,
/// and the claims are known throughout.
pub(super) async fn jumps(case: Case) -> anyhow::Result<Verdict> {
    let clock = Clock::new(&case.work)?;
    let setup = Setup {
        gateway_environment: clock.environment()?,
        store_environment: clock.environment()?,
        ..Setup::default()
    };
    let mut rig = setup.start(&case).await?;
    for gateway in &mut rig.gateways {
        // A change a year later counts, and one of what was answered a day back is late and held: each kind is there,
        // and changes after both.
        gateway.server.config.set("surveys/support-nps.toml", "edit_window", "366d")?;
        gateway.server.restart().await?;
    }
    let load = rig.load_by(&WAYS, Pace::default(), AT_MOST)?;
    load.acknowledges(100, SOON).await?;
    for jump in JUMPS {
        clock.set(jump)?;
        rig.gateway(0)?.server.post("/reload").await?;
        load.acknowledges(case.pick(150, 1500), SOON * 2).await?;
    }
    let log = rig.gateway(0)?.server.log();
    let mut verdict = rig.judge(load).await?;
    let gap = verdict.counts.longest_gap;
    verdict.must(gap < UNFELT, || format!("nothing was acknowledged for {gap:?}"));
    // The rig's own clock stands still: the gateway's log says whether the jumps reached it.
    let year = years(&log);
    verdict.must(year > 1, || "the wall clock of the gateway did not jump".to_owned());
    verdict.note(JUMPS.join(", "));
    Ok(verdict)
}

/// In how many years the lines of a log were written.
fn years(log: &str) -> usize {
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let years = events.filter_map(|event| event.get("timestamp")?.as_str()?.get(..4).map(str::to_owned));
    years.collect::<std::collections::BTreeSet<_>>().len()
}

/// The wall clock that processes under libfaketime read.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn new(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let clock = Self { file: dir.join("clock") };
        clock.set("+0")?;
        Ok(clock)
    }

    /// So far from the real one from now on. Renamed, so that nobody reads half of it.
    fn set(&self, offset: &str) -> anyhow::Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, offset)?;
        Ok(fs::rename(new, &self.file)?)
    }

    /// The monotonic clock goes on as it is.
    fn environment(&self) -> anyhow::Result<Vec<(String, String)>> {
        let library = library().context("libfaketime is needed: `make tools` installs it")?;
        let variables = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        Ok(variables.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

/// For programs of many threads; Debian keeps it in the architecture's directory.
fn library() -> Option<PathBuf> {
    let architectures = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let mut libraries = architectures.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|path| path.exists())
}

/// Answers dated outside of what a caller may say are refused with the pointer; those inside are stored as dated.
pub(super) async fn dated_answers(case: Case) -> anyhow::Result<Verdict> {
    let mut rig = Setup::default().start(&case).await?;
    let load = rig.load(Pace::default(), AT_MOST)?;
    load.acknowledges(50, SOON).await?;
    let server = &rig.gateway(0)?.server;
    let mut wrong = Vec::new();
    for answered_at in [
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2999-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-9999-01-01T00:00:00Z",
        "yesterday",
    ] {
        let (status, reply) = dated(server, answered_at).await?;
        let pointer = reply.pointer("/errors/0/pointer").and_then(Value::as_str);
        if status != 422 || pointer != Some("/answered_at") {
            wrong.push(format!("{answered_at}: {status} {reply}"));
        }
    }
    let mut aged_ones = Vec::new();
    for (number, age_ms) in (FIRST_PERSON..).zip(AGES) {
        let person = Person { number, proof: Proof::Stated };
        match aged(server, person, age_ms).await? {
            (201, _) => aged_ones.push((person, acknowledged())),
            (400 | 422, _) => {}
            (status, reply) => wrong.push(format!("age_ms {age_ms}: {status} {reply}")),
        }
    }
    load.acknowledges(case.pick(100, 1000), SOON * 2).await?;
    let mut history = load.stop().await?;
    for (person, sent) in aged_ones {
        history.note(person, sent);
    }
    let mut verdict = rig.judge_history(&history).await?;
    verdict.must(wrong.is_empty(), || wrong.join("\n"));
    Ok(verdict)
}

async fn dated(server: &Server, answered_at: &str) -> anyhow::Result<(u16, Value)> {
    let body = json!({
        "survey": "support-nps", "brand": "acme", "interaction": "dated", "respondent": {"ref": "dated"},
        "answers": {"recommend": 9}, "answered_at": answered_at,
    });
    server.submit("/v1/responses", &format!("authorization: Bearer {API_KEY}\r\n"), &body.to_string()).await
}

/// A receipt for a nine.
fn acknowledged() -> Sent {
    let answer = Answer { score: 9, reason: None };
    let (at, took) = (Duration::ZERO, Duration::ZERO);
    let fate = Fate::Acknowledged { held: false };
    Sent { ordinal: 0, way: Way::Beacon, gateway: 0, answer, at, took, fate }
}

async fn aged(server: &Server, person: Person, age_ms: &str) -> anyhow::Result<(u16, Value)> {
    let [interaction, respondent] = [person.interaction(), person.respondent()];
    let body = format!(
        r#"{{"survey":"support-nps","brand":"acme","interaction":"{interaction}","respondent":{{"ref":"{respondent}"}},
            "key":"{interaction}","answers":{{"recommend":9}},"age_ms":{age_ms}}}"#
    );
    server.submit("/v1/beacon", "origin: http://localhost:3000\r\n", &body).await
}
