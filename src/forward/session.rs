//! One stream to the store, from its opening to its end.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message as _;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, Streaming, client::Grpc, metadata::MetadataValue};
use tonic_prost::ProstCodec;

use super::{
    DeadLetter, DeadLetters, ForwardState, StoreAddress,
    wire::{APPEND, EncodedAppend, Received},
};
use crate::{
    clock::{Clock, Timestamp},
    config::settings,
    proto::store::v1::{AppendResponse, Refused},
    spool::{Batch, Reader, Spool},
    store::{ConnectError, IDENTITY_KEY_METADATA},
};

/// How a session ended.
pub(super) enum End {
    /// It was told to stop.
    Stopped,
    /// The stream broke, or the store did not ack in time.
    Broken { error: SessionError, delivered: bool },
}

/// Why a session broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("no connection: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error(transparent)]
    Address(#[from] ConnectError),
    #[error("the store's key cannot be sent")]
    Key,
    #[error("{}: {}", .0.code(), .0.message())]
    Status(Box<Status>),
    #[error("the store closed the stream")]
    Closed,
    #[error("the store did not open a stream in time")]
    Unopened,
    #[error("the store did not acknowledge a batch in time")]
    Silent,
    #[error("the store acknowledged a batch that was not sent")]
    Confused,
    #[error("a dead letter could not be kept: {0}")]
    DeadLetter(super::dead_letters::KeepError),
}

/// A batch that waits for its ack. Its records are kept until then, for the dead letters.
struct Sent {
    sequence: u64,
    batch: Batch,
    at: Instant,
    refused: Option<Vec<Refused>>,
}

