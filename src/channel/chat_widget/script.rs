//! `GET /widget.js`, `GET /widget-{version}.js` and `GET /widget.d.ts`: compressed once, then served from memory.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha384};

use super::Reply;
use crate::channel::http::Asset;

/// Made of `widget.js` and `widget.css` by `make widget`.
const PRESENT: &str = include_str!("widget.min.js");

/// Scripts of earlier releases: a page that names one by its hash would lose its widget with an update of the gateway.
/// A release that changes the script puts the one before it here.
const EARLIER: [&str; 0] = [];

const TYPES: &str = include_str!("widget.d.ts");

/// The fixed address carries no version, so a mended script must reach pages soon: an hour fresh, a day while the next
/// one is fetched.
const FOR_AN_HOUR: &str = "public, max-age=3600, stale-while-revalidate=86400";

/// What stands under its own hash never changes (RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new(JAVASCRIPT, FOR_AN_HOUR, PRESENT));

static VERSIONS: LazyLock<Vec<(Version, Asset)>> = LazyLock::new(|| {
    let scripts = EARLIER.into_iter().chain([PRESENT]);
    scripts.map(|script| (Version::of(script), Asset::new(JAVASCRIPT, FOR_EVER, script))).collect()
});

static DECLARATIONS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/plain; charset=utf-8", FOR_AN_HOUR, TYPES));

/// One content of the script, by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    digest: [u8; 48],
}

impl Version {
    /// The version that this gateway gives to new pages.
    pub fn present() -> Self {
        Self::of(PRESENT)
    }

    fn of(script: &str) -> Self {
        Self { digest: Sha384::digest(script).into() }
    }

    /// How the path names it: `/widget-{name}.js`.
    pub fn name(&self) -> String {
        let hash = hex::encode(self.digest);
        hash.get(..16).unwrap_or_default().to_owned()
    }

    /// What stands in a tag's `integrity` (W3C Subresource Integrity, 3.1).
    pub fn integrity(&self) -> String {
        format!("sha384-{}", STANDARD.encode(self.digest))
    }
}

/// The reply to `GET /widget.js`, gzipped where that is accepted; 304 when the browser has it.
///
/// Where the script came from it reads from its own tag, so the same bytes serve every host name and path prefix.
pub fn script(request: &HeaderMap) -> Reply {
    for_anywhere(&SCRIPT, request)
}

/// The reply to `GET /widget-{version}.js`; none when this gateway has no such version. `name` is the file's.
pub fn version(name: &str, request: &HeaderMap) -> Option<Reply> {
    let version = name.strip_prefix("widget-")?.strip_suffix(".js")?;
    let (_, asset) = VERSIONS.iter().find(|(known, _)| known.name() == version)?;
    Some(for_anywhere(asset, request))
}

/// The reply to `GET /widget.d.ts`: the types of what the script gives a page.
pub fn types(request: &HeaderMap) -> Reply {
    for_anywhere(&DECLARATIONS, request)
}

fn for_anywhere(asset: &Asset, request: &HeaderMap) -> Reply {
    let mut reply = asset.reply(request);
    let anywhere = HeaderValue::from_static("cross-origin");
    reply.headers_mut().insert("cross-origin-resource-policy", anywhere);
    reply
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_script_has_at_most_4096_bytes_gzipped() {
        let (gzip, plain) = SCRIPT.sizes();
        // Not captured: a size that grows is seen before it is too large.
        writeln!(std::io::stdout(), "widget.js: {gzip} bytes gzipped, {plain} plain").unwrap();
        assert!(gzip <= 4096, "{gzip}");
    }

    #[test]
    fn any_page_may_load_the_script_and_its_types() {
        for reply in [script(&HeaderMap::new()), types(&HeaderMap::new())] {
            assert_eq!(reply.headers()["cross-origin-resource-policy"], "cross-origin");
            assert_eq!(reply.headers()["access-control-allow-origin"], "*");
            assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
            assert!(reply.headers()["cache-control"].to_str().unwrap().starts_with("public, max-age="));
        }
        assert_eq!(script(&HeaderMap::new()).headers()["content-type"], "text/javascript; charset=utf-8");
    }

    #[test]
    fn a_version_is_kept_for_ever_and_any_other_name_is_none() {
        let present = Version::present();
        let reply = version(&format!("widget-{}.js", present.name()), &HeaderMap::new()).unwrap();
        assert_eq!(reply.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert!(present.integrity().starts_with("sha384-"));
        assert_eq!(present.integrity().len(), 7 + 64);
        for other in ["widget-.js", "widget-0123456789abcdef.js", "widget-", "widget.css", ""] {
            assert!(version(other, &HeaderMap::new()).is_none(), "{other}");
        }
    }
}
