//! What a person has answered before, as far as the claims know: for a page that is opened again.

use super::{
    Claims, Digest, Place, Tag,
    content::{Claim, Content},
};
use crate::{clock::Timestamp, outcome::ResponseId};

use std::time::Duration;

impl Claims {
    /// The scores of a response, by the tag of their question. None when the response is not known, or Redis is away.
    pub async fn seen(
        &self,
        id: ResponseId,
        now: Timestamp,
        edit_window: Duration,
    ) -> Option<Vec<(Tag, i32)>> {
        let packed = match &self.place {
            Place::Embedded(embedded) => embedded.look(id)?,
            Place::Redis(redis) => redis.look(id, now, edit_window).await?,
        };
        Claim::unpack(&packed).map(|claim| scores(&claim.content))
    }
}

/// Without those that are held as late.
fn scores(content: &Content) -> Vec<(Tag, i32)> {
    let Content::Each(answers) = content else { return Vec::new() };
    answers
        .iter()
        .filter(|known| !known.late)
        .filter_map(|known| match known.digest {
            Digest::Score(score) => Some((known.tag, i32::from(score))),
            Digest::Hash(_) => None,
        })
        .collect()
}
