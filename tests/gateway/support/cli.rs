//! The command line, as operators type it.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// What a command did.
pub(crate) struct Cli {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `voxgate` with a configuration.
pub(crate) fn voxgate(config: &Path, arguments: &[&str]) -> Cli {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxgate"));
    command.args(arguments).arg("--config").arg(config).stdin(Stdio::null());
    let output = command.output().unwrap();
    Cli {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Cli {
    /// Its standard output, after a check that it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Both outputs.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}
