//! One server's connection, with what many ask for gathered: what is asked while an exchange is on its way goes with
//! the next one, in one write to the socket and one read of the replies.
//!
//! Each write costs more than a command: a system call here, a wake-up, a read and a write there. Whoever comes while
//! another's reply is awaited waits for that, and no longer than [`GATHERED_FOR`]; when nothing is on its way nobody
//! waits. Then the runtime would go on with this task, which was just woken, before it goes on with others that are
//! ready, so it steps back once, until all who are ready have asked.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value,
    aio::{ConnectionLike as _, MultiplexedConnection},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::timeout,
};
use tokio_util::task::TaskTracker;

/// Commands of one asker, on keys of one slot. On the heap: every future around them would hold them once more.
pub(super) type Commands = Vec<Cmd>;

/// Askers that wait for the next write, and that share one; a decoded batch fits.
pub(super) const WAITING: usize = 512;

/// How long a reply is awaited before the next exchange is begun beside it: longer than a server takes that is near,
/// and a small part of what an answer may wait for one that is far or slow.
const GATHERED_FOR: Duration = Duration::from_millis(2);

/// A connection; its clones share the socket.
#[derive(Clone)]
pub(super) struct Gathered(mpsc::Sender<Order>);

/// What one asks for, and where the values go.
struct Order {
    commands: Commands,
    reply: oneshot::Sender<RedisResult<Vec<Value>>>,
}

impl Gathered {
    /// Gathers for a connection, until the last clone is dropped: then nobody waits for a reply any more.
    pub(super) fn over(connection: MultiplexedConnection) -> Self {
        let (orders, waiting) = mpsc::channel(WAITING);
        // Nobody has to wait for its end: it holds nothing but the connection.
        TaskTracker::new().spawn(gather(connection, waiting));
        Self(orders)
    }

    /// Sends a command.
    pub(super) async fn one(&self, command: &Cmd) -> RedisResult<Value> {
        let values = self.many(vec![command.clone()]).await?;
        values.into_iter().next().ok_or_else(closed)
    }

    /// Sends commands, in their order and with none between them; a value for each.
    pub(super) async fn many(&self, commands: Commands) -> RedisResult<Vec<Value>> {
        let (reply, replied) = oneshot::channel();
        self.0.send(Order { commands, reply }).await.map_err(|_| closed())?;
        replied.await.unwrap_or_else(|_| Err(closed()))
    }
}

async fn gather(connection: MultiplexedConnection, mut waiting: mpsc::Receiver<Order>) {
    let mut on_the_way = FuturesUnordered::new();
    loop {
        // Which of them has ended does not matter here.
        drop(timeout(GATHERED_FOR, on_the_way.next()).await);
        tokio::select! {
            // Which goes first must not be chance: a simulated run is told by its seed alone.
            biased;
            Some(()) = on_the_way.next() => {}
            order = waiting.recv() => {
                let Some(first) = order else { return };
                yield_now().await;
                let mut orders = vec![first];
                while orders.len() < WAITING && let Ok(order) = waiting.try_recv() {
                    orders.push(order);
                }
                on_the_way.push(exchange(connection.clone(), orders));
            }
        }
    }
}

/// Sends the commands of all who still wait, and hands out the values.
async fn exchange(mut connection: MultiplexedConnection, mut orders: Vec<Order>) {
    orders.retain(|order| !order.reply.is_closed());
    let mut pipeline = Pipeline::with_capacity(orders.len());
    let replies: Vec<_> = orders.into_iter().map(|order| take(order, &mut pipeline)).collect();
    if replies.is_empty() {
        return;
    }
    let exchanged = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await;
    let mut values = exchanged.map(Vec::into_iter);
    for (count, reply) in replies {
        let share = match &mut values {
            Ok(values) => values.take(count).map(Value::extract_error).collect(),
            Err(error) => Err(error.clone()),
        };
        // Who has given up meanwhile hears nothing.
        drop(reply.send(share));
    }
}

fn take(order: Order, pipeline: &mut Pipeline) -> (usize, oneshot::Sender<RedisResult<Vec<Value>>>) {
    let count = order.commands.len();
    for command in order.commands {
        pipeline.add_command(command);
    }
    (count, order.reply)
}

fn closed() -> RedisError {
    RedisError::from((ErrorKind::Io, "the connection is closed"))
}
