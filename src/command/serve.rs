//! `voxgate serve`.

use std::{io::IsTerminal, io::Write, process::ExitCode};

use super::{Serve, block_on};
use crate::{
    admin::ConfigSource,
    catalog::Catalog,
    config::{Loaded, Settings, environment},
    gateway,
    lifecycle::Failure,
    telemetry,
};

pub(super) fn run(args: Serve) -> Result<ExitCode, Failure> {
    let Loaded { settings, catalog, warnings } = args.config.load(&args.overrides)?;
    telemetry::start(&settings.telemetry.log).map_err(|error| Failure::Configuration(error.to_string()))?;
    for warning in &warnings {
        tracing::warn!(%warning, "configuration");
    }
    if std::io::stdout().is_terminal() {
        drop(write!(std::io::stdout(), "{}", welcome(&settings, &catalog)));
    }
    let source = ConfigSource { dir: args.config.config, overrides: args.overrides, env: environment() };
    block_on(gateway::run(settings, catalog, source))?;
    Ok(ExitCode::SUCCESS)
}

/// What to click and what to paste, for whoever tries it out.
fn welcome(settings: &Settings, catalog: &Catalog) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "voxgate".to_owned());
    let base = &settings.public_base_url;
    let grpc = settings.grpc.listen;
    let plaintext = if settings.grpc.tls.is_some() { "" } else { "-plaintext " };
    let scheme = if settings.admin.tls.is_some() { "https" } else { "http" };
    let admin = settings.admin.listen;
    let Some(brand) = catalog.brands.keys().next() else { return String::new() };
    let Some(survey) = catalog.surveys.get(brand).and_then(|surveys| surveys.keys().next_back()) else {
        return String::new();
    };
    let sample = catalog.survey("acme", "support-nps").is_some() && settings.sample_secrets;
    let (brand, survey) = if sample { ("acme", "support-nps") } else { (brand.as_str(), survey.as_str()) };
    let key = if sample { "vg_dev_acme" } else { "YOUR_KEY" };
    format!(
        "\n  voxgate is starting. To try it:\n\n\
         \x20 a link in a mail   {base}/m/{brand}/{survey}/9?interaction=ticket-1\n\
         \x20 a signed link      {program} link --survey {survey} --brand {brand} --interaction ticket-1\n\
         \x20 a form             {base}/f/{brand}/{survey}\n\
         \x20 the chat widget    <script async src=\"{base}/widget.js\" data-brand=\"{brand}\" data-survey=\"{survey}\"></script>\n\
         \x20 a phone call       point a Twilio number's voice webhook to {base}/ivr/twilio/{brand}/{survey}\n\
         \x20 a program          curl {base}/v1/responses -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n\
         \x20                      -d '{{\"survey\":\"{survey}\",\"brand\":\"{brand}\",\"interaction\":\"ticket-1\",\"answers\":{{\"recommend\":9}}}}'\n\
         \x20 gRPC               grpcurl {plaintext}-H 'authorization: Bearer {key}' {grpc} list\n\
         \x20 what came of it    {program} report      {scheme}://{admin}/ledger      {scheme}://{admin}/metrics\n\n"
    )
}
