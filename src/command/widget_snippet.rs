//! `voxgate widget-snippet`: the line to paste into a site, with the hash of the script that it loads.

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use super::ConfigDir;
use crate::{
    catalog::{Brand, Catalog},
    channel::chat_widget::Version,
    config::Overrides,
    lifecycle::Failure,
    survey::{Channel, Language},
};

/// Flags of `voxgate widget-snippet`.
#[derive(Args, Clone, Debug)]
pub(super) struct WidgetSnippet {
    #[command(flatten)]
    config: ConfigDir,
    /// Id of the survey
    #[arg(long)]
    survey: String,
    /// Id of the brand
    #[arg(long)]
    brand: String,
    /// Language of the panel, for example de-CH; the page's own without
    #[arg(long, value_parser = super::language)]
    locale: Option<Language>,
    /// When the panel opens by itself; without, only when the page calls voxgate.open()
    #[arg(long, value_delimiter = ',', value_name = "WHEN,…")]
    open: Vec<Moment>,
    /// Keep unsent answers in memory only
    #[arg(long)]
    no_storage: bool,
}

/// When the panel opens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Moment {
    /// As the page has loaded
    Load,
    /// As a chat in the page ends: Intercom, Zendesk, Chatwoot
    Chat,
    /// As the visitor is about to leave
    Exit,
}

impl Moment {
    const fn word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Chat => "chat",
            Self::Exit => "exit",
        }
    }
}

/// Prints the tag on standard output, and what the site and the brand need beside it on standard error.
///
/// # Errors
/// What is wrong with the configuration; a brand or survey that it has not, or that the widget may not ask.
pub(super) fn run(args: &WidgetSnippet, out: &mut impl Write) -> Result<(), Failure> {
    let loaded = args.config.load(&Overrides::default())?;
    let brand = asked(args, &loaded.catalog).map_err(Failure::Configuration)?;
    print(args, brand, out).map_err(super::unprinted)
}

fn asked<'a>(args: &WidgetSnippet, catalog: &'a Catalog) -> Result<&'a Brand, String> {
    let WidgetSnippet { brand: brand_id, survey: survey_id, .. } = args;
    let brand = catalog
        .brand(brand_id)
        .ok_or_else(|| format!("--brand {brand_id}: there is no such brand in the configuration"))?;
    let survey = catalog
        .survey(brand_id, survey_id)
        .ok_or_else(|| format!("--survey {survey_id}: {brand_id} has no such survey"))?;
    if survey.channels.contains(&Channel::Chat) {
        return Ok(brand);
    }
    Err(format!("--survey {survey_id}: the widget may not ask it; add \"chat\" to its channels"))
}

fn print(args: &WidgetSnippet, brand: &Brand, out: &mut impl Write) -> io::Result<()> {
    // Standard output holds the tag and nothing else, so that a script can take it.
    writeln!(out, "{}", tag(args, brand))?;
    let mut more = io::stderr().lock();
    let base = &brand.public_base_url;
    writeln!(more, "a page's Content-Security-Policy needs: script-src {base}; connect-src {base}")?;
    if brand.allowed_origins.is_empty() {
        writeln!(more, "{} has no allowed_origins: add those of the pages, or no answer is taken", brand.id)?;
    }
    Ok(())
}

/// Every value is an id, a language tag, a hash or a checked address: none needs escaping in an attribute.
fn tag(args: &WidgetSnippet, brand: &Brand) -> String {
    let version = Version::present();
    let mut tag = format!(
        "<script async src=\"{}/widget-{}.js\" integrity=\"{}\" crossorigin=\"anonymous\" data-brand=\"{}\" \
         data-survey=\"{}\"",
        brand.public_base_url.trim_end_matches('/'),
        version.name(),
        version.integrity(),
        brand.id,
        args.survey,
    );
    if let Some(locale) = &args.locale {
        tag.push_str(&format!(" data-locale=\"{}\"", locale.as_str()));
    }
    if !args.open.is_empty() {
        let moments: Vec<_> = args.open.iter().map(|moment| moment.word()).collect();
        tag.push_str(&format!(" data-open=\"{}\"", moments.join(" ")));
    }
    if args.no_storage {
        tag.push_str(" data-storage=\"none\"");
    }
    tag + "></script>"
}
