//! The collector's listener, with health and reflection.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};

use super::Collector;
use crate::{
    config::settings,
    proto::{self, collector::v1::collector_service_server::CollectorServiceServer},
};

/// Finds peers that are gone.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Why the listener ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors cannot be read.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until told to stop; calls in flight finish.
///
/// # Errors
/// The transport fails.
pub(crate) async fn serve(
    listener: TcpListener,
    collector: Collector,
    bounds: settings::Grpc,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<CollectorServiceServer<Collector>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let service = CollectorServiceServer::new(collector)
        .max_decoding_message_size(bounds.message_bytes)
        .max_encoding_message_size(bounds.message_bytes);
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .max_concurrent_streams(Some(bounds.streams))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .add_service(service)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stop.cancelled_owned(),
        )
        .await?;
    Ok(())
}
