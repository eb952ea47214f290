//! The commands that ask the store, with the configuration's address, key and identity key.

use std::{io::Write, process::ExitCode};

use super::{
    ConfigDir, block_on,
    erase::{self, EraseArgs},
    export::{self, ExportArgs},
    quarantine::{self, QuarantineArgs},
    report::{self, ReportArgs},
    store_access::{StoreAccess, StoreArgs, StoreFailure},
};
use crate::{
    clock::Clock,
    config::{Overrides, Settings},
    lifecycle::Failure,
};

/// A command's arguments, and where the configuration is.
#[derive(Debug, clap::Args)]
pub(super) struct From<A: clap::Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    config: ConfigDir,
}

pub(super) fn report(from: &From<ReportArgs>, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (_, store) = from.store(&from.args.store)?;
    block_on(async { end(report::run(&from.args, &store, &Clock::System, out).await) })
}

pub(super) fn export(from: &From<ExportArgs>, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (_, store) = from.store(&from.args.store)?;
    let notes = &mut std::io::stderr();
    block_on(async { end(export::run(&from.args, &store, &Clock::System, out, notes).await) })
}

pub(super) fn quarantine(from: &From<QuarantineArgs>, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (_, store) = from.store(from.args.store())?;
    block_on(async { end(quarantine::run(&from.args, &store, out).await) })
}

pub(super) fn erase(from: &From<EraseArgs>, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (settings, store) = from.store(&from.args.store)?;
    block_on(async { end(erase::run(&from.args, &store, &settings.identity_key, out).await) })
}

impl<A: clap::Args> From<A> {
    fn store(&self, args: &StoreArgs) -> Result<(Settings, StoreAccess), Failure> {
        let settings = self.config.load(&Overrides::default())?.settings;
        let access = args.access(StoreAccess::configured(&settings.store));
        Ok((settings, access))
    }
}

/// Who reads less than we print (`| head`) has seen enough.
fn end(result: anyhow::Result<()>) -> Result<ExitCode, Failure> {
    let closed = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    match result {
        Err(error) if error.downcast_ref().is_some_and(closed) => Ok(ExitCode::SUCCESS),
        result => result.map(super::done).map_err(|error| failure(&error)),
    }
}

/// 69 when the store is away, else 64: what was asked is wrong.
pub(super) fn failure(error: &anyhow::Error) -> Failure {
    match error.downcast_ref::<StoreFailure>() {
        Some(failure) if failure.is_unavailable() => Failure::Unavailable(format!("{error:#}")),
        _ => Failure::Configuration(format!("{error:#}")),
    }
}
