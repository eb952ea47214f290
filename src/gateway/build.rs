//! Opens what the roles stand on, and binds their listeners.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Bound, Conflicts, EdgeParts};
use crate::{
    admin::{AdminEdge, Certificates, Readiness},
    catalog::{Catalog, Contact},
    channel::{Edge, grpc::Collector, link::ShortLinks},
    clock::Clock,
    config::{Settings, settings},
    forward::{DeadLetters, Forward, StoreAddress},
    intake::{
        self, Intake,
        claim::{Claims, ConnectError},
        limit::Limiter,
    },
    lifecycle::Failure,
    listener::Listener,
    spool::{Recovery, Spool},
    store::{self, LinkBounds, Store, StoreLine},
    tls::LiveServerTls,
};

/// Probes and scrapers keep few connections.
const ADMIN_CONNECTIONS: usize = 64;

pub(super) async fn store(settings: &Settings, tls: LiveServerTls) -> Result<Bound<Store>, Failure> {
    create_data_dir(settings)?;
    let path = settings.data.join("store.sqlite");
    let fingerprint = settings.identity_key.fingerprint();
    let links = LinkBounds { kept: settings.links.kept, kept_after: settings.links.kept_after };
    let opened = Store::open(&path, Clock::System, &fingerprint, links);
    let store = opened.map_err(|error| match error {
        store::OpenError::IdentityKey { .. } => Failure::Configuration(error.to_string()),
        _ => Failure::Unavailable(format!("the store at {} cannot be opened: {error}", path.display())),
    })?;
    bind("store", settings.store.listen, settings.store.connections, tls, store).await
}

/// The store this edge sends to: the configured one, else the local one, else the one that `--store` names by address.
pub(super) fn store_url(settings: &Settings, local: Option<SocketAddr>) -> String {
    settings.store.url_or(local.unwrap_or(settings.store.listen))
}

pub(super) async fn edge(
    settings: &Arc<Settings>,
    catalog: &Arc<ArcSwap<Catalog>>,
    store_url: String,
    certificates: &Certificates,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(EdgeParts, AdminEdge), Failure> {
    let clock = Clock::System;
    create_data_dir(settings)?;
    tasks.spawn_blocking(Contact::warm_up);
    let spool = open_spool(settings, &clock)?;
    let letters = DeadLetters::open(&settings.data, settings.store.dead_letters)
        .map_err(|error| Failure::Unavailable(format!("the dead letters cannot be opened: {error}")))?;
    let letters = Arc::new(letters);
    let claims = claims(settings, &spool, &clock, tasks, stop).await?;
    claims.keep_for(catalog.load().longest_edit_window());
    let limiter = Limiter::new(&settings.limits, Arc::clone(&claims), clock.clone(), tasks, stop);
    let intake = Intake::new(
        settings,
        Arc::clone(catalog),
        limiter,
        Arc::clone(&claims),
        spool.clone(),
        clock.clone(),
    );
    let intake = Arc::new(intake);
    let to_store = certificates.to_store.clone();
    let line = StoreLine::new(store_url.clone(), settings.store.key.clone(), to_store.clone());
    let line = Arc::new(line);
    let address = StoreAddress::new(store_url, to_store, settings.identity_key.fingerprint());
    let forward =
        Forward::new(spool.clone(), Arc::clone(&letters), address, settings.store.clone(), clock.clone());
    let forwarded = forward.state();
    let readiness =
        Readiness { claims: Arc::clone(&claims), forward: Arc::clone(&forwarded), spool: spool.clone() };
    let admin = AdminEdge {
        intake: Arc::clone(&intake),
        spool: spool.clone(),
        letters,
        readiness,
        clock: clock.clone(),
    };
    let short_links = Arc::new(ShortLinks::new(line, settings.links, clock.clone()));
    let edge =
        Edge { settings: Arc::clone(settings), catalog: Arc::clone(catalog), intake, short_links, clock };
    let (grpc, http) = doors(settings, edge, certificates).await?;
    let conflicts = Conflicts { claims, forward: forwarded };
    Ok((EdgeParts { http, grpc, spool, forward, conflicts }, admin))
}

async fn doors(
    settings: &Settings,
    edge: Edge,
    certificates: &Certificates,
) -> Result<(Bound<Collector>, Bound<Edge>), Failure> {
    let collector = Collector::new(edge.clone());
    let settings::Grpc { listen, connections, .. } = settings.grpc;
    let grpc = bind("grpc", listen, connections, certificates.grpc.clone(), collector).await?;
    let settings::Http { listen, connections, .. } = settings.http;
    let http = bind("http", listen, connections, certificates.http.clone(), edge).await?;
    Ok((grpc, http))
}

pub(super) async fn admin<T>(
    settings: &Settings,
    tls: LiveServerTls,
    serves: T,
) -> Result<Bound<T>, Failure> {
    bind("admin", settings.admin.listen, ADMIN_CONNECTIONS, tls, serves).await
}

fn create_data_dir(settings: &Settings) -> Result<(), Failure> {
    std::fs::create_dir_all(&settings.data).map_err(|error| {
        Failure::Unavailable(format!(
            "the data directory {} cannot be made: {error}",
            settings.data.display()
        ))
    })
}

fn open_spool(settings: &Settings, clock: &Clock) -> Result<Spool, Failure> {
    let opened = Spool::open(&settings.data, &settings.spool, clock.clone());
    let (spool, recovery) = opened.map_err(|error| Failure::Unavailable(error.to_string()))?;
    let Recovery { segments, undelivered, torn_tail, missing_segments, set_aside, cursor_lost } = recovery;
    tracing::info!(segments, undelivered, torn_tail, missing_segments, set_aside, cursor_lost, "spool open");
    Ok(spool)
}

async fn claims(
    settings: &Settings,
    spool: &Spool,
    clock: &Clock,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Arc<Claims>, Failure> {
    if settings.redis.urls.is_empty() {
        let claims = Claims::embedded(&settings.claims, clock.clone());
        intake::refill(&claims, spool.scan().map(|(_, record)| record));
        return Ok(Arc::new(claims));
    }
    let fingerprint = settings.identity_key.fingerprint();
    let connected =
        Claims::redis(&settings.redis, &settings.claims, &fingerprint, clock.clone(), tasks, stop.clone());
    connected.await.map(Arc::new).map_err(|error| match error {
        ConnectError::IdentityKey | ConnectError::Url { .. } => Failure::Configuration(error.to_string()),
        ConnectError::Unavailable(_) | ConnectError::Timeout => Failure::Unavailable(error.to_string()),
    })
}

async fn bind<T>(
    name: &str,
    address: SocketAddr,
    connections: usize,
    tls: LiveServerTls,
    serves: T,
) -> Result<Bound<T>, Failure> {
    let unavailable = |error| {
        Failure::Unavailable(format!(
            "{name} cannot listen on {address}: {error}; stop what listens there or choose another (`--{name} ADDR`)"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    Ok(Bound { listener: Listener::new(listener, connections, tls), address, serves })
}
