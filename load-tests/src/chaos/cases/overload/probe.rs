//! A few programs beside the flood, on a thread of their own: they measure how soon anybody is answered, and not how
//! long the flood's own tasks wait for the core that makes the load.

use std::{
    net::SocketAddr,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use tokio::task::JoinSet;

use super::flood::{Sample, Turn};
use crate::load::Connection;

/// Connections that ask in turn.
const CONNECTIONS: u32 = 20;
/// Between two questions of one of them.
const EVERY: Duration = Duration::from_millis(100);
/// The flood's people have smaller numbers.
const FIRST_PERSON: u32 = 1 << 30;

/// Programs that ask 200 times a second.
#[derive(Debug)]
pub(super) struct Probe(JoinHandle<anyhow::Result<Vec<Sample>>>);

impl Probe {
    /// Asks until `length` is over; times are counted from `began`.
    pub(super) fn start(address: SocketAddr, began: Instant, length: Duration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ask = move || runtime.block_on(ask(address, began, length));
        Ok(Self(std::thread::Builder::new().name("probe".to_owned()).spawn(ask)?))
    }

    /// What they were told; to be asked for when the time is over.
    pub(super) fn end(self) -> anyhow::Result<Vec<Sample>> {
        self.0.join().map_err(|_| anyhow!("it panicked")).flatten().context("the probe failed")
    }
}

async fn ask(address: SocketAddr, began: Instant, length: Duration) -> anyhow::Result<Vec<Sample>> {
    let begin = Instant::now();
    let mut turns = JoinSet::new();
    for place in 0..CONNECTIONS {
        let connection = Connection::open(address).await?;
        let first = begin + EVERY / CONNECTIONS * place;
        let (end, person) = (begin + length, FIRST_PERSON + place);
        let turn = Turn { first, every: EVERY, end, person, people_step: CONNECTIONS };
        turns.spawn(turn.run(address, connection, began));
    }
    let mut samples = Vec::new();
    while let Some(done) = turns.join_next().await {
        samples.extend(done??.sent);
    }
    Ok(samples)
}
