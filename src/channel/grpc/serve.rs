//! The collector's listener, with health and reflection.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::{Collector, unread::CollectorServer};
use crate::{
    config::settings,
    listener::Listener,
    proto::{ERROR_RESETS, ServeError, collector::v1::collector_service_server::SERVICE_NAME, reflection},
};

/// Finds peers that are gone.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Serves until told to stop, clients that begin to speak in time; calls in flight finish.
///
/// # Errors
/// The transport fails.
pub(crate) async fn serve(
    listener: Listener,
    mut collector: Collector,
    bounds: settings::Grpc,
    greet_within: Duration,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<CollectorServer>().await;
    let streams = collector.streams.clone();
    collector.closing = stop.clone();
    let service = CollectorServer::new(collector, &bounds);
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .http2_max_local_error_reset_streams(Some(ERROR_RESETS))
        .max_concurrent_streams(Some(bounds.streams))
        .add_service(health)
        .add_service(reflection(SERVICE_NAME).build_v1()?)
        .add_service(reflection(SERVICE_NAME).build_v1alpha()?)
        .add_service(service)
        .serve_with_incoming_shutdown(listener.incoming(greet_within, stop.clone()), stop.cancelled_owned())
        .await?;
    streams.close();
    streams.wait().await;
    Ok(())
}
