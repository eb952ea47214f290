//! Compiles the contracts in `proto/` without `protoc`, and keeps their descriptors for reflection.

use std::{env, fs, path::PathBuf};

use protox::prost::Message as _;

const PROTOS: [&str; 2] = ["voxgate/collector/v1/collector.proto", "voxgate/store/v1/store.proto"];

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("voxgate_descriptors.bin");
    fs::write(out, descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .btree_map(".")
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .bytes(".voxgate.store.v1")
        // What people say stands in these; src/proto.rs says what is shown.
        .skip_debug([
            "voxgate.collector.v1.Respondent",
            "voxgate.store.v1.Record",
            "voxgate.store.v1.Link",
            "voxgate.store.v1.GetLinkRequest",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
