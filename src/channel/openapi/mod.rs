//! `GET /openapi.json`: the description of the HTTP API, for programmers and their tools.
//!
//! It is written by hand, because it says what a program may rely on, and not what our types happen to be; it is served
//! as it stands in the repository. Tests hold it to the code: the routes and their methods, the codes, the bounds, and
//! every reply of the whole-gateway tests. The admin listener is left out: it is another port, for operators alone.

#[cfg(test)]
pub(crate) mod tests;

use std::sync::LazyLock;

use http::HeaderMap;

use super::{Reply, http::Asset};

const DESCRIPTION: &str = include_str!("openapi.json");

/// It changes with a release only, and nobody minds the last one for an hour.
const CACHE: &str = "public, max-age=3600";

static ASSET: LazyLock<Asset> = LazyLock::new(|| Asset::new("application/json", CACHE, DESCRIPTION));

/// The reply to `GET /openapi.json`. Pages of any origin may read it: it says nothing about this gateway, and viewers
/// of such descriptions run in browsers.
pub(crate) fn description(request: &HeaderMap) -> Reply {
    ASSET.reply(request)
}
