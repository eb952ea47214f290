use super::*;

fn samples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config")
}

#[test]
fn the_samples_are_read_without_a_problem() {
    let loaded = load(&samples(), &Overrides::default(), &BTreeMap::new())
        .map_err(|problems| problems.to_string())
        .unwrap();
    for w in &loaded.warnings {
        println!("{w}");
    }
    assert!(loaded.settings.sample_secrets);
}
