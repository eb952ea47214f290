//! A store in front of the store that refuses single records, as one of another maker may.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt as _, wrappers::TcpListenerStream};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Server},
};
use voxgate::proto::store::v1::{
    self as proto, AppendRequest, AppendResponse, Record, Refused,
    store_service_client::StoreServiceClient,
    store_service_server::{StoreService, StoreServiceServer},
};

use super::port;
use crate::chaos::plan::Person;

/// Which records are refused.
#[derive(Clone, Debug, Default)]
pub(crate) enum Refuses {
    /// None.
    #[default]
    Nothing,
    /// Of one person in so many.
    OneIn(u32),
    /// Of these.
    People(BTreeSet<Person>),
}

impl Refuses {
    fn refuses(&self, record: &Record) -> bool {
        let number = Person::number_of(&record.respondent_ref);
        number.is_some_and(|number| match self {
            Self::Nothing => false,
            Self::OneIn(many) => number % many == 0,
            Self::People(people) => people.iter().any(|person| person.number == number),
        })
    }
}

/// A running one; ends when dropped.
#[derive(Debug)]
pub(crate) struct RefusingStore {
    pub(crate) address: SocketAddr,
    refuses: Arc<Mutex<Refuses>>,
    refused: Arc<AtomicU64>,
    _end: DropGuard,
}

impl RefusingStore {
    /// Passes on to the store at `target` what it does not refuse.
    pub(super) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let address = port::free();
        let listener = TcpListener::bind(address).await?;
        let (refuses, refused) = (Arc::<Mutex<Refuses>>::default(), Arc::<AtomicU64>::default());
        let channel = Endpoint::from_shared(format!("http://{target}"))?.connect_lazy();
        let front = Front { channel, refuses: Arc::clone(&refuses), refused: Arc::clone(&refused) };
        let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
        let stopped = end.clone().cancelled_owned();
        let server = Server::builder().add_service(StoreServiceServer::new(front));
        tasks.spawn(server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped));
        Ok(Self { address, refuses, refused, _end: end.drop_guard() })
    }

    /// From now on it refuses these.
    pub(crate) fn set(&self, refuses: Refuses) {
        *self.refuses.lock().unwrap_or_else(PoisonError::into_inner) = refuses;
    }

    /// How many it has refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Front {
    channel: Channel,
    refuses: Arc<Mutex<Refuses>>,
    refused: Arc<AtomicU64>,
}

/// What was left out of a batch: the places in it of those refused, and of those passed on.
#[derive(Debug)]
struct Split {
    sequence: u64,
    refused: Vec<u32>,
    passed: Vec<u32>,
}

/// Batches that were passed on and are not acknowledged yet; a gateway's window bounds them.
type Splits = Arc<Mutex<VecDeque<Split>>>;
type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Unary<T> = Result<Response<T>, Status>;

fn split(batch: AppendRequest, refuses: &Refuses) -> (AppendRequest, Split) {
    let mut split = Split { sequence: batch.sequence, refused: Vec::new(), passed: Vec::new() };
    let mut records = Vec::new();
    for (place, record) in (0..).zip(batch.records) {
        if refuses.refuses(&record) {
            split.refused.push(place);
        } else {
            split.passed.push(place);
            records.push(record);
        }
    }
    (AppendRequest { sequence: batch.sequence, records }, split)
}

/// The store's reply, as the gateway counts places, with our refusals.
fn join(reply: AppendResponse, splits: &Splits) -> AppendResponse {
    let mut splits = splits.lock().unwrap_or_else(PoisonError::into_inner);
    let found = splits.iter().position(|split| split.sequence == reply.sequence);
    let Some(split) = found.and_then(|place| splits.remove(place)) else { return reply };
    let ours = split.refused.iter().map(|index| Refused {
        index: *index,
        code: "unwanted".to_owned(),
        detail: "this store does not take it".to_owned(),
    });
    let mut refused: Vec<_> = ours.collect();
    refused.extend(reply.refused.into_iter().filter_map(|theirs| {
        let place = usize::try_from(theirs.index).ok()?;
        Some(Refused { index: *split.passed.get(place)?, ..theirs })
    }));
    AppendResponse { sequence: reply.sequence, refused }
}

#[tonic::async_trait]
impl StoreService for Front {
    type AppendStream = Replies<AppendResponse>;
    type WatchStream = Replies<proto::WatchResponse>;

    async fn append(&self, batches: Request<Streaming<AppendRequest>>) -> Unary<Self::AppendStream> {
        let (metadata, _, batches) = batches.into_parts();
        let (splits, refuses, refused) =
            (Splits::default(), Arc::clone(&self.refuses), Arc::clone(&self.refused));
        let noted = Arc::clone(&splits);
        let passed = batches.take_while(Result::is_ok).filter_map(Result::ok).map(move |batch| {
            let (batch, split) = split(batch, &refuses.lock().unwrap_or_else(PoisonError::into_inner));
            refused.fetch_add(split.refused.len() as u64, Ordering::Relaxed);
            noted.lock().unwrap_or_else(PoisonError::into_inner).push_back(split);
            batch
        });
        let mut request = Request::new(passed);
        *request.metadata_mut() = metadata;
        let replies = StoreServiceClient::new(self.channel.clone()).append(request).await?.into_inner();
        Ok(Response::new(Box::pin(replies.map(move |reply| reply.map(|reply| join(reply, &splits))))))
    }

    async fn get_response(&self, _: Request<proto::GetResponseRequest>) -> Unary<proto::GetResponseResponse> {
        only_appends()
    }

    async fn list_responses(
        &self,
        _: Request<proto::ListResponsesRequest>,
    ) -> Unary<proto::ListResponsesResponse> {
        only_appends()
    }

    async fn summarize(&self, _: Request<proto::SummarizeRequest>) -> Unary<proto::SummarizeResponse> {
        only_appends()
    }

    async fn watch(&self, _: Request<proto::WatchRequest>) -> Unary<Self::WatchStream> {
        only_appends()
    }

    async fn list_held(&self, _: Request<proto::ListHeldRequest>) -> Unary<proto::ListHeldResponse> {
        only_appends()
    }

    async fn release_held(&self, _: Request<proto::ReleaseHeldRequest>) -> Unary<proto::ReleaseHeldResponse> {
        only_appends()
    }

    async fn discard_held(&self, _: Request<proto::DiscardHeldRequest>) -> Unary<proto::DiscardHeldResponse> {
        only_appends()
    }

    async fn decide_responses(
        &self,
        _: Request<proto::DecideResponsesRequest>,
    ) -> Unary<proto::DecideResponsesResponse> {
        only_appends()
    }

    async fn put_links(&self, _: Request<proto::PutLinksRequest>) -> Unary<proto::PutLinksResponse> {
        only_appends()
    }

    async fn get_link(&self, _: Request<proto::GetLinkRequest>) -> Unary<proto::GetLinkResponse> {
        only_appends()
    }

    async fn find_opt_outs(
        &self,
        _: Request<proto::FindOptOutsRequest>,
    ) -> Unary<proto::FindOptOutsResponse> {
        only_appends()
    }

    async fn erase(&self, _: Request<proto::EraseRequest>) -> Unary<proto::EraseResponse> {
        only_appends()
    }
}

/// Whoever reads asks the real store.
fn only_appends<T>() -> Unary<T> {
    Err(Status::unimplemented("this store only appends"))
}
