//! Fields of a form, urlencoded or multipart, read strictly: what cannot be decoded is refused, not guessed.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};

use crate::outcome::{Reason, Refusal};

/// The fields of a form, in the order sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

/// Shows how many there are: they hold comments and contacts.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fields({})", self.0.len())
    }
}

impl Fields {
    /// Reads a body of at most `most` fields.
    ///
    /// # Errors
    /// `unsupported_media_type` for anything but the two kinds of form, `malformed` for bad encoding, `too_large` for
    /// more fields.
    pub(crate) async fn read(headers: &HeaderMap, body: Bytes, most: usize) -> Result<Self, Refusal> {
        let content_type =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Self::urlencoded(&body, most),
            // Tens of kilobytes of a future, which the other kind of form would be moved as too.
            "multipart/form-data" => Box::pin(Self::multipart(content_type, body, most)).await,
            _ => Err(Refusal::new(
                Reason::UnsupportedMediaType,
                "send application/x-www-form-urlencoded or multipart/form-data",
            )),
        }
    }

    /// The fields of a query: what cannot be decoded there was added by somebody on the way, and is left out.
    pub(crate) fn of_query(query: &str) -> Self {
        let decoded = query.split('&').filter_map(|pair| decode_pair(pair).ok());
        Self(decoded.filter(|(name, _)| !name.is_empty()).collect())
    }

    /// The first value of a field that is not blank, trimmed.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .filter(|(field, _)| field == name)
            .map(|(_, value)| value.trim())
            .find(|value| !value.is_empty())
    }

    /// The same, of the last of several.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        let values = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.trim());
        values.rev().find(|value| !value.is_empty())
    }

    fn urlencoded(body: &[u8], most: usize) -> Result<Self, Refusal> {
        let body = std::str::from_utf8(body).map_err(|_| malformed("the form is not UTF-8"))?;
        let mut fields = Vec::new();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            check_count(fields.len(), most)?;
            fields.push(decode_pair(pair)?);
        }
        Ok(Self(fields))
    }

    async fn multipart(content_type: &str, body: Bytes, most: usize) -> Result<Self, Refusal> {
        let boundary = multer::parse_boundary(content_type)
            .map_err(|_| malformed("multipart/form-data needs a boundary"))?;
        let whole = stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
        let mut parts = multer::Multipart::new(whole, boundary);
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.map_err(broken_multipart)? {
            check_count(fields.len(), most)?;
            let name = part.name().ok_or_else(|| malformed("each part needs a name"))?.to_owned();
            let is_file = part.file_name().is_some();
            let bytes = part.bytes().await.map_err(broken_multipart)?;
            // No survey asks for a file; its place counts, its bytes are left out.
            let value = if is_file { String::new() } else { utf8(bytes.to_vec())? };
            fields.push((name, value));
        }
        Ok(Self(fields))
    }
}

fn check_count(so_far: usize, most: usize) -> Result<(), Refusal> {
    if so_far < most {
        return Ok(());
    }
    Err(Refusal::new(Reason::TooLarge, format!("send at most {most} fields")))
}

fn decode_pair(pair: &str) -> Result<(String, String), Refusal> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    Ok((decode(name)?, decode(value)?))
}

/// Decodes `application/x-www-form-urlencoded` (WHATWG URL, 5.1), but refuses a `%` that no two hex digits follow.
fn decode(text: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, others) = rest.split_first_chunk::<2>().ok_or_else(bad_percent)?;
                rest = others;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).map_err(|_| bad_percent())?;
                let [byte] = byte;
                byte
            }
            other => *other,
        });
    }
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|_| malformed("a field is not UTF-8"))
}

fn bad_percent() -> Refusal {
    malformed("a % in the form is not followed by two hex digits")
}

fn broken_multipart(error: multer::Error) -> Refusal {
    malformed(format!("the multipart body is broken: {error}"))
}

fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urlencoded(body: &'static str, most: usize) -> Result<Fields, Reason> {
        Fields::urlencoded(body.as_bytes(), most).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn plus_and_percent_are_decoded_and_bad_encoding_is_malformed() {
        let fields = urlencoded("a=1+2%2B3&b&c=%C3%A4", 9).unwrap();
        assert_eq!(fields.get("a"), Some("1 2+3"));
        assert_eq!(fields.get("b"), None);
        assert_eq!(fields.get("c"), Some("ä"));
        for bad in ["a=%", "a=%2", "a=%zz", "a=%+1", "a=%ff", "%c3=1"] {
            assert_eq!(urlencoded(bad, 9), Err(Reason::Malformed), "{bad}");
        }
    }

    #[test]
    fn the_bound_on_fields_is_kept_to_the_field() {
        assert!(urlencoded("a=1&b=2", 2).is_ok());
        assert_eq!(urlencoded("a=1&b=2&c=3", 2), Err(Reason::TooLarge));
    }

    async fn read(content_type: &str, body: &'static str) -> Result<Fields, Reason> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        Fields::read(&headers, Bytes::from_static(body.as_bytes()), 2).await.map_err(|refusal| refusal.reason)
    }

    #[tokio::test]
    async fn a_multipart_form_is_read_without_its_files() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n9\r\n\
            --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\n\r\nbytes\r\n--x--\r\n";
        let fields = read("multipart/form-data; boundary=x", body).await.unwrap();
        assert_eq!(fields.get("a"), Some("9"));
        assert_eq!(fields.get("f"), None);
    }

    #[tokio::test]
    async fn a_broken_multipart_form_and_a_foreign_media_type_are_refused() {
        let cut = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n9";
        assert_eq!(read("multipart/form-data; boundary=x", cut).await, Err(Reason::Malformed));
        assert_eq!(read("multipart/form-data", cut).await, Err(Reason::Malformed));
        assert_eq!(read("application/json", "{}").await, Err(Reason::UnsupportedMediaType));
        let three = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n9\r\n\
            --x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n9\r\n\
            --x\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n9\r\n--x--\r\n";
        assert_eq!(read("multipart/form-data; boundary=x", three).await, Err(Reason::TooLarge));
    }
}
