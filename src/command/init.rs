//! `voxgate init`: a fresh configuration with fresh secrets.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::key::{api_key_toml, fresh_api_key, id, secret_of_32_bytes};
use crate::catalog::Action;

const SURVEY: &str = include_str!("../../gateway-config/surveys/support-nps.toml");

/// Writes a configuration for one brand and prints its API key, once.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Init {
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = "gateway-config")]
    pub(super) config: PathBuf,
    /// Id of the first brand, for example acme
    #[arg(long, value_name = "BRAND", value_parser = id)]
    pub(super) brand: String,
}

/// Why no configuration was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum InitError {
    /// There is one already.
    #[error("{} is there already and is left as it is; give another directory with --config", .0.display())]
    Exists(PathBuf),
    /// The disk or its permissions.
    #[error("{} cannot be written: {source}", .path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why it was not.
        source: io::Error,
    },
    /// The terminal.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Writes the files and says what to do next.
///
/// # Errors
/// When one of the files is there already, or cannot be written.
pub(super) fn run(init: &Init, out: &mut impl Write) -> Result<(), InitError> {
    let api_key = fresh_api_key();
    let files = files(&init.brand, &api_key);
    let paths = files.iter().map(|file| init.config.join(&file.path));
    if let Some(path) = paths.into_iter().find(|path| path.exists()) {
        return Err(InitError::Exists(path));
    }
    for file in &files {
        let path = init.config.join(&file.path);
        write(&path, file).map_err(|source| InitError::Write { path, source })?;
    }
    Ok(say(init, &api_key, out)?)
}

struct NewFile {
    path: PathBuf,
    text: String,
    /// Who may read it, as for chmod.
    mode: u32,
}

fn files(brand: &str, api_key: &str) -> Vec<NewFile> {
    let public = |path: String, text: String| NewFile { path: path.into(), text, mode: 0o644 };
    let secret = |name: &str| NewFile {
        path: Path::new("secrets").join(name),
        text: secret_of_32_bytes() + "\n",
        mode: 0o600,
    };
    vec![
        public("gateway.toml".into(), GATEWAY.to_owned()),
        public(format!("brands/{brand}.toml"), brand_toml(brand, api_key)),
        public("surveys/support-nps.toml".into(), SURVEY.to_owned()),
        public("secrets/.gitignore".into(), "*\n".to_owned()),
        secret("identity-key"),
        secret("token-key"),
        secret(&format!("{brand}-link-secret")),
    ]
}

const GATEWAY: &str = r#"# The gateway. All settings, their defaults and the reasons for them are in the reference of voxgate's settings.
# Any of them can also be given as VOXGATE_<SECTION>_<KEY>, for example VOXGATE_HTTP_LISTEN.

# Base of all links, and of the URLs that telephony signatures are checked against: as people see it from outside.
public_base_url = "http://127.0.0.1:8080"
# Proxies whose X-Forwarded-For is believed, for example ["10.0.0.0/8"].
trusted_proxies = []

# Each listener below may have tls_cert and tls_key. Off loopback it needs them, or the line plain = true, which says that a
# proxy or a mesh before it encrypts.
[http]
listen = "127.0.0.1:8080"
# tls_cert = "tls/cert.pem"              # the certificate, its chain below it; read again on reload
# tls_key = "tls/key.pem"

[grpc]
listen = "127.0.0.1:50051"
# tls_client_ca = "tls/clients.pem"      # mutual TLS: only clients with a certificate of these authorities come in

[admin]
listen = "127.0.0.1:9090"
# token = "file:secrets/admin-token"     # without one, POST /reload and other writes are refused

[redis]
# urls = ["redis://127.0.0.1:6379"]      # without: embedded claims, which suits one gateway

[identity]
# The key of all identity hashes: the same on every gateway, never rotated. Keep a copy in a safe place.
key = "file:secrets/identity-key"

[tokens]
# Keys of link tokens: the first makes them, all read them.
keys = ["file:secrets/token-key"]
"#;

