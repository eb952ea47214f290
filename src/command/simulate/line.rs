//! The way to the gateway: where it is, who calls, and how that is proven.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{Dialect, PATIENCE, Setting};
use crate::{
    catalog::{Account, ApiKeyHash, PublicKey, Secret},
    channel::ivr::{
        telnyx::{SAMPLE_SIGNING_KEY, SigningKey},
        twilio,
    },
    clock::{Clock, Timestamp},
    config::secret_of,
    lifecycle::Failure,
};

/// A line to a gateway.
pub(super) struct Line<'a> {
    client: reqwest::Client,
    /// Where the gateway is.
    to: String,
    /// What it says that it is called: signatures are made of this.
    base: &'a str,
    account: String,
    call_id: String,
    proof: Proof<'a>,
    clock: Clock,
    /// When the call began.
    pub(super) began: Timestamp,
}

/// How requests are signed.
enum Proof<'a> {
    /// In a header of this name.
    Mac(HeaderName, &'a Account),
    Ed25519(SigningKey),
    ApiKey(Secret),
}

impl<'a> Line<'a> {
    /// A line for one call.
    ///
    /// # Errors
    /// What is missing: an address, an account, a key.
    pub(super) fn new(setting: Setting<'a>, clock: Clock) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        let (account, proof) = proof(setting)?;
        Ok(Self {
            client: client.map_err(|error| Failure::Internal(format!("no HTTP client: {error}")))?,
            to: address(setting)?,
            base: setting.brand.public_base_url.trim_end_matches('/'),
            account,
            call_id: call_id(setting.args.dialect),
            proof,
            began: clock.now(),
            clock,
        })
    }

    /// Where the gateway is.
    pub(super) fn to(&self) -> &str {
        &self.to
    }

    /// The call's id.
    pub(super) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The account's id.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// The URL of the brand's webhook.
    pub(super) fn webhook(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Posts a form to a URL, signed; gives the document.
    pub(super) async fn turn(&self, url: &str, pairs: &[(String, String)]) -> Result<String, Failure> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut headers = self.signed(url, pairs, body.as_bytes())?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        let (status, text) = self.post(&self.here(url)?, headers, body).await?;
        match status {
            200 => Ok(text),
            403 => Err(Failure::Configuration(self.refused())),
            500.. => Err(Failure::Unavailable(format!(
                "the gateway answered {status}: it finds no room for the answer; see its log, and /readyz"
            ))),
            _ => Err(Failure::Configuration(format!(
                "the gateway answered {status} to {url}: does another configuration run there?"
            ))),
        }
    }

    /// Posts an event; gives the status and the reply.
    pub(super) async fn event(&self, event: &serde_json::Value) -> Result<(u16, serde_json::Value), Failure> {
        let url = format!("{}/v1/ivr/events", self.to);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Proof::ApiKey(key) = &self.proof {
            let bearer = header(&format!("Bearer {}", key.expose()), "--api-key")?;
            headers.insert(reqwest::header::AUTHORIZATION, bearer);
        }
        let (status, text) = self.post(&url, headers, event.to_string()).await?;
        let reply = serde_json::from_str(&text).map_err(|_| {
            Failure::Configuration(format!(
                "{url} answered {status} and no JSON: is a gateway there? (--http)"
            ))
        })?;
        Ok((status, reply))
    }

    async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Result<(u16, String), Failure> {
        let away = |error: reqwest::Error| {
            let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            Failure::Unavailable(format!(
                "{} {why}; is the gateway running (voxgate serve)? If it is elsewhere, say where: --http URL",
                self.to
            ))
        };
        let reply = self.client.post(url).headers(headers).body(body).send().await.map_err(away)?;
        let status = reply.status().as_u16();
        #[allow(clippy::disallowed_methods, reason = "the reply of a gateway that the operator named")]
        let text = reply.text().await.map_err(away)?;
        Ok((status, text))
    }

    fn signed(&self, url: &str, pairs: &[(String, String)], body: &[u8]) -> Result<HeaderMap, Failure> {
        let fields = match &self.proof {
            Proof::Mac(name, account) => {
                let signature = twilio::signature_of(url, pairs, account).unwrap_or_default();
                vec![(name.clone(), signature)]
            }
            Proof::Ed25519(key) => key.sign(body, self.clock.now()).into(),
            Proof::ApiKey(_) => Vec::new(),
        };
        let fields = fields.into_iter().map(|(name, value)| Ok((name, header(&value, "the signature")?)));
        fields.collect()
    }

    /// A URL that the gateway told us, where it can be reached from here.
    fn here(&self, url: &str) -> Result<String, Failure> {
        let rest = url.strip_prefix(self.base).filter(|rest| rest.starts_with('/'));
        rest.map(|rest| format!("{}{rest}", self.to)).ok_or_else(|| {
            Failure::Configuration(format!(
                "the gateway told the provider to call {url}, which is not below the configured public_base_url {}: \
                 does another configuration run there?",
                self.base
            ))
        })
    }

    fn refused(&self) -> String {
        format!(
            "the gateway did not take the signature (403). Its log names the URL it was checked against: \
             public_base_url must be {} there too, and the brand's [[telephony]] must hold the same keys",
            self.base
        )
    }
}

fn header(value: &str, what: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(value)
        .map_err(|_| Failure::Configuration(format!("{what} holds characters that no header can")))
}

