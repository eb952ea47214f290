//! Secrets: a literal, `env:NAME` or `file:PATH`, and the sample ones that the whole world knows.

use std::{collections::BTreeMap, path::Path};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{source::read_bounded, value::Value};
use crate::catalog::{PublicKey, Secret};

/// Larger than any secret, far smaller than a file given by mistake.
const SECRET_FILE_BYTES: u64 = 8 * 1024;
/// 32 bytes in hex.
pub(super) const SAMPLE_IDENTITY_KEY: &str =
    "73616d706c65206964656e74697479206b65792c20646f206e6f742075736521";
/// 32 bytes in hex.
pub(super) const SAMPLE_TOKEN_KEY: &str = "73616d706c65206c696e6b2d746f6b656e206b65792c206e6f74207361666521";
/// The public key of [`SAMPLE_SIGNING_KEY`](crate::channel::ivr::telnyx::SAMPLE_SIGNING_KEY).
const SAMPLE_PUBLIC_KEY: &str = "uoY2hchJJ+0YbJY1DF5evDp1vV/a5mb171AcRD9Vdfk=";
const SAMPLES: [&str; 5] =
    [SAMPLE_IDENTITY_KEY, SAMPLE_TOKEN_KEY, "dev-link-secret", "dev-twilio-token", SAMPLE_PUBLIC_KEY];
/// API keys of the sample brands. They stand as hashes in files, so they are known by their hashes.
pub(super) const SAMPLE_API_KEYS: [&str; 2] = ["vg_dev_acme", "vg_dev_globex"];

const SAMPLE_ADVICE: &str = "is a sample secret that everyone knows; use it on loopback only";

impl Value<'_> {
    /// A secret that is not empty. A sample one is a warning.
    pub(super) fn secret(&self) -> Option<Secret> {
        let secret = self.resolve()?;
        if secret.is_empty() {
            self.clone().hidden().problem("is an empty secret");
            return None;
        }
        if SAMPLES.contains(&secret.as_str()) {
            self.note_sample();
        }
        Some(Secret::new(secret))
    }

    /// A secret of 32 random bytes.
    pub(super) fn key_of_32_bytes(&self) -> Option<[u8; 32]> {
        let secret = self.secret()?;
        let key = decode_32_bytes(secret.expose());
        if key.is_none() {
            self.clone()
                .hidden()
                .problem("is no key of 32 bytes in hex or base64; voxgate key new makes one");
        }
        key
    }

    /// An Ed25519 public key, as Telnyx's portal shows it.
    pub(super) fn public_key(&self) -> Option<PublicKey> {
        let key = self.secret()?;
        let bytes = decode_32_bytes(key.expose());
        if bytes.is_none() {
            let advice = "is no Ed25519 public key of 32 bytes in base64; the provider's portal shows it";
            self.clone().hidden().problem(advice);
        }
        bytes.map(PublicKey)
    }

    /// A sample secret is in use here.
    pub(super) fn note_sample(&self) {
        self.reading.note_sample_secret();
        self.clone().hidden().warning(SAMPLE_ADVICE);
    }

    /// What a literal says or a reference names. References are shown in problems; they are no secrets.
    fn resolve(&self) -> Option<String> {
        let text = self.clone().hidden().text()?;
        let resolved = resolve(text, self.reading.dir, self.reading.env);
        resolved.map_err(|why| self.clone().open().problem(why)).ok()
    }
}

/// A secret that a flag gives, in the same forms as in files.
///
/// # Errors
/// Why it cannot be had; to be put behind the flag's name.
pub(crate) fn secret_of(text: &str, dir: &Path, env: &BTreeMap<String, String>) -> Result<Secret, String> {
    match resolve(text, dir, env)? {
        secret if secret.is_empty() => Err("is an empty secret".to_owned()),
        secret => Ok(Secret::new(secret)),
    }
}

fn resolve(text: &str, dir: &Path, env: &BTreeMap<String, String>) -> Result<String, String> {
    if let Some(name) = text.strip_prefix("env:") {
        let value = env.get(name).cloned();
        return value.ok_or_else(|| "names an environment variable that is not set".to_owned());
    }
    let Some(path) = text.strip_prefix("file:") else { return Ok(text.to_owned()) };
    let secret = read_bounded(&dir.join(path), SECRET_FILE_BYTES)
        .map_err(|error| format!("names a file that cannot be read: {error}"))?;
    Ok(secret.trim_end_matches(['\r', '\n']).to_owned())
}

/// 64 hex digits, or base64 in either alphabet, padded or not.
fn decode_32_bytes(text: &str) -> Option<[u8; 32]> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = hex::decode(text).ok().or_else(|| {
        [STANDARD, URL_SAFE]
            .iter()
            .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
    })?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_hex_and_both_base64_alphabets() {
        let key = [0xfb; 32];
        let base64 = GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new()).encode(key);
        let unpadded = base64.trim_end_matches('=').replace('+', "-").replace('/', "_");
        for text in [hex::encode(key), hex::encode(key).to_uppercase(), base64, unpadded] {
            assert_eq!(decode_32_bytes(&text), Some(key), "{text}");
        }
        for bad in ["", "fb", &hex::encode([1; 31]), &hex::encode([1; 33]), "not a key"] {
            assert_eq!(decode_32_bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_sample_keys_say_what_they_are() {
        for sample in [SAMPLE_IDENTITY_KEY, SAMPLE_TOKEN_KEY] {
            let key = decode_32_bytes(sample).unwrap();
            assert!(std::str::from_utf8(&key).unwrap().starts_with("sample "));
        }
    }
}
