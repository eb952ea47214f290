use std::time::Duration;

/// How much of a quota is left, for the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaStatus {
    /// The policy's name: `key`, `brand`, `survey`, `address`, `link`, `call`.
    pub policy: &'static str,
    /// Submissions in a window.
    pub limit: u64,
    /// The window's length.
    pub window: Duration,
    /// What is left in this window, as far as this gateway knows.
    pub remaining: u64,
    /// Until there is more.
    pub resets_in: Duration,
}
