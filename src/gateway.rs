//! The only wiring: build, bind, start, drain.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admin::{self, Admin, AdminEdge, Metrics, Readiness},
    catalog::Catalog,
    channel::{
        self, Edge,
        grpc::{Collector, CollectorServer},
    },
    clock::Clock,
    config::{self, Loaded, Overrides, Role, Settings, settings},
    forward::{DeadLetters, Forward, ForwardState, StoreAddress},
    intake::{
        self, Intake,
        claim::{Claims, ConnectError},
        limit::Limiter,
    },
    lifecycle::{Asked, Failure, Lifecycle, Signals},
    proto,
    spool::Spool,
    store::Store,
};

/// Where the configuration came from, to read it again.
#[derive(Clone, Debug)]
pub struct ConfigSource {
    /// The directory.
    pub dir: PathBuf,
    /// The flags.
    pub overrides: Overrides,
    /// The environment at start.
    pub env: BTreeMap<String, String>,
}

/// Reads the configuration again and swaps what may change. A wrong one changes nothing.
#[derive(Debug)]
pub struct Reload {
    source: ConfigSource,
    catalog: Arc<ArcSwap<Catalog>>,
    edge: Option<(Arc<Intake>, Arc<Claims>)>,
}

impl Reload {
    /// The new configuration's hash.
    ///
    /// # Errors
    /// All problems, one each.
    pub fn run(&self) -> Result<String, Vec<String>> {
        let ConfigSource { dir, overrides, env } = &self.source;
        match config::load(dir, overrides, env) {
            Ok(Loaded { settings, catalog, warnings }) => {
                for warning in &warnings {
                    tracing::warn!(%warning, "configuration");
                }
                let hash = catalog.hash.clone();
                if let Some((intake, claims)) = &self.edge {
                    claims.keep_for(longest_edit_window(&catalog));
                    intake.limiter().apply(&settings.limits);
                }
                self.catalog.store(Arc::new(catalog));
                tracing::info!(hash, "reloaded");
                Ok(hash)
            }
            Err(problems) => {
                let problems: Vec<_> = problems.problems.iter().map(ToString::to_string).collect();
                for problem in &problems {
                    tracing::error!(problem, "not reloaded: the configuration is wrong");
                }
                Err(problems)
            }
        }
    }
}

/// Runs the roles until told to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub async fn run(settings: Settings, catalog: Catalog, source: ConfigSource) -> Result<(), Failure> {
    let signals = Signals::listen().map_err(|error| Failure::Internal(format!("no signals: {error}")))?;
    let gateway = Gateway::build(settings, catalog, source).await?;
    gateway.serve(signals).await
}

struct Gateway {
    settings: Arc<Settings>,
    lifecycle: Arc<Lifecycle>,
    reload: Arc<Reload>,
    admin: Bound<Admin>,
    store: Option<Bound<Store>>,
    edge: Option<EdgeParts>,
    tasks: TaskTracker,
    /// Ends background work, last of all.
    stop: CancellationToken,
}

/// A listener and what it serves.
struct Bound<T> {
    listener: TcpListener,
    address: SocketAddr,
    serves: T,
}

struct EdgeParts {
    http: Bound<Edge>,
    grpc: Bound<Collector>,
    spool: Spool,
    claims: Arc<Claims>,
    forward: Forward,
    forwarded: Arc<ForwardState>,
}

impl Gateway {
    async fn build(settings: Settings, catalog: Catalog, source: ConfigSource) -> Result<Self, Failure> {
        let settings = Arc::new(settings);
        let catalog = Arc::new(ArcSwap::from_pointee(catalog));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let lifecycle = Arc::<Lifecycle>::default();
        let store = if settings.roles.contains(&Role::Store) { Some(store(&settings).await?) } else { None };
        let url = store_url(&settings, store.as_ref().map(|store| store.address));
        let (edge, admin_edge) = if settings.roles.contains(&Role::Edge) {
            let (edge, admin) = edge(&settings, &catalog, url, &tasks, &stop).await?;
            (Some(edge), Some(admin))
        } else {
            (None, None)
        };
        let swapped =
            admin_edge.as_ref().map(|edge| (Arc::clone(&edge.intake), Arc::clone(&edge.readiness.claims)));
        let reload = Arc::new(Reload { source, catalog: Arc::clone(&catalog), edge: swapped });
        let admin = Admin {
            token: settings.admin.token.clone(),
            lifecycle: Arc::clone(&lifecycle),
            reload: Arc::clone(&reload),
            metrics: Arc::new(Metrics::new(catalog, admin_edge.clone())),
            edge: admin_edge,
        };
        let admin = bind("admin", settings.admin.listen, admin).await?;
        Ok(Self { settings, lifecycle, reload, admin, store, edge, tasks, stop })
    }

