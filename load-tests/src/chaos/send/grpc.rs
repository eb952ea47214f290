//! gRPC: one call each, and one long stream to each gateway.

use std::{collections::HashMap, io, time::Duration};

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::{ErrorDetails, RpcStatusExt as _, StatusExt as _};
use voxgate::proto::collector::v1::{
    Outcome, Receipt, Respondent, Submission, SubmitRequest, SubmitStreamRequest, Value,
    collector_service_client::CollectorServiceClient, respondent, result, value,
};

use super::wire;
use crate::{
    chaos::{
        history::{Fate, Refused},
        plan::{Proof, Step},
    },
    identity::API_KEY,
};

/// Answers of a stream that wait for their receipt at once.
const IN_FLIGHT: usize = 1024;
/// How long a connection may be silent before it is asked, and how long it may take to answer: a gateway that is only
/// busy is not given up.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_WITHIN: Duration = Duration::from_secs(5);

/// A channel that connects when it is used, and again after it broke.
pub(super) fn channel(url: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned())?
        .connect_timeout(super::CONNECT_WITHIN)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN);
    Ok(endpoint.connect_lazy())
}

/// One call.
pub(super) async fn submit(channel: Channel, step: &Step) -> Fate {
    let Ok(request) = authorized(SubmitRequest { submission: Some(submission(step)) }) else {
        return Fate::Refused(Refused::unreachable());
    };
    match CollectorServiceClient::new(channel).submit(request).await {
        Ok(reply) => reply.into_inner().receipt.map_or(Fate::TimedOut, |receipt| acknowledged(&receipt)),
        Err(status) => refused(&status),
    }
}

fn authorized<T>(message: T) -> anyhow::Result<tonic::Request<T>> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {API_KEY}").parse()?);
    Ok(request)
}

fn acknowledged(receipt: &Receipt) -> Fate {
    match receipt.outcome() {
        Outcome::Duplicate => Fate::Double,
        outcome => Fate::Acknowledged { held: outcome == Outcome::Quarantined },
    }
}

fn refused(status: &Status) -> Fate {
    if was_never_sent(status) {
        return Fate::Refused(Refused::unreachable());
    }
    refusal(status.code(), &status.get_error_details())
}

/// Whether no connection could be made.
fn was_never_sent(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let refused = error.downcast_ref::<io::Error>();
        if refused.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = error.source();
    }
    false
}

/// The gateway gives a reason with each refusal; a status without one was made up by a transport that broke, and what
/// went over a connection that others share may still be on its way.
fn refusal(code: Code, details: &ErrorDetails) -> Fate {
    let Some(info) = details.error_info() else { return Fate::TimedOut };
    let http = match code {
        Code::ResourceExhausted => 429,
        Code::Unavailable => 503,
        _ => 400,
    };
    let says_when = details.retry_info().is_some();
    Fate::Refused(Refused { code: info.reason.to_ascii_lowercase(), status: http, says_when })
}

fn submission(step: &Step) -> Submission {
    let score = Value { kind: Some(value::Kind::Score(step.answer.score)) };
    let reason = step.answer.reason().map(|text| Value { kind: Some(value::Kind::Text(text)) });
    let answers = [("recommend", Some(score)), ("reason", reason)];
    let is_keyed = step.person.proof == Proof::Key;
    Submission {
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        interaction: if is_keyed { String::new() } else { step.person.interaction() },
        respondent: Some(Respondent { kind: Some(respondent::Kind::Ref(step.person.respondent())) }),
        locale: "en".to_owned(),
        country: "CH".to_owned(),
        answers: answers.into_iter().filter_map(|(id, value)| Some((id.to_owned(), value?))).collect(),
        key: if is_keyed { wire::key(step) } else { String::new() },
        ..Submission::default()
    }
}

/// A stream that is opened anew when it breaks.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug)]
struct Ask {
    submission: Submission,
    told: oneshot::Sender<Fate>,
}

impl Stream {
    pub(super) fn new(url: &str, tasks: &TaskTracker) -> anyhow::Result<Self> {
        let (asks, receive) = mpsc::channel(IN_FLIGHT);
        tasks.spawn(keep_open(url.to_owned(), receive));
        Ok(Self { asks })
    }

    /// Waits for the receipt of one answer.
    pub(super) async fn submit(&self, step: &Step) -> Fate {
        let (told, fate) = oneshot::channel();
        if self.asks.send(Ask { submission: submission(step), told }).await.is_err() {
            return Fate::Refused(Refused::unreachable());
        }
        fate.await.unwrap_or(Fate::TimedOut)
    }
}

/// Until nobody asks any more.
async fn keep_open(url: String, mut asks: mpsc::Receiver<Ask>) {
    while let Some(first) = asks.recv().await {
        // Those who wait are told by their senders' end.
        run(&url, first, &mut asks).await.ok();
    }
}

async fn run(url: &str, first: Ask, asks: &mut mpsc::Receiver<Ask>) -> anyhow::Result<()> {
    let connected = channel(url)?;
    let (send, receive) = mpsc::channel(IN_FLIGHT);
    let mut pending = HashMap::new();
    let mut sequence = 0;
    enlist(first, &mut sequence, &mut pending, &send).await?;
    let request = authorized(ReceiverStream::new(receive))?;
    let mut client = CollectorServiceClient::new(connected);
    let mut results = match client.submit_stream(request).await {
        Ok(results) => results.into_inner(),
        Err(status) => {
            // Before there is a stream nothing but the first can be pending.
            let told = pending.into_values().next().context("nobody waits")?;
            told.send(refused(&status)).ok();
            return Ok(());
        }
    };
    loop {
        tokio::select! {
            ask = asks.recv(), if pending.len() < IN_FLIGHT => {
                let Some(ask) = ask else { return Ok(()) };
                enlist(ask, &mut sequence, &mut pending, &send).await?;
            }
            reply = results.message() => {
                for result in reply?.context("the stream ended")?.results {
                    tell(result.sequence, result.kind, &mut pending);
                }
                // Those who gave up waiting are not in the way.
                pending.retain(|_, told: &mut oneshot::Sender<Fate>| !told.is_closed());
            }
        }
    }
}

async fn enlist(
    ask: Ask,
    sequence: &mut u64,
    pending: &mut HashMap<u64, oneshot::Sender<Fate>>,
    send: &mpsc::Sender<SubmitStreamRequest>,
) -> anyhow::Result<()> {
    *sequence += 1;
    pending.insert(*sequence, ask.told);
    send.send(SubmitStreamRequest { sequence: *sequence, submission: Some(ask.submission) }).await?;
    Ok(())
}

fn tell(sequence: u64, kind: Option<result::Kind>, pending: &mut HashMap<u64, oneshot::Sender<Fate>>) {
    let Some(told) = pending.remove(&sequence) else { return };
    let fate = match kind {
        Some(result::Kind::Receipt(receipt)) => acknowledged(&receipt),
        Some(result::Kind::Error(error)) => refusal(Code::from_i32(error.code), &error.get_error_details()),
        None => Fate::TimedOut,
    };
    // It may have given up.
    told.send(fate).ok();
}
