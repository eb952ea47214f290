//! The store as gateways and operators see it: over a real socket, on a real file.

mod erasure;
mod feed;
mod held;
mod links;
mod lists;
mod migrations;
mod opt_outs;
mod summaries;
mod touches;
mod verdicts;

use std::{net::SocketAddr, time::Duration};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Code, Request, Status, transport::Server};

use super::{Client, IDENTITY_KEY_METADATA, LinkBounds, OpenError, Store, connect, grpc::service};
use crate::{
    catalog::Secret,
    clock::{Clock, Timestamp},
    command::store_access::StoreAccess,
    proto::store::v1::{
        Answer, AppendRequest, AppendResponse, Channel, Claim, Confidence, Identity, Kind,
        ListResponsesRequest, Record, Response, Subject, Touched, answer::Value, record::Event,
    },
    tls::ClientTls,
};

/// When the manual clocks of these tests stand.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_000_100);

/// How many short links the stores of tests keep.
pub(crate) const LINKS: LinkBounds = LinkBounds { kept: 4, kept_after: Duration::from_secs(3_600) };

/// A store that serves on a port of its own.
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) clock: Clock,
    store: Store,
    stop: CancellationToken,
    tasks: TaskTracker,
    dir: TempDir,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None).await
    }

    async fn start_in(dir: TempDir, key: Option<Secret>) -> Self {
        let clock = Clock::manual(NOW);
        let store = Store::open(&dir.path().join("store.sqlite"), clock.clone(), "", LINKS).unwrap();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = Server::builder().add_service(service(store.clone(), key.clone(), TaskTracker::new()));
        let stopped = stop.clone().cancelled_owned();
        tasks.spawn(server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped));
        let client = connect(&url, key.as_ref(), &ClientTls::default()).await.unwrap();
        Self { client, url, clock, store, stop, tasks, dir }
    }

    /// Stops the server, closes the file, and opens it again.
    async fn restart(self) -> Self {
        self.restart_after(|_| ()).await
    }

    /// The same, with something done to the file while it is closed.
    async fn restart_after(self, change: impl FnOnce(&rusqlite::Connection)) -> Self {
        let Self { client, store, stop, tasks, dir, .. } = self;
        drop((client, store));
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        change(&rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap());
        Self::start_in(dir, None).await
    }

    /// Stops the server and closes the file; gives the clock, which goes on.
    pub(crate) async fn stop(self) -> Clock {
        let Self { client, store, stop, tasks, clock, .. } = self;
        drop((client, store));
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        clock
    }

    /// How a command reaches it.
    pub(crate) fn access(&self) -> StoreAccess {
        StoreAccess { url: self.url.clone(), key: None, tls: ClientTls::default() }
    }

    /// Sends one batch and waits for its commit.
    pub(crate) async fn append(&mut self, records: Vec<Record>) -> AppendResponse {
        self.append_as(records, None).await.unwrap()
    }

    async fn append_as(
        &mut self,
        records: Vec<Record>,
        identity: Option<&str>,
    ) -> Result<AppendResponse, Status> {
        let mut request = Request::new(tokio_stream::once(AppendRequest { sequence: 1, records }));
        if let Some(identity) = identity {
            request.metadata_mut().insert(IDENTITY_KEY_METADATA, identity.parse().unwrap());
        }
        let mut acks = self.client.append(request).await?.into_inner();
        let ack = acks.message().await?;
        Ok(ack.expect("each batch is answered"))
    }

    /// All responses.
    pub(crate) async fn responses(&mut self) -> Vec<Response> {
        self.client.list_responses(ListResponsesRequest::default()).await.unwrap().into_inner().responses
    }
}

#[tokio::test]
async fn a_record_that_was_appended_is_listed_field_by_field() {
    let mut store = Running::start().await;
    let ack = store.append(vec![record()]).await;
    assert_eq!((ack.sequence, ack.refused.len()), (1, 0));
    insta::assert_debug_snapshot!(store.responses().await);
}

#[tokio::test]
async fn a_bad_record_is_named_and_the_rest_of_its_batch_is_stored() {
    let mut store = Running::start().await;
    let bad = Record { answers: Vec::new(), ..record() };
    let future = Record { channel: 99, ..record() };
    let ack = store.append(vec![bad, record(), future]).await;
    insta::assert_debug_snapshot!(ack);
    assert_eq!(store.responses().await.len(), 1);
}

#[tokio::test]
async fn what_was_acked_is_there_after_a_restart() {
    let mut store = Running::start().await;
    store.append(vec![record()]).await;
    let before = store.responses().await;
    let mut store = store.restart().await;
    assert_eq!(store.responses().await, before);
    store.append(vec![record()]).await;
    assert_eq!(store.responses().await, before, "a replay changes nothing");
}

