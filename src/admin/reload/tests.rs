use std::{path::Path, pin::pin};

use futures_util::future::poll_immediate;

use super::*;

/// Of the sample configuration, by a process that plays no edge.
fn reload() -> (Reload, Arc<ArcSwap<Catalog>>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway-config");
    let source = ConfigSource { dir, overrides: Overrides::default(), env: BTreeMap::new() };
    let loaded = config::load(&source.dir, &source.overrides, &source.env).unwrap();
    let catalog = Arc::new(ArcSwap::from_pointee(loaded.catalog));
    (Reload::new(source, Arc::clone(&catalog), Certificates::new(&loaded.settings), None), catalog)
}

#[tokio::test]
async fn others_have_their_turn_while_the_configuration_is_read() {
    let (reload, catalog) = reload();
    let before = catalog.load_full();
    let mut reading = pin!(reload.run());
    let mut turns_of_others = 0;
    let hash = loop {
        tokio::select! {
            biased;
            done = &mut reading => break done.unwrap(),
            () = tokio::task::yield_now() => turns_of_others += 1,
        }
    };
    assert!(turns_of_others > 0);
    assert_eq!(hash, before.hash);
    assert!(!Arc::ptr_eq(&before, &catalog.load_full()));
}

#[tokio::test]
async fn reloads_take_turns_though_nobody_waits_for_the_first_any_more() {
    let (reload, _) = reload();
    {
        let mut given_up = pin!(reload.run());
        assert!(poll_immediate(&mut given_up).await.is_none());
    }
    assert!(reload.one_at_a_time.try_lock().is_err());
    reload.run().await.unwrap();
    drop(reload.one_at_a_time.lock().await);
}