fn brand_toml(brand: &str, api_key: &str) -> String {
    let api_key = api_key_toml(api_key, Some("first"), &Action::ALL);
    format!(
        r##"# What people read, also where a text holds {{brand}}.
name = "{brand}"
# Languages (BCP 47), its own first; time zone (IANA), for reports.
languages = ["en"]
time_zone = "UTC"
# Sites that may embed the widget and post to the beacon, for example ["https://shop.example"].
allowed_origins = []
# Where a form's "next" may lead: beginnings of absolute URLs.
redirects = []
# Secrets of the links that a mail tool builds; two while one replaces the other.
link_secrets = ["file:secrets/{brand}-link-secret"]

# Buttons and marks, and what is written on them.
[colours]
accent = "#1d5fbf"
on_accent = "#ffffff"

# Only the key's SHA-256 stands here; `voxgate key new` makes more of them.
{api_key}"##
    )
}

fn write(path: &Path, file: &NewFile) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    let mut new = options.write(true).create_new(true).mode(file.mode).open(path)?;
    new.write_all(file.text.as_bytes())?;
    new.sync_all()
}

fn say(init: &Init, api_key: &str, out: &mut impl Write) -> io::Result<()> {
    let (dir, brand) = (init.config.display(), &init.brand);
    writeln!(out, "A configuration with fresh secrets is in {dir}.\n")?;
    writeln!(out, "API key of brand {brand}, shown only now:\n\n  {api_key}\n")?;
    writeln!(out, "Next: give the brand its name and languages in {dir}/brands/{brand}.toml, then")?;
    writeln!(out, "  voxgate check --config {dir}\n  voxgate serve --config {dir}")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{
        catalog::ApiKeyHash,
        command::check,
        config::{self, Overrides},
    };

    fn init(dir: &Path) -> Result<String, InitError> {
        let mut out = Vec::new();
        run(&Init { config: dir.to_owned(), brand: "umbra".to_owned() }, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_fresh_configuration_passes_the_check_without_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path()).unwrap();
        let mut out = Vec::new();
        let args = check::Check { config: dir.path().to_owned(), overrides: Overrides::default() };
        assert_eq!(check::run(&args, &BTreeMap::new(), &mut out).unwrap(), 0);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("1 brand, 1 survey; no problem, 0 warnings"), "{out}");
    }

    #[test]
    fn the_printed_api_key_is_the_one_that_works_and_stands_in_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let printed = init(dir.path()).unwrap();
        let key = printed
            .lines()
            .find_map(|line| line.strip_prefix("  vg_"))
            .map(|key| format!("vg_{key}"))
            .unwrap();
        let loaded = config::load(dir.path(), &Overrides::default(), &BTreeMap::new()).unwrap();
        assert_eq!(loaded.catalog.api_keys.get(&ApiKeyHash::of(&key)).unwrap().brand, "umbra");
        assert!(!loaded.settings.sample_secrets);
        let brand = fs::read_to_string(dir.path().join("brands/umbra.toml")).unwrap();
        assert!(!brand.contains(&key));
    }

    #[test]
    fn secrets_are_fresh_each_time_and_readable_by_their_owner_alone() {
        let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for dir in [&one, &other] {
            init(dir.path()).unwrap();
        }
        for name in ["identity-key", "token-key", "umbra-link-secret"] {
            let [one, other] = [&one, &other].map(|dir| dir.path().join("secrets").join(name));
            assert_ne!(fs::read(&one).unwrap(), fs::read(&other).unwrap(), "{name}");
            assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let survey = dir.path().join("surveys/support-nps.toml");
        fs::create_dir_all(survey.parent().unwrap()).unwrap();
        fs::write(&survey, "mine").unwrap();
        assert!(matches!(init(dir.path()), Err(InitError::Exists(path)) if path == survey));
        assert_eq!(fs::read_to_string(&survey).unwrap(), "mine");
        assert!(!dir.path().join("gateway.toml").exists());
    }
}