    /// Starts everything that is bound, waits for the end, drains.
    async fn serve(self, mut signals: Signals) -> Result<(), Failure> {
        let Self { settings, lifecycle, reload, admin, store, edge, tasks, stop } = self;
        let (closing, forward_stop) = (stop.child_token(), stop.child_token());
        let drain = settings.shutdown.drain;
        let local_store = store.as_ref().map(|store| store.serves.clone());
        if let Some(Bound { listener, address, serves }) = store {
            announce("store", address);
            let key = settings.store.key.clone();
            tasks.spawn(log_end("store", serve_store(listener, serves, key, stop.child_token())));
        }
        let doors = TaskTracker::new();
        let mut draining = None;
        let mut conflicts = None;
        if let Some(edge) = edge {
            tasks.spawn(edge.forward.run(forward_stop.clone()));
            announce("grpc", edge.grpc.address);
            let grpc =
                serve_grpc(edge.grpc.listener, edge.grpc.serves, settings.grpc.clone(), closing.clone());
            doors.spawn(log_end("grpc", grpc));
            announce("http", edge.http.address);
            doors.spawn(channel::http::serve(edge.http.listener, edge.http.serves, closing.clone(), drain));
            draining = Some(edge.spool);
            conflicts = Some((edge.claims, edge.forwarded));
        }
        announce("admin", admin.address);
        tasks.spawn(admin::serve(admin.listener, admin.serves, stop.clone()));
        lifecycle.serving();

        let ended = tokio::select! {
            () = told_to_stop(&mut signals, &reload) => Ok(()),
            failure = identity_conflict(conflicts) => Err(failure),
        };
        lifecycle.draining();
        let hurry = hurried(&mut signals);
        tokio::select! {
            () = drain_all(&settings, &closing, &doors, draining.as_ref()) => {}
            () = hurry => tracing::warn!("told to stop again: not waiting for delivery"),
        }
        forward_stop.cancel();
        if let Some(spool) = draining {
            let left = close_spool(spool).await;
            tracing::info!(
                records_left = left,
                "stopped; what is left on disk is delivered at the next start"
            );
        }
        if let Some(store) = local_store {
            store.close();
        }
        stop.cancel();
        tasks.close();
        if tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await.is_err() {
            tracing::warn!("some background work did not end in time");
        }
        ended
    }
}

async fn store(settings: &Settings) -> Result<Bound<Store>, Failure> {
    create_data_dir(settings)?;
    let path = settings.data.join("store.sqlite");
    let fingerprint = settings.identity_key.fingerprint();
    let opened = Store::open(&path, Clock::System, &fingerprint);
    let store = opened.map_err(|error| match error {
        crate::store::OpenError::IdentityKey { .. } => Failure::Configuration(error.to_string()),
        _ => Failure::Unavailable(format!("the store at {} cannot be opened: {error}", path.display())),
    })?;
    bind("store", settings.store.listen, store).await
}

/// The store this edge sends to: the configured one, else the local one, else the one that `--store` names by address.
fn store_url(settings: &Settings, local: Option<SocketAddr>) -> String {
    let address = || format!("http://{}", local.unwrap_or(settings.store.listen));
    settings.store.url.clone().unwrap_or_else(address)
}

async fn edge(
    settings: &Arc<Settings>,
    catalog: &Arc<ArcSwap<Catalog>>,
    store_url: String,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(EdgeParts, AdminEdge), Failure> {
    let clock = Clock::System;
    create_data_dir(settings)?;
    let spool = open_spool(settings, &clock)?;
    let letters = DeadLetters::open(&settings.data, settings.store.dead_letters)
        .map_err(|error| Failure::Unavailable(format!("the dead letters cannot be opened: {error}")))?;
    let letters = Arc::new(letters);
    let claims = claims(settings, &spool, &clock, tasks, stop).await?;
    claims.keep_for(longest_edit_window(&catalog.load()));
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
    let address = StoreAddress { url: store_url, fingerprint: settings.identity_key.fingerprint() };
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
    let edge = Edge { settings: Arc::clone(settings), catalog: Arc::clone(catalog), intake, clock };
    let grpc = bind("grpc", settings.grpc.listen, Collector::new(edge.clone())).await?;
    let http = bind("http", settings.http.listen, edge).await?;
    Ok((EdgeParts { http, grpc, spool, claims, forward, forwarded }, admin))
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
    tracing::info!(?recovery, "spool open");
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
        ConnectError::IdentityKey { .. } | ConnectError::Url { .. } => {
            Failure::Configuration(error.to_string())
        }
        ConnectError::Unavailable(_) | ConnectError::Timeout => Failure::Unavailable(error.to_string()),
    })
}

