//! The whole job: a gateway with Redis and fsync, a store in a process of its own, all empty at start.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tonic::transport::Endpoint;
use voxgate::proto::store::v1::{SummarizeRequest, store_service_client::StoreServiceClient};

use crate::{
    config::ConfigDir,
    cores::{Cores, CpuClock},
    identity,
    latency::Histogram,
    load::{Connection, Done, Order, over_http},
    plan::Plan,
    process::{DEADLINE, LOOK_EVERY, Launch, Process},
    redis::Redis,
    scenario::MEASURABLE_US,
    tls::Trust,
};

/// One of so many answers may be refused because the gateway has as much as it can do in time.
const REFUSED_AT_MOST: u64 = 50;

/// A gateway that spends less than this in so long has nothing to do.
const QUIET: Duration = Duration::from_millis(500);
const QUIET_US: f64 = 100_000.0;

/// Longer than anything waits for the cores.
const PATIENCE: &str = "20 s";

/// A running gateway with all it needs.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) redis: Redis,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: Endpoint,
    /// Whom its load trusts, where it speaks TLS.
    pub(crate) trust: Option<Trust>,
    store: Process,
    store_url: String,
    store_is_frozen: bool,
    redis_is_dead: bool,
    gateway: Process,
    gateway_launch: Launch,
    admin: SocketAddr,
    dir: PathBuf,
}

/// What of the configuration is made larger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Answers a day that the claims are sized for.
    pub(crate) answers_per_day: u64,
    /// Surveys beside the sample's.
    pub(crate) surveys: u32,
    /// Brands beside the sample's, with secrets of their own.
    pub(crate) brands: u32,
    /// Both listeners speak TLS.
    pub(crate) tls: bool,
    /// Nothing is refused because the cores are busy: so many answers come at once that they are.
    pub(crate) patient: bool,
}

impl Shape {
    /// The sample's configuration.
    pub(crate) const fn sample(plan: &Plan) -> Self {
        Self { answers_per_day: plan.answers_per_day, surveys: 0, brands: 0, tls: false, patient: false }
    }
}

/// What each process spent, µs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) gateway_us: f64,
    pub(crate) redis_us: f64,
    pub(crate) store_us: f64,
}

impl Spent {
    /// What was spent after `before` was read.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            gateway_us: self.gateway_us - before.gateway_us,
            redis_us: self.redis_us - before.redis_us,
            store_us: self.store_us - before.store_us,
        }
    }
}

/// The part of the gateway's books that a bench judges by.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Books {
    received: u64,
    in_flight: u64,
    accepted: u64,
    limited: u64,
    appended: u64,
    delivered: u64,
    spooled: u64,
    balanced: bool,
}

