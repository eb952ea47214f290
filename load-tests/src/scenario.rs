//! A scenario: one way in, loaded in rounds that take turns with the floor.

use std::{env, fmt, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::ensure;
use serde::Deserialize;

use crate::{
    figure::Figure,
    identity::{self, Links, Numbers, Request},
    load::{Bound, Connection, Done, Order, over_grpc, over_http},
    plan::{Bench, Plan},
    process::Process,
    profile::{Callgrind, so_many},
    system::{Shape, Spent, System},
    terminal::say,
};

/// The status of the floor.
pub(crate) const FLOOR_STATUS: u16 = 202;
/// Links in one order; a body holds that many.
const LINKS_AN_ORDER: u64 = 200;

/// CPU that a round must take, because the kernel counts it in ticks of 10 ms: a stalled or short one goes on.
pub(crate) const MEASURABLE_US: f64 = 20_000.0;

/// One way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    HttpJson,
    EmailPost,
    TwilioTurn,
    Beacon,
    HttpBatchItem,
    GrpcStreamItem,
}

/// The floor's process.
#[derive(Debug)]
pub(crate) struct Floor {
    process: Process,
    address: SocketAddr,
}

impl Floor {
    /// Starts this very program as the floor.
    pub(crate) async fn start(bench: Bench<'_>) -> anyhow::Result<Self> {
        let log = bench.plan.work.join("floor.log");
        let mut process = Process::start(&env::current_exe()?, &["floor"], &bench.cores.server, log)?;
        let address = process.listening("http").await?;
        Ok(Self { process, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::HttpJson,
        Self::EmailPost,
        Self::TwilioTurn,
        Self::Beacon,
        Self::HttpBatchItem,
        Self::GrpcStreamItem,
    ];

    /// The figure's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HttpJson => "http_json_cpu_ratio",
            Self::EmailPost => "email_post_cpu_ratio",
            Self::TwilioTurn => "twilio_turn_cpu_ratio",
            Self::Beacon => "beacon_cpu_ratio",
            Self::HttpBatchItem => "http_batch_item_cpu_ratio",
            Self::GrpcStreamItem => "grpc_stream_item_cpu_ratio",
        }
    }

    /// 64 connections with a batch each are 3,200 answers at once: what is measured is what one costs, not whether all
    /// of them are in time.
    fn shape(self, plan: &Plan) -> Shape {
        Shape { patient: self == Self::HttpBatchItem, ..Shape::sample(plan) }
    }

    /// Runs it; the figure is the ratio of the gateway's CPU an answer to the floor's CPU a request, of each round.
    ///
    /// # Errors
    /// A refusal, or books that do not agree with what was acknowledged: the run is void.
    pub(crate) async fn run(self, bench: Bench<'_>, floor: &Floor) -> anyhow::Result<Figure> {
        let system = System::start(bench.plan, bench.cores, self.name(), self.shape(bench.plan)).await?;
        let load = Load::of(self);
        let mut run =
            Run { bench, floor, system, load, link_numbers: Numbers::default(), all: Done::default() };
        run.round(0, Duration::from_millis(bench.plan.round_ms / 2)).await?;
        let mut ratios = Vec::new();
        for number in 1..=bench.plan.rounds {
            let round = run.round(number, Duration::from_millis(bench.plan.round_ms)).await?;
            say(&format!("{} {number}/{}: {round}", self.name(), bench.plan.rounds));
            ratios.push(round.ratio());
        }
        run.system.check(run.all).await?;
        Figure::of(&ratios)
    }
}

impl Scenario {
    /// Lets a profiler count what so many answers take, delivery included; says how many they were.
    ///
    /// # Errors
    /// As [`Scenario::run`].
    pub(crate) async fn profile(
        self,
        bench: Bench<'_>,
        answers: u64,
        profiler: &Callgrind,
    ) -> anyhow::Result<u64> {
        let system = System::start(bench.plan, bench.cores, self.name(), self.shape(bench.plan)).await?;
        let floor = Floor::start(bench).await?;
        let load = Load::of(self);
        let mut run = Run {
            bench,
            floor: &floor,
            system,
            load,
            link_numbers: Numbers::default(),
            all: Done::default(),
        };
        run.fill().await?;
        run.some(answers / 5).await?;
        run.system.quiet(bench.clock).await?;
        let pid = run.system.gateway_pid();
        profiler.begin(pid)?;
        let counted = run.some(answers).await?;
        profiler.end(pid)?;
        run.system.check(run.all).await?;
        Ok(counted)
    }
}

/// What is asked of the gateway and of the floor: the same request; where the gateway's carries many answers or is no
/// HTTP/1.1, the floor's carries one answer, which is the stricter measure.
#[derive(Debug)]
struct Load {
    gateway: Ask,
    floor: Arc<Request>,
}

#[derive(Debug)]
enum Ask {
    Http(Arc<Request>),
    Stream(Numbers),
}

impl Load {
    fn of(scenario: Scenario) -> Self {
        let one_answer = Arc::new(Request::Json(Numbers::default()));
        match scenario {
            Scenario::HttpJson => Self::same(Request::Json(Numbers::default())),
            // Filled before each round.
            Scenario::EmailPost => Self::same(Request::Email(Links::new(Vec::new()))),
            Scenario::TwilioTurn => Self::same(Request::Keypad(Numbers::default())),
            Scenario::Beacon => Self::same(Request::Beacon(Numbers::default())),
            Scenario::HttpBatchItem => {
                Self { gateway: Ask::Http(Arc::new(Request::Batch(Numbers::default()))), floor: one_answer }
            }
            Scenario::GrpcStreamItem => Self { gateway: Ask::Stream(Numbers::default()), floor: one_answer },
        }
    }

