//! Ports that stay a process's own across its restarts.

use std::{
    net::{SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The first port, and how many there are: below the ephemeral range, so that no outgoing connection takes one while
/// its process is down.
const FIRST: u32 = 15_000;
const PORTS: u32 = 15_000;

/// A loopback address whose port is free now.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + process::id().wrapping_mul(61).wrapping_add(step) % PORTS;
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap_or_default()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
