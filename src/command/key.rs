//! `voxgate key new`: makes a secret, prints it once, and the TOML to paste.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    catalog::{Action, ApiKeyHash},
    config,
};

/// What to do with keys.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Key {
    /// Makes a secret and prints it, once, with the TOML to paste
    New(NewKey),
}

/// Which secret to make.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("secret").required(true))]
pub(super) struct NewKey {
    /// Brand that the key is for
    #[arg(long, value_name = "BRAND", value_parser = id)]
    pub(super) brand: Option<String>,
    /// An API key that may do these: submit, links, read, erase
    #[arg(long, value_name = "ACTION,…", value_delimiter = ',', value_parser = action)]
    #[arg(group = "secret", requires = "brand")]
    pub(super) actions: Vec<Action>,
    /// The configuration it is for; where given, the brand must be there
    #[arg(long = "config", value_name = "DIR")]
    pub(super) config: Option<PathBuf>,
    /// What operators call the API key; stands in logs and limits
    #[arg(long, value_name = "NAME", value_parser = id, requires = "actions")]
    pub(super) name: Option<String>,
    /// A key of link tokens
    #[arg(long, group = "secret")]
    pub(super) token: bool,
    /// A secret of the links that a mail tool builds
    #[arg(long, group = "secret")]
    pub(super) link_secret: bool,
}

/// Makes the secret and writes it with its TOML.
///
/// # Errors
/// Those of the writer.
pub(super) fn run(key: &Key, out: &mut impl Write) -> io::Result<()> {
    let Key::New(new) = key;
    let brand = new.brand.as_deref().unwrap_or("<brand>");
    if let Some(dir) = &new.config {
        known(dir, brand)?;
    }
    if new.token {
        token(out)
    } else if new.link_secret {
        link_secret(out, brand)
    } else {
        api_key(out, brand, new.name.as_deref(), &new.actions)
    }
}

/// Whether the configuration has the brand.
fn known(dir: &Path, brand: &str) -> io::Result<()> {
    let file = dir.join("brands").join(brand).with_extension("toml");
    if file.is_file() {
        return Ok(());
    }
    let advice = format!("{} is not there: check --brand and --config", file.display());
    Err(io::Error::new(io::ErrorKind::NotFound, advice))
}

fn token(out: &mut impl Write) -> io::Result<()> {
    let key = secret_of_32_bytes();
    writeln!(out, "Key of link tokens, shown only now:\n\n  {key}\n")?;
    writeln!(
        out,
        "For gateway.toml. Where several gateways run, add it at the end on all of them first, then move it"
    )?;
    writeln!(out, "to the front; the old key may go when its last link has expired.\n")?;
    writeln!(out, "[tokens]\nkeys = [\"{key}\", \"<the key before>\"]")
}

fn link_secret(out: &mut impl Write, brand: &str) -> io::Result<()> {
    let secret = secret_of_32_bytes();
    writeln!(out, "Secret of mail tools' links, shown only now:\n\n  {secret}\n")?;
    writeln!(
        out,
        "For brands/{brand}.toml. The old secret stays until no mail signed with it is answered any more.\n"
    )?;
    writeln!(out, "link_secrets = [\"{secret}\", \"<the secret before>\"]")
}

fn api_key(out: &mut impl Write, brand: &str, name: Option<&str>, actions: &[Action]) -> io::Result<()> {
    let key = fresh_api_key();
    writeln!(out, "API key of brand {brand}, shown only now:\n\n  {key}\n\nFor brands/{brand}.toml:\n")?;
    out.write_all(api_key_toml(&key, name, actions).as_bytes())
}

/// What a brand's file says of an API key.
pub(super) fn api_key_toml(key: &str, name: Option<&str>, actions: &[Action]) -> String {
    let sha256 = ApiKeyHash::of(key).to_hex();
    let default = || format!("key-{}", sha256.get(..6).unwrap_or_default());
    let name = name.map_or_else(default, str::to_owned);
    let mut words: Vec<_> = actions.iter().map(|action| format!("\"{}\"", action.word())).collect();
    words.dedup();
    let actions = words.join(", ");
    format!("[[api_key]]\nname = \"{name}\"\nsha256 = \"{sha256}\"\nactions = [{actions}]\n")
}

/// 128 random bits.
pub(super) fn fresh_api_key() -> String {
    format!("vg_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()))
}

/// 32 random bytes in base64url.
pub(super) fn secret_of_32_bytes() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

pub(super) fn id(text: &str) -> Result<String, String> {
    let form = "write 1 to 64 of A-Z a-z 0-9 . _ : -, with a letter or digit at both ends";
    if config::is_id(text) { Ok(text.to_owned()) } else { Err(form.to_owned()) }
}

fn action(text: &str) -> Result<Action, String> {
    Action::parse(text).ok_or_else(|| "it is one of submit, links, read, erase".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        key: Key,
    }

    fn printed(args: &[&str]) -> Result<String, clap::Error> {
        let line = Line::try_parse_from(["key", "new"].iter().chain(args))?;
        let mut out = Vec::new();
        run(&line.key, &mut out).unwrap();
        Ok(String::from_utf8(out).unwrap())
    }

    fn secret(printed: &str) -> &str {
        printed.lines().find_map(|line| line.strip_prefix("  ")).unwrap()
    }

    #[test]
    fn an_api_key_is_printed_once_and_pasted_as_its_hash() {
        let printed = printed(&["--brand", "acme", "--actions", "submit,read", "--name", "crm"]).unwrap();
        let key = secret(&printed);
        assert_eq!(URL_SAFE_NO_PAD.decode(key.strip_prefix("vg_").unwrap()).unwrap().len(), 16);
        assert_eq!(printed.matches(key).count(), 1);
        let hash = ApiKeyHash::of(key).to_hex();
        let toml =
            format!("[[api_key]]\nname = \"crm\"\nsha256 = \"{hash}\"\nactions = [\"submit\", \"read\"]\n");
        assert!(printed.ends_with(&toml), "{printed}");
    }

    #[test]
    fn two_secrets_are_never_the_same() {
        for args in [&["--token"][..], &["--link-secret", "--brand", "acme"]] {
            let [one, other] = [printed(args).unwrap(), printed(args).unwrap()];
            assert_ne!(secret(&one), secret(&other));
            assert_eq!(URL_SAFE_NO_PAD.decode(secret(&one)).unwrap().len(), 32);
        }
    }

    #[test]
    fn exactly_one_secret_is_asked_for_and_an_api_key_needs_its_brand() {
        for bad in [
            &[][..],
            &["--brand", "acme"],
            &["--actions", "submit"],
            &["--brand", "acme", "--actions", "sbmit"],
            &["--brand", "../acme", "--link-secret"],
            &["--token", "--link-secret"],
        ] {
            assert!(printed(bad).is_err(), "{bad:?}");
        }
    }
}
