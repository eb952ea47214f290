//! The reference store, beside bare SQLite that is given the same records in batches of the same size.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use prost::Message as _;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use voxgate::proto::store::v1::{
    Answer, AppendRequest, Channel, Claim, Confidence, Identity, Kind, Record, answer::Value,
    store_service_client::StoreServiceClient,
};

use crate::{figure::Figure, plan::Bench, process::Process, terminal::say};

/// Records of a batch, as the gateway sends them.
const BATCH: u64 = 512;
/// Batches without an ack at once, as the gateway has them.
const WINDOW: usize = 4;
/// A time in 2026, µs.
const NOW_US: i64 = 1_793_000_000_000_000;

/// What a round of bare SQLite reached.
#[derive(Debug, Deserialize, Serialize)]
struct Reached {
    records_per_sec: f64,
}

/// Records a second that the store commits on one core, to those that bare SQLite does there.
pub(crate) async fn ratio(bench: Bench<'_>) -> anyhow::Result<Figure> {
    let name = "store_records_vs_floor";
    let length = Duration::from_millis(bench.plan.round_ms);
    let dir = bench.plan.work.join(name);
    fs::create_dir(&dir)?;
    let mut store = Store::start(bench, &dir).await?;
    let mut ratios = Vec::new();
    for number in 1..=bench.plan.rounds {
        let bare = bare(bench, &dir, length).await?;
        let stored = store.load(length).await?;
        say(&format!(
            "{name} {number}/{}: bare SQLite {bare:.0} records/s, store {stored:.0}",
            bench.plan.rounds
        ));
        ratios.push(stored / bare);
    }
    drop(store);
    fs::remove_dir_all(dir)?;
    Figure::of(&ratios)
}

/// The store's process, and what it was sent.
struct Store {
    _process: Process,
    url: String,
    next: u64,
}

impl Store {
    async fn start(bench: Bench<'_>, dir: &Path) -> anyhow::Result<Self> {
        let (config, data) =
            (bench.plan.config.display().to_string(), dir.join("store").display().to_string());
        let arguments = ["serve", "--role", "store", "--store", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let arguments = [&arguments[..], &["--config", &config, "--data", &data]].concat();
        let log = dir.join("store.log");
        let mut process = Process::start(&bench.plan.voxgate, &arguments, &bench.cores.server, log)?;
        let url = format!("http://{}", process.listening("store").await?);
        Ok(Self { _process: process, url, next: 0 })
    }

    /// Appends batches for so long, [`WINDOW`] of them under way; records a second.
    async fn load(&mut self, length: Duration) -> anyhow::Result<f64> {
        let channel = Endpoint::from_shared(self.url.clone())?.connect().await?;
        let (send, receive) = mpsc::channel(WINDOW);
        for _ in 0..WINDOW {
            send.send(self.batch()).await?;
        }
        let begun = Instant::now();
        let mut acks =
            StoreServiceClient::new(channel).append(ReceiverStream::new(receive)).await?.into_inner();
        let (mut batches, mut under_way) = (0_u32, WINDOW);
        while under_way > 0 {
            let ack = acks.message().await?.context("the store ended the stream")?;
            ensure!(ack.refused.is_empty(), "the store refused {:?}", ack.refused.first());
            (batches, under_way) = (batches + 1, under_way - 1);
            if begun.elapsed() < length {
                send.send(self.batch()).await?;
                under_way += 1;
            }
        }
        Ok(f64::from(batches) * records_of_a_batch() / begun.elapsed().as_secs_f64())
    }

    fn batch(&mut self) -> AppendRequest {
        let first = self.next;
        self.next += BATCH;
        AppendRequest { sequence: first / BATCH, records: (first..self.next).map(record).collect() }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a small constant")]
const fn records_of_a_batch() -> f64 {
    BATCH as f64
}

/// The answer of somebody who has not answered before, as a gateway makes it of a `POST /v1/responses`.
fn record(number: u64) -> Record {
    let (id, person) = (scattered(number), scattered(!number));
    let answer = Answer {
        question: "recommend".to_owned(),
        kind: Kind::Nps.into(),
        value: Some(Value::Score(9)),
        scale_min: Some(0),
        scale_max: Some(10),
        normalized: Some(90.0),
        segment: "promoter".to_owned(),
    };
    Record {
        response_id: id.into(),
        survey: "support-nps".to_owned(),
        survey_version: 1,
        brand: "acme".to_owned(),
        identity: Identity::Keyed.into(),
        channel: Channel::Api.into(),
        interaction: format!("ticket-{number:010}"),
        respondent_ref: format!("crm-{number:010}"),
        respondent_key: person.into(),
        locale: "de-CH".to_owned(),
        country: "CH".to_owned(),
        stamp_us: NOW_US,
        received_us: NOW_US,
        edit_window_us: 14 * 24 * 3_600_000_000,
        answers: vec![answer],
        claim: Claim::Verified.into(),
        confidence: Confidence::Confirmed.into(),
        ..Record::default()
    }
}

/// 16 bytes as far from those of the next number as two hashes are: a gateway's ids and keys are hashes.
fn scattered(number: u64) -> Vec<u8> {
    SmallRng::seed_from_u64(number).random::<[u8; 16]>().to_vec()
}

/// Bare SQLite in a process of its own, on the core that the store has.
async fn bare(bench: Bench<'_>, dir: &Path, length: Duration) -> anyhow::Result<f64> {
    let (database, millis) = (dir.join("bare.sqlite"), length.as_millis().to_string());
    let arguments = ["sqlite-floor", "--millis", &millis, "--database", &database.display().to_string()];
    let log = dir.join("bare.json");
    let mut process = Process::start(&env::current_exe()?, &arguments, &bench.cores.server, log.clone())?;
    let ended = process.ended(length + Duration::from_secs(60)).await?;
    let said = fs::read_to_string(log)?;
    ensure!(ended.success(), "bare SQLite: {said}");
    for file in ["bare.sqlite", "bare.sqlite-wal", "bare.sqlite-shm"] {
        fs::remove_file(dir.join(file)).ok();
    }
    let reached: Reached = serde_json::from_str(&said)?;
    Ok(reached.records_per_sec)
}

/// How the floor is run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BareSqlite {
    #[arg(long)]
    database: PathBuf,
    #[arg(long)]
    millis: u64,
}

/// Upserts encoded records by their id, a batch a transaction, with the journal and the syncs that the store has.
pub(crate) fn bare_sqlite(order: &BareSqlite) -> anyhow::Result<()> {
    let mut connection = Connection::open(&order.database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection
        .execute_batch("CREATE TABLE records (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID")?;
    let upsert = "INSERT INTO records VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
    let (begun, mut batches) = (Instant::now(), 0_u32);
    while begun.elapsed() < Duration::from_millis(order.millis) {
        let tx = connection.transaction()?;
        let first = u64::from(batches) * BATCH;
        for number in first..first + BATCH {
            let record = record(number);
            tx.prepare_cached(upsert)?.execute((record.response_id.as_ref(), record.encode_to_vec()))?;
        }
        tx.commit()?;
        batches += 1;
    }
    let records_per_sec = f64::from(batches) * records_of_a_batch() / begun.elapsed().as_secs_f64();
    serde_json::to_writer(std::io::stdout(), &Reached { records_per_sec })?;
    Ok(())
}