pub(super) struct Session<'a> {
    spool: &'a Spool,
    letters: &'a Arc<DeadLetters>,
    settings: &'a settings::Store,
    clock: &'a Clock,
    state: &'a ForwardState,
    on_the_way: VecDeque<Sent>,
    next_sequence: u64,
    /// The next batch waits until then, so that more comes together.
    not_before: Instant,
    delivered: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        spool: &'a Spool,
        letters: &'a Arc<DeadLetters>,
        settings: &'a settings::Store,
        clock: &'a Clock,
        state: &'a ForwardState,
    ) -> Self {
        Self {
            spool,
            letters,
            settings,
            clock,
            state,
            on_the_way: VecDeque::new(),
            next_sequence: 0,
            not_before: Instant::now(),
            delivered: false,
        }
    }

    pub(super) async fn run(
        mut self,
        store: &StoreAddress,
        reader: &mut Reader,
        stop: &CancellationToken,
    ) -> End {
        let served = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopped,
            served = self.serve(store, reader) => served,
        };
        match served {
            Err(error) => End::Broken { error, delivered: self.delivered },
            Ok(never) => match never {},
        }
    }

    async fn serve(
        &mut self,
        store: &StoreAddress,
        reader: &mut Reader,
    ) -> Result<std::convert::Infallible, SessionError> {
        let (requests, receiver) = mpsc::channel(self.settings.window);
        // A network that swallows everything answers no opening either.
        let opened = timeout(self.settings.ack_timeout, self.open(store, receiver)).await;
        let mut acks = opened.map_err(|_| SessionError::Unopened)??;
        self.state.store_up.store(true, Ordering::Relaxed);
        loop {
            let has_room = self.on_the_way.len() < self.settings.window;
            let deadline = self.on_the_way.front().map(|oldest| oldest.at + self.settings.ack_timeout);
            tokio::select! {
                // An ack that has come counts before a deadline that has passed.
                biased;
                ack = acks.message() => self.ack(ack.map_err(status)?.ok_or(SessionError::Closed)?).await?,
                batch = next(reader, self.settings, self.not_before), if has_room => {
                    let request = self.send(batch);
                    requests.send(request).await.map_err(|_| SessionError::Closed)?;
                }
                () = until(deadline) => return Err(SessionError::Silent),
            }
        }
    }

    async fn open(
        &self,
        store: &StoreAddress,
        requests: mpsc::Receiver<EncodedAppend>,
    ) -> Result<Streaming<AppendResponse>, SessionError> {
        let mut client = Grpc::new(store.connect().await?);
        client.ready().await?;
        let mut request = Request::new(ReceiverStream::new(requests));
        let metadata = request.metadata_mut();
        let fingerprint = MetadataValue::try_from(&store.fingerprint).map_err(|_| SessionError::Key)?;
        metadata.insert(IDENTITY_KEY_METADATA, fingerprint);
        if let Some(key) = &self.settings.key {
            let bearer = format!("Bearer {}", key.expose());
            metadata.insert("authorization", bearer.parse().map_err(|_| SessionError::Key)?);
        }
        let codec = ProstCodec::<EncodedAppend, AppendResponse>::default();
        let opened = client.streaming(request, PathAndQuery::from_static(APPEND), codec).await;
        if opened.as_ref().is_err_and(|status| status.code() == Code::FailedPrecondition) {
            self.state.identity_conflict.cancel();
        }
        Ok(opened.map_err(status)?.into_inner())
    }

    fn send(&mut self, batch: Batch) -> EncodedAppend {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let records: Vec<Bytes> = batch.records.iter().map(|(_, record)| record.clone()).collect();
        let at = Instant::now();
        if records.len() < self.settings.batch_records {
            self.not_before = at + self.settings.linger;
        }
        self.on_the_way.push_back(Sent { sequence, batch, at, refused: None });
        EncodedAppend { sequence, records }
    }

    /// Acks may come in any order; the cursor moves past those that stand in front.
    async fn ack(&mut self, ack: AppendResponse) -> Result<(), SessionError> {
        let sent = self.on_the_way.iter_mut().find(|sent| sent.sequence == ack.sequence);
        sent.ok_or(SessionError::Confused)?.refused = Some(ack.refused);
        while let Some(front) = self.on_the_way.pop_front_if(|front| front.refused.is_some()) {
            let dead = self.bury(&front).await?;
            self.observe_lag(&front.batch);
            if let Err(error) = self.spool.advance(front.batch.last, dead) {
                // The store has the batch; a disk that is full or fails must not keep the others from it. The spool's
                // keeper tells the operator, and tries again.
                tracing::debug!(%error, "the spool's cursor was moved, but could not be written");
            }
            self.delivered = true;
        }
        Ok(())
    }

    /// By the batch's oldest record.
    fn observe_lag(&self, batch: &Batch) {
        let oldest = batch.records.first().and_then(|(_, record)| Received::decode(record.clone()).ok());
        if let Some(Received { received_us }) = oldest {
            let lag = self.clock.now().since(Timestamp::from_micros(received_us));
            self.state.lag.observe(lag.as_secs_f64());
        }
    }

    /// Keeps the refused records of a batch; says how many they are. One that is kept already counts too: it was kept
    /// before the cursor could move past it, so nobody has counted it.
    async fn bury(&self, sent: &Sent) -> Result<u64, SessionError> {
        let at = self.clock.now();
        let mut letters = BTreeMap::new();
        for Refused { index, code, detail } in sent.refused.iter().flatten() {
            let place = usize::try_from(*index).unwrap_or(usize::MAX);
            let (sequence, record) = sent.batch.records.get(place).ok_or(SessionError::Confused)?;
            let (sequence, record) = (*sequence, record.clone());
            letters.insert(
                sequence,
                DeadLetter { sequence, at, code: code.clone(), detail: detail.clone(), record },
            );
        }
        let dead = letters.len() as u64;
        if dead > 0 {
            self.keep(letters.into_values().collect()).await?;
        }
        Ok(dead)
    }

    /// Waits for the disk off the async threads.
    async fn keep(&self, letters: Vec<DeadLetter>) -> Result<(), SessionError> {
        let kept = Arc::clone(self.letters);
        let keep = move || {
            kept.keep(&letters)?;
            letters.iter().for_each(report);
            Ok(())
        };
        let kept = if self.letters.blocks() {
            tokio::task::spawn_blocking(keep).await.map_err(|_| SessionError::Closed)?
        } else {
            keep()
        };
        kept.map_err(SessionError::DeadLetter)
    }
}

fn report(letter: &DeadLetter) {
    let DeadLetter { sequence, code, detail, .. } = letter;
    tracing::error!(
        sequence,
        code,
        detail,
        "the store refused a record; it is in the dead letters (`voxgate dead-letters list`)"
    );
}

fn status(status: Status) -> SessionError {
    SessionError::Status(Box::new(status))
}

/// The next batch, not before a time.
async fn next(reader: &mut Reader, settings: &settings::Store, not_before: Instant) -> Batch {
    tokio::time::sleep_until(not_before).await;
    reader.next(settings.batch_records, settings.batch_bytes).await
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
