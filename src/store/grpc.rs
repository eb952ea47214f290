//! `voxgate.store.v1.StoreService`: decodes and checks what is asked, and maps what the store says to gRPC.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming, service::interceptor::InterceptedService};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

use super::{
    Auth, IDENTITY_KEY_METADATA, RecordHash, Store, StoreError, links,
    merge::Decision,
    page,
    record::{self, Checked},
    sqlite::{self, Erasure, HeldFilter, ListFilter},
    summary, watch,
};
use crate::{
    catalog::Secret,
    clock::Timestamp,
    proto::store::v1::{
        AppendRequest, AppendResponse, DiscardHeldRequest, DiscardHeldResponse, EraseRequest, EraseResponse,
        FindOptOutsRequest, FindOptOutsResponse, GetLinkRequest, GetLinkResponse, GetResponseRequest,
        GetResponseResponse, HeldState, ListHeldRequest, ListHeldResponse, ListResponsesRequest,
        ListResponsesResponse, PutLinksRequest, PutLinksResponse, Record, Refused, ReleaseHeldRequest,
        ReleaseHeldResponse, SummarizeRequest, SummarizeResponse, WatchRequest,
        store_service_server::{StoreService, StoreServiceServer},
    },
    windowed::windowed,
};

/// A gateway's batches are far smaller.
const MESSAGE_BYTES: usize = 16 << 20;
/// Batches of one stream that wait for their commit at once.
const WINDOW: usize = 8;
/// Change feeds at once.
const WATCHERS: usize = 64;
/// Summaries at once: they read everything, and must leave connections for pages.
const SUMMARIES: usize = 2;
/// Ids in one decision or list.
const IDS: usize = 1_000;
/// How far the time of an erasure may lie ahead.
const ERASE_AHEAD_S: i64 = 300;

/// The store's gRPC service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    store: Store,
    watchers: Arc<Semaphore>,
    summaries: Arc<Semaphore>,
    streams: TaskTracker,
}

/// The service of a store, ready to be added to a server. With a key, every call must carry it. Each gateway's stream
/// is a task among `streams`.
pub(crate) fn service(
    store: Store,
    key: Option<Secret>,
    streams: TaskTracker,
) -> InterceptedService<StoreServiceServer<Service>, Auth> {
    let [watchers, summaries] = [WATCHERS, SUMMARIES].map(|places| Arc::new(Semaphore::new(places)));
    let service = Service { store, watchers, summaries, streams };
    let server = StoreServiceServer::new(service).max_decoding_message_size(MESSAGE_BYTES);
    InterceptedService::new(server, Auth::new(key))
}

type Acks = Pin<Box<dyn Stream<Item = Result<AppendResponse, Status>> + Send>>;

#[tonic::async_trait]
impl StoreService for Service {
    type AppendStream = Acks;
    type WatchStream = watch::Changes;

    async fn append(&self, request: Request<Streaming<AppendRequest>>) -> Result<Response<Acks>, Status> {
        if let Some(fingerprint) = request.metadata().get(IDENTITY_KEY_METADATA) {
            let fingerprint = fingerprint.to_str().map_err(|_| bad_fingerprint())?.to_owned();
            check_fingerprint(&fingerprint)?;
            self.store.check_identity(fingerprint).await.map_err(status)?;
        }
        let (store, closing) = (self.store.clone(), self.store.closing());
        let work = move |batch| append(store.clone(), batch);
        let acks = windowed(request.into_inner(), WINDOW, work, &self.streams, closing);
        Ok(Response::new(Box::pin(acks)))
    }

    async fn get_response(
        &self,
        request: Request<GetResponseRequest>,
    ) -> Result<Response<GetResponseResponse>, Status> {
        let asked = request.into_inner().id;
        let id = Uuid::parse_str(&asked)
            .map_err(|_| Status::invalid_argument("id must be a UUID, as receipts and lists show it"))?;
        let found = self.store.read(move |tx| sqlite::get(tx, id.into_bytes())).await.map_err(status)?;
        match found {
            Some(response) => Ok(Response::new(GetResponseResponse { response: Some(response) })),
            None => Err(Status::not_found("no response has this id, or nothing of it counts")),
        }
    }

    async fn list_responses(
        &self,
        request: Request<ListResponsesRequest>,
    ) -> Result<Response<ListResponsesResponse>, Status> {
        let filter = list_filter(request.into_inner())?;
        let page = self.store.read(move |tx| sqlite::responses(tx, &filter)).await.map_err(status)?;
        let last = page.rows.last().filter(|_| page.more).map(|(changed, _)| page::cursor(*changed));
        Ok(Response::new(ListResponsesResponse {
            responses: page.rows.into_iter().map(|(_, response)| response).collect(),
            next_page_token: last.unwrap_or_default(),
        }))
    }

