//! Short links on the wire.

use tonic::Status;

use super::sqlite::ShortLink;
use crate::{clock::Timestamp, proto::store::v1::Link};

/// Links in one call.
pub(crate) const LINKS: usize = 1_000;
/// Digits of a handle: 130 bits.
const HANDLE_DIGITS: usize = 26;
/// Crockford's base32, without the letters that look like digits and without `u`.
const DIGITS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Longer than any token that a gateway makes.
const TOKEN_CHARS: usize = 2_000;

/// The links of a call, checked.
pub(super) fn read(links: Vec<Link>) -> Result<Vec<ShortLink>, Status> {
    if links.is_empty() || links.len() > LINKS {
        return Err(Status::invalid_argument(format!("put 1 to {LINKS} links")));
    }
    links.into_iter().map(read_one).collect()
}

fn read_one(link: Link) -> Result<ShortLink, Status> {
    if link.token.is_empty() || link.token.len() > TOKEN_CHARS {
        return Err(Status::invalid_argument(format!("token must have 1 to {TOKEN_CHARS} characters")));
    }
    let person = match link.respondent_key.as_ref() {
        [] => None,
        key => Some(key.try_into().map_err(|_| {
            Status::invalid_argument("respondent_key must have 16 bytes, or none when the link names nobody")
        })?),
    };
    let made = link.made_at.as_ref().map(Timestamp::from_proto);
    Ok(ShortLink {
        handle: read_handle(link.handle)?,
        token: link.token,
        person,
        made: made.ok_or_else(|| Status::invalid_argument("made_at must be set"))?,
        expires: link.expires_at.as_ref().map(Timestamp::from_proto),
    })
}

/// A handle, checked. No second spelling is stored, so that nobody finds a link under one of two.
pub(super) fn read_handle(handle: String) -> Result<String, Status> {
    let fits = handle.len() == HANDLE_DIGITS && handle.bytes().all(|digit| DIGITS.contains(&digit));
    fits.then_some(handle).ok_or_else(|| {
        Status::invalid_argument(format!(
            "handle must have {HANDLE_DIGITS} digits of base32 (Crockford), in lower case"
        ))
    })
}

/// A link as it goes out.
pub(super) fn written(link: ShortLink) -> Link {
    Link {
        handle: link.handle,
        token: link.token,
        respondent_key: link.person.map(|key| key.to_vec().into()).unwrap_or_default(),
        made_at: Some(link.made.to_proto()),
        expires_at: link.expires.map(Timestamp::to_proto),
    }
}
