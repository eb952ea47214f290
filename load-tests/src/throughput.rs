//! How many answers a second one core takes, beside how many requests a bare server does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    figure::Figure,
    identity::{Numbers, Request},
    load::{Bound, Done, Order, over_http},
    plan::Bench,
    scenario::{FLOOR_STATUS, Floor},
    system::{Shape, System},
    terminal::say,
};

/// Connections at once that are tried, until more of them bring no more.
const CONNECTIONS: [u32; 5] = [16, 32, 64, 128, 256];

/// A server, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    request: Arc<Request>,
    status: u16,
}

impl Target {
    /// A gateway that is sent single answers as JSON.
    pub(crate) fn gateway(system: &System) -> Self {
        let request = Request::Json(Numbers::default());
        Self { address: system.http, status: request.taken_status(), request: Arc::new(request) }
    }

    fn floor(floor: &Floor) -> Self {
        let request = Arc::new(Request::Json(Numbers::default()));
        Self { address: floor.address(), request, status: FLOOR_STATUS }
    }

    async fn load(&self, connections: u32, length: Duration) -> anyhow::Result<Done> {
        let request = Arc::clone(&self.request);
        over_http(
            self.address,
            &Order { request, status: self.status, connections, bound: Bound::length(length), trust: None },
        )
        .await
    }

    /// Looks for the number of connections at which it takes most.
    pub(crate) async fn saturation(&self, bench: Bench<'_>) -> anyhow::Result<Saturation> {
        let mut found = Saturation::default();
        for connections in CONNECTIONS.into_iter().filter(|tried| *tried <= bench.plan.connections * 4) {
            let done = self.load(connections, Duration::from_millis(bench.plan.round_ms / 2)).await?;
            if done.rate() > found.rate {
                found.connections = connections;
                found.rate = done.rate();
            }
            found.all.add(done);
        }
        Ok(found)
    }
}

/// Where more connections bring no more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saturation {
    pub(crate) connections: u32,
    /// Answers a second.
    pub(crate) rate: f64,
    /// Everything that was done while this was looked for.
    pub(crate) all: Done,
}

/// Answers a second of the gateway to requests a second of the floor, each at the connections that saturate it.
pub(crate) async fn http_json(bench: Bench<'_>, floor: &Floor) -> anyhow::Result<Figure> {
    let name = "http_json_throughput_ratio";
    let system = System::start(bench.plan, bench.cores, name, Shape::sample(bench.plan)).await?;
    let (gateway, floor) = (Target::gateway(&system), Target::floor(floor));
    let at_floor = floor.saturation(bench).await?.connections;
    let Saturation { connections: at_gateway, mut all, .. } = gateway.saturation(bench).await?;
    let length = Duration::from_millis(bench.plan.round_ms);
    let mut ratios = Vec::new();
    for number in 1..=bench.plan.rounds {
        system.settle().await?;
        let bare = floor.load(at_floor, length).await?;
        let taken = gateway.load(at_gateway, length).await?;
        all.add(taken);
        ratios.push(taken.rate() / bare.rate());
        say(&format!(
            "{name} {number}/{}: floor {:.0}/s over {at_floor} connections, gateway {:.0}/s over {at_gateway}",
            bench.plan.rounds,
            bare.rate(),
            taken.rate(),
        ));
    }
    system.check(all).await?;
    Figure::of(&ratios)
}
