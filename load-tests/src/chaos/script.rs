//! Single answers, sent step by step where a case has to know what came when.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio_util::task::TaskTracker;

use super::{
    history::{Fate, History, Sent},
    plan::{Answer, Person, Proof, Request, Step, Way},
    send::{self, Address, Clients, Tokens},
};

/// Their numbers begin here: no load has so many people.
const FIRST: u32 = 100_000_000;
/// A reply that is not there by then is given up.
const REPLY_WITHIN: Duration = Duration::from_secs(5);

/// Who sends. One person's answers have to be sent one after the other; those of several may be on their way at once.
#[derive(Debug)]
pub(crate) struct Script {
    clients: Vec<Clients>,
    tokens: Tokens,
    started: Instant,
    history: Mutex<History>,
}

/// One answer to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Say {
    /// The gateway's place.
    pub(crate) gateway: usize,
    pub(crate) way: Way,
    /// From 0.
    pub(crate) person: u32,
    pub(crate) score: i32,
    /// A retry repeats the number: it has the same submission key, or call.
    pub(crate) ordinal: u32,
}

impl Say {
    fn request(self) -> Request {
        let Self { gateway, way, person, score, ordinal } = self;
        let answer = Answer { score, reason: None };
        Request { way, gateway, steps: vec![Step { person: Script::person(person), ordinal, answer }] }
    }
}

impl Script {
    pub(super) fn new(gateways: &[Address], tokens: Tokens) -> anyhow::Result<Self> {
        let streams = TaskTracker::new();
        let clients = gateways.iter().map(|address| Clients::of(*address, &streams));
        let clients = clients.collect::<anyhow::Result<_>>()?;
        Ok(Self { clients, tokens, started: Instant::now(), history: Mutex::default() })
    }

    /// The person of a number, from 0.
    pub(crate) fn person(number: u32) -> Person {
        Person { number: FIRST + number, proof: Proof::References }
    }

    /// Sends one answer and waits for what is replied.
    ///
    /// # Errors
    /// There is no such gateway, or the answer cannot be sent that way.
    pub(crate) async fn say(&self, say: Say) -> anyhow::Result<Fate> {
        let clients =
            self.clients.get(say.gateway).with_context(|| format!("there is no gateway {say:?}"))?;
        let sent_at = Instant::now();
        let fates = clients.send(&say.request(), &self.tokens, REPLY_WITHIN).await?;
        let fate = fates.into_iter().next().context("no fate")?;
        self.note(say, sent_at.elapsed(), fate.clone());
        Ok(fate)
    }

    /// The bytes of an answer over HTTP, for a case that sends them itself; it notes what came of them.
    pub(crate) fn wire(&self, say: Say) -> anyhow::Result<Vec<u8>> {
        send::wire(&say.request(), &self.tokens)
    }

    /// Writes down what came of an answer, after the person's others.
    pub(crate) fn note(&self, say: Say, took: Duration, fate: Fate) {
        let Say { gateway, way, person, score, ordinal } = say;
        let answer = Answer { score, reason: None };
        let sent = Sent { ordinal, way, gateway, answer, at: self.started.elapsed(), took, fate };
        self.history.lock().unwrap_or_else(PoisonError::into_inner).note(Self::person(person), sent);
    }

    /// The same where it has to be acknowledged.
    pub(crate) async fn acknowledged(&self, say: Say) -> anyhow::Result<()> {
        let fate = self.say(say).await?;
        ensure!(fate.is_acknowledged(), "{say:?} was not acknowledged: {fate:?}");
        Ok(())
    }

    /// From here on, what was sent of a person before is not owed: the person was erased.
    pub(crate) fn forget(&self, number: u32) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.people.remove(&Self::person(number));
    }

    /// What was sent.
    pub(crate) fn history(self) -> History {
        self.history.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
