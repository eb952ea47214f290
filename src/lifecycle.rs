//! From starting to stopped: what the probes see, what ends the process, and with which code.

use std::{
    io,
    sync::atomic::{AtomicU8, Ordering},
};

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

/// The signals that ask the process to stop: SIGTERM and SIGINT.
#[derive(Debug)]
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Takes the signals over.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The signal that asks for a reload: SIGHUP. Those that come while one is under way ask for one more.
#[derive(Debug)]
pub(crate) struct Hangup(Signal);

impl Hangup {
    /// Takes the signal over.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn asked(&mut self) {
        self.0.recv().await;
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
