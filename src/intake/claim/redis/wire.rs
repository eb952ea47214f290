//! One connection to a Redis server or to all nodes of a Redis Cluster.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    FromRedisValue, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisError, RedisResult,
    ServerErrorKind, TlsCertificates, Value,
    aio::{ConnectionLike, SendError},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};

use tokio_util::sync::CancellationToken;

use super::gathered::{Commands, Gathered, WAITING};
use crate::{clock::Clock, config::settings::RedisMode, tls::ClientTls};

/// Retries of the cluster client for a redirected or refused command; the submission's own bound comes first.
const CLUSTER_RETRIES: u32 = 4;
const CLUSTER_RETRY_WAIT_MS: (u64, u64) = (2, 20);

/// A connection; its clones share the socket.
#[derive(Clone)]
pub(super) enum Wire {
    Single(Gathered),
    Cluster(ClusterConnection),
    #[cfg(test)]
    Simulated(crate::simulation::RedisConnection),
}

impl Wire {
    /// Sends one command.
    pub(super) async fn one(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(wire) => wire.one(command).await,
            Self::Cluster(wire) => wire.req_packed_command(command).await?.extract_error(),
            #[cfg(test)]
            Self::Simulated(wire) => wire.one(command).await,
        }
    }

    /// Sends commands on keys of one slot at once; a value for each. They are carried out in this order, but for a
    /// slot of a cluster that is just being moved.
    pub(super) async fn many(&mut self, commands: Commands) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single(wire) => wire.many(commands).await,
            Self::Cluster(wire) => each(wire, &commands).await,
            #[cfg(test)]
            Self::Simulated(wire) => {
                let mut pipeline = redis::Pipeline::new();
                commands.into_iter().for_each(|command| _ = pipeline.add_command(command));
                wire.many(&pipeline).await?.into_iter().map(Value::extract_error).collect()
            }
        }
    }

    /// Whether it leads to all masters of a cluster, and stays when one of them is lost.
    pub(super) const fn is_cluster(&self) -> bool {
        match self {
            Self::Single(_) => false,
            Self::Cluster(_) => true,
            #[cfg(test)]
            Self::Simulated(wire) => wire.is_cluster(),
        }
    }

    /// The epoch of the master that serves a key: each failover gives one that was never used before. None for a
    /// single server, or when it is not told.
    pub(super) async fn epoch(&mut self, key: &[u8]) -> RedisResult<Option<u64>> {
        let wire = match self {
            Self::Single(_) => return Ok(None),
            Self::Cluster(wire) => wire,
            #[cfg(test)]
            Self::Simulated(wire) => return wire.epoch().await,
        };
        let master = SingleNodeRoutingInfo::SpecificNode(Route::new(slot(key), SlotAddr::Master));
        let info = redis::cmd("CLUSTER").arg("INFO").to_owned();
        let info = wire.route_command(info, RoutingInfo::SingleNode(master)).await?.extract_error()?;
        Ok(epoch_in(&String::from_redis_value(info)?))
    }
}

/// Each command finds its own way. The cluster client redirects a pipeline as a whole when one key of it has moved: a
/// key that has not would be made again on the other node, where `redis-cli --cluster reshard` then stops.
///
/// It says ASKING and the command that it is for one after the other, and commands that are redirected side by side take
/// each other's: those that found no way so are tried again one by one. None of them was carried out.
async fn each(wire: &ClusterConnection, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
    let replies = join_all(commands.iter().map(|command| alone(wire, command))).await;
    let mut values = Vec::with_capacity(commands.len());
    for (command, reply) in commands.iter().zip(replies) {
        values.push(match reply {
            Err(error) if is_redirect(&error) => alone(wire, command).await?,
            other => other?,
        });
    }
    Ok(values)
}

async fn alone(wire: &ClusterConnection, command: &Cmd) -> RedisResult<Value> {
    wire.clone().req_packed_command(command).await?.extract_error()
}

fn is_redirect(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Ask | ServerErrorKind::Moved))
}

