//! The bench itself, in a few seconds: real processes, few requests, no bounds on time.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Figure {
    median: f64,
    min: f64,
    max: f64,
}

const NAMES: [&str; 15] = [
    "accept_p99_ms",
    "beacon_cpu_ratio",
    "email_post_cpu_ratio",
    "fdatasync_p50_us",
    "grpc_stream_item_cpu_ratio",
    "http_batch_item_cpu_ratio",
    "http_json_cpu_ratio",
    "http_json_throughput_ratio",
    "node_peer_cpu_ratio",
    "redis_bytes_per_claim",
    "redis_cpu_ratio",
    "spool_vs_append",
    "store_records_vs_floor",
    "stored_p99_ms",
    "twilio_turn_cpu_ratio",
];

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a small bench of the gateway that was built beside it.
fn bench(config: &Path, work: &Path, arguments: &[&str]) -> Output {
    let load_tests = Path::new(env!("CARGO_BIN_EXE_load-tests"));
    let voxgate = load_tests.with_file_name("voxgate");
    assert!(voxgate.exists(), "build the gateway first: `cargo build`, or test with `--workspace`");
    let mut command = Command::new(load_tests);
    command.args(["bench", "--rounds", "1", "--round-ms", "150", "--connections", "4"]);
    command.args(["--links", "200", "--claims", "500", "--syncs", "20"]);
    command.arg("--voxgate").arg(voxgate).arg("--config").arg(config);
    command.arg("--work").arg(work.join("work")).arg("--out").arg(work.join("bench.json"));
    command.args(arguments).output().unwrap()
}

#[test]
fn a_small_bench_measures_every_scenario_and_finds_every_answer_stored() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let config = dir.path().join("config");
    copy(&root().join("gateway-config"), &config);
    let ended = bench(&for_a_debug_build(config), dir.path(), &[]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}");
    let table = String::from_utf8_lossy(&ended.stdout);
    let figures = fs::read(dir.path().join("bench.json")).unwrap();
    let figures: BTreeMap<String, Figure> = serde_json::from_slice(&figures).unwrap();
    assert_eq!(figures.keys().map(String::as_str).collect::<Vec<_>>(), NAMES);
    for (name, Figure { median, min, max }) in &figures {
        assert!(0.0 < *min && min <= median && median <= max, "{name}: {min}, {median}, {max}");
        assert!(table.contains(name), "{table}");
    }
    assert!(!dir.path().join("work").exists(), "what it wrote is removed");
}

#[test]
fn a_bench_whose_answers_are_refused_is_void() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let config = dir.path().join("config");
    copy(&root().join("gateway-config"), &config);
    let survey = config.join("surveys/support-nps.toml");
    let text = fs::read_to_string(&survey).unwrap();
    fs::write(&survey, text.replacen("[[question]]", "live = false\n[[question]]", 1)).unwrap();
    let ended = bench(&config, dir.path(), &["--only", "http_json"]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("void: http_json_cpu_ratio: a reply was "), "{told}");
    assert!(!dir.path().join("bench.json").exists(), "a void run has no figures");
}

/// Filling large segments takes longer than a small bench has, and what takes long is no overload here.
fn for_a_debug_build(config: PathBuf) -> PathBuf {
    let gateway = config.join("gateway.toml");
    let text = fs::read_to_string(&gateway).unwrap();
    let text = text.replacen("[spool]", "[spool]\nsegment_bytes = \"4 MiB\"", 1);
    fs::write(&gateway, text.replacen("[limits]", "[limits]\nqueue_delay = \"20 s\"", 1)).unwrap();
    config
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
