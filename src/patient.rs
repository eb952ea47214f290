//! Threads for long work that can wait: they give way to those who wait for an answer, where both want the same core.

use std::{
    io,
    thread::{self, JoinHandle},
};

/// A tenth of the weight of a thread that is not nice.
const NICENESS: i32 = 10;

/// Starts such a thread.
///
/// # Errors
/// The system has no room for another thread.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        give_way();
        work()
    })
}

fn give_way() {
    let this_thread = Some(rustix::thread::gettid());
    if let Err(error) = rustix::process::setpriority_process(this_thread, NICENESS) {
        tracing::debug!(%error, thread = thread::current().name(), "the thread keeps its priority");
    }
}
