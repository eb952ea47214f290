//! The only wiring: build, bind, start, drain.

mod build;
mod drain;
#[cfg(test)]
mod visitors;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::drain::Drain;
use crate::{
    admin::{self, Admin, AdminEdge, Certificates, ConfigSource, Metrics, Reload},
    catalog::Catalog,
    channel::{self, Edge, grpc::Collector},
    clock::Clock,
    config::{Role, Settings},
    descriptors,
    forward::{Forward, ForwardState},
    intake::claim::Claims,
    lifecycle::{Failure, Hangup, Lifecycle, Stop},
    listener::Listener,
    spool::Spool,
    store::{self, Store},
};

/// Runs the roles until told to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(crate) async fn run(settings: Settings, catalog: Catalog, source: ConfigSource) -> Result<(), Failure> {
    let no_signals = |error| Failure::Internal(format!("no signals: {error}"));
    let (mut stop, mut hangup) = (Stop::listen().map_err(no_signals)?, Hangup::listen().map_err(no_signals)?);
    descriptors::make_room(connections(&settings));
    let gateway = Gateway::build(settings, catalog, source, Clock::System).await?;
    let reload = Arc::clone(&gateway.admin.serves.reload);
    let lifecycle = Arc::clone(&gateway.admin.serves.lifecycle);
    let (drain, conflicts) = gateway.start();
    lifecycle.serving();
    let ended = tokio::select! {
        () = stop.asked() => Ok(()),
        never = reload_when_told(&mut hangup, &reload) => match never {},
        failure = identity_conflict(conflicts) => Err(failure),
    };
    lifecycle.draining();
    drain.run().await;
    ended
}

/// On the listeners of its roles together.
fn connections(settings: &Settings) -> usize {
    let of = |role, connections| if settings.roles.contains(&role) { connections } else { 0 };
    let edge = settings.http.connections.saturating_add(settings.grpc.connections);
    of(Role::Edge, edge).saturating_add(of(Role::Store, settings.store.connections))
}

/// Built and bound, not yet started.
struct Gateway {
    settings: Arc<Settings>,
    admin: Bound<Admin>,
    store: Option<Bound<Store>>,
    edge: Option<EdgeParts>,
    tasks: TaskTracker,
    /// Ends background work, last of all.
    stop: CancellationToken,
}

/// A listener and what it serves.
struct Bound<T> {
    listener: Listener,
    address: SocketAddr,
    serves: T,
}

struct EdgeParts {
    http: Bound<Edge>,
    grpc: Bound<Collector>,
    spool: Spool,
    forward: Forward,
    conflicts: Conflicts,
}

/// Who may find that the identity key is another one.
struct Conflicts {
    claims: Arc<Claims>,
    forward: Arc<ForwardState>,
}

impl Gateway {
    async fn build(
        settings: Settings,
        catalog: Catalog,
        source: ConfigSource,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let settings = Arc::new(settings);
        let catalog = Arc::new(ArcSwap::from_pointee(catalog));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let certificates = Certificates::new(&settings);
        let plays = |role| settings.roles.contains(&role);
        let store = if plays(Role::Store) {
            Some(build::store(&settings, certificates.store.clone(), clock.clone()).await?)
        } else {
            None
        };
        let (edge, seen) = if plays(Role::Edge) {
            let url = build::store_url(&settings, store.as_ref().map(|store| store.address));
            let (edge, seen) =
                build::edge(&settings, &catalog, url, &certificates, clock, &tasks, &stop).await?;
            (Some(edge), Some(seen))
        } else {
            (None, None)
        };
        let tls = certificates.admin.clone();
        let admin = admin(&settings, catalog, certificates, source, seen);
        let admin = build::admin(&settings, tls, admin).await?;
        Ok(Self { settings, admin, store, edge, tasks, stop })
    }

    /// Starts everything that is bound; what it gives back ends it again.
    fn start(self) -> (Drain, Option<Conflicts>) {
        let Self { settings, admin, store, edge, tasks, stop } = self;
        let mut drain = Drain::new(settings.shutdown, tasks, stop);
        if let Some(Bound { listener, address, serves }) = store {
            announce("store", address, settings.store.tls.is_some());
            drain.store = Some(serves.clone());
            let key = settings.store.key.clone();
            let greet_within = settings.http.header_timeout;
            let serving = store::serve(listener, serves, key, greet_within, drain.stop.child_token());
            drain.tasks.spawn(log_end("store", serving));
        }
        let conflicts = edge.map(|edge| start_edge(edge, &settings, &mut drain));
        announce("admin", admin.address, settings.admin.tls.is_some());
        drain.tasks.spawn(admin::serve(admin.listener, admin.serves, drain.stop.clone()));
        (drain, conflicts)
    }
}

fn start_edge(edge: EdgeParts, settings: &Settings, drain: &mut Drain) -> Conflicts {
    let EdgeParts { http, grpc, spool, forward, conflicts } = edge;
    drain.tasks.spawn(forward.run(drain.forwarding.clone()));
    drain.spool = Some(spool);
    announce("grpc", grpc.address, settings.grpc.tls.is_some());
    let closing = drain.closing.clone();
    let greet_within = settings.http.header_timeout;
    let calls = channel::grpc::serve(
        grpc.listener,
        grpc.serves,
        settings.grpc.clone(),
        greet_within,
        closing.clone(),
    );
    drain.doors.spawn(log_end("grpc", calls));
    announce("http", http.address, settings.http.tls.is_some());
    drain.doors.spawn(channel::http::serve(http.listener, http.serves, closing, settings.shutdown.drain));
    conflicts
}

fn admin(
    settings: &Settings,
    catalog: Arc<ArcSwap<Catalog>>,
    certificates: Certificates,
    source: ConfigSource,
    edge: Option<AdminEdge>,
) -> Admin {
    let swapped = edge.as_ref().map(|edge| (Arc::clone(&edge.intake), Arc::clone(&edge.readiness.claims)));
    Admin {
        token: settings.admin.token.clone(),
        lifecycle: Arc::<Lifecycle>::default(),
        reload: Arc::new(Reload::new(source, Arc::clone(&catalog), certificates, swapped)),
        metrics: Arc::new(Metrics::new(catalog, edge.clone())),
        edge,
    }
}

fn announce(listener: &str, addr: SocketAddr, tls: bool) {
    tracing::info!(listener, %addr, tls, "listening");
}

async fn log_end<E: std::fmt::Display>(listener: &'static str, serving: impl Future<Output = Result<(), E>>) {
    if let Err(error) = serving.await {
        tracing::error!(listener, %error, "a listener failed");
    }
}

async fn reload_when_told(hangup: &mut Hangup, reload: &Reload) -> Infallible {
    loop {
        hangup.asked().await;
        drop(reload.run().await);
    }
}

async fn identity_conflict(conflicts: Option<Conflicts>) -> Failure {
    let Some(Conflicts { claims, forward }) = conflicts else { return std::future::pending().await };
    let place = tokio::select! {
        () = claims.identity_conflict() => "Redis",
        () = forward.identity_conflict() => "the store",
    };
    Failure::Configuration(format!(
        "[identity] key is another one than that of the gateways which set up {place}: use theirs, it is never rotated"
    ))
}
