//! The floor: bare hyper that reads a request and answers 202. Whatever a front door does comes on top of this.

use std::convert::Infallible;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::terminal::announce;

/// Serves on a free port until it is killed. The runtime is of the gateway's kind.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port for the floor")?;
    announce("http", listener.local_addr()?);
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await?;
        connections.spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await?;
    Ok(())
}

/// Reads the body frame by frame and keeps nothing of it.
async fn answer(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    while let Some(Ok(_)) = request.body_mut().frame().await {}
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
