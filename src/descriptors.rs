//! File descriptors: each connection takes one, and so do the spool's segments and the ways to Redis and the store.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For files, and for connections that are made from here.
const OWN: usize = 512;

/// Raises the process's limit, as far as it may, to what so many connections need. A shell's limit is 1,024: a tenth of
/// the connections that are taken would leave none, and the spool could not open its next segment.
pub(crate) fn make_room(connections: usize) {
    let wanted = u64::try_from(connections.saturating_add(OWN)).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < wanted) else { return };
    let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    let limit = if raised.is_ok() { most } else { current };
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            "too few file descriptors for all connections at once: raise the hard limit (`ulimit -Hn`, `LimitNOFILE=`), \
             or lower `connections` in [http], [grpc] and [store]"
        );
    }
}
