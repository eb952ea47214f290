//! `voxgate check`: every problem of the configuration at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::PathBuf,
};

use crate::{
    catalog::Catalog,
    config::{self, Finding, Loaded, Overrides, Problems},
};

/// Exit code of a configuration that must not be used (`EX_USAGE` of sysexits.h).
pub(super) const EXIT_CONFIGURATION: u8 = 64;

/// Reads the configuration as a start would, and tells everything that is wrong with it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Check {
    /// Directory of the configuration
    #[arg(long, value_name = "DIR", default_value = "gateway-config")]
    pub(super) config: PathBuf,
    /// Flags that the start would be given
    #[command(flatten)]
    pub(super) overrides: Overrides,
}

/// Writes problems, then warnings, then a summary; gives the exit code.
///
/// # Errors
/// Those of the writer.
pub(super) fn run(check: &Check, env: &BTreeMap<String, String>, out: &mut impl Write) -> io::Result<u8> {
    let dir = check.config.display();
    match config::load(&check.config, &check.overrides, env) {
        Ok(Loaded { catalog, warnings, .. }) => {
            list(out, "warning", &warnings)?;
            let found = count(warnings.len(), "warning");
            writeln!(out, "{dir}: {}; no problem, {found}; hash {}", holds(&catalog), catalog.hash)?;
            Ok(0)
        }
        Err(Problems { problems, warnings }) => {
            list(out, "problem", &problems)?;
            list(out, "warning", &warnings)?;
            let found = [count(problems.len(), "problem"), count(warnings.len(), "warning")].join(", ");
            writeln!(out, "{dir}: {found}; voxgate does not start with it")?;
            Ok(EXIT_CONFIGURATION)
        }
    }
}

fn holds(catalog: &Catalog) -> String {
    let surveys: BTreeSet<_> = catalog.surveys.values().flat_map(BTreeMap::keys).collect();
    [count(catalog.brands.len(), "brand"), count(surveys.len(), "survey")].join(", ")
}

fn list(out: &mut impl Write, word: &str, findings: &[Finding]) -> io::Result<()> {
    findings.iter().try_for_each(|finding| writeln!(out, "{word}: {finding}"))
}

fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(dir: &str) -> (u8, String) {
        let check = Check { config: dir.into(), overrides: Overrides::default() };
        let mut out = Vec::new();
        let code = run(&check, &BTreeMap::new(), &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_configuration_that_only_has_warnings_is_good() {
        let (code, out) = checked("gateway-config");
        assert_eq!(code, 0);
        assert_eq!(out.lines().filter(|line| line.starts_with("warning: gateway-config/")).count(), 10);
        assert!(
            out.contains("\ngateway-config: 2 brands, 6 surveys; no problem, 10 warnings; hash "),
            "{out}"
        );
    }

    #[test]
    fn a_wrong_configuration_is_told_whole_and_exits_64() {
        let (code, out) = checked("src/config/tests/broken");
        assert_eq!(code, 64);
        let problems = out.lines().filter(|line| line.starts_with("problem: ")).count();
        assert!(problems > 25, "{out}");
        let summary = format!("src/config/tests/broken: {problems} problems, ");
        assert!(out.lines().last().unwrap().starts_with(&summary), "{out}");
    }
}
