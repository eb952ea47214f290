//! `voxgate simulate call`: plays a call to the running gateway, as a provider and a caller would.
//!
//! The provider's side is real: webhooks signed with the configured keys, documents read as XML, the next turn wherever
//! the gateway says. What the caller hears is printed; keys are typed, or taken from `--keys`.

mod caller;
mod document;
mod exchange;
mod line;
mod provider;
mod receipt;
mod stage;

use std::{
    io::{IsTerminal as _, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};

use self::{caller::Caller, line::Line, stage::Stage};
use super::{
    ConfigDir, block_on,
    store_access::{StoreAccess, StoreArgs},
};
use crate::{
    catalog::{Brand, Catalog, Secret},
    channel::ivr,
    clock::Clock,
    config::{Loaded, Overrides, Settings},
    lifecycle::Failure,
    survey::{Language, Survey},
};

/// Providers give up after as long.
const PATIENCE: Duration = Duration::from_secs(15);

/// `voxgate simulate`
#[derive(Debug, Subcommand)]
pub(super) enum Simulate {
    /// Play a phone call on the terminal: an empty line is silence, Ctrl-D hangs up. Its answers are stored
    Call(CallArgs),
}

/// Flags of `voxgate simulate call`.
#[derive(Args, Clone, Debug)]
pub(super) struct CallArgs {
    #[command(flatten)]
    config: ConfigDir,
    #[command(flatten)]
    store: StoreArgs,
    /// Id of the survey
    #[arg(long)]
    survey: String,
    /// Id of the brand
    #[arg(long)]
    brand: String,
    /// The `lang` of the webhook's URL, for example de-CH
    #[arg(long)]
    lang: Option<String>,
    /// Who calls
    #[arg(long, value_enum, default_value_t = Dialect::Twilio)]
    dialect: Dialect,
    /// Where the gateway is [default: the configuration's HTTP listener]
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// Keys to press, one after the other, for example 10#7: # or a comma ends a number, a comma alone is silence, the
    /// end hangs up
    #[arg(long, value_parser = caller::keys)]
    keys: Option<String>,
    /// The caller's number
    #[arg(long, value_name = "NUMBER", default_value = "+41446681800")]
    from: String,
    /// What is rated [default: the call's id]
    #[arg(long)]
    interaction: Option<String>,
    /// Who answers [default: the caller's number, as a keyed hash]
    #[arg(long)]
    respondent: Option<String>,
    /// Who or what it is about
    #[arg(long, value_name = "KIND:REF")]
    subject: Option<String>,
    /// Which of the brand's telephony accounts calls [default: the first whose keys fit the dialect]
    #[arg(long, value_name = "SID")]
    account: Option<String>,
    /// Telnyx's private key: a literal, env:NAME or file:PATH, 32 bytes in base64; the sample configuration's is known
    #[arg(long, value_name = "KEY", value_parser = key)]
    signing_key: Option<Secret>,
    /// For --dialect events, a literal, env:NAME or file:PATH; the sample configuration's is known
    #[arg(long, value_name = "KEY", value_parser = key)]
    api_key: Option<Secret>,
}

/// Where a key is; a literal one is not to be shown.
fn key(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dialect {
    /// Twilio, by auth token or shared key
    Twilio,
    /// SignalWire, by signing key
    Signalwire,
    /// Telnyx, by public key
    Telnyx,
    /// An exchange of your own, by API key
    Events,
}

/// What a call needs of the configuration.
#[derive(Clone, Copy, Debug)]
struct Setting<'a> {
    args: &'a CallArgs,
    settings: &'a Settings,
    catalog: &'a Catalog,
    brand: &'a Brand,
    survey: &'a Survey,
}

/// Plays a call.
///
/// # Errors
/// What is wrong with the configuration or the flags (64); a gateway that does not answer (69).
pub(super) fn run(command: &Simulate, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let Simulate::Call(args) = command;
    let Loaded { settings, catalog, .. } = args.config.load(&Overrides::default())?;
    let setting = Setting::of(args, &settings, &catalog)?;
    let mut stage = Stage::new(out, std::io::stdout().is_terminal());
    block_on(play(setting, &mut stage))
}

async fn play(setting: Setting<'_>, stage: &mut Stage<'_, impl Write>) -> Result<ExitCode, Failure> {
    let line = Line::new(setting, Clock::System)?;
    let mut caller = Caller::new(setting.args.keys.as_deref());
    stage.opening(setting, &line).map_err(super::unprinted)?;
    match setting.args.dialect {
        Dialect::Events => exchange::play(setting, &line, &mut caller, stage).await?,
        _ => {
            provider::play(setting, &line, &mut caller, stage).await?;
            let store = setting.args.store.access(StoreAccess::configured(&setting.settings.store));
            receipt::show(&store, setting, &line, caller.pressed(), stage).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl<'a> Setting<'a> {
    fn of(args: &'a CallArgs, settings: &'a Settings, catalog: &'a Catalog) -> Result<Self, Failure> {
        let CallArgs { brand: brand_id, survey: survey_id, .. } = args;
        let wrong = |text: String| Failure::Configuration(text);
        let brand = catalog.brand(brand_id).ok_or_else(|| {
            let known: Vec<_> = catalog.brands.keys().map(String::as_str).collect();
            wrong(format!("--brand {brand_id}: there is no such brand; there are {}", known.join(", ")))
        })?;
        let survey = catalog.survey(brand_id, survey_id).ok_or_else(|| {
            let known = catalog.surveys.get(brand_id).into_iter().flat_map(|surveys| surveys.keys());
            let known: Vec<_> = known.map(String::as_str).collect();
            wrong(format!("--survey {survey_id}: {brand_id} has no such survey; it has {}", known.join(", ")))
        })?;
        if let Some(why) = ivr::closed(survey) {
            let why = why.code();
            return Err(wrong(format!(
                "--survey {survey_id} is not asked on the phone ({why}): add \"ivr\" to its channels, and see that it is live"
            )));
        }
        if let Some(lang) = args.lang.as_ref().filter(|lang| Language::parse(lang).is_none()) {
            return Err(wrong(format!("--lang {lang} is no language tag; write it like de or de-CH")));
        }
        Ok(Self { args, settings, catalog, brand, survey })
    }
}
