//! What is checked in beside the source: the minified script and the types.

use std::{path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn succeeds(mut command: Command) {
    assert!(root().join("target/tools/node_modules").exists(), "`make tools` installs what this needs");
    let output = command.current_dir(root()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn what_is_served_is_made_of_the_present_sources() {
    let mut check = Command::new("node");
    check.args(["scripts/minify-widget.mjs", "--check"]);
    succeeds(check);
}

#[test]
fn a_host_page_in_typescript_is_checked_by_the_types() {
    let mut tsc = Command::new(root().join("target/tools/node_modules/.bin/tsc"));
    tsc.args(["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--types", ""]);
    tsc.args(["src/channel/chat_widget/widget.d.ts", "tests/widget/host.ts"]);
    succeeds(tsc);
}
