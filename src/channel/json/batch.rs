//! A batch: a JSON array or NDJSON, one result for each item in order; the good ones are kept.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::value::RawValue;

use super::{Extras, Fields, batch_body, decode};
use crate::{
    catalog::ApiKey,
    channel::Edge,
    intake::Proof,
    outcome::{Reason, Receipt, Refusal},
    survey::Channel,
};

/// Items of one batch that are worked on at once; more would only wait for the same group commit.
const AT_ONCE: usize = 256;

/// The items of a batch, not yet decoded.
pub(crate) struct Items(pub(crate) Vec<Bytes>);

/// Shows how many there are.
impl std::fmt::Debug for Items {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Items({})", self.0.len())
    }
}

impl Items {
    /// Splits a JSON array.
    ///
    /// # Errors
    /// [`Reason::Malformed`] when it is none, [`Reason::TooLarge`] when it has too many items.
    pub(crate) fn array(body: &Bytes, bound: usize) -> Result<Self, Refusal> {
        // Nothing here recurses into an item; how deep it nests is looked at when it is read.
        let raw: serde_json::Result<Vec<&RawValue>> =
            std::str::from_utf8(body).map_or_else(|_| serde_json::from_slice(body), serde_json::from_str);
        let raw = raw.map_err(|error| {
            let place = format!("(line {}, column {})", error.line(), error.column());
            Refusal::new(Reason::Malformed, format!("the body is no JSON array {place}"))
        })?;
        Self(raw.into_iter().map(|item| body.slice_ref(item.get().as_bytes())).collect()).within(bound)
    }

    /// Splits lines; blank ones are left out.
    ///
    /// # Errors
    /// [`Reason::TooLarge`] when there are too many.
    pub(super) fn lines(body: &Bytes, bound: usize) -> Result<Self, Refusal> {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        Self(lines.take(bound + 1).map(|line| body.slice_ref(line)).collect()).within(bound)
    }

    fn within(self, bound: usize) -> Result<Self, Refusal> {
        if self.0.len() > bound {
            let detail = format!("a batch holds at most {bound} items; send more batches");
            return Err(Refusal::new(Reason::TooLarge, detail));
        }
        Ok(self)
    }
}

/// Submits each item; `{"results": […]}`.
pub(super) async fn batch(edge: &Edge, key: &Arc<ApiKey>, items: Items) -> Bytes {
    let results: Vec<_> =
        stream::iter(items.0).map(|item| submit(edge, key, item)).buffered(AT_ONCE).collect().await;
    batch_body(&results)
}

async fn submit(edge: &Edge, key: &Arc<ApiKey>, item: Bytes) -> Result<Receipt, Refusal> {
    let proof = Proof::Key(Arc::clone(key));
    let fields =
        Fields::read(&item).map_err(|refusal| edge.intake.refuse(Channel::Api, Some(&key.brand), refusal))?;
    let identity_key = &edge.settings.identity_key;
    edge.intake.submit(decode(fields, Channel::Api, proof, Extras::default(), identity_key)).await
}
