//! Many keep-alive connections, one request at a time on each.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::bail;
use tokio::task::JoinSet;

use super::{Bound, Connection, Done};
use crate::{identity::Request, tls::Trust};

/// What is asked of a server.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) request: Arc<Request>,
    /// The status that every reply must have that is no refusal for now.
    pub(crate) status: u16,
    /// Connections at once.
    pub(crate) connections: u32,
    pub(crate) bound: Bound,
    /// Over TLS.
    pub(crate) trust: Option<Trust>,
}

/// Loads a server up to a bound, or until there is nothing left to ask.
pub(crate) async fn over_http(address: SocketAddr, order: &Order) -> anyhow::Result<Done> {
    let mut connections = Vec::new();
    for _ in 0..order.connections {
        connections.push(Connection::open_with(address, order.trust.as_ref()).await?);
    }
    let started = Instant::now();
    let asked = Arc::<AtomicU64>::default();
    let mut loops = JoinSet::new();
    for connection in connections {
        loops.spawn(ask(connection, order.clone(), started, Arc::clone(&asked)));
    }
    let mut done = Done::default();
    while let Some(asked) = loops.join_next().await {
        let (taken, refused) = asked??;
        done.items += taken * order.request.items();
        // A batch that is refused whole is one refusal in the gateway's books.
        done.refused += refused;
    }
    done.wall_secs = started.elapsed().as_secs_f64();
    Ok(done)
}

/// Requests that were taken, and that were refused for now.
async fn ask(
    mut connection: Connection,
    order: Order,
    started: Instant,
    asked: Arc<AtomicU64>,
) -> anyhow::Result<(u64, u64)> {
    let (mut wire, mut body) = (Vec::new(), Vec::new());
    let (mut taken, mut refused) = (0, 0);
    let items = order.request.items();
    while started.elapsed() < order.bound.length
        && asked.fetch_add(items, Ordering::Relaxed) < order.bound.items
        && order.request.write(&mut wire, &mut body)
    {
        let reply = connection.exchange(&wire).await?;
        if reply.is_refusal() {
            refused += 1;
        } else if reply.status == order.status {
            taken += 1;
        } else {
            let body = String::from_utf8_lossy(reply.body);
            bail!("a reply was {}, not {}: {body}", reply.status, order.status);
        }
    }
    Ok((taken, refused))
}