#[tokio::test]
async fn without_the_right_key_nothing_is_told() {
    let key = Secret::new("open sesame");
    let mut store = Running::start_in(tempfile::tempdir().unwrap(), Some(key)).await;
    store.append(vec![record()]).await;
    assert_eq!(store.responses().await.len(), 1);
    for wrong in [None, Some(Secret::new("open sesam")), Some(Secret::new(""))] {
        let mut client = connect(&store.url, wrong.as_ref(), &ClientTls::default()).await.unwrap();
        let refused = client.list_responses(ListResponsesRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_gateway_with_another_identity_key_is_refused_for_ever_after() {
    let mut store = Running::start().await;
    let (first, other) = (Some("00112233445566aa"), Some("00112233445566bb"));
    store.append_as(vec![record()], first).await.unwrap();
    assert_eq!(store.append_as(vec![record()], other).await.unwrap_err().code(), Code::FailedPrecondition);
    let mut store = store.restart().await;
    assert_eq!(store.append_as(vec![record()], other).await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(
        store.append_as(vec![record()], Some("none")).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    store.append_as(vec![record()], first).await.unwrap();
}

/// A record as a gateway makes it.
pub(crate) fn record() -> Record {
    Record {
        response_id: vec![7; 16].into(),
        survey: "support-nps".into(),
        survey_version: 1,
        brand: "acme".into(),
        identity: Identity::Signed as i32,
        channel: Channel::Email as i32,
        interaction: "ticket-4711".into(),
        respondent_ref: "crm-0815".into(),
        respondent_key: vec![8; 16].into(),
        subject: Some(Subject { kind: "agent".into(), r#ref: "a-7".into() }),
        locale: "de-CH".into(),
        country: "CH".into(),
        invitation: "link-1".into(),
        stamp_us: 1_795_000_000_000_000,
        received_us: 1_795_000_000_000_100,
        edit_window_us: 14 * 86_400 * 1_000_000,
        answers: vec![nps("recommend", 9)],
        attributes: [("plan".to_owned(), "pro".to_owned())].into(),
        test: false,
        claim: Claim::Verified as i32,
        confidence: Confidence::Confirmed as i32,
        hold: String::new(),
        signals: None,
        event: None,
    }
}

/// A link that was opened with a score in it, as a gateway records it.
pub(crate) fn touch(response: u8, score: i32) -> Record {
    Record {
        response_id: vec![response; 16].into(),
        interaction: String::new(),
        respondent_ref: String::new(),
        subject: None,
        locale: String::new(),
        country: String::new(),
        edit_window_us: 0,
        answers: Vec::new(),
        attributes: [].into(),
        claim: Claim::Unspecified as i32,
        confidence: Confidence::Unspecified as i32,
        event: Some(Event::Touched(Touched { question: "recommend".into(), score, head: false })),
        ..record()
    }
}

/// A record of another response.
pub(crate) fn record_of(response: u8) -> Record {
    Record { response_id: vec![response; 16].into(), ..record() }
}

/// The id that clients see.
pub(crate) fn id_of(response: u8) -> String {
    uuid::Uuid::from_bytes([response; 16]).to_string()
}

/// An answer on the scale of 0 to 10.
pub(crate) fn nps(question: &str, score: i32) -> Answer {
    Answer {
        question: question.into(),
        kind: Kind::Nps as i32,
        value: Some(Value::Score(score)),
        scale_min: Some(0),
        scale_max: Some(10),
        normalized: Some(f64::from(score) * 10.0),
        segment: "passive".into(),
    }
}

#[tokio::test]
async fn batches_of_one_stream_are_acked_in_order_and_after_their_commit() {
    let mut store = Running::start().await;
    let batches: Vec<_> = (0..100_u8)
        .map(|sequence| AppendRequest { sequence: sequence.into(), records: vec![record_of(sequence)] })
        .collect();
    let mut acks = store.client.append(tokio_stream::iter(batches)).await.unwrap().into_inner();
    for sequence in 0..100_u64 {
        assert_eq!(acks.message().await.unwrap().unwrap().sequence, sequence);
    }
    assert_eq!(acks.message().await.unwrap(), None);
    assert_eq!(store.responses().await.len(), 100);
}

#[test]
fn a_file_of_a_newer_voxgate_or_another_identity_key_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    drop(Store::open(&path, Clock::manual(NOW), "00112233445566aa", LINKS).unwrap());
    drop(Store::open(&path, Clock::manual(NOW), "", LINKS).unwrap());
    let other = Store::open(&path, Clock::manual(NOW), "00112233445566bb", LINKS).unwrap_err();
    assert!(matches!(other, OpenError::IdentityKey { .. }), "{other}");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 6).unwrap();
    let newer = Store::open(&path, Clock::manual(NOW), "", LINKS).unwrap_err();
    assert!(matches!(newer, OpenError::Newer { found: 6 }), "{newer}");
}

#[tokio::test]
async fn gateways_that_send_the_same_records_at_once_make_each_response_once() {
    let mut store = Running::start().await;
    let gateways = (0..8_u8).map(|gateway| {
        let mut client = store.client.clone();
        async move {
            // Each begins elsewhere in the same hundred.
            let records = (0..100_u8).map(|place| record_of((place + gateway * 12) % 100));
            let batches = records
                .map(|record| AppendRequest { sequence: 1, records: vec![record] })
                .collect::<Vec<_>>();
            let mut acks = client.append(tokio_stream::iter(batches)).await.unwrap().into_inner();
            let mut count = 0;
            while acks.message().await.unwrap().is_some() {
                count += 1;
            }
            count
        }
    });
    assert_eq!(futures_util::future::join_all(gateways).await, [100; 8]);
    let mut ids: Vec<_> = store.responses().await.into_iter().map(|response| response.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..100).map(id_of).collect::<Vec<_>>());
}
