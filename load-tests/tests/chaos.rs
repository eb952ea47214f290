//! Each chaos case in its short form: real processes, real faults, a few seconds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A test for each case, of the same name.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { holds(stringify!($name)); })*
    };
}

cases! {
    gateway_sigkill,
    redis_killed,
    redis_restarted_empty,
    redis_frozen,
    redis_slow,
    redis_out_of_memory,
    redis_failover,
    redis_reshard,
    redis_lru,
    redis_other_identity_key,
    claim_killed_before_fsync,
    claim_double_before_fsync,
    claim_changed_back_across_failover,
    claim_bucket_boundary,
    claim_expired_bucket,
    store_sigkill,
    store_slow,
    store_frozen,
    store_half_open,
    store_refuses,
    store_away,
    shutdown_sigterm,
    shutdown_sigterm_twice,
    shutdown_store_away,
    erasure_in_a_spool,
    erasure_in_dead_letters,
    erasure_held,
    restore_erased,
    restore_replay,
    reload,
    disk_full,
    disk_floor,
    disk_full_store,
    disk_fsync_error,
    disk_fsync_hangs,
    disk_write_error,
    disk_read_only,
    disk_store_error,
    disk_dead_letters,
    disk_read_only_at_start,
    disk_newer_version,
    disk_two_gateways,
    disk_torn_tail,
    disk_flipped_bits,
    disk_missing_segment,
    disk_recycled_segment,
    network_client_cut,
    network_client_half_open,
    network_client_reset_mid_body,
    network_slow_loris,
    network_idle_connections,
    network_client_gone_before_receipt,
    network_rapid_reset,
    network_flow_control_stall,
    network_store_cut,
    network_store_half_open,
    network_store_reset,
    network_store_slow,
    time_jumps,
    time_dated_answers,
    overload,
}

fn chaos(arguments: &[&str]) -> Output {
    let load_tests = Path::new(env!("CARGO_BIN_EXE_load-tests"));
    let voxgate = load_tests.with_file_name("voxgate");
    assert!(voxgate.exists(), "build the gateway first: `cargo build`, or test with `--workspace`");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(load_tests);
    command.current_dir(root).arg("chaos").args(arguments).arg("--voxgate").arg(voxgate);
    command.output().unwrap()
}

/// Runs one case and looks at what it wrote down.
fn holds(name: &str) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out: PathBuf = dir.path().join("chaos.json");
    let work = dir.path().join("work");
    let [out_name, work_name] = [&out, &work].map(|path| path.display().to_string());
    let ended = chaos(&["--short", "--exactly", "--only", name, "--out", &out_name, "--work", &work_name]);
    let told =
        format!("{}{}", String::from_utf8_lossy(&ended.stderr), String::from_utf8_lossy(&ended.stdout));
    assert!(ended.status.success(), "{told}");
    let report: Value = serde_json::from_slice(&fs::read(out).unwrap()).unwrap();
    assert!(report["seed"].is_u64(), "{report}");
    let [case] = report["cases"].as_array().unwrap().as_slice() else { panic!("not one case: {report}") };
    assert_eq!(case["name"], name);
    for figure in ["sent", "acknowledged", "refused", "stored", "lost", "doubled", "longest_gap_ms"] {
        assert!(case[figure].is_u64(), "{figure}: {case}");
    }
    assert!(case["acknowledged"].as_u64() > Some(0), "{told}");
    assert_eq!((&case["lost"], &case["doubled"]), (&0.into(), &0.into()), "{told}");
}

#[test]
fn every_case_of_the_table_is_tested() {
    let listed = chaos(&["--list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().collect::<BTreeSet<_>>(), TESTED.iter().copied().collect());
}
