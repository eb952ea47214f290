//! `SubmitStream` on one connection, a fixed number of answers in flight.

use std::time::Instant;

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use voxgate::proto::collector::v1::{
    Respondent, Subject, Submission, SubmitStreamRequest, Value,
    collector_service_client::CollectorServiceClient, respondent, result, value,
};

use super::{Bound, Done};
use crate::identity::{API_KEY, Numbers};

/// Answers without a receipt at once.
const IN_FLIGHT: usize = 256;

/// Loads the collector up to a bound; every result must be a receipt.
pub(crate) async fn over_grpc(endpoint: &Endpoint, numbers: &Numbers, bound: Bound) -> anyhow::Result<Done> {
    let channel = endpoint.connect().await.context("gRPC does not accept")?;
    let (send, receive) = mpsc::channel(IN_FLIGHT);
    let mut request = tonic::Request::new(ReceiverStream::new(receive));
    request.metadata_mut().insert("authorization", format!("Bearer {API_KEY}").parse()?);
    let started = Instant::now();
    let (mut sent, mut acknowledged) = (0_u64, 0_u64);
    while sent < bound.items.min(IN_FLIGHT as u64) {
        send.send(next(numbers, sent)).await?;
        sent += 1;
    }
    let mut replies = CollectorServiceClient::new(channel).submit_stream(request).await?.into_inner();
    while acknowledged < sent {
        let reply = replies.message().await?.context("the stream ended with answers in flight")?;
        for result in reply.results {
            if !matches!(result.kind, Some(result::Kind::Receipt(_))) {
                bail!("an answer of the stream was refused: {:?}", result.kind);
            }
            acknowledged += 1;
            if sent < bound.items && started.elapsed() < bound.length {
                send.send(next(numbers, sent)).await?;
                sent += 1;
            }
        }
    }
    Ok(Done { items: acknowledged, refused: 0, wall_secs: started.elapsed().as_secs_f64() })
}

/// The same answer as `POST /v1/responses` takes.
fn next(numbers: &Numbers, sequence: u64) -> SubmitStreamRequest {
    let number = numbers.next();
    let respondent = Respondent { kind: Some(respondent::Kind::Ref(format!("crm-{number:010}"))) };
    let submission = Submission {
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        interaction: format!("call-{number:010}"),
        respondent: Some(respondent),
        subject: Some(Subject { kind: "agent".to_owned(), r#ref: "a-7".to_owned() }),
        locale: "de-CH".to_owned(),
        country: "CH".to_owned(),
        answers: [("recommend".to_owned(), Value { kind: Some(value::Kind::Score(9)) })].into(),
        ..Submission::default()
    };
    SubmitStreamRequest { sequence, submission: Some(submission) }
}
