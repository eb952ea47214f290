use std::{fs, path::Path};

use futures_util::future::poll_immediate;
use tempfile::TempDir;

use super::*;

/// Enough that reading them takes far longer than a busy machine keeps a test from its core.
const SURVEYS: u32 = 1_000;

/// Of a process that plays no edge.
struct Large {
    reload: Reload,
    catalog: Arc<ArcSwap<Catalog>>,
    _dir: TempDir,
}

impl Large {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config"), dir.path());
        let source = ConfigSource {
            dir: dir.path().to_owned(),
            overrides: Overrides::default(),
            env: BTreeMap::new(),
        };
        let loaded = config::load(&source.dir, &source.overrides, &source.env).unwrap();
        let catalog = Arc::new(ArcSwap::from_pointee(loaded.catalog));
        let reload = Reload::new(source, Arc::clone(&catalog), Certificates::new(&loaded.settings), None);
        let surveys = dir.path().join("surveys");
        let sample = fs::read_to_string(surveys.join("support-nps.toml")).unwrap();
        for number in 0..SURVEYS {
            let id = format!("more-{number}");
            fs::write(surveys.join(format!("{id}.toml")), sample.replace("support-nps", &id)).unwrap();
        }
        Self { reload, catalog, _dir: dir }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn others_have_their_turn_while_the_configuration_is_read() {
    let large = Large::new();
    let before = large.catalog.load_full();
    let mut reading = Box::pin(large.reload.run());
    assert!(poll_immediate(&mut reading).await.is_none());
    let hash = reading.await.unwrap();
    assert_ne!(hash, before.hash);
    assert_eq!(large.catalog.load().hash, hash);
}

#[tokio::test]
async fn reloads_take_turns_though_nobody_waits_for_the_first_any_more() {
    let large = Large::new();
    let mut given_up = Box::pin(large.reload.run());
    assert!(poll_immediate(&mut given_up).await.is_none());
    drop(given_up);
    assert!(large.reload.one_at_a_time.try_lock().is_err());
    large.reload.run().await.unwrap();
    drop(large.reload.one_at_a_time.lock().await);
}
