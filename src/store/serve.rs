//! The store's listener, with health.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    server::NamedService,
    transport::{Error, Server, server::TcpIncoming},
};

use super::{Service, Store, grpc};
use crate::{catalog::Secret, proto::store::v1::store_service_server::StoreServiceServer};

/// Finds peers that are gone.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Serves until told to stop; calls in flight finish, so [`Store::close`] must end the feeds first.
///
/// # Errors
/// The transport fails.
pub(crate) async fn serve(
    listener: TcpListener,
    store: Store,
    key: Option<Secret>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let name = <StoreServiceServer<Service> as NamedService>::NAME;
    reporter.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_service(health)
        .add_service(grpc::service(store, key))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stop.cancelled_owned(),
        )
        .await
}
