//! What each run has on disk: this gateway's numbers are published, other gateways' are asked for.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::FromRedisValue;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Shared, link::Live};
use crate::intake::claim::{Run, RunId};

/// How often a number that moved is published.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);
/// What one publication may wait.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a number that was too low is believed to be so.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Foreign runs remembered at once.
const REMEMBERED: usize = 4096;
/// Beyond the last claim of a run.
const KEPT_LONGER: Duration = Duration::from_hours(24);

/// Numbers of other gateways' runs. They only grow, so one that is high enough is so for good.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<HashMap<RunId, (u64, Instant)>>);

impl Numbers {
    fn get(&self, run: RunId) -> Option<(u64, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&run).copied()
    }

    fn put(&self, run: RunId, number: u64) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.len() >= REMEMBERED && !numbers.contains_key(&run) {
            numbers.clear();
        }
        let entry = numbers.entry(run).or_insert((0, Instant::now()));
        *entry = (entry.0.max(number), Instant::now());
    }
}

impl Shared {
    /// Whether a ticket's record is on disk, as far as is known.
    pub(super) async fn is_on_disk(&self, live: &Live, run: RunId, ticket: u64, deadline: Instant) -> bool {
        if let Some(number) = self.runs.settled_below(run) {
            return ticket < number;
        }
        if let Some((number, asked)) = self.numbers.get(run)
            && (ticket < number || asked.elapsed() < ASK_AGAIN_AFTER)
        {
            return ticket < number;
        }
        let asked = self.link.one(live, redis::cmd("GET").arg(self.run_key(run)), deadline).await;
        let number = asked.and_then(|value| Option::<u64>::from_redis_value(value).ok()).flatten();
        self.numbers.put(run, number.unwrap_or(0));
        number.is_some_and(|number| ticket < number)
    }

    /// Publishes this gateway's numbers whenever they moved.
    pub(super) async fn publish(&self) {
        let mut tick = interval(PUBLISH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut published = Published::default();
        loop {
            tick.tick().await;
            let Some(live) = self.link.live() else { continue };
            published.of_connection(self.link.generation());
            for run in self.runs.all() {
                self.publish_one(&live, &run, &mut published).await;
            }
        }
    }

    /// Publishes what is settled now.
    pub(super) async fn publish_last(&self) {
        let Some(live) = self.link.live() else { return };
        let mut published = Published::default();
        for run in self.runs.all() {
            self.publish_one(&live, &run, &mut published).await;
        }
    }

    async fn publish_one(&self, live: &Live, run: &Run, published: &mut Published) {
        let number = run.settled_below();
        if published.numbers.get(&run.id()).copied().unwrap_or(0) == number {
            return;
        }
        let kept = (self.buckets.longest_kept() + KEPT_LONGER).as_secs();
        let command =
            redis::cmd("SET").arg(self.run_key(run.id())).arg(number).arg("EX").arg(kept).to_owned();
        if self.link.one(live, &command, Instant::now() + PUBLISH_TIMEOUT).await.is_some() {
            published.numbers.insert(run.id(), number);
        }
    }

    fn run_key(&self, run: RunId) -> Vec<u8> {
        [self.prefix.as_bytes(), b"r:", &run.0].concat()
    }
}

/// What was published over the connection; another one may lead to a server that knows nothing of it.
#[derive(Default)]
struct Published {
    generation: u64,
    numbers: HashMap<RunId, u64>,
}

impl Published {
    fn of_connection(&mut self, generation: u64) {
        if self.generation != generation || self.numbers.len() > REMEMBERED {
            *self = Self { generation, numbers: HashMap::new() };
        }
    }
}
