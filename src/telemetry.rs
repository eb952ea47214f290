//! Logs: JSON lines when stdout is no terminal, else lines for people. No personal data goes into them.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging by a filter such as `info` or `voxgate=debug,info`.
///
/// # Errors
/// The filter cannot be read, or logging was started before.
pub(crate) fn start(filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| TelemetryError::Filter(filter.to_owned()))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = if std::io::stdout().is_terminal() {
        registry.with(tracing_subscriber::fmt::layer().with_target(false).compact()).try_init()
    } else {
        registry.with(tracing_subscriber::fmt::layer().json().flatten_event(true)).try_init()
    };
    started.map_err(|_| TelemetryError::Started)
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// Write something like `info`.
    #[error("[telemetry] log = \"{0}\" is no log filter; write it like \"info\" or \"voxgate=debug,info\"")]
    Filter(String),
    /// Twice.
    #[error("logging was started already")]
    Started,
}
