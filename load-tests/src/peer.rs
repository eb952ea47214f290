//! Another product of the kind that people build themselves: fastify and ioredis, which limit and drop doubles, and
//! keep nothing.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;

use crate::{
    figure::Figure,
    identity::{Numbers, Request},
    load::{Bound, Done, Order, over_http},
    plan::Bench,
    process::{Launch, Process},
    redis::Redis,
    scenario::MEASURABLE_US,
    system::{Shape, System},
    terminal::say,
};

/// Where `make tools` installs what the peer needs.
const NODE_MODULES: &str = "target/tools/node_modules";

/// CPU of our gateway for each answer, by CPU of the peer for the same request.
pub(crate) async fn node(bench: Bench<'_>) -> anyhow::Result<Figure> {
    let name = "node_peer_cpu_ratio";
    let system = System::start(bench.plan, bench.cores, name, Shape::sample(bench.plan)).await?;
    let peer = Peer::start(bench).await?;
    let request = Arc::new(Request::Json(Numbers::default()));
    let (connections, length) = (bench.plan.connections, Duration::from_millis(bench.plan.round_ms));
    let order = Order {
        status: request.taken_status(),
        request,
        connections,
        bound: Bound::length(length),
        trust: None,
    };
    over_http(peer.address, &order).await.context("the peer's first requests, which it compiles by")?;
    let (mut all, mut ratios) = (Done::default(), Vec::new());
    for number in 1..=bench.plan.rounds {
        let (peers, peers_us) = peer.load(bench, &order).await?;
        let (ours, spent) = system.answer(bench.clock, &order, |spent| spent.gateway_us).await?;
        let (peer_us, our_us) = (peers.each(peers_us), ours.each(spent.gateway_us));
        say(&format!(
            "{name} {number}/{}: fastify {peer_us:.1} µs, an answer {our_us:.1} µs",
            bench.plan.rounds
        ));
        all.add(ours);
        ratios.push(our_us / peer_us);
    }
    system.check(all).await?;
    Figure::of(&ratios)
}

/// Its process, and a Redis of its own.
struct Peer {
    process: Process,
    address: SocketAddr,
    _redis: Redis,
}

impl Peer {
    async fn start(bench: Bench<'_>) -> anyhow::Result<Self> {
        let dir = bench.plan.work.join("peer");
        fs::create_dir(&dir)?;
        let redis = Redis::start(&dir, &bench.cores.others).await?;
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let modules = fs::canonicalize(format!("{root}../{NODE_MODULES}"));
        let modules = modules.context("fastify and ioredis are needed: `make tools` installs them")?;
        let (script, redis_url) = (format!("{root}peers/fastify.js"), redis.url());
        let (node, arguments) = (Path::new("node"), [script.as_str(), redis_url.as_str()]);
        let mut launch = Launch::on(node, &arguments, &bench.cores.server, dir.join("fastify.log"));
        launch.environment = vec![("NODE_PATH".to_owned(), modules.display().to_string())];
        let mut process = launch.start().context("node is needed: `make tools` installs it")?;
        let address = process.listening("http").await?;
        Ok(Self { process, address, _redis: redis })
    }

    async fn load(&self, bench: Bench<'_>, order: &Order) -> anyhow::Result<(Done, f64)> {
        let (before_us, mut done) = (bench.clock.spent_us(self.process.pid())?, Done::default());
        loop {
            done.add(over_http(self.address, order).await?);
            let spent_us = bench.clock.spent_us(self.process.pid())? - before_us;
            if spent_us >= MEASURABLE_US {
                return Ok((done, spent_us));
            }
        }
    }
}
