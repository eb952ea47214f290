//! Submissions as programs write them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use voxgate::proto::collector::v1::{
    self as proto, Submission, collector_service_client::CollectorServiceClient, value::Kind,
};

use super::{ACME_KEY, Gateway};

/// The smallest JSON submission: a score for `support-nps` of `acme` about an interaction.
pub(crate) fn nps(interaction: &str, score: i32) -> Value {
    json!({
        "survey": "support-nps", "brand": "acme", "interaction": interaction,
        "answers": {"recommend": score},
    })
}

/// The same as a gRPC message.
pub(crate) fn nps_message(interaction: &str, value: i32) -> Submission {
    Submission {
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        interaction: interaction.to_owned(),
        answers: BTreeMap::from([("recommend".to_owned(), score(value))]),
        ..Submission::default()
    }
}

/// A score as a gRPC value.
pub(crate) fn score(value: i32) -> proto::Value {
    proto::Value { kind: Some(Kind::Score(value)) }
}

/// A gRPC client of a gateway.
pub(crate) fn collector(gateway: &Gateway) -> CollectorServiceClient<Channel> {
    CollectorServiceClient::new(Endpoint::from_shared(gateway.grpc_url()).unwrap().connect_lazy())
}

/// A gRPC request with the sample key of `acme`.
pub(crate) fn with_key<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {ACME_KEY}").parse().unwrap());
    request
}
