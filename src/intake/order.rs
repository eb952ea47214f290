//! Two submissions of one identity take turns at this gateway, in the order they came: a batch that says 9 and then 3
//! ends at 3. Across gateways the claims decide.

use tokio::sync::{Mutex, MutexGuard};

use crate::outcome::ResponseId;

/// Identities share stripes; with so many, two that are worked on at once seldom meet.
const STRIPES: usize = 4096;

#[derive(Debug)]
pub(super) struct Order(Box<[Mutex<()>]>);

impl Default for Order {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::default()).collect())
    }
}

impl Order {
    /// Waits until the submissions of this identity that came before are on disk.
    pub(super) async fn turn(&self, id: ResponseId) -> Option<MutexGuard<'_, ()>> {
        let [a, b, ..] = *id.as_bytes();
        let stripe = self.0.get(usize::from(u16::from_le_bytes([a, b])) % STRIPES)?;
        Some(stripe.lock().await)
    }
}
