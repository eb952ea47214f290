//! `brands/<id>.toml`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{
    colours,
    phone::{self, PhoneKeys},
    question::recording,
    secrets::SAMPLE_API_KEYS,
    table::Table,
    value::Value,
};
use crate::{
    catalog::{Account, Action, ApiKey, ApiKeyHash, Brand, Origin, Override},
    intake::Country,
    survey::Texts,
};

/// A brand, its API keys, and where its overrides stand.
#[derive(Debug)]
pub(super) struct BrandFile<'a> {
    pub(super) brand: Brand,
    pub(super) api_keys: Vec<(ApiKeyHash, ApiKey, Value<'a>)>,
    /// As in the brand, in the same order.
    pub(super) override_places: Vec<OverridePlace<'a>>,
    /// How its surveys are asked on the phone, where it says so.
    pub(super) phone: PhoneKeys<'a>,
}

/// Where an override stands, for problems found when it is applied.
#[derive(Debug)]
pub(super) struct OverridePlace<'a> {
    pub(super) survey: Option<Value<'a>>,
    pub(super) question: Option<Value<'a>>,
    pub(super) choices: Vec<(&'a str, Value<'a>)>,
}

/// Reads a brand; `base` is the gateway's own base of links.
pub(super) fn read<'a>(table: &Table<'a>, base: &str) -> BrandFile<'a> {
    let id = table.file_id();
    let api_keys = tables(table, "api_key").iter().filter_map(|value| api_key(value, &id)).collect();
    let (overrides, override_places) = tables(table, "text").iter().filter_map(text_override).unzip();
    let brand = Brand {
        name: table.need("name", "\"Acme\"").and_then(|value| value.words()).unwrap_or_default(),
        languages: languages(table),
        countries: table.find("countries").map(|value| value.list_of(country)).unwrap_or_default(),
        time_zone: time_zone(table),
        logo: table.find("logo").and_then(|value| logo(&value)),
        colours: colours::read(table),
        public_base_url: table
            .find("public_base_url")
            .and_then(|value| value.base_url())
            .unwrap_or_else(|| base.to_owned()),
        privacy_url: table.find("privacy_url").and_then(|value| {
            let advice = "is no address; write an absolute http or https URL";
            Some(value.http_url(advice, |_| true)?.into())
        }),
        allowed_origins: table.find("allowed_origins").map(|value| value.list_of(origin)).unwrap_or_default(),
        redirects: table.find("redirects").map(|value| value.list_of(redirect)).unwrap_or_default(),
        link_secrets: live(table, "link_secrets", Value::secret),
        accounts: accounts(table),
        overrides,
        id,
    };
    let phone = phone::read(table);
    table.no_more();
    BrandFile { brand, api_keys, override_places, phone }
}

/// The tables of `[[key]]`.
fn tables<'a>(table: &Table<'a>, key: &'static str) -> Vec<Value<'a>> {
    table.find(key).and_then(|value| value.hidden().list()).unwrap_or_default()
}

fn languages(table: &Table<'_>) -> Vec<crate::survey::Language> {
    let Some(value) = table.need("languages", "[\"en\", \"de\"]") else { return Vec::new() };
    let languages = value.list_of(Value::language);
    if value.is_empty() {
        value.problem("names no language; its own comes first");
    }
    languages
}

fn country(value: &Value<'_>) -> Option<String> {
    let advice = "is no country; write two capital letters, like \"CH\" (ISO 3166-1)";
    value.parsed(advice, |text| {
        let country = Country::parse(text)?;
        (country.as_str() == text).then(|| text.to_owned())
    })
}

fn time_zone(table: &Table<'_>) -> String {
    let advice = "is no time zone; write its IANA name, like \"Europe/Zurich\"";
    let known = |text: &str| TimeZone::get(text).is_ok().then(|| text.to_owned());
    let value = table.find("time_zone");
    value.and_then(|value| value.parsed(advice, known)).unwrap_or_else(|| "UTC".to_owned())
}

fn logo(value: &Value<'_>) -> Option<String> {
    let advice = "is no address of a picture; write an https URL, or a path that begins with one /";
    if value.text()?.starts_with('/') && !value.text()?.starts_with("//") {
        return value.text().map(str::to_owned);
    }
    Some(value.http_url(advice, |_| true)?.into())
}

fn origin(value: &Value<'_>) -> Option<Origin> {
    let advice =
        "is no origin; write it like \"https://shop.example\" or \"http://localhost:*\", without a path";
    value.parsed(advice, |text| Origin::parse(text).filter(|_| is_origin(text)))
}

/// The URL parser's word on it; any port is tried as one of them.
fn is_origin(text: &str) -> bool {
    let url = url::Url::parse(&text.replace(":*", ":1"));
    url.is_ok_and(|url| url.has_host() && url.path() == "/" && !text.replacen(":*", "", 1).contains('*'))
}

