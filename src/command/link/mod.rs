//! `voxgate link`: one signed link, or one for each row of a mailing.

mod code;
mod desk;
mod mailing;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use clap::Args;

use self::{desk::Desk, mailing::Asked};
use super::{
    ConfigDir, ask_store,
    store_access::{StoreAccess, StoreArgs},
};
use crate::{
    catalog::{Catalog, IdentityKey},
    channel::link::{DEFAULT_EXPIRY, Link, LinkOrder},
    clock::{Clock, Timestamp},
    config::Overrides,
    lifecycle::Failure,
    outcome::Problem,
};

/// Flags of `voxgate link`. With `--csv` they stand in for columns that are missing or cells that are empty.
#[derive(Args, Clone, Debug)]
pub(super) struct LinkArgs {
    #[command(flatten)]
    config: ConfigDir,
    /// Id of the survey
    #[arg(long, required_unless_present = "csv")]
    survey: Option<String>,
    /// Id of the brand
    #[arg(long, required_unless_present = "csv")]
    brand: Option<String>,
    /// What is rated: the ticket, call, visit or conversation
    #[arg(long)]
    interaction: Option<String>,
    /// Who answers: R, ref:R, email:ADDRESS or phone:NUMBER; contacts are kept as keyed hashes only
    #[arg(long)]
    respondent: Option<String>,
    /// Who or what it is about
    #[arg(long, value_name = "KIND:REF")]
    subject: Option<String>,
    /// Language of the page, for example de-CH
    #[arg(long)]
    locale: Option<String>,
    /// Two letters, for example CH
    #[arg(long)]
    country: Option<String>,
    /// A free attribute; may be given several times
    #[arg(long, value_name = "K=V")]
    attr: Vec<String>,
    /// A duration (30d, 12h), a time (2027-01-31T12:00:00Z) or never; later answers are held [default: 30d]
    #[arg(long)]
    expires: Option<String>,
    /// A trial: stored, and kept out of scores
    #[arg(long)]
    test: bool,
    /// Make a link for each row of this file; columns are named as the flags, others are passed through
    #[arg(long, value_name = "IN", requires = "out")]
    csv: Option<PathBuf>,
    /// Where the rows go, with token, url, opt_out_url, error and opted_out added, and with --short short_url and
    /// qr_url
    #[arg(long, value_name = "OUT", requires = "csv")]
    out: Option<PathBuf>,
    /// Make a short link too, for text messages; the store keeps it, so it must be running
    #[arg(long)]
    short: bool,
    /// Write the short link as a QR code to this PNG file
    #[arg(long, value_name = "FILE.png", requires = "short", conflicts_with = "csv")]
    qr: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Makes links with what a configuration holds.
#[derive(Clone, Copy, Debug)]
struct LinkMaker<'a> {
    /// Brands, surveys and link keys.
    catalog: &'a Catalog,
    /// Hashes contacts.
    identity_key: &'a IdentityKey,
    /// When the links are made.
    now: Timestamp,
}

impl LinkMaker<'_> {
    fn make(&self, order: &LinkOrder) -> Result<Link, String> {
        order.make(self.catalog, self.identity_key, self.now, "").map_err(|problems| told(&problems))
    }
}

/// Runs the command: the address goes to standard output, all else to standard error. A bad row of a file is told in
/// its `error` cell and counted; it is no failure of the command.
///
/// # Errors
/// What is wrong with the configuration, with the flags of a single link, or with the files; a store that cannot keep
/// short links.
pub(super) fn run(args: &LinkArgs, out: &mut impl Write) -> Result<(), Failure> {
    let loaded = args.config.load(&Overrides::default())?;
    let maker = LinkMaker {
        catalog: &loaded.catalog,
        identity_key: &loaded.settings.identity_key,
        now: Clock::System.now(),
    };
    let access = args.store.access(StoreAccess::configured(&loaded.settings.store));
    let desk = Desk::new(access, loaded.settings.links.timeout)
        .map_err(|error| Failure::Internal(format!("no runtime: {error}")))?;
    make(args, &maker, &desk, out).map_err(|error| ask_store::failure(&error))
}

fn make(args: &LinkArgs, maker: &LinkMaker<'_>, desk: &Desk, out: &mut impl Write) -> anyhow::Result<()> {
    let order = args.order()?;
    match (&args.csv, &args.out) {
        (Some(input), Some(output)) => {
            let asked = Asked { desk, is_short: args.short };
            let summary = mailing::run(maker, Some(asked), &order, input, output)?;
            writeln!(io::stderr().lock(), "{summary}: {}", output.display())?;
        }
        _ => one(args, &maker.make(&order).map_err(anyhow::Error::msg)?, maker.now, desk, out)?,
    }
    Ok(())
}

fn one(
    args: &LinkArgs,
    link: &Link,
    now: Timestamp,
    desk: &Desk,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let handle = if args.short { desk.keep(&[link], now)?.pop() } else { None };
    let short = handle.map(|handle| link.short_urls(handle));
    if let (Some((_, code_url)), Some(path)) = (&short, &args.qr) {
        code::write(&code::draw(code_url)?, path)?;
    }
    print(link, short.as_ref(), out)?;
    Ok(tell_whether_out(link, desk)?)
}

fn tell_whether_out(link: &Link, desk: &Desk) -> io::Result<()> {
    let Some(person) = link.person else { return Ok(()) };
    let told = match desk.out_among(&link.brand, &[person].into()) {
        Some(out) if out.contains(&person) => "yes: this person wants no more invitations, do not send it",
        Some(_) => "no",
        None => "not known: the store cannot be asked now, start it or name it with --store",
    };
    writeln!(io::stderr().lock(), "opted out  {told}")
}

fn print(link: &Link, short: Option<&(String, String)>, out: &mut impl Write) -> io::Result<()> {
    // Standard output holds the address and nothing else, so that a script can take it.
    writeln!(out, "{}", short.map_or(&link.url, |(short_url, _)| short_url))?;
    let mut more = io::stderr().lock();
    if let Some((_, code_url)) = short {
        writeln!(more, "long     {}", link.url)?;
        writeln!(more, "QR code  {code_url}")?;
    }
    writeln!(more, "token    {}", link.token)?;
    writeln!(more, "opt-out  {}", link.opt_out_url)?;
    match link.expires_at {
        Some(at) => writeln!(more, "expires  {at}"),
        None => writeln!(more, "expires  never"),
    }
}

impl LinkArgs {
    fn order(&self) -> anyhow::Result<LinkOrder> {
        let pairs = self.attr.iter().map(|text| attribute(text).with_context(|| format!("--attr {text:?}")));
        Ok(LinkOrder {
            survey: self.survey.clone().unwrap_or_default(),
            brand: self.brand.clone().unwrap_or_default(),
            interaction: self.interaction.clone(),
            respondent: self.respondent.clone(),
            subject: self.subject.clone(),
            locale: self.locale.clone(),
            country: self.country.clone(),
            attributes: pairs.collect::<Result<_, _>>()?,
            expires: Some(self.expires.clone().unwrap_or_else(|| DEFAULT_EXPIRY.to_owned())),
            test: self.test,
        })
    }
}

fn attribute(text: &str) -> anyhow::Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => bail!("give key=value"),
    }
}

fn told(problems: &[Problem]) -> String {
    let told = problems.iter().map(|problem| {
        let field = problem.pointer.trim_start_matches('/');
        if field.is_empty() { problem.detail.clone() } else { format!("{field}: {}", problem.detail) }
    });
    told.collect::<Vec<_>>().join("; ")
}
