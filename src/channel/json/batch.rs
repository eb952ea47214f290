//! A batch: a JSON array or NDJSON, one result for each item in order; the good ones are kept.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
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

/// Submits each item of a JSON array; `{"results": […]}`. Where each is an object they are read at one go.
///
/// # Errors
/// As [`Items::array`].
pub(super) async fn array(edge: &Edge, key: &Arc<ApiKey>, body: &Bytes) -> Result<Bytes, Refusal> {
    let bound = edge.settings.http.batch_items;
    match Fields::read_all(body, bound) {
        Some(all) => Ok(batch(edge, key, all.into_iter().map(Ok).collect()).await),
        None => Ok(each(edge, key, &Items::array(body, bound)?).await),
    }
}

/// Submits each line.
///
/// # Errors
/// As [`Items::lines`].
pub(super) async fn lines(edge: &Edge, key: &Arc<ApiKey>, body: &Bytes) -> Result<Bytes, Refusal> {
    Ok(each(edge, key, &Items::lines(body, edge.settings.http.batch_items)?).await)
}

async fn each(edge: &Edge, key: &Arc<ApiKey>, items: &Items) -> Bytes {
    batch(edge, key, items.0.iter().map(|item| Fields::read(item)).collect()).await
}

/// What can be read of an item.
type Read<'a> = Result<Fields<'a>, Refusal>;

async fn batch(edge: &Edge, key: &Arc<ApiKey>, items: Vec<Read<'_>>) -> Bytes {
    batch_body(&submitted(edge, key, items).collect::<Vec<_>>().await)
}

/// The results in order. No `async fn`: the compiler does not see that a future around this closure may be sent.
fn submitted<'a>(
    edge: &'a Edge,
    key: &'a Arc<ApiKey>,
    items: Vec<Read<'a>>,
) -> impl Stream<Item = Result<Receipt, Refusal>> + Send + use<'a> {
    stream::iter(items).map(move |item| submit(edge, key, item)).buffered(AT_ONCE)
}

async fn submit(edge: &Edge, key: &Arc<ApiKey>, item: Read<'_>) -> Result<Receipt, Refusal> {
    let fields = item.map_err(|refusal| edge.intake.refuse(Channel::Api, Some(&key.brand), refusal))?;
    let (proof, identity_key) = (Proof::Key(Arc::clone(key)), &edge.settings.identity_key);
    edge.intake.submit(decode(fields, Channel::Api, proof, Extras::default(), identity_key)).await
}