/// A prefix of URLs. One without a path ends with a slash, so that it does not also allow hosts that begin alike.
fn redirect(value: &Value<'_>) -> Option<String> {
    let advice = "is no redirect; write the beginning of an absolute http or https URL, like \
                  \"https://shop.example/thanks\"";
    let plain = |url: &url::Url| url.query().is_none() && url.fragment().is_none();
    Some(value.http_url(advice, plain)?.into())
}

/// One or two live secrets or keys: two while one is replaced by the other.
fn live<'a, T>(table: &Table<'a>, key: &'static str, read: impl Fn(&Value<'a>) -> Option<T>) -> Vec<T> {
    let Some(value) = table.find(key).map(Value::hidden) else { return Vec::new() };
    let items = value.list().unwrap_or_default();
    if items.is_empty() || items.len() > 2 {
        value.problem("must hold one secret, or two while one replaces the other");
    }
    items.iter().filter_map(read).collect()
}

fn accounts(table: &Table<'_>) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for value in tables(table, "telephony") {
        let Some(account) = account(&value) else { continue };
        if accounts.iter().any(|other| other.sid == account.sid) {
            value.problem("is a second table for the same account; give one of them all keys");
        }
        accounts.push(account);
    }
    accounts
}

fn account(value: &Value<'_>) -> Option<Account> {
    let table = value.table()?;
    let sid = table.need("account", "\"AC0123456789abcdef0123456789abcdef\", or \"*\" for any");
    let advice = "is no account; write the provider's account id, or \"*\" for any";
    let sid =
        sid.and_then(|value| value.parsed(advice, |text| (text == "*" || is_account(text)).then_some(text)));
    if ["tokens", "shared_keys", "public_keys"].iter().all(|key| table.find(key).is_none()) {
        table.problem(
            "tokens",
            "is missing; write for example tokens = [\"env:TWILIO_AUTH_TOKEN\"] (Twilio, SignalWire), or \
             public_keys = [\"env:TELNYX_PUBLIC_KEY\"] (Telnyx)",
        );
    }
    let tokens = live(&table, "tokens", Value::secret);
    let shared_keys = live(&table, "shared_keys", Value::secret);
    let public_keys = live(&table, "public_keys", Value::public_key);
    table.no_more();
    Some(Account { sid: sid?.to_owned(), tokens, shared_keys, public_keys })
}

fn is_account(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn api_key<'a>(value: &Value<'a>, brand: &str) -> Option<(ApiKeyHash, ApiKey, Value<'a>)> {
    let table = value.table()?;
    let name = table.need("name", "\"crm\"").and_then(|value| value.id());
    let written = table.need("sha256", "\"…\" as voxgate key new prints it").map(Value::hidden);
    let advice =
        "is no SHA-256 in hex; it is the key's hash, which voxgate key new prints, never the key itself";
    let hash = written.as_ref().and_then(|value| value.parsed(advice, ApiKeyHash::from_hex));
    let words = Action::ALL.map(|action| (action.word(), action));
    let actions = table.need("actions", "[\"submit\"]");
    let actions = actions.map(|value| {
        if value.is_empty() {
            value.problem("allows nothing; write some of submit, links, read, erase");
        }
        value.set_of(&words)
    });
    let quota = table.find("quota").and_then(|value| value.quota());
    table.no_more();
    let (hash, written) = (hash?, written?);
    if SAMPLE_API_KEYS.iter().any(|sample| ApiKeyHash::of(sample) == hash) {
        written.note_sample();
    }
    Some((hash, ApiKey { name: name?, brand: brand.to_owned(), actions: actions?, quota }, written))
}

fn text_override<'a>(value: &Value<'a>) -> Option<(Override, OverridePlace<'a>)> {
    let table = value.table()?;
    let survey = table.need("survey", "\"support-nps\"");
    let question = table.need("question", "\"recommend\"");
    let texts = |key| table.find(key).map(|value: Value<'_>| value.texts()).unwrap_or_default();
    let (text, low, high): (Texts, Texts, Texts) = (texts("text"), texts("low"), texts("high"));
    let recorded = table.find("audio");
    let audio = recorded.as_ref().map(|value| value.by_language(recording)).unwrap_or_default();
    let choice_values: Vec<_> = table
        .find("choices")
        .and_then(|value| value.table())
        .map(|choices| choices.entries().collect())
        .unwrap_or_default();
    table.no_more();
    let choices: BTreeMap<_, _> =
        choice_values.iter().map(|(choice, value)| ((*choice).to_owned(), value.texts())).collect();
    let has_text = [&text, &low, &high].iter().any(|texts| !texts.is_empty());
    if !has_text && recorded.is_none() && choices.is_empty() {
        value.problem("overrides nothing; give it text, low, high, audio or choices");
    }
    let id =
        |value: &Option<Value<'a>>| value.as_ref().and_then(|value| value.text()).unwrap_or("").to_owned();
    let (survey_id, question_id) = (id(&survey), id(&question));
    let place = OverridePlace { survey, question, choices: choice_values };
    Some((Override { survey: survey_id, question: question_id, text, low, high, audio, choices }, place))
}
