//! `GET /widget.js`: compacted, hashed and compressed once, then served from memory.

use std::{io::Write as _, sync::LazyLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::Full;

use super::Reply;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("widget.js")));

/// The address carries no version, so a mended script must reach pages soon: an hour fresh, a day while the next one
/// is fetched.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600, stale-while-revalidate=86400");

/// The reply to `GET /widget.js`, gzipped where that is accepted; 304 when the browser has it.
///
/// Where the script came from it reads from its own tag, so the same bytes serve every host name and path prefix.
pub fn script(request: &HeaderMap) -> Reply {
    let (body, encoding, tag) = SCRIPT.variant(request);
    let mut reply = Reply::default();
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)));
    if is_known(request, tag) {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        return reply;
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.extend(encoding.map(|encoding| (header::CONTENT_ENCODING, HeaderValue::from_static(encoding))));
    *reply.body_mut() = Full::new(body.clone());
    reply
}

/// Both representations with their strong tags.
struct Script {
    plain: Bytes,
    plain_tag: String,
    gzip: Option<Bytes>,
    gzip_tag: String,
}

impl Script {
    fn new(source: &str) -> Self {
        let plain = compact(source);
        let hash = blake3::hash(plain.as_bytes()).to_hex();
        let hash = hash.get(..16).unwrap_or_default();
        Self {
            gzip: gzip(plain.as_bytes()).ok().map(Bytes::from),
            plain: Bytes::from(plain),
            plain_tag: format!("\"{hash}\""),
            gzip_tag: format!("\"{hash}-gzip\""),
        }
    }

    fn variant(&self, request: &HeaderMap) -> (&Bytes, Option<&'static str>, &str) {
        match &self.gzip {
            Some(gzip) if takes_gzip(request) => (gzip, Some("gzip"), &self.gzip_tag),
            _ => (&self.plain, None, &self.plain_tag),
        }
    }
}

/// Removes what is there for the reader: lines that are comments, indents, blank lines, and the spaces and line ends
/// around punctuation. Quoted text stays as it is. The source has no regular expressions and no comments behind code.
fn compact(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let mut out = String::with_capacity(source.len());
    let (mut quote, mut escaped) = (None, false);
    for line in lines {
        for char in line.chars() {
            match quote {
                Some(open) => {
                    out.push(char);
                    quote = (escaped || char != open).then_some(open);
                    escaped = !escaped && char == '\\';
                }
                None => {
                    push_code(&mut out, char);
                    quote = matches!(char, '\'' | '"' | '`').then_some(char);
                }
            }
        }
        match quote {
            Some(_) => out.push('\n'),
            None => push_code(&mut out, '\n'),
        }
    }
    out
}

fn push_code(out: &mut String, char: char) {
    const PUNCTUATION: &str = "{}()[];,=<>*/%?:&|!";
    let last = out.chars().next_back().unwrap_or('\n');
    match char {
        ' ' if PUNCTUATION.contains(last) => return,
        '\n' if "{([;,=?:&|\n".contains(last) => return,
        '}' if matches!(last, ';' | ',') => drop(out.pop()),
        _ if last == ' ' && PUNCTUATION.contains(char) => drop(out.pop()),
        _ => {}
    }
    out.push(char);
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Whether `Accept-Encoding` names gzip and does not weigh it with zero (RFC 9110, 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let fields = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Whether `If-None-Match` names the tag, by weak comparison (RFC 9110, 13.1.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let fields = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_script_has_at_most_4096_bytes_gzipped() {
        let bytes = SCRIPT.gzip.as_ref().unwrap().len();
        println!("widget.js: {bytes} bytes gzipped, {} plain", SCRIPT.plain.len());
        assert!(bytes <= 4096, "{bytes}");
    }

    #[test]
    fn compaction_leaves_quoted_text_alone() {
        let source = "  // a comment\n  const a = 'b  // c; } \\' = d';\n\n  let e = `f\n    g = ${ h }`;\n  if (a) {\n    \
                      e = a + +b;\n  }\n  x()\n  y()\n";
        let served = "const a='b  // c; } \\' = d';let e=`f\ng = ${ h }`;if(a){e=a + +b}\nx()\ny()\n";
        assert_eq!(compact(source), served);
    }

    #[test]
    fn each_encoding_has_its_own_tag_and_a_known_one_is_not_sent_again() {
        let plain = script(&request(&[("accept-encoding", "br, gzip;q=0")]));
        let zipped = script(&request(&[("accept-encoding", "br;q=1.0, gzip;q=0.8")]));
        assert_eq!(plain.headers().get("content-encoding"), None);
        assert_eq!(zipped.headers()["content-encoding"], "gzip");
        assert_ne!(plain.headers()["etag"], zipped.headers()["etag"]);
        let tag = plain.headers()["etag"].to_str().unwrap();
        for known in [tag.to_owned(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            assert_eq!(script(&request(&[("if-none-match", &known)])).status(), 304, "{known}");
        }
        let changed = script(&request(&[("accept-encoding", "gzip"), ("if-none-match", tag)]));
        assert_eq!(changed.status(), 200);
    }

    #[test]
    fn any_page_may_load_the_script() {
        let reply = script(&HeaderMap::new());
        assert_eq!(reply.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(reply.headers()["cross-origin-resource-policy"], "cross-origin");
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
        assert!(reply.headers()["cache-control"].to_str().unwrap().starts_with("public, max-age="));
    }
}
