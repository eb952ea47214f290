//! Messages that cannot be read: too large, too slow, or no protobuf. tonic refuses them before the service sees them,
//! with codes of its own, without details and past the books; here they end as every other refusal does.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{Code, Status, body::Body, codegen::Service, server::NamedService};

use super::{Collector, render};
use crate::{
    config::settings,
    outcome::{Reason, Refusal},
    proto::collector::v1::collector_service_server::{CollectorServiceServer, SERVICE_NAME},
    survey::Channel,
};

/// Stands in a reply only where a message's coding is refused: ours are not packed.
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The collector as it is served.
#[derive(Clone, Debug)]
pub(super) struct CollectorServer {
    collector: Collector,
    inner: CollectorServiceServer<Collector>,
}

impl CollectorServer {
    /// Serves a collector within the bounds of the configuration.
    pub(super) fn new(collector: Collector, bounds: &settings::Grpc) -> Self {
        let inner = CollectorServiceServer::new(collector.clone())
            .max_decoding_message_size(bounds.message_bytes)
            .max_encoding_message_size(bounds.message_bytes);
        Self { collector, inner }
    }
}

impl NamedService for CollectorServer {
    const NAME: &'static str = SERVICE_NAME;
}

impl Service<Request<Body>> for CollectorServer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let time = self.collector.edge().settings.http.body_timeout;
        // A stream may be quiet for as long as it likes.
        let is_unary = request.uri().path().ends_with("/Submit");
        let request = if is_unary { request.map(|body| Body::new(InTime::new(body, time))) } else { request };
        let reply = self.inner.call(request);
        let collector = self.collector.clone();
        Box::pin(async move {
            let reply = reply.await?;
            if reply.headers().contains_key(ACCEPT_ENCODING) {
                return Ok(collector.packed());
            }
            // Only a reply that is nothing but a refusal has its status in the head.
            let status = Status::from_header_map(reply.headers());
            Ok(match status.and_then(|status| collector.unread(&status)) {
                Some(status) => status.into_http(),
                None => reply,
            })
        })
    }
}

impl Collector {
    /// The refusal, booked, of messages in a coding that is not taken (gRPC over HTTP/2, Compression).
    fn packed(&self) -> Response<Body> {
        let refusal = Refusal::new(
            Reason::UnsupportedMediaType,
            "send messages as they are: grpc-encoding is not taken",
        );
        let status = render::status(&self.edge().intake.refuse(Channel::Api, None, refusal));
        let mut reply = status.into_http();
        reply.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        reply
    }

    /// The refusal, booked, of a message that tonic could not read; none when the status says something else. Ours are
    /// known by their details.
    pub(super) fn unread(&self, status: &Status) -> Option<Status> {
        let refusal = match status.code() {
            _ if !status.details().is_empty() => return None,
            Code::OutOfRange => {
                let bytes = self.edge().settings.grpc.message_bytes;
                Refusal::new(Reason::TooLarge, format!("a message must be at most {bytes} bytes"))
            }
            Code::DeadlineExceeded => {
                let seconds = self.edge().settings.http.body_timeout.as_secs();
                Refusal::new(Reason::BodyTimeout, format!("the message did not arrive within {seconds} s"))
            }
            Code::Internal => Refusal::new(Reason::Malformed, "the message cannot be decoded"),
            _ => return None,
        };
        Some(render::status(&self.edge().intake.refuse(Channel::Api, None, refusal)))
    }
}

/// A body that must be whole within a time.
struct InTime {
    body: Body,
    end: Pin<Box<Sleep>>,
}

impl InTime {
    fn new(body: Body, time: Duration) -> Self {
        Self { body, end: Box::pin(sleep(time)) }
    }
}

impl hyper::body::Body for InTime {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => self.end.as_mut().poll(context).map(|()| {
                let late = Status::deadline_exceeded("the message did not arrive in time");
                Some(Err(late))
            }),
            ready => ready,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
