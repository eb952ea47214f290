//! voxgate, the front door for customer feedback.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    voxgate::command::run(voxgate::command::Cli::parse())
}
