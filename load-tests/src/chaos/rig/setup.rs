//! What a case needs, and how it is started.

use std::{collections::BTreeSet, fs};

use super::{Cluster, DELIVERED_WITHIN, Gateway, Proxy, RefusingStore, Rig, Server, port};
use crate::{chaos::case::Case, config::ConfigDir, redis::Redis};

/// What the gateways know claims by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// A map in the process: for one gateway.
    Embedded,
    /// One Redis.
    Redis,
    /// Six nodes.
    Cluster,
}

/// What is to be started: one gateway and a store, with nothing between them, unless it is changed.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Gateways, each with a spool of its own.
    pub(crate) gateways: usize,
    /// The gateway is its own store, in one process.
    pub(crate) all_roles: bool,
    pub(crate) claims: Claims,
    /// Settings of `gateway.toml` by their dotted paths, of all processes.
    pub(crate) settings: Vec<(&'static str, toml::Value)>,
    /// A network that can fail between clients and each gateway.
    pub(crate) client_proxy: bool,
    /// The same between each gateway and the store.
    pub(crate) store_proxy: bool,
    /// A store in front of the store that can refuse single records.
    pub(crate) refusing_store: bool,
    /// The same between each gateway and the only Redis.
    pub(crate) redis_proxy: bool,
    /// Precedes each gateway's command line; has to end in `exec`, or be a program that becomes the next.
    pub(crate) gateway_wrapper: Vec<String>,
    /// The same for the store's.
    pub(crate) store_wrapper: Vec<String>,
    /// Variables of each gateway.
    pub(crate) gateway_environment: Vec<(String, String)>,
    /// Variables of the store.
    pub(crate) store_environment: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            gateways: 1,
            all_roles: false,
            claims: Claims::Embedded,
            // Recovery and delivery after an outage are what is waited for.
            settings: vec![
                ("spool.segment_bytes", "4 MiB".into()),
                ("store.backoff_max", "500 ms".into()),
                // Cases run beside each other: cores that others use are no overload.
                ("limits.queue_delay", "10 s".into()),
            ],
            client_proxy: false,
            store_proxy: false,
            refusing_store: false,
            redis_proxy: false,
            gateway_wrapper: Vec::new(),
            store_wrapper: Vec::new(),
            gateway_environment: Vec::new(),
            store_environment: Vec::new(),
        }
    }
}

impl Setup {
    /// Sets one value of `gateway.toml` in all processes.
    pub(crate) fn set(mut self, path: &'static str, value: impl Into<toml::Value>) -> Self {
        self.settings.push((path, value.into()));
        self
    }

    /// Starts everything, and waits until it takes answers.
    pub(crate) async fn start(self, case: &Case) -> anyhow::Result<Rig> {
        fs::create_dir_all(&case.work)?;
        let (redis, cluster) = self.redis(case).await?;
        let store = if self.all_roles { None } else { Some(self.store(case).await?) };
        let refusing = match &store {
            Some(store) if self.refusing_store => Some(RefusingStore::to(store.store).await?),
            _ => None,
        };
        let mut rig = Rig {
            case: case.clone(),
            store,
            refusing,
            gateways: Vec::new(),
            redis,
            cluster,
            delivered_within: DELIVERED_WITHIN,
            expected_refusals: Vec::new(),
            erased: BTreeSet::new(),
        };
        for place in 0..self.gateways {
            let mut gateway = self.gateway(case, &rig, place).await?;
            gateway.server.start().await?;
            rig.gateways.push(gateway);
        }
        Ok(rig)
    }

    async fn redis(&self, case: &Case) -> anyhow::Result<(Option<Redis>, Option<Cluster>)> {
        Ok(match self.claims {
            Claims::Embedded => (None, None),
            Claims::Cluster => (None, Some(Cluster::start(&case.work).await?)),
            Claims::Redis => loop {
                if let Some(redis) = Redis::start_at(port::free(), &case.work, "", &[]).await? {
                    break (Some(redis), None);
                }
            },
        })
    }

    fn server(&self, case: &Case, name: &str, roles: &[&str]) -> anyhow::Result<Server> {
        let config = ConfigDir::copy(&case.config, &case.work.join(format!("{name}-config")))?;
        for (path, value) in &self.settings {
            config.set("gateway.toml", path, value.clone())?;
        }
        Server::new(&case.voxgate, config, &case.work, name, roles)
    }

    async fn store(&self, case: &Case) -> anyhow::Result<Server> {
        let mut store = self.server(case, "store", &["store"])?;
        store.launch.wrapper.clone_from(&self.store_wrapper);
        store.launch.environment.clone_from(&self.store_environment);
        store.start().await?;
        Ok(store)
    }

    async fn gateway(&self, case: &Case, rig: &Rig, place: usize) -> anyhow::Result<Gateway> {
        let roles: &[&str] = if self.all_roles { &[] } else { &["edge"] };
        let mut server = self.server(case, &format!("gateway-{place}"), roles)?;
        server.launch.wrapper.clone_from(&self.gateway_wrapper);
        server.launch.environment.clone_from(&self.gateway_environment);
        let mut store_proxy = None;
        if let Some(store) = &rig.store {
            let target = rig.refusing.as_ref().map_or(store.store, |refusing| refusing.address);
            let proxy = proxy(self.store_proxy, target).await?;
            let address = proxy.as_ref().map_or(target, Proxy::address);
            server.flag("--store", format!("http://{address}"));
            store_proxy = proxy;
        }
        let mut redis_proxy = None;
        if let Some(redis) = &rig.redis {
            let proxy = proxy(self.redis_proxy, redis.address()).await?;
            let address = proxy.as_ref().map_or(redis.address(), Proxy::address);
            server.flag("--redis", format!("redis://{address}"));
            redis_proxy = proxy;
        }
        if let Some(cluster) = &rig.cluster {
            server.flag("--redis", cluster.urls());
        }
        let http_proxy = proxy(self.client_proxy, server.http).await?;
        let grpc_proxy = proxy(self.client_proxy, server.grpc).await?;
        Ok(Gateway { server, http_proxy, grpc_proxy, store_proxy, redis_proxy })
    }
}

async fn proxy(wanted: bool, target: std::net::SocketAddr) -> anyhow::Result<Option<Proxy>> {
    Ok(if wanted { Some(Proxy::to(target).await?) } else { None })
}