/// The epochs of all masters; none for a single server.
pub(super) async fn epochs(wire: &mut Wire) -> RedisResult<Vec<u64>> {
    let wire = match wire {
        Wire::Single(_) => return Ok(Vec::new()),
        Wire::Cluster(wire) => wire,
        #[cfg(test)]
        Wire::Simulated(wire) => return Ok(wire.epoch().await?.into_iter().collect()),
    };
    let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
    let infos = wire.route_command(redis::cmd("CLUSTER").arg("INFO").to_owned(), masters).await?;
    let infos = HashMap::<String, String>::from_redis_value(infos.extract_error()?)?;
    Ok(infos.values().filter_map(|info| epoch_in(info)).collect())
}

fn epoch_in(info: &str) -> Option<u64> {
    info.lines().find_map(|line| line.strip_prefix("cluster_my_epoch:")?.trim().parse().ok())
}

/// Where Redis is.
pub(in crate::intake::claim) enum Servers {
    /// Servers of a network.
    At(Named),
    #[cfg(test)]
    Simulated(crate::simulation::Redis),
}

impl Servers {
    /// Reads the URLs; all speak RESP3, whose pushes tell when a connection is lost.
    pub(in crate::intake::claim) fn read(urls: &[String], tls: &ClientTls) -> RedisResult<Self> {
        let server = |url: &String| {
            let info = url.as_str().into_connection_info()?;
            let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            Ok(info.set_redis_settings(redis))
        };
        let servers: RedisResult<_> = urls.iter().map(server).collect();
        Ok(Self::At(Named { servers: servers?, tls: certificates(tls) }))
    }

    /// The same servers, for connections made with this.
    pub(super) fn with_tls(&self, tls: &ClientTls) -> Self {
        match self {
            Self::At(named) => Self::At(Named { servers: named.servers.clone(), tls: certificates(tls) }),
            #[cfg(test)]
            Self::Simulated(redis) => Self::Simulated(redis.clone()),
        }
    }
}

/// Servers of a network, and what `rediss://` connections to them are made with.
pub(in crate::intake::claim) struct Named {
    /// One server or some that stand in for each other, or seeds of a cluster.
    servers: Vec<ConnectionInfo>,
    /// None: as every client does it.
    tls: Option<TlsCertificates>,
}

impl Named {
    fn client(&self, server: &ConnectionInfo) -> RedisResult<Client> {
        let is_tls = matches!(server.addr(), ConnectionAddr::TcpTls { .. });
        match self.tls.as_ref().filter(|_| is_tls) {
            Some(tls) => Client::build_with_tls(server.clone(), tls.clone()),
            None => Client::open(server.clone()),
        }
    }
}

fn certificates(tls: &ClientTls) -> Option<TlsCertificates> {
    let client_tls = tls.identity_pem().map(|(chain, key)| ClientTlsConfig {
        client_cert: chain.as_bytes().to_vec(),
        client_key: key.as_bytes().to_vec(),
    });
    let root_cert = tls.authorities_pem().map(|pem| pem.as_bytes().to_vec());
    (client_tls.is_some() || root_cert.is_some()).then_some(TlsCertificates { client_tls, root_cert })
}

/// What is told when a connection is lost.
#[derive(Clone)]
pub(crate) struct Watch {
    /// When the connection, or the one to any of its nodes, came up; microseconds.
    pub(super) since: Arc<AtomicI64>,
    /// Ended when the connection must be replaced.
    pub(super) lost: CancellationToken,
    /// Counts connections.
    pub(super) generation: Arc<AtomicU64>,
    pub(super) clock: Clock,
}

impl Watch {
    /// A single server's connection is replaced.
    pub(crate) fn server_lost(&self) {
        self.lost.cancel();
    }

