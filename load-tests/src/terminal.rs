//! What a run says while it lasts.

use std::{
    io::{Write as _, stderr, stdout},
    net::SocketAddr,
};

/// Tells whoever waits how far it is.
pub(crate) fn say(line: &str) {
    // Without a terminal to tell there is nobody to tell it to.
    writeln!(stderr(), "{line}").ok();
}

/// Logs a listener as the gateway does.
pub(crate) fn announce(listener: &str, addr: SocketAddr) {
    let line = serde_json::json!({ "message": "listening", "listener": listener, "addr": addr });
    writeln!(stdout(), "{line}").ok();
}
