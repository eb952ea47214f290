//! The command line: what an operator types, and the exit code it ends with.

mod ask_store;
mod cell;
mod check;
mod erase;
mod export;
mod init;
mod key;
mod link;
mod mail_snippet;
mod operate;
mod quarantine;
mod report;
mod serve;
mod simulate;
pub(crate) mod store_access;
mod when;
mod widget_snippet;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{self, Loaded, Overrides},
    lifecycle::Failure,
    survey::Language,
};

/// The exit code of a command line that cannot be read.
const USAGE: u8 = 64;

/// The front door for customer feedback: every answer on disk before it is thanked for, counted once.
#[derive(Debug, Parser)]
#[command(name = "voxgate", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the roles (what happens without a command, too)
    Serve(Serve),
    /// Write a fresh configuration with fresh secrets
    Init(init::Init),
    /// Make secrets
    #[command(subcommand)]
    Key(key::Key),
    /// Tell every problem of the configuration at once
    Check(check::Check),
    /// Print scores with their intervals
    Report(ask_store::From<report::ReportArgs>),
    /// Print stored responses
    Export(ask_store::From<export::ExportArgs>),
    /// List, show, release or discard held answers
    Quarantine(ask_store::From<quarantine::QuarantineArgs>),
    /// Forget a person everywhere
    Erase(ask_store::From<erase::EraseArgs>),
    /// Make signed links: one, or one for each row of a mailing
    Link(link::LinkArgs),
    /// Print the line that puts the chat widget on a site, with the hash of its script
    WidgetSnippet(widget_snippet::WidgetSnippet),
    /// Print the row of scores for a mail, with the placeholders of the tool that sends it
    MailSnippet(mail_snippet::MailSnippet),
    /// Play a call to the running gateway
    #[command(subcommand)]
    Simulate(simulate::Simulate),
    /// Ask for the spool's state, or send delivered records again
    Spool(operate::SpoolArgs),
    /// List or retry the records that the store refused
    DeadLetters(operate::DeadLetterArgs),
}

/// Flags of `serve`.
#[derive(Clone, Debug, Args)]
struct Serve {
    #[command(flatten)]
    config: ConfigDir,
    #[command(flatten)]
    overrides: Overrides,
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigDir {
    /// The configuration's directory
    #[arg(long = "config", value_name = "DIR", default_value = "gateway-config", global = true)]
    pub(crate) config: PathBuf,
}

impl ConfigDir {
    /// Reads the configuration; warnings are for `check`.
    fn load(&self, overrides: &Overrides) -> Result<Loaded, Failure> {
        config::load(&self.config, overrides, &config::environment()).map_err(|problems| {
            let count = problems.problems.len();
            Failure::Configuration(format!(
                "{problems}\n{count} problem(s) in the configuration; nothing was started"
            ))
        })
    }
}

impl Cli {
    /// Reads what was typed. Help and version are printed and end with 0; a mistake ends as a wrong configuration does
    /// (`EX_USAGE` of sysexits.h).
    ///
    /// # Errors
    /// The exit code, when there is nothing to run; what to say has been said.
    pub fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            // Nothing is left to do when even stderr is gone.
            drop(error.print());
            if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
        })
    }
}

/// Runs what was typed. What goes wrong is told on stderr.
pub fn run(cli: Cli) -> ExitCode {
    let out = &mut std::io::stdout();
    let result = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(args),
        Command::Init(args) => {
            init::run(&args, out).map_err(|error| Failure::Configuration(error.to_string())).map(done)
        }
        Command::Key(args) => key::run(&args, out).map_err(unprinted).map(done),
        Command::Check(args) => {
            check::run(&args, &config::environment(), out).map_err(unprinted).map(ExitCode::from)
        }
        Command::Report(from) => ask_store::report(&from, out),
        Command::Export(from) => ask_store::export(&from, out),
        Command::Quarantine(from) => ask_store::quarantine(&from, out),
        Command::Erase(from) => ask_store::erase(&from, out),
        Command::Link(args) => link::run(&args, out).map(done),
        Command::WidgetSnippet(args) => widget_snippet::run(&args, out).map(done),
        Command::MailSnippet(args) => mail_snippet::run(&args, out).map(done),
        Command::Simulate(command) => simulate::run(&command, out),
        Command::Spool(args) => operate::spool(args, out),
        Command::DeadLetters(args) => operate::dead_letters(args, out),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            // Nothing is left to do when even stderr is gone.
            drop(writeln!(std::io::stderr(), "voxgate: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A flag that is a language tag.
fn language(text: &str) -> Result<Language, String> {
    Language::parse(text).ok_or_else(|| "give a language tag, for example de or de-CH".to_owned())
}

const fn done(_: ()) -> ExitCode {
    ExitCode::SUCCESS
}

fn unprinted(error: std::io::Error) -> Failure {
    Failure::Internal(format!("nothing could be printed: {error}"))
}

/// A worker takes every second task from the queue that all workers share, where those lie whom another thread has woken
/// and those that found the worker's own queue full. By default it takes one in tens as long as its own queue has any, so
/// under an overload some waited for a second while others were refused in a millisecond.
const EVERY_SECOND_TURN: u32 = 2;

/// Runs a command that waits for others.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().global_queue_interval(EVERY_SECOND_TURN).build();
    runtime.map_err(|error| Failure::Internal(format!("no runtime: {error}")))?.block_on(work)
}
