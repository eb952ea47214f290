//! The server: HTTP/1.1 and HTTP/2 on the listener's connections, a bounded time for each head.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::StatusCode;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Reply, Request, routes, source::Proxies};
use crate::{
    channel::Edge,
    listener::{Connection, Listener},
};

/// How often an HTTP/2 peer is asked whether it is there, and how long it may take to say so.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Serves until told to stop; then lets the requests in flight finish, as long as `drain` allows.
pub(crate) async fn serve(listener: Listener, edge: Edge, stop: CancellationToken, drain: Duration) {
    let server = Arc::new(Server::new(edge));
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    loop {
        let (connection, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        connections.spawn(Arc::clone(&server).serve(connection, peer, &graceful));
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were still open when the drain time was over");
    }
}

struct Server {
    edge: Edge,
    proxies: Proxies,
    http: auto::Builder<TokioExecutor>,
}

impl Server {
    fn new(edge: Edge) -> Self {
        let bounds = &edge.settings.http;
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header_timeout)
            .max_headers(bounds.head_fields)
            // Replies are small: copying one behind its head costs less than a write from several places.
            .writev(false)
            .max_buf_size(bounds.head_bytes.max(8192));
        http.http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(bounds.head_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(256)
            .keep_alive_interval(Some(KEEPALIVE))
            .keep_alive_timeout(KEEPALIVE);
        Self { proxies: Proxies::new(edge.settings.trusted_proxies.clone()), http, edge }
    }

    fn serve(
        self: Arc<Self>,
        connection: Connection,
        peer: SocketAddr,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + use<> {
        let server = Arc::clone(&self);
        let spoken = CancellationToken::new();
        let silence = silent(spoken.clone(), self.edge.settings.http.header_timeout);
        let service = service_fn(move |request| {
            if !spoken.is_cancelled() {
                spoken.cancel();
            }
            let server = Arc::clone(&server);
            async move { Ok::<_, Infallible>(server.answer(request, peer).await) }
        });
        let connection = self.http.serve_connection(TokioIo::new(connection), service).into_owned();
        let watched = graceful.watch(connection);
        async move {
            tokio::select! {
                biased;
                ended = watched => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke off");
                },
                () = silence => {}
            }
        }
    }

    async fn answer(&self, request: http::Request<Incoming>, peer: SocketAddr) -> Reply {
        // Only HTTP/1 counts them while it reads; HTTP/2 bounds their size alone.
        if request.headers().len() > self.edge.settings.http.head_fields {
            return head_too_large();
        }
        let source = self.proxies.source(peer.ip(), request.headers());
        routes::answer(&self.edge, Request::new(request, source)).await
    }
}

/// As HTTP/1 itself answers a head that is too large, before there is a dialect to speak in.
fn head_too_large() -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    reply
}

/// Ends when a connection has not sent the head of its first request in time, TLS handshake included. The protocol's
/// own timer starts only once it is known which protocol is spoken.
async fn silent(spoken: CancellationToken, header_timeout: Duration) {
    if tokio::time::timeout(header_timeout, spoken.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}
