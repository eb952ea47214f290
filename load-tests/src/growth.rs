//! How the cost of an answer grows: with claims in Redis, surveys, brands, connections, comments, a backlog; and what it
//! costs to hold connections and to reload.
//!
//! Every row is CPU of the gateway for each answer by CPU of the floor for the same request in the same round, as
//! `http_json_cpu_ratio` is; beside it how much more that is than the first row of its kind.

use std::{
    io::{Write as _, stdout},
    sync::Arc,
    time::Duration,
};

use crate::{
    figure::Figure,
    identity::{Numbers, Request},
    load::{Bound, Done, Order, over_grpc, over_http},
    plan::Bench,
    scenario::{FLOOR_STATUS, Floor, MEASURABLE_US},
    standing,
    system::{Shape, Spent, System},
    terminal::say,
};

const CLAIMS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const SURVEYS: [u32; 3] = [0, 100, 10_000];
const BRANDS: [u32; 2] = [0, 500];
const CONNECTIONS: [u32; 5] = [16, 64, 256, 1_024, 4_096];
const COMMENT_BYTES: [usize; 3] = [0, 1_000, 4_000];

/// Prints all rows; nothing larger than `most` claims or records is made.
pub(crate) async fn measure(bench: Bench<'_>, floor: &Floor, most: u64) -> anyhow::Result<()> {
    let rows = Rows { bench, floor };
    let sample = Shape::sample(bench.plan);
    rows.claims(sample, most).await?;
    standing::idle_connections(bench, sample).await?;
    standing::reload(bench, sample).await?;
    let mut first = None;
    for surveys in SURVEYS {
        let shape = Shape { surveys, ..sample };
        rows.fresh(&format!("{surveys} more surveys"), shape, &mut first).await?;
    }
    first = None;
    for brands in BRANDS {
        rows.fresh(&format!("{brands} more brands"), Shape { brands, ..sample }, &mut first).await?;
    }
    rows.connections(sample).await?;
    rows.comments(sample).await?;
    rows.tls(sample).await?;
    rows.without_redis(sample).await?;
    rows.backlog(sample, most).await
}

struct Rows<'a> {
    bench: Bench<'a>,
    floor: &'a Floor,
}