/// Where the gateway is: as it is told, or as it listens.
fn address(setting: Setting<'_>) -> Result<String, Failure> {
    let http = &setting.settings.http;
    let Some(given) = &setting.args.http else {
        if http.listen.port() == 0 {
            let why = "the configuration lets the system choose the HTTP port: say where the gateway is (--http URL)";
            return Err(Failure::Configuration(why.to_owned()));
        }
        let scheme = if http.tls.is_some() { "https" } else { "http" };
        return Ok(format!("{scheme}://{}", http.listen));
    };
    match Url::parse(given) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(given.trim_end_matches('/').to_owned())
        }
        _ => Err(Failure::Configuration(format!(
            "--http {given} is no address; write it like http://127.0.0.1:8080"
        ))),
    }
}

fn call_id(dialect: Dialect) -> String {
    let uuid = uuid::Uuid::new_v4();
    match dialect {
        Dialect::Twilio => format!("CA{}", uuid.simple()),
        Dialect::Signalwire | Dialect::Events => uuid.to_string(),
        Dialect::Telnyx => format!("v3:{}{}", uuid.simple(), "AAAAAAAAAAAAAAAAAAAAAA"),
    }
}

fn proof(setting: Setting<'_>) -> Result<(String, Proof<'_>), Failure> {
    match setting.args.dialect {
        Dialect::Twilio => mac(setting, "x-twilio-signature", "AC00000000000000000000000000000001"),
        Dialect::Signalwire => mac(setting, "x-signalwire-signature", "00000000-0000-4000-8000-000000000001"),
        Dialect::Telnyx => ed25519(setting),
        Dialect::Events => Ok((String::new(), Proof::ApiKey(api_key(setting)?))),
    }
}

fn mac<'a>(setting: Setting<'a>, header: &'static str, any: &str) -> Result<(String, Proof<'a>), Failure> {
    let account =
        account(setting, "tokens", |account| !account.tokens.is_empty() || !account.shared_keys.is_empty())?;
    Ok((sid(account, any), Proof::Mac(HeaderName::from_static(header), account)))
}

fn ed25519(setting: Setting<'_>) -> Result<(String, Proof<'_>), Failure> {
    let key = signing_key(setting)?;
    let public = key.public_key();
    let is_ours = |account: &Account| account.public_keys.iter().any(|live| Some(*live) == public);
    let account = account(setting, "public_keys", is_ours).map_err(|failure| match setting.args.signing_key {
        Some(_) => Failure::Configuration(format!(
            "--signing-key is not the private key of any of the brand's public_keys ([[telephony]]); its public key is {}",
            public.map(|PublicKey(bytes)| BASE64_STANDARD.encode(bytes)).unwrap_or_default()
        )),
        None => failure,
    })?;
    Ok((sid(account, "00000000-0000-4000-8000-000000000001"), Proof::Ed25519(key)))
}

/// Telnyx keeps its private keys to itself: a trial needs a pair of one's own, or the sample's.
fn signing_key(setting: Setting<'_>) -> Result<SigningKey, Failure> {
    let seed = match &setting.args.signing_key {
        None => Some(SAMPLE_SIGNING_KEY),
        Some(given) => {
            let secret = secret(setting, "--signing-key", given)?;
            BASE64_STANDARD.decode(secret.expose()).ok().and_then(|bytes| bytes.try_into().ok())
        }
    };
    seed.and_then(|seed| SigningKey::new(&seed)).ok_or_else(|| {
        let why = "--signing-key is no Ed25519 private key of 32 bytes in base64; \
                   `openssl rand -base64 32` makes one for trials, and this command then says its public key";
        Failure::Configuration(why.to_owned())
    })
}

fn account<'a>(
    setting: Setting<'a>,
    keys: &str,
    fits: impl Fn(&Account) -> bool,
) -> Result<&'a Account, Failure> {
    let brand = setting.brand;
    let named = |account: &&Account| setting.args.account.as_ref().is_none_or(|sid| account.sid == *sid);
    let found = brand.accounts.iter().filter(named).find(|account| fits(account));
    found.ok_or_else(|| {
        let which = match &setting.args.account {
            Some(sid) => format!("account {sid} has no {keys} that this dialect can sign with"),
            None => format!("none of its [[telephony]] accounts has {keys} that this dialect can sign with"),
        };
        Failure::Configuration(format!(
            "brands/{}.toml: {which}; add them, name another --account, or give --signing-key (Telnyx)",
            brand.id
        ))
    })
}

fn sid(account: &Account, any: &str) -> String {
    if account.sid == "*" { any.to_owned() } else { account.sid.clone() }
}

/// The key that is given, else the sample's where the configuration has it.
fn api_key(setting: Setting<'_>) -> Result<Secret, Failure> {
    if let Some(given) = &setting.args.api_key {
        return secret(setting, "--api-key", given);
    }
    let sample = format!("vg_dev_{}", setting.brand.id);
    match setting.catalog.api_keys.contains_key(&ApiKeyHash::of(&sample)) {
        true => Ok(Secret::new(sample)),
        false => Err(Failure::Configuration(
            "--dialect events needs an API key with the action submit: --api-key env:NAME".to_owned(),
        )),
    }
}

fn secret(setting: Setting<'_>, flag: &str, given: &Secret) -> Result<Secret, Failure> {
    let dir = &setting.args.config.config;
    secret_of(given.expose(), dir, &crate::config::environment())
        .map_err(|why| Failure::Configuration(format!("{flag} {why}")))
}
