//! voxgate, the front door for customer feedback.

use std::process::ExitCode;

/// An answer takes some dozens of small allocations, freed by other threads than made them: with the system's allocator
/// they were a fifth of all that it costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The provider of all TLS in the process; a second one installed elsewhere would be as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    voxgate::command::Cli::read().map_or_else(|code| code, voxgate::command::run)
}
