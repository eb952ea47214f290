//! The cases, by theme; a theme's file holds nothing else.

mod erasure;
mod gateway;
mod network;
mod overload;
mod reload;
mod restore;
mod shutdown;
mod store;
mod time;

use super::case::Entry;

/// Every case, in the order run.
pub(crate) const ALL: &[Entry] = &[
    Entry { name: "gateway_sigkill", run: |case| Box::pin(gateway::sigkill(case)) },
    Entry { name: "store_sigkill", run: |case| Box::pin(store::sigkill(case)) },
    Entry { name: "store_slow", run: |case| Box::pin(store::slow(case)) },
    Entry { name: "store_frozen", run: |case| Box::pin(store::frozen(case)) },
    Entry { name: "store_half_open", run: |case| Box::pin(store::half_open(case)) },
    Entry { name: "store_refuses", run: |case| Box::pin(store::refuses(case)) },
    Entry { name: "store_away", run: |case| Box::pin(store::away(case)) },
    Entry { name: "shutdown_sigterm", run: |case| Box::pin(shutdown::sigterm(case)) },
    Entry { name: "shutdown_sigterm_twice", run: |case| Box::pin(shutdown::sigterm_twice(case)) },
    Entry { name: "shutdown_store_away", run: |case| Box::pin(shutdown::store_away(case)) },
    Entry { name: "erasure_in_a_spool", run: |case| Box::pin(erasure::in_a_spool(case)) },
    Entry { name: "erasure_in_dead_letters", run: |case| Box::pin(erasure::in_dead_letters(case)) },
    Entry { name: "erasure_held", run: |case| Box::pin(erasure::held(case)) },
    Entry { name: "restore_replay", run: |case| Box::pin(restore::replay(case)) },
    Entry { name: "reload", run: |case| Box::pin(reload::under_load(case)) },
    Entry { name: "network_client_cut", run: |case| Box::pin(network::client_cut(case)) },
    Entry { name: "network_client_half_open", run: |case| Box::pin(network::client_half_open(case)) },
    Entry {
        name: "network_client_reset_mid_body",
        run: |case| Box::pin(network::client_reset_mid_body(case)),
    },
    Entry { name: "network_slow_loris", run: |case| Box::pin(network::slow_loris(case)) },
    Entry { name: "network_idle_connections", run: |case| Box::pin(network::idle_connections(case)) },
    Entry {
        name: "network_client_gone_before_receipt",
        run: |case| Box::pin(network::client_gone_before_receipt(case)),
    },
    Entry { name: "network_rapid_reset", run: |case| Box::pin(network::rapid_reset(case)) },
    Entry { name: "network_flow_control_stall", run: |case| Box::pin(network::flow_control_stall(case)) },
    Entry { name: "network_store_cut", run: |case| Box::pin(network::store_cut(case)) },
    Entry { name: "network_store_half_open", run: |case| Box::pin(network::store_half_open(case)) },
    Entry { name: "network_store_reset", run: |case| Box::pin(network::store_reset(case)) },
    Entry { name: "network_store_slow", run: |case| Box::pin(network::store_slow(case)) },
    Entry { name: "time_jumps", run: |case| Box::pin(time::jumps(case)) },
    Entry { name: "time_dated_answers", run: |case| Box::pin(time::dated_answers(case)) },
    Entry { name: "overload", run: |case| Box::pin(overload::twice(case)) },
];