impl Rows<'_> {
    async fn start(&self, name: &str, shape: Shape) -> anyhow::Result<System> {
        System::start(self.bench.plan, self.bench.cores, &name.replace(' ', "-"), shape).await
    }

    async fn claims(&self, shape: Shape, most: u64) -> anyhow::Result<()> {
        let system = self.start("claims", shape).await?;
        let (streamed, request) = (Numbers::starting_at(1 << 40), Request::Json(Numbers::default()));
        let order = self.order(request, self.bench.plan.connections);
        let (mut all, mut first) = (Done::default(), None);
        for claims in CLAIMS.into_iter().filter(|claims| *claims <= most) {
            let bound = Bound { length: Duration::MAX, items: claims.saturating_sub(all.items) };
            all.add(over_grpc(&system.grpc, &streamed, bound).await?);
            system.settle().await?;
            let (ratio, done) = self.ratio(&system, &order).await?;
            all.add(done);
            row(&format!("{claims} claims"), ratio, &mut first)?;
        }
        system.check(all).await
    }

    /// A system of its own for one row.
    async fn fresh(&self, what: &str, shape: Shape, first: &mut Option<f64>) -> anyhow::Result<()> {
        let system = self.start(what, shape).await?;
        let order = self.order(Request::Json(Numbers::default()), self.bench.plan.connections);
        let (ratio, done) = self.ratio(&system, &order).await?;
        row(what, ratio, first)?;
        say(&format!("{what}: {} MiB resident", system.resident_bytes()? >> 20));
        system.check(done).await
    }

    async fn connections(&self, shape: Shape) -> anyhow::Result<()> {
        let mut first = None;
        for connections in CONNECTIONS {
            let what = format!("{connections} connections");
            let system = self.start(&what, shape).await?;
            let order = self.order(Request::Json(Numbers::default()), connections);
            let (ratio, _) = self.ratio(&system, &order).await?;
            row(&what, ratio, &mut first)?;
        }
        Ok(())
    }

    async fn comments(&self, shape: Shape) -> anyhow::Result<()> {
        let mut first = None;
        for bytes in COMMENT_BYTES {
            let what = format!("{bytes} bytes of comment");
            let system = self.start(&what, shape).await?;
            let request = match bytes {
                0 => Request::Json(Numbers::default()),
                _ => Request::Commented(Numbers::default(), bytes),
            };
            let (ratio, done) =
                self.ratio(&system, &self.order(request, self.bench.plan.connections)).await?;
            row(&what, ratio, &mut first)?;
            system.check(done).await?;
        }
        Ok(())
    }

    /// Both listeners; the floor speaks none.
    async fn tls(&self, shape: Shape) -> anyhow::Result<()> {
        let (mut first_http, mut first_stream) = (None, None);
        for tls in [false, true] {
            let words = if tls { "TLS" } else { "no TLS" };
            let system = self.start(words, Shape { tls, ..shape }).await?;
            let order = self.order(Request::Json(Numbers::default()), self.bench.plan.connections);
            let order = Order { trust: system.trust.clone(), ..order };
            let (ratio, mut all) = self.ratio(&system, &order).await?;
            row(&format!("{words}, HTTP"), ratio, &mut first_http)?;
            let (ratio, streamed) = self.stream_ratio(&system).await?;
            row(&format!("{words}, gRPC stream"), ratio, &mut first_stream)?;
            all.add(streamed);
            system.check(all).await?;
        }
        Ok(())
    }

    /// The same for answers of a stream; the floor's request carries one.
    async fn stream_ratio(&self, system: &System) -> anyhow::Result<(Figure, Done)> {
        let numbers = Numbers::starting_at(1 << 41);
        let order = self.order(Request::Json(Numbers::default()), self.bench.plan.connections);
        let (mut ratios, mut all) = (Vec::new(), Done::default());
        for _ in 0..self.bench.plan.rounds {
            let floor_us = self.at_floor(&order).await?;
            let before = system.spent(self.bench.clock)?;
            let done = over_grpc(&system.grpc, &numbers, order.bound).await?;
            system.settle().await?;
            ratios.push(done.each(system.spent(self.bench.clock)?.since(before).gateway_us) / floor_us);
            all.add(done);
        }
        Ok((Figure::of(&ratios)?, all))
    }

    async fn without_redis(&self, shape: Shape) -> anyhow::Result<()> {
        let mut system = self.start("without Redis", shape).await?;
        system.kill_redis();
        let order = self.order(Request::Json(Numbers::default()), self.bench.plan.connections);
        let (ratio, _) = self.ratio(&system, &order).await?;
        row("Redis is dead", ratio, &mut None)
    }

    /// The store is away: nothing is delivered, neither with an empty spool nor with a full one.
    async fn backlog(&self, shape: Shape, most: u64) -> anyhow::Result<()> {
        let mut system = self.start("backlog", shape).await?;
        system.freeze_store()?;
        let order = self.order(Request::Json(Numbers::default()), self.bench.plan.connections);
        let (streamed, mut first) = (Numbers::starting_at(1 << 40), None);
        for records in [0, most] {
            let bound = Bound { length: Duration::MAX, items: records };
            if records > 0 {
                over_grpc(&system.grpc, &streamed, bound).await?;
            }
            let (ratio, _) = self.ratio(&system, &order).await?;
            row(&format!("{records} records wait in the spool"), ratio, &mut first)?;
        }
        let took = system.restart_gateway().await?;
        writeln!(stdout(), "{:<36}{:>9.2} s", format!("start with {most} records"), took.as_secs_f64())?;
        Ok(())
    }

    fn order(&self, request: Request, connections: u32) -> Order {
        let length = Duration::from_millis(self.bench.plan.round_ms);
        Order {
            status: request.taken_status(),
            request: Arc::new(request),
            connections,
            bound: Bound::length(length),
            trust: None,
        }
    }

    /// Rounds of floor and gateway in turns.
    async fn ratio(&self, system: &System, order: &Order) -> anyhow::Result<(Figure, Done)> {
        let (mut ratios, mut all) = (Vec::new(), Done::default());
        for _ in 0..self.bench.plan.rounds {
            let floor_us = self.at_floor(order).await?;
            let (done, spent) = self.at_gateway(system, order).await?;
            ratios.push(done.each(spent.gateway_us) / floor_us);
            all.add(done);
        }
        Ok((Figure::of(&ratios)?, all))
    }

    /// Delivery is a part of the job where the store takes part.
    async fn at_gateway(&self, system: &System, order: &Order) -> anyhow::Result<(Done, Spent)> {
        if system.delivers() {
            return system.answer(self.bench.clock, order, |spent| spent.gateway_us).await;
        }
        let before = system.spent(self.bench.clock)?;
        let done = over_http(system.http, order).await?;
        Ok((done, system.spent(self.bench.clock)?.since(before)))
    }

    async fn at_floor(&self, order: &Order) -> anyhow::Result<f64> {
        let (clock, pid) = (self.bench.clock, self.floor.pid());
        let (before_us, mut done) = (clock.spent_us(pid)?, Done::default());
        let order = Order { status: FLOOR_STATUS, trust: None, ..order.clone() };
        loop {
            done.add(over_http(self.floor.address(), &order).await?);
            let spent_us = clock.spent_us(pid)? - before_us;
            if spent_us >= MEASURABLE_US {
                return Ok(done.each(spent_us));
            }
        }
    }
}

/// One line, and how far it lies from the first of its kind.
fn row(what: &str, ratio: Figure, first: &mut Option<f64>) -> anyhow::Result<()> {
    let more = (ratio.median / *first.get_or_insert(ratio.median) - 1.0) * 100.0;
    let Figure { median, min, max } = ratio;
    writeln!(stdout(), "{what:<36}{median:>9.2}{min:>9.2}{max:>9.2}{more:>+8.0} %")?;
    Ok(())
}