    /// A cluster's repairs itself, but what was written before may have been lost with the node.
    pub(crate) fn node_lost(&self) {
        self.since.store(self.clock.now().as_micros(), Ordering::Release);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

/// Connects to the server, or to the cluster.
pub(super) async fn connect(
    servers: &Servers,
    mode: RedisMode,
    patience: Duration,
    watch: &Watch,
) -> RedisResult<Wire> {
    match servers {
        Servers::At(named) => reach(named, mode, patience, watch.clone()).await,
        #[cfg(test)]
        Servers::Simulated(redis) => redis.connect(watch.clone()).await.map(Wire::Simulated),
    }
}

async fn reach(servers: &Named, mode: RedisMode, patience: Duration, watch: Watch) -> RedisResult<Wire> {
    let is_cluster = match mode {
        RedisMode::Single => false,
        RedisMode::Cluster => true,
        RedisMode::Auto => is_cluster(servers, patience).await?,
    };
    match is_cluster {
        true => cluster(servers, patience, move || watch.node_lost()).await,
        false => {
            single(servers, configured(patience).set_push_sender(on_loss(move || watch.server_lost()))).await
        }
    }
}

async fn is_cluster(servers: &Named, patience: Duration) -> RedisResult<bool> {
    let mut server = single(servers, configured(patience)).await?;
    let info = server.one(redis::cmd("INFO").arg("cluster")).await?;
    Ok(String::from_redis_value(info)?.contains("cluster_enabled:1"))
}

fn configured(patience: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(WAITING)
}

/// The first server that can be connected to.
async fn single(servers: &Named, config: AsyncConnectionConfig) -> RedisResult<Wire> {
    let mut failed = Err(RedisError::from((ErrorKind::InvalidClientConfig, "there is no URL")));
    for server in &servers.servers {
        match servers.client(server)?.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => return Ok(Wire::Single(Gathered::over(connection))),
            Err(error) => failed = Err(error),
        }
    }
    failed
}

async fn cluster(
    servers: &Named,
    patience: Duration,
    lost: impl Fn() + Send + Sync + 'static,
) -> RedisResult<Wire> {
    let builder = ClusterClientBuilder::new(servers.servers.iter().cloned());
    let builder = match &servers.tls {
        Some(tls) => builder.certs(tls.clone()),
        None => builder,
    };
    let client = builder
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(patience)
        .response_timeout(patience)
        .overall_response_timeout(None)
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(CLUSTER_RETRY_WAIT_MS.0)
        .max_retry_wait(CLUSTER_RETRY_WAIT_MS.1)
        .push_sender(on_loss(lost))
        .build()?;
    Ok(Wire::Cluster(client.get_async_connection().await?))
}

fn on_loss(
    lost: impl Fn() + Send + Sync + 'static,
) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + 'static {
    move |push| {
        if push.kind == PushKind::Disconnection {
            lost();
        }
        Ok(())
    }
}

/// The slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it (Redis Cluster specification).
fn slot(key: &[u8]) -> u16 {
    let tag = key.split(|byte| *byte == b'{').nth(1).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..end).filter(|tag| !tag.is_empty())
    });
    let crc =
        tag.unwrap_or(key).iter().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            })
        });
    crc % 16_384
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // 0x31C3 is the check value of CRC16/XMODEM; foo and {foo}bar share a slot, as `CLUSTER KEYSLOT` says.
        assert_eq!(slot(b"123456789"), 0x31C3);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b"{foo}bar"), 12_182);
        assert_eq!(slot(b"{}foo"), slot(b"{}foo"));
        assert_ne!(slot(b"{}foo"), slot(b"foo"));
    }

    fn read(urls: &[String]) -> RedisResult<Servers> {
        Servers::read(urls, &ClientTls::default())
    }

    #[test]
    fn urls_may_ask_for_tls_and_name_a_user() {
        let urls =
            ["redis://127.0.0.1:6379", "rediss://gateway:s3cret@redis.example:6380/2"].map(str::to_owned);
        let Servers::At(Named { servers, .. }) = read(&urls).unwrap() else { unreachable!() };
        let tls = &servers[1];
        assert!(matches!(tls.addr(), redis::ConnectionAddr::TcpTls { port: 6380, insecure: false, .. }));
        assert_eq!((tls.redis_settings().username(), tls.redis_settings().db()), (Some("gateway"), 2));
        assert!(servers.iter().all(|server| server.redis_settings().protocol() == ProtocolVersion::RESP3));
        for bad in ["redis.example:6379", "http://redis.example"] {
            assert!(read(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_epoch_is_the_masters_own() {
        assert_eq!(epoch_in("cluster_current_epoch:9\r\ncluster_my_epoch:7\r\n"), Some(7));
        assert_eq!(epoch_in("cluster_enabled:0"), None);
    }
}
