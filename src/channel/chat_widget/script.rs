//! `GET /widget.js`: compacted once, then served from memory.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};

use super::Reply;
use crate::channel::http::Asset;

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let script = compact(include_str!("widget.js"));
    Asset::new("text/javascript; charset=utf-8", CACHE, script)
});

/// The address carries no version, so a mended script must reach pages soon: an hour fresh, a day while the next one
/// is fetched.
const CACHE: &str = "public, max-age=3600, stale-while-revalidate=86400";

/// The reply to `GET /widget.js`, gzipped where that is accepted; 304 when the browser has it.
///
/// Where the script came from it reads from its own tag, so the same bytes serve every host name and path prefix.
pub fn script(request: &HeaderMap) -> Reply {
    let mut reply = SCRIPT.reply(request);
    let anywhere = HeaderValue::from_static("cross-origin");
    reply.headers_mut().insert("cross-origin-resource-policy", anywhere);
    reply
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_at_most_4096_bytes_gzipped() {
        let (gzip, plain) = SCRIPT.sizes();
        println!("widget.js: {gzip} bytes gzipped, {plain} plain");
        assert!(gzip <= 4096, "{gzip}");
    }

    #[test]
    fn compaction_leaves_quoted_text_alone() {
        let source = "  // a comment\n  const a = 'b  // c; } \\' = d';\n\n  let e = `f\n    g = ${ h }`;\n  if (a) {\n    \
                      e = a + +b;\n  }\n  x()\n  y()\n";
        let served = "const a='b  // c; } \\' = d';let e=`f\ng = ${ h }`;if(a){e=a + +b}\nx()\ny()\n";
        assert_eq!(compact(source), served);
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
