use std::time::Duration;

/// How long anything may take that has no bound of its own in the contract. Generous: the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Asks until there is an answer, and panics past the deadline with what was waited for.
pub(crate) async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited {DEADLINE:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