    async fn summarize(
        &self,
        request: Request<SummarizeRequest>,
    ) -> Result<Response<SummarizeResponse>, Status> {
        let query = summary::Query::parse(request.into_inner())?;
        let place = Arc::clone(&self.summaries).acquire_owned().await;
        let place = place.map_err(|_| status(StoreError::Stopped))?;
        let count = move |tx: &rusqlite::Transaction<'_>| {
            let _place = place;
            summary::summarize(tx, &query)
        };
        let counted = self.store.read(count).await.map_err(status)?;
        let rows = counted.map_err(|_| Status::resource_exhausted(summary::TooManyRows::HINT))?;
        Ok(Response::new(SummarizeResponse { rows }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<watch::Changes>, Status> {
        let request = request.into_inner();
        let after = page::parse_cursor("cursor", &request.cursor)?;
        if after > *self.store.changes().borrow() {
            return Err(Status::out_of_range(
                "the cursor is later than this store's last change: the store was restored from a backup, or the \
                 cursor is another store's; start without one",
            ));
        }
        let place = Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!("{WATCHERS} feeds are open, which is the limit: close one"))
        })?;
        Ok(Response::new(watch::changes(self.store.clone(), after, request.stop_at_end, place)))
    }

    async fn list_held(
        &self,
        request: Request<ListHeldRequest>,
    ) -> Result<Response<ListHeldResponse>, Status> {
        let request = request.into_inner();
        if request.ids.is_empty() {
            self.held_page(request).await
        } else {
            self.held_by_ids(&request.ids).await
        }
    }

    async fn release_held(
        &self,
        request: Request<ReleaseHeldRequest>,
    ) -> Result<Response<ReleaseHeldResponse>, Status> {
        let ids = held_ids(&request.into_inner().ids)?;
        let released = self.store.decide(ids, Decision::Released).await.map_err(status)?;
        Ok(Response::new(ReleaseHeldResponse { released }))
    }

    async fn discard_held(
        &self,
        request: Request<DiscardHeldRequest>,
    ) -> Result<Response<DiscardHeldResponse>, Status> {
        let ids = held_ids(&request.into_inner().ids)?;
        let discarded = self.store.decide(ids, Decision::Discarded).await.map_err(status)?;
        Ok(Response::new(DiscardHeldResponse { discarded }))
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Result<Response<EraseResponse>, Status> {
        let erasure = self.erasure(&request.into_inner())?;
        let erased = self.store.erase(erasure).await.map_err(status)?;
        Ok(Response::new(EraseResponse { responses: erased.responses, records: erased.records }))
    }

    async fn put_links(
        &self,
        request: Request<PutLinksRequest>,
    ) -> Result<Response<PutLinksResponse>, Status> {
        let links = links::read(request.into_inner().links)?;
        self.store.put_links(links).await.map_err(status)?;
        Ok(Response::new(PutLinksResponse {}))
    }

    async fn find_opt_outs(
        &self,
        request: Request<FindOptOutsRequest>,
    ) -> Result<Response<FindOptOutsResponse>, Status> {
        let FindOptOutsRequest { brand, respondent_keys } = request.into_inner();
        let people = people(&respondent_keys)?;
        let found = self.store.read(move |tx| sqlite::opt_outs(tx, &brand, &people)).await.map_err(status)?;
        let respondent_keys = found.into_iter().map(|person| person.to_vec().into()).collect();
        Ok(Response::new(FindOptOutsResponse { respondent_keys }))
    }

    async fn get_link(&self, request: Request<GetLinkRequest>) -> Result<Response<GetLinkResponse>, Status> {
        let handle = links::read_handle(request.into_inner().handle)?;
        let now = self.store.clock().now();
        let found = self.store.read(move |tx| sqlite::link(tx, &handle, now)).await.map_err(status)?;
        match found {
            Some(link) => Ok(Response::new(GetLinkResponse { link: Some(links::written(link)) })),
            None => Err(Status::not_found("no link has this handle, or it is past its time")),
        }
    }
}

impl Service {
    async fn held_page(&self, request: ListHeldRequest) -> Result<Response<ListHeldResponse>, Status> {
        let filter = held_filter(request)?;
        let page = self.store.read(move |tx| sqlite::held(tx, &filter)).await.map_err(status)?;
        let last = page.rows.last().filter(|_| page.more).and_then(|held| {
            let received_us = held.record.as_ref()?.received_us;
            Some(page::held_token(received_us, RecordHash::from_hex(&held.id)?))
        });
        Ok(Response::new(ListHeldResponse { held: page.rows, next_page_token: last.unwrap_or_default() }))
    }

    async fn held_by_ids(&self, ids: &[String]) -> Result<Response<ListHeldResponse>, Status> {
        let ids = held_ids(ids)?;
        let found = self.store.read(move |tx| sqlite::held_by_ids(tx, &ids)).await.map_err(status)?;
        let held = found.map_err(|id| status(StoreError::UnknownHeld(id.to_string())))?;
        Ok(Response::new(ListHeldResponse { held, next_page_token: String::new() }))
    }

