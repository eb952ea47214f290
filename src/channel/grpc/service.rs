//! `Submit` and `SubmitStream`.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, future, stream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};

use super::{decode::decode, render};
use crate::{
    catalog::{Action, ApiKey},
    channel::{Edge, authorize},
    outcome::{Reason, Receipt, Refusal},
    proto::collector::v1::{
        Result as ItemResult, Submission, SubmitRequest, SubmitResponse, SubmitStreamRequest,
        SubmitStreamResponse, collector_service_server::CollectorService, result,
    },
    survey::Channel,
    windowed::windowed,
};

/// Results that are ready together go out together, at the most so many.
const RESULTS_TOGETHER: usize = 256;

/// The collector's service.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    edge: Edge,
    /// One for each stream that is open.
    pub(super) streams: TaskTracker,
    /// Streams take nothing more.
    pub(super) closing: CancellationToken,
}

impl Collector {
    /// The service on an edge.
    pub(crate) fn new(edge: Edge) -> Self {
        Self { edge, streams: TaskTracker::new(), closing: CancellationToken::new() }
    }

    pub(super) const fn edge(&self) -> &Edge {
        &self.edge
    }

    fn authorize(&self, metadata: &MetadataMap) -> Result<Arc<ApiKey>, Status> {
        // Two callers are none.
        let mut given = metadata.get_all("authorization").iter();
        let only = given.next().filter(|_| given.next().is_none());
        let authorization = only.and_then(|value| value.to_str().ok());
        authorize(&self.edge.catalog.load(), authorization, Action::Submit)
            .map_err(|refusal| render::status(&self.edge.intake.refuse(Channel::Api, None, refusal)))
    }

    fn keep_up(&self) -> Result<(), Status> {
        self.edge
            .intake
            .keep_up()
            .map_err(|refusal| render::status(&self.edge.intake.refuse(Channel::Api, None, refusal)))
    }

    async fn take(&self, submission: Option<Submission>, key: &Arc<ApiKey>) -> Result<Receipt, Refusal> {
        let Some(submission) = submission else {
            let refusal = Refusal::new(Reason::Malformed, "the request holds no submission");
            return Err(self.edge.intake.refuse(Channel::Api, Some(&key.brand), refusal));
        };
        self.edge.intake.submit(decode(submission, key, &self.edge.settings.identity_key)).await
    }

    async fn item(
        self,
        request: Result<SubmitStreamRequest, Status>,
        key: Arc<ApiKey>,
    ) -> Result<ItemResult, Status> {
        let SubmitStreamRequest { sequence, submission } =
            request.map_err(|status| self.unread(&status).unwrap_or(status))?;
        let kind = match self.take(submission, &key).await {
            Ok(receipt) => result::Kind::Receipt(render::receipt(&receipt)),
            Err(refusal) => result::Kind::Error(render::item_error(&refusal)),
        };
        Ok(ItemResult { sequence, kind: Some(kind) })
    }
}

type Results = Pin<Box<dyn Stream<Item = Result<SubmitStreamResponse, Status>> + Send>>;

#[tonic::async_trait]
impl CollectorService for Collector {
    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        self.keep_up()?;
        let key = self.authorize(request.metadata())?;
        let taken = self.take(request.into_inner().submission, &key).await;
        let receipt = taken.map_err(|refusal| render::status(&refusal))?;
        Ok(Response::new(SubmitResponse { receipt: Some(render::receipt(&receipt)) }))
    }

    type SubmitStreamStream = Results;

    async fn submit_stream(
        &self,
        request: Request<Streaming<SubmitStreamRequest>>,
    ) -> Result<Response<Results>, Status> {
        let key = self.authorize(request.metadata())?;
        let collector = self.clone();
        let in_flight = self.edge.settings.grpc.in_flight;
        let intake = Arc::clone(&self.edge.intake);
        let items = until_broken(request.into_inner()).then(move |item| {
            let intake = Arc::clone(&intake);
            async move {
                // What is not read is not refused: flow control holds the sender.
                intake.catch_up().await;
                item
            }
        });
        let work = move |item| collector.clone().item(item, Arc::clone(&key));
        let results = windowed(items, in_flight, work, &self.streams, self.closing.clone().cancelled_owned())
            .ready_chunks(RESULTS_TOGETHER)
            .flat_map(|ready| stream::iter(together(ready)));
        Ok(Response::new(Box::pin(results)))
    }
}

/// Ends after the first message that cannot be read: nobody knows where the next one begins.
pub(super) fn until_broken<T>(
    items: impl Stream<Item = Result<T, Status>>,
) -> impl Stream<Item = Result<T, Status>> {
    items.scan(false, |broken, item| {
        let item = (!*broken).then_some(item);
        *broken |= matches!(item, Some(Err(_)));
        future::ready(item)
    })
}

/// One message for the results, then the error that ended the stream, if one did.
fn together(ready: Vec<Result<ItemResult, Status>>) -> Vec<Result<SubmitStreamResponse, Status>> {
    let (mut results, mut broken) = (Vec::with_capacity(ready.len()), None);
    for item in ready {
        match item {
            Ok(result) => results.push(result),
            Err(status) => broken = Some(status),
        }
    }
    let whole = (!results.is_empty()).then_some(Ok(SubmitStreamResponse { results }));
    whole.into_iter().chain(broken.map(Err)).collect()
}