impl System {
    /// Starts all of it in a directory of its own, and waits until it takes answers.
    pub(crate) async fn start(plan: &Plan, cores: &Cores, name: &str, shape: Shape) -> anyhow::Result<Self> {
        let dir = plan.work.join(name);
        fs::create_dir(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        let config = ConfigDir::copy(&plan.config, &dir.join("config"))?;
        config.set(
            "gateway.toml",
            "redis.expected_answers_per_day",
            i64::try_from(shape.answers_per_day)?,
        )?;
        if shape.patient {
            config.set("gateway.toml", "limits.queue_delay", PATIENCE)?;
        }
        config.set("gateway.toml", "admin.token", identity::ADMIN_TOKEN)?;
        config.add_surveys(shape.surveys)?;
        config.add_brands(shape.brands)?;
        let trust = if shape.tls { Some(Trust::install(&config)?) } else { None };
        let redis = Redis::start(&dir, &cores.others).await?;
        let (config, data) = (config.path().display().to_string(), dir.join("data").display().to_string());
        let common = ["serve", "--config", &config, "--admin", "127.0.0.1:0"];
        let store_data = dir.join("store").display().to_string();
        let of_store = ["--role", "store", "--store", "127.0.0.1:0", "--data", &store_data];
        let arguments = [&common[..], &of_store].concat();
        let mut store = Process::start(&plan.voxgate, &arguments, &cores.others, dir.join("store.log"))?;
        let store_url = format!("http://{}", store.listening("store").await?);
        let redis_url = redis.url();
        let of_edge = ["--role", "edge", "--store", &store_url, "--data", &data, "--redis", &redis_url];
        let free_ports = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"];
        let arguments = [&common[..], &of_edge, &free_ports].concat();
        let gateway_launch = Launch::on(&plan.voxgate, &arguments, &cores.server, dir.join("gateway.log"));
        let gateway_launch = gateway_launch.under(&plan.gateway_under);
        let mut gateway = gateway_launch.start()?;
        let http = gateway.listening("http").await?;
        let grpc = grpc(gateway.listening("grpc").await?, trust.as_ref())?;
        let admin = gateway.listening("admin").await?;
        Ok(Self {
            redis,
            http,
            grpc,
            trust,
            store,
            store_url,
            store_is_frozen: false,
            redis_is_dead: false,
            gateway,
            gateway_launch,
            admin,
            dir,
        })
    }

    /// The gateway's process id.
    pub(crate) fn gateway_pid(&self) -> u32 {
        self.gateway.pid()
    }

    /// What its processes spent since they started.
    pub(crate) fn spent(&self, clock: CpuClock) -> anyhow::Result<Spent> {
        Ok(Spent {
            gateway_us: clock.spent_us(self.gateway.pid())?,
            redis_us: if self.redis_is_dead { 0.0 } else { clock.spent_us(self.redis.pid())? },
            store_us: clock.spent_us(self.store.pid())?,
        })
    }

    /// Sends what is ordered until what `of` picks can be read from the clock; with all that was spent until everything
    /// was delivered.
    pub(crate) async fn answer(
        &self,
        clock: CpuClock,
        order: &Order,
        of: fn(Spent) -> f64,
    ) -> anyhow::Result<(Done, Spent)> {
        let (before, mut done) = (self.spent(clock)?, Done::default());
        loop {
            done.add(over_http(self.http, order).await?);
            self.settle().await?;
            let spent = self.spent(clock)?.since(before);
            if of(spent) >= MEASURABLE_US {
                return Ok((done, spent));
            }
        }
    }

    /// SIGSTOP to the store: it is away, its connections stay.
    pub(crate) fn freeze_store(&mut self) -> anyhow::Result<()> {
        self.store_is_frozen = true;
        self.store.signal("STOP")
    }

    /// Whether the store takes what the gateway has.
    pub(crate) fn delivers(&self) -> bool {
        !self.store_is_frozen
    }

    /// SIGKILL to Redis.
    pub(crate) fn kill_redis(&mut self) {
        self.redis_is_dead = true;
        self.redis.kill();
    }

    /// Memory that the gateway holds, bytes (`VmRSS` of proc_pid_status(5)).
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.gateway.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib << 10)
    }

    /// Changes the first survey beside the sample's, and waits until the gateway has read everything again.
    pub(crate) async fn reload_changed(&self, number: u32) -> anyhow::Result<()> {
        let survey = self.dir.join("config/surveys/grown-0.toml");
        writeln!(OpenOptions::new().append(true).open(survey)?, "# {number}")?;
        let mut admin = Connection::open(self.admin).await?;
        let reply = admin.exchange(&identity::order("/reload")).await?;
        ensure!(reply.status == 200, "/reload answered {}", reply.status);
        Ok(())
    }

    /// Kills the gateway and starts it on what it left; how long it takes until it is ready.
    pub(crate) async fn restart_gateway(&mut self) -> anyhow::Result<Duration> {
        self.gateway.kill();
        let started = Instant::now();
        self.gateway = self.gateway_launch.start()?;
        self.admin = self.gateway.listening("admin").await?;
        let mut admin = Connection::open(self.admin).await?;
        while admin.exchange(&identity::get("/readyz")).await?.status != 200 {
            ensure!(started.elapsed() < DEADLINE, "the gateway does not become ready");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = started.elapsed();
        self.http = self.gateway.listening("http").await?;
        self.grpc = grpc(self.gateway.listening("grpc").await?, self.trust.as_ref())?;
        Ok(took)
    }

    /// Waits until nothing is in flight and the store has acknowledged everything.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let mut admin = Connection::open(self.admin).await?;
        let started = Instant::now();
        loop {
            let books = books(&mut admin).await?;
            if books.in_flight == 0 && books.spooled == 0 {
                return Ok(());
            }
            ensure!(started.elapsed() < DEADLINE, "delivery does not come to an end: {books:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the gateway does nothing any more: one that has just started still makes its tables of phone numbers.
    pub(crate) async fn quiet(&self, clock: CpuClock) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut before = self.spent(clock)?;
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.spent(clock)?;
            if now.since(before).gateway_us < QUIET_US {
                return Ok(());
            }
            ensure!(started.elapsed() < DEADLINE, "the gateway does not come to rest");
            before = now;
        }
    }

    /// As many responses stored as answers acknowledged, each `accepted` and delivered once, and hardly any refused;
    /// then it is ended and its files are removed.
    ///
    /// # Errors
    /// It is not so: the run is void.
    pub(crate) async fn check(self, done: Done) -> anyhow::Result<()> {
        self.settle().await?;
        let books = books(&mut Connection::open(self.admin).await?).await?;
        let stored = self.stored().await?;
        let counts =
            [books.received - books.limited, books.accepted, books.appended, books.delivered, stored];
        let Done { items, refused, .. } = done;
        if !books.balanced || books.limited != refused || counts.iter().any(|count| *count != items) {
            bail!(
                "{items} answers were acknowledged and {refused} refused, {stored} responses are stored, and the books say {books:?}"
            );
        }
        ensure!(
            refused <= items / REFUSED_AT_MOST,
            "{refused} answers were refused beside {items} acknowledged"
        );
        let dir = self.dir.clone();
        drop(self);
        fs::remove_dir_all(dir)?;
        Ok(())
    }

    /// How long deliveries took until now.
    pub(crate) async fn delivery_lags(&self) -> anyhow::Result<Histogram> {
        let mut admin = Connection::open(self.admin).await?;
        let reply = admin.exchange(&identity::get("/metrics")).await?;
        Histogram::read(&String::from_utf8_lossy(reply.body), "voxgate_delivery_lag_seconds")
    }

    /// Responses that the store holds, by its own count.
    async fn stored(&self) -> anyhow::Result<u64> {
        let channel = Endpoint::from_shared(self.store_url.clone())?.connect().await?;
        let request = SummarizeRequest { survey: "support-nps".to_owned(), ..SummarizeRequest::default() };
        let summary = StoreServiceClient::new(channel).summarize(request).await?.into_inner();
        Ok(summary.rows.iter().filter(|row| row.question == "recommend").map(|row| row.n).sum())
    }
}

fn grpc(address: SocketAddr, trust: Option<&Trust>) -> anyhow::Result<Endpoint> {
    Ok(match trust {
        None => Endpoint::from_shared(format!("http://{address}"))?,
        Some(trust) => Endpoint::from_shared(format!("https://{address}"))?.tls_config(trust.of_grpc())?,
    })
}

async fn books(admin: &mut Connection) -> anyhow::Result<Books> {
    let reply = admin.exchange(&identity::get("/ledger")).await?;
    ensure!(reply.status == 200, "/ledger answered {}", reply.status);
    Ok(serde_json::from_slice(reply.body)?)
}
