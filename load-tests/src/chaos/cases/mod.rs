//! The cases, by theme; a theme's file holds nothing else.

mod claims;
mod disk;
mod erasure;
mod gateway;
mod network;
mod overload;
mod redis;
mod reload;
mod restore;
mod shutdown;
mod store;
mod time;

use super::case::Entry;

/// Every case, in the order run.
pub(crate) const ALL: &[Entry] = &[
    Entry { name: "gateway_sigkill", run: |case| Box::pin(gateway::sigkill(case)) },
    Entry { name: "redis_killed", run: |case| Box::pin(redis::killed(case)) },
    Entry { name: "redis_restarted_empty", run: |case| Box::pin(redis::restarted_empty(case)) },
    Entry { name: "redis_frozen", run: |case| Box::pin(redis::frozen(case)) },
    Entry { name: "redis_slow", run: |case| Box::pin(redis::slow(case)) },
    Entry { name: "redis_out_of_memory", run: |case| Box::pin(redis::out_of_memory(case)) },
    Entry { name: "redis_failover", run: |case| Box::pin(redis::failover(case)) },
    Entry { name: "redis_reshard", run: |case| Box::pin(redis::reshard(case)) },
    Entry { name: "redis_lru", run: |case| Box::pin(redis::lru(case)) },
    Entry { name: "redis_other_identity_key", run: |case| Box::pin(redis::other_identity_key(case)) },
    Entry { name: "claim_killed_before_fsync", run: |case| Box::pin(claims::killed_before_fsync(case)) },
    Entry { name: "claim_double_before_fsync", run: |case| Box::pin(claims::double_before_fsync(case)) },
    Entry {
        name: "claim_changed_back_across_failover",
        run: |case| Box::pin(claims::changed_back_across_failover(case)),
    },
    Entry { name: "claim_bucket_boundary", run: |case| Box::pin(claims::bucket_boundary(case)) },
    Entry { name: "claim_expired_bucket", run: |case| Box::pin(claims::expired_bucket(case)) },
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
    Entry { name: "restore_erased", run: |case| Box::pin(restore::erased(case)) },
    Entry { name: "reload", run: |case| Box::pin(reload::under_load(case)) },
    Entry { name: "disk_full", run: |case| Box::pin(disk::full::spool(case)) },
    Entry { name: "disk_floor", run: |case| Box::pin(disk::full::floor(case)) },
    Entry { name: "disk_full_store", run: |case| Box::pin(disk::full::store(case)) },
    Entry { name: "disk_fsync_error", run: |case| Box::pin(disk::failing::fsync(case)) },
    Entry { name: "disk_fsync_hangs", run: |case| Box::pin(disk::hanging::fsync(case)) },
    Entry { name: "disk_write_error", run: |case| Box::pin(disk::failing::write(case)) },
    Entry { name: "disk_read_only", run: |case| Box::pin(disk::failing::read_only(case)) },
    Entry { name: "disk_store_error", run: |case| Box::pin(disk::failing::store(case)) },
    Entry { name: "disk_dead_letters", run: |case| Box::pin(disk::failing::dead_letters(case)) },
    Entry { name: "disk_read_only_at_start", run: |case| Box::pin(disk::directory::read_only(case)) },
    Entry { name: "disk_newer_version", run: |case| Box::pin(disk::directory::newer_version(case)) },
    Entry { name: "disk_two_gateways", run: |case| Box::pin(disk::directory::two_gateways(case)) },
    Entry { name: "disk_torn_tail", run: |case| Box::pin(disk::damaged::torn_tail(case)) },
    Entry { name: "disk_flipped_bits", run: |case| Box::pin(disk::damaged::flipped_bits(case)) },
    Entry { name: "disk_missing_segment", run: |case| Box::pin(disk::damaged::missing_segment(case)) },
    Entry { name: "disk_recycled_segment", run: |case| Box::pin(disk::damaged::recycled_segment(case)) },
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
