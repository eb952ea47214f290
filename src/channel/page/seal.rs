//! When a page was served, as its form tells it: sealed, so that nobody can say to have read it for longer than they
//! have.
//!
//! A field of 43 characters, base64url without padding: milliseconds since the Unix epoch (8 bytes), a nonce (8), and
//! the first 16 bytes of a keyed hash over both and the link the page belongs to. A seal can be kept and sent later;
//! then that much time has passed. It cannot be made older, nor taken to another link.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{Context, Fields};
use crate::{catalog::IdentityKey, clock::Timestamp};

/// The field that carries it.
pub(crate) const FIELD: &str = "seal";

/// A page's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// When it was served.
    pub(crate) served: Timestamp,
    nonce: [u8; 8],
}

impl Seal {
    /// The seal of a page that is served now.
    pub(crate) fn now(context: &Context<'_>) -> Self {
        Self { served: context.now, nonce: rand::random() }
    }

    /// Reads the seal of a form; none when it has none, or one that is not ours, not this link's, or of the future.
    pub(crate) fn open(fields: &Fields, context: &Context<'_>, link: &str) -> Option<Self> {
        let text = fields.last(FIELD)?;
        let bytes: [u8; 32] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (said, _) = bytes.split_first_chunk::<16>()?;
        let (millis, nonce) = said.split_first_chunk::<8>()?;
        let millis = i64::try_from(u64::from_be_bytes(*millis)).ok()?;
        let served = Timestamp::from_micros(millis.checked_mul(1_000)?);
        let seal = Self { served, nonce: nonce.try_into().ok()? };
        // Whoever can tell by the time how much of it fits learns nothing: each try needs an answer of its own.
        (served <= context.now && seal.bytes(context.identity_key, link) == bytes).then_some(seal)
    }

    /// As the form carries it.
    pub(crate) fn text(&self, context: &Context<'_>, link: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.bytes(context.identity_key, link))
    }

    fn bytes(&self, key: &IdentityKey, link: &str) -> [u8; 32] {
        let millis = u64::try_from(self.served.as_micros() / 1_000).unwrap_or(0).to_be_bytes();
        let hash = key.hash(&[b"page seal", &millis, &self.nonce, link.as_bytes()]);
        let mut bytes = [0; 32];
        let all = millis.iter().chain(&self.nonce).chain(&hash);
        bytes.iter_mut().zip(all).for_each(|(byte, said)| *byte = *said);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::channel::page::samples::Sample;

    fn form(seal: &str) -> Fields {
        Fields(vec![(FIELD.to_owned(), seal.to_owned())])
    }

    #[test]
    fn a_seal_tells_when_its_page_was_served_and_nothing_else_does() {
        let mut sample = Sample::default();
        let seal = Seal::now(&sample.context());
        let text = seal.text(&sample.context(), "link-1");
        assert_eq!(text.len(), 43);
        let served = sample.now;
        sample.now = served.after(Duration::from_secs(7));
        assert_eq!(Seal::open(&form(&text), &sample.context(), "link-1").unwrap().served, served);
        assert_eq!(Seal::open(&form(&text), &sample.context(), "link-2"), None, "another link's");
        assert_eq!(Seal::open(&Fields::default(), &sample.context(), "link-1"), None);
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(Seal::open(&form(&other), &sample.context(), "link-1"), None, "{place}");
        }
        sample.now = served.before(Duration::from_millis(1));
        assert_eq!(Seal::open(&form(&text), &sample.context(), "link-1"), None, "of the future");
    }
}