    fn same(request: Request) -> Self {
        let request = Arc::new(request);
        Self { gateway: Ask::Http(Arc::clone(&request)), floor: request }
    }
}

struct Run<'a> {
    bench: Bench<'a>,
    floor: &'a Floor,
    system: System,
    load: Load,
    link_numbers: Numbers,
    /// What the gateway did in all rounds.
    all: Done,
}

impl Run<'_> {
    /// Floor and gateway take turns in coming first.
    async fn round(&mut self, number: u32, length: Duration) -> anyhow::Result<Round> {
        self.fill().await?;
        if number.is_multiple_of(2) {
            let floor = self.at_floor(length).await?;
            Ok(Round { floor, gateway: self.at_gateway(length).await? })
        } else {
            let gateway = self.at_gateway(length).await?;
            Ok(Round { floor: self.at_floor(length).await?, gateway })
        }
    }

    /// Makes the links that are to be answered, where some are.
    async fn fill(&mut self) -> anyhow::Result<()> {
        if matches!(&self.load.gateway, Ask::Http(request) if matches!(**request, Request::Email(_))) {
            self.load = Load::same(Request::Email(Links::new(self.make_links().await?)));
        }
        Ok(())
    }

    /// So many answers or a few more, and their delivery.
    async fn some(&mut self, answers: u64) -> anyhow::Result<u64> {
        let more = self.load_gateway(so_many(answers)).await?;
        self.all.add(more);
        self.system.settle().await?;
        Ok(more.items)
    }

    async fn at_floor(&self, length: Duration) -> anyhow::Result<(Done, f64)> {
        let order = self.order(&self.load.floor, FLOOR_STATUS, Bound::length(length));
        let before_us = self.bench.clock.spent_us(self.floor.process.pid())?;
        let mut done = Done::default();
        loop {
            self.load.floor.restart();
            done.add(over_http(self.floor.address, &order).await?);
            let spent_us = self.bench.clock.spent_us(self.floor.process.pid())? - before_us;
            if spent_us >= MEASURABLE_US {
                return Ok((done, spent_us));
            }
        }
    }

    fn order(&self, request: &Arc<Request>, status: u16, bound: Bound) -> Order {
        let connections = self.bench.plan.connections;
        Order { request: Arc::clone(request), status, connections, bound, trust: None }
    }

    /// Until the spool is empty: delivery is a part of the job.
    async fn at_gateway(&mut self, length: Duration) -> anyhow::Result<(Done, Spent)> {
        if let Ask::Http(request) = &self.load.gateway {
            request.restart();
        }
        let before = self.system.spent(self.bench.clock)?;
        let mut done = Done::default();
        loop {
            let more = self.load_gateway(Bound::length(length)).await?;
            done.add(more);
            self.all.add(more);
            self.system.settle().await?;
            let spent = self.system.spent(self.bench.clock)?.since(before);
            if spent.gateway_us >= MEASURABLE_US || more.items == 0 {
                return Ok((done, spent));
            }
        }
    }

    async fn load_gateway(&self, bound: Bound) -> anyhow::Result<Done> {
        match &self.load.gateway {
            Ask::Http(request) => {
                let order = self.order(request, request.taken_status(), bound);
                over_http(self.system.http, &order).await
            }
            Ask::Stream(numbers) => over_grpc(&self.system.grpc, numbers, bound).await,
        }
    }

    /// Made by the gateway itself, before the round's CPU is read.
    async fn make_links(&self) -> anyhow::Result<Vec<String>> {
        let mut connection = Connection::open(self.system.http).await?;
        let mut tokens = Vec::new();
        while (tokens.len() as u64) < self.bench.plan.links {
            let order = identity::links_order(&self.link_numbers, LINKS_AN_ORDER.min(self.bench.plan.links));
            let reply = connection.exchange(&order).await?;
            ensure!(reply.status == 201, "links were refused: {}", String::from_utf8_lossy(reply.body));
            let made: Vec<Link> = serde_json::from_slice(reply.body)?;
            tokens.extend(made.into_iter().map(|link| link.token));
        }
        Ok(tokens)
    }
}

/// A link that the gateway made.
#[derive(Deserialize)]
struct Link {
    token: String,
}

/// What one round took.
struct Round {
    floor: (Done, f64),
    gateway: (Done, Spent),
}

impl Round {
    fn ratio(&self) -> f64 {
        let (gateway, spent) = &self.gateway;
        let (floor, floor_us) = self.floor;
        gateway.each(spent.gateway_us) / floor.each(floor_us)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gateway, spent) = &self.gateway;
        let (floor, floor_us) = self.floor;
        write!(
            f,
            "ratio {:.2}; floor {:.1} µs at {:.0}/s; an answer {:.1} µs at {:.0}/s, Redis {:.1} µs, store {:.1} µs",
            self.ratio(),
            floor.each(floor_us),
            floor.rate(),
            gateway.each(spent.gateway_us),
            gateway.rate(),
            gateway.each(spent.redis_us),
            gateway.each(spent.store_us),
        )
    }
}
