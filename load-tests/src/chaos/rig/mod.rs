//! What a case runs against: a store, gateways, Redis, and networks that can fail, in real processes.

mod cluster;
mod machine;
mod port;
mod proxy;
mod refusing;
mod server;
mod setup;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

pub(crate) use self::{
    cluster::Cluster,
    machine::{Machine, Standstills},
    proxy::{Network, Proxy},
    refusing::{Refuses, RefusingStore},
    server::{Books, Server},
    setup::{Claims, Setup},
};
use super::{
    case::Case,
    driver::{Driver, Pace},
    history::History,
    oracle,
    plan::{Person, Plan, Request, Way},
    script::Script,
    send::{Address, Tokens},
    storage::Storage,
    verdict::Verdict,
};
use crate::{process::LOOK_EVERY, redis::Redis};

/// What was acknowledged is stored so long after the faults ended, unless a case says otherwise.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);

/// A gateway, and the networks in front of it.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) server: Server,
    /// Between clients and its HTTP listener.
    pub(crate) http_proxy: Option<Proxy>,
    /// Between clients and its gRPC listener.
    pub(crate) grpc_proxy: Option<Proxy>,
    /// Between it and the store.
    pub(crate) store_proxy: Option<Proxy>,
    /// Between it and Redis.
    pub(crate) redis_proxy: Option<Proxy>,
}

impl Gateway {
    /// Where clients find it.
    pub(crate) fn address(&self) -> Address {
        let through = |proxy: &Option<Proxy>, direct| proxy.as_ref().map_or(direct, Proxy::address);
        Address {
            http: through(&self.http_proxy, self.server.http),
            grpc: through(&self.grpc_proxy, self.server.grpc),
        }
    }

    /// The client's network, both listeners.
    pub(crate) fn set_client_network(&self, network: Network) {
        for proxy in [&self.http_proxy, &self.grpc_proxy].into_iter().flatten() {
            proxy.set(network);
        }
    }
}

/// Everything that runs for a case; all of it ends when dropped.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) case: Case,
    /// The store's process; none where the gateways run all roles.
    pub(crate) store: Option<Server>,
    /// In front of the store, where a case asked for it.
    pub(crate) refusing: Option<RefusingStore>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) redis: Option<Redis>,
    pub(crate) cluster: Option<Cluster>,
    /// What was acknowledged has to be stored so long after the faults ended.
    pub(crate) delivered_within: Duration,
    /// Refusals that a case provokes, beside 429, 503 and `unreachable`; any other fails it.
    pub(crate) expected_refusals: Vec<&'static str>,
    /// Whoever was erased: must be gone at the end.
    pub(crate) erased: BTreeSet<Person>,
}

impl Rig {
    /// The gateway at a place.
    pub(crate) fn gateway(&mut self, place: usize) -> anyhow::Result<&mut Gateway> {
        self.gateways.get_mut(place).with_context(|| format!("there is no gateway {place}"))
    }

    /// The store's process.
    pub(crate) fn store(&mut self) -> anyhow::Result<&mut Server> {
        self.store.as_mut().context("the store is no process of its own")
    }

    /// The store in front of the store.
    pub(crate) fn refusing(&self) -> anyhow::Result<&RefusingStore> {
        self.refusing.as_ref().context("no store in front of the store was asked for")
    }

    /// The only Redis.
    pub(crate) fn redis(&mut self) -> anyhow::Result<&mut Redis> {
        self.redis.as_mut().context("there is no single Redis")
    }

    /// Where the store is read.
    pub(crate) fn store_url(&self) -> anyhow::Result<String> {
        let of_gateway = self.gateways.first().map(|gateway| &gateway.server);
        Ok(self.store.as_ref().or(of_gateway).context("nobody plays the store")?.store_url())
    }

    /// Starts a load of all ways; it ends by itself after `at_most`, which has to be longer than the faults take.
    pub(crate) fn load(&self, pace: Pace, at_most: Duration) -> anyhow::Result<Driver> {
        self.load_by(&Way::ALL, pace, at_most)
    }

    /// The same through some ways only.
    pub(crate) fn load_by(&self, ways: &[Way], pace: Pace, at_most: Duration) -> anyhow::Result<Driver> {
        let requests = usize::try_from(u64::from(pace.rate) * at_most.as_secs())?;
        let plan: Vec<Request> = Plan::new(self.case.seed, ways).take(requests).collect();
        let config = &self.gateways.first().context("there is no gateway")?.server.config;
        let tokens = Tokens::make(&self.case.voxgate, config.path(), &self.case.work, &plan)?;
        let addresses: Vec<_> = self.gateways.iter().map(Gateway::address).collect();
        Driver::start(plan, tokens, &addresses, pace)
    }

    /// Sends single answers of so many people, one after the other, beside a load or without one.
    pub(crate) fn script(&self, people: u32) -> anyhow::Result<Script> {
        let config = &self.gateways.first().context("there is no gateway")?.server.config;
        let people: Vec<_> = (0..people).map(Script::person).collect();
        let dir = self.case.work.join("script");
        std::fs::create_dir_all(&dir)?;
        let tokens = Tokens::of_people(&self.case.voxgate, config.path(), &dir, &people)?;
        let addresses: Vec<_> = self.gateways.iter().map(Gateway::address).collect();
        Script::new(&addresses, tokens)
    }

    /// Stops the load, waits for delivery, and holds what was promised to what is stored.
    ///
    /// # Errors
    /// It cannot be judged: a process does not answer.
    pub(crate) async fn judge(&self, driver: Driver) -> anyhow::Result<Verdict> {
        let history = driver.stop().await?;
        self.judge_history(&history).await
    }

    /// The same for a history whose load was stopped already.
    pub(crate) async fn judge_history(&self, history: &History) -> anyhow::Result<Verdict> {
        let mut verdict = Verdict::of(history, &self.expected_refusals);
        let started = Instant::now();
        let books = match self.delivered().await {
            Ok(books) => books,
            Err(late) => {
                verdict.problem(late.to_string());
                self.books().await?
            }
        };
        verdict.delivered_in = started.elapsed();
        for (gateway, books) in self.gateways.iter().zip(books) {
            let name = &gateway.server.name;
            verdict.must(books.balance(), || format!("the books of {name} do not balance: {books:?}"));
        }
        let storage = Storage::read(&self.store_url()?).await?;
        verdict.judge(oracle::judge(history, &storage, &self.erased));
        Ok(verdict)
    }

    /// Waits until every gateway has delivered all it has.
    ///
    /// # Errors
    /// They have not, in the time that delivery may take.
    pub(crate) async fn delivered(&self) -> anyhow::Result<Vec<Books>> {
        self.delivered_to(|books| books.in_flight == 0 && books.spooled == 0).await
    }

    /// Waits until the books of every gateway are so.
    ///
    /// # Errors
    /// They are not, in the time that delivery may take.
    pub(crate) async fn delivered_to(&self, so: impl Fn(&Books) -> bool) -> anyhow::Result<Vec<Books>> {
        let started = Instant::now();
        loop {
            let all = self.books().await?;
            if all.iter().all(&so) {
                return Ok(all);
            }
            let bound = self.delivered_within;
            ensure!(started.elapsed() < bound, "delivery did not come to an end within {bound:?}: {all:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The books of every gateway.
    pub(crate) async fn books(&self) -> anyhow::Result<Vec<Books>> {
        let mut all = Vec::new();
        for gateway in &self.gateways {
            all.push(gateway.server.books().await?);
        }
        Ok(all)
    }
}