fn longest_edit_window(catalog: &Catalog) -> Duration {
    let surveys = catalog.surveys.values().flat_map(BTreeMap::values);
    surveys.map(|survey| survey.edit_window).max().unwrap_or_default()
}

async fn bind<T>(name: &str, address: SocketAddr, serves: T) -> Result<Bound<T>, Failure> {
    let unavailable = |error| {
        Failure::Unavailable(format!(
            "{name} cannot listen on {address}: {error}; stop what listens there or choose another (`--{name} ADDR`)"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    Ok(Bound { listener, address, serves })
}

fn announce(listener: &str, addr: SocketAddr) {
    tracing::info!(listener, %addr, "listening");
}

const COLLECTOR_SERVICE: &str = proto::collector::v1::collector_service_server::SERVICE_NAME;
const STORE_SERVICE: &str = proto::store::v1::store_service_server::SERVICE_NAME;

async fn serve_store(
    listener: TcpListener,
    store: Store,
    key: Option<crate::catalog::Secret>,
    stop: CancellationToken,
) -> Result<(), GrpcError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(STORE_SERVICE, tonic_health::ServingStatus::Serving).await;
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .add_service(health)
        .add_service(reflection(STORE_SERVICE).build_v1()?)
        .add_service(reflection(STORE_SERVICE).build_v1alpha()?)
        .add_service(crate::store::service(store, key))
        .serve_with_incoming_shutdown(incoming(listener), stop.cancelled_owned())
        .await?;
    Ok(())
}

/// Reflection names what this listener serves, and no more: each role has its own.
fn reflection(service: &str) -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(service)
        .with_service_name("grpc.health.v1.Health")
}

async fn serve_grpc(
    listener: TcpListener,
    collector: Collector,
    bounds: settings::Grpc,
    stop: CancellationToken,
) -> Result<(), GrpcError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<CollectorServer>().await;
    let service = CollectorServer::new(collector, &bounds);
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .max_concurrent_streams(Some(bounds.streams))
        .add_service(health)
        .add_service(reflection(COLLECTOR_SERVICE).build_v1()?)
        .add_service(reflection(COLLECTOR_SERVICE).build_v1alpha()?)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming(listener), stop.cancelled_owned())
        .await?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum GrpcError {
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}

fn incoming(listener: TcpListener) -> tonic::transport::server::TcpIncoming {
    tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true))
}

async fn log_end<E: std::fmt::Display>(listener: &'static str, serving: impl Future<Output = Result<(), E>>) {
    if let Err(error) = serving.await {
        tracing::error!(listener, %error, "a listener failed");
    }
}

/// Reloads on SIGHUP until SIGTERM or SIGINT.
async fn told_to_stop(signals: &mut Signals, reload: &Reload) {
    while signals.next().await == Asked::Reload {
        drop(reload.run());
    }
}

/// A second SIGTERM.
async fn hurried(signals: &mut Signals) {
    while signals.next().await == Asked::Reload {}
}

async fn identity_conflict(parts: Option<(Arc<Claims>, Arc<ForwardState>)>) -> Failure {
    let Some((claims, forward)) = parts else { return std::future::pending().await };
    let place = tokio::select! {
        () = claims.identity_conflict() => "Redis",
        () = forward.identity_conflict() => "the store",
    };
    Failure::Configuration(format!(
        "[identity] key is another one than that of the gateways which set up {place}: use theirs, it is never rotated"
    ))
}

/// Closes the doors after `drain_delay`, lets requests in flight finish, then waits for the spool to run empty.
async fn drain_all(
    settings: &Settings,
    closing: &CancellationToken,
    doors: &TaskTracker,
    spool: Option<&Spool>,
) {
    tokio::time::sleep(settings.shutdown.drain_delay).await;
    closing.cancel();
    doors.close();
    let deadline = tokio::time::Instant::now() + settings.shutdown.drain;
    if tokio::time::timeout_at(deadline, doors.wait()).await.is_err() {
        tracing::warn!("some requests were still open when the drain time was over");
    }
    if let Some(spool) = spool {
        drop(tokio::time::timeout_at(deadline, delivered(spool)).await);
    }
}

/// Waits until storage has all records.
async fn delivered(spool: &Spool) {
    let mut look = tokio::time::interval(Duration::from_millis(10));
    while spool.status().spooled > 0 {
        look.tick().await;
    }
}

async fn close_spool(spool: Spool) -> u64 {
    let closed = tokio::task::spawn_blocking(move || {
        spool.close();
        spool.status().spooled
    });
    closed.await.unwrap_or_default()
}