    fn erasure(&self, request: &EraseRequest) -> Result<Erasure, Status> {
        let respondent_key = request.respondent_key.as_ref().try_into().map_err(|_| {
            Status::invalid_argument(
                "respondent_key must have 16 bytes: the keyed hash of the reference or contact",
            )
        })?;
        let before = request.received_before.as_ref().map(Timestamp::from_proto);
        let latest = self.store.clock().now().as_micros().saturating_add(ERASE_AHEAD_S * 1_000_000);
        if before.is_some_and(|before| before.as_micros() > latest) {
            return Err(Status::invalid_argument(
                "received_before may be five minutes ahead at the most: it refuses what is yet to come",
            ));
        }
        Ok(Erasure { respondent_key, received_before_us: before.map(Timestamp::as_micros) })
    }
}

/// Commits one batch; a bad record is named in the reply, and the rest is stored.
async fn append(store: Store, batch: Result<AppendRequest, Status>) -> Result<AppendResponse, Status> {
    let AppendRequest { sequence, records } = batch?;
    let (checked, refused) = check_all(records);
    if !checked.is_empty() {
        store.append(checked).await.map_err(status)?;
    }
    Ok(AppendResponse { sequence, refused })
}

fn check_all(records: Vec<Record>) -> (Vec<Checked>, Vec<Refused>) {
    let (mut checked, mut refused) = (Vec::with_capacity(records.len()), Vec::new());
    for (index, record) in (0..).zip(records) {
        match record::check(record) {
            Ok(record) => checked.push(record),
            Err(unfit) => refused.push(Refused { index, code: unfit.code.to_owned(), detail: unfit.detail }),
        }
    }
    (checked, refused)
}

fn list_filter(request: ListResponsesRequest) -> Result<ListFilter, Status> {
    let after = page::parse_cursor("page_token", &request.page_token)?;
    let since = request.updated_since.as_ref().map_or(0, |since| Timestamp::from_proto(since).as_micros());
    Ok(ListFilter {
        survey: request.survey,
        brand: request.brand,
        interaction: request.interaction,
        after: after.max(since.saturating_sub(1)),
        limit: page::size(request.page_size),
    })
}

fn held_filter(request: ListHeldRequest) -> Result<HeldFilter, Status> {
    let state = match HeldState::try_from(request.state) {
        Ok(HeldState::Unspecified) => HeldState::Waiting,
        Ok(state @ (HeldState::Waiting | HeldState::Released | HeldState::Discarded)) => state,
        Ok(HeldState::Settled) | Err(_) => {
            return Err(Status::invalid_argument("state must be waiting (1), released (2) or discarded (3)"));
        }
    };
    Ok(HeldFilter {
        survey: request.survey,
        brand: request.brand,
        state: state as i32,
        after: page::parse_held_token(&request.page_token)?,
        limit: page::size(request.page_size),
    })
}

fn held_ids(ids: &[String]) -> Result<Vec<RecordHash>, Status> {
    if ids.is_empty() || ids.len() > IDS {
        return Err(Status::invalid_argument(format!("name 1 to {IDS} ids, as ListHeld shows them")));
    }
    let parse = |id: &String| {
        RecordHash::from_hex(id).ok_or_else(|| {
            Status::invalid_argument(format!("`{id}` is no id of a held record: 32 hex digits"))
        })
    };
    let mut hashes = ids.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    hashes.sort_unstable();
    hashes.dedup();
    Ok(hashes)
}

fn people(keys: &[bytes::Bytes]) -> Result<Vec<[u8; 16]>, Status> {
    if keys.is_empty() || keys.len() > IDS {
        return Err(Status::invalid_argument(format!("name 1 to {IDS} respondent_keys")));
    }
    let key = |key: &bytes::Bytes| {
        key.as_ref()
            .try_into()
            .map_err(|_| Status::invalid_argument("respondent_keys must have 16 bytes each"))
    };
    keys.iter().map(key).collect()
}

fn check_fingerprint(fingerprint: &str) -> Result<(), Status> {
    let hex = fingerprint.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (hex && fingerprint.len() == 16).then_some(()).ok_or_else(bad_fingerprint)
}

fn bad_fingerprint() -> Status {
    Status::invalid_argument(format!("metadata {IDENTITY_KEY_METADATA} must have 16 lower hex digits"))
}

fn status(error: StoreError) -> Status {
    let message = error.to_string();
    match error {
        StoreError::Unavailable | StoreError::Stopped => Status::unavailable(message),
        StoreError::UnknownHeld(_) => Status::not_found(message),
        StoreError::Discarded(_) => Status::failed_precondition(message),
        StoreError::LinkTaken => Status::already_exists(message),
        StoreError::LinksFull(_) => Status::resource_exhausted(message),
        StoreError::IdentityKey { .. } => {
            let details = ErrorDetails::with_error_info("IDENTITY_KEY_MISMATCH", "voxgate", []);
            Status::with_error_details(tonic::Code::FailedPrecondition, message, details)
        }
    }
}
