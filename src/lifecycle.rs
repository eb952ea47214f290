//! From starting to stopped: what the probes see, what ends the process, and with which code.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not all listeners accept yet.
    Starting,
    /// Open.
    Serving,
    /// Told to stop.
    Draining,
}

/// The process's phase, shared with the probes.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle(AtomicU8);

impl Lifecycle {
    /// Where the process stands.
    pub(crate) fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    /// All listeners accept.
    pub(crate) fn serving(&self) {
        self.0.store(1, Ordering::Release);
    }

    /// Told to stop.
    pub(crate) fn draining(&self) {
        self.0.store(2, Ordering::Release);
    }
}

/// The signals that the process listens to.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// Why the process ends, other than because it was told to; each with its exit code (sysexits.h).
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// 64: the configuration must not be used.
    #[error("{0}")]
    Configuration(String),
    /// 69: a port or a service that is needed cannot be had.
    #[error("{0}")]
    Unavailable(String),
    /// 70: something that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// The exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 64,
            Self::Unavailable(_) => 69,
            Self::Internal(_) => 70,
        }
    }
}
