//! The store's listener, with health and reflection.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Server;

use super::{Store, grpc};
use crate::{
    catalog::Secret,
    listener::Listener,
    proto::{ERROR_RESETS, ServeError, reflection, store::v1::store_service_server::SERVICE_NAME},
};

/// Finds peers that are gone.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Serves until told to stop, clients that begin to speak in time; calls in flight finish, so [`Store::close`] must end
/// the feeds first.
///
/// # Errors
/// The transport fails.
pub(crate) async fn serve(
    listener: Listener,
    store: Store,
    key: Option<Secret>,
    greet_within: Duration,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(SERVICE_NAME, tonic_health::ServingStatus::Serving).await;
    let streams = TaskTracker::new();
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .http2_max_local_error_reset_streams(Some(ERROR_RESETS))
        .add_service(health)
        .add_service(reflection(SERVICE_NAME).build_v1()?)
        .add_service(reflection(SERVICE_NAME).build_v1alpha()?)
        .add_service(grpc::service(store, key, streams.clone()))
        .serve_with_incoming_shutdown(listener.incoming(greet_within, stop.clone()), stop.cancelled_owned())
        .await?;
    streams.close();
    streams.wait().await;
    Ok(())
}
