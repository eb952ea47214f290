//! Runs a decoder over bytes that nobody meant.
//!
//! A target is a unit test beside its decoder: [`run`] with a name and a check. The check says what holds whatever the
//! bytes are: what was read is written and read again the same, a refusal says where, nothing grows past its bound.
//! `fuzz/corpus/NAME/` holds real inputs of the dialect, `fuzz/crashes/NAME/` every input that once broke the check.
//!
//! In `cargo test` all of them are replayed and then mutated by a generator with a fixed seed: the same inputs each
//! time, on stable. `make fuzz` builds the same tests with `cfg(fuzzing)`, and libFuzzer follows the code's coverage
//! instead.

#[cfg(not(fuzzing))]
mod mutate;

#[cfg(not(fuzzing))]
pub(crate) use self::replay::run;

/// Has libFuzzer call the check until it ends the process; the corpus is in its arguments.
#[cfg(fuzzing)]
pub(crate) fn run(name: &str, check: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    bolero::check!(name = name).for_each(|input: &[u8]| check(input));
}

#[cfg(not(fuzzing))]
mod replay {
    use std::{
        fs,
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        path::{Path, PathBuf},
    };

    use super::mutate::Mutator;

    /// Mutated inputs of each target: well below a second in a debug build. `VOXGATE_FUZZ_RUNS` asks
    /// for more.
    const RUNS: usize = 400;

    /// Checks the kept inputs of a target, then mutations of them.
    pub(crate) fn run(name: &str, check: impl Fn(&[u8])) {
        let kept = kept(name);
        assert!(!kept.is_empty(), "fuzz/corpus/{name} holds no input to begin with");
        for input in &kept {
            check_one(name, &check, input);
        }
        let runs = std::env::var("VOXGATE_FUZZ_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
        let mut mutator = Mutator::new(name);
        for turn in 0..runs {
            check_one(name, &check, &mutator.mutate(&kept, turn));
        }
    }

    /// An input that breaks the check is kept, so that it is the first thing checked from now on.
    fn check_one(name: &str, check: &impl Fn(&[u8]), input: &[u8]) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) else { return };
        let path = folder("crashes", name).join(&blake3::hash(input).to_hex()[..16]);
        fs::create_dir_all(folder("crashes", name)).unwrap();
        fs::write(&path, input).unwrap();
        eprintln!("the input that broke the check is kept in {}", path.display());
        resume_unwind(panic);
    }

    /// Crashes first; each folder by name, so that a run is the same everywhere.
    fn kept(name: &str) -> Vec<Vec<u8>> {
        let files = ["crashes", "corpus"].into_iter().flat_map(|kind| {
            let entries = fs::read_dir(folder(kind, name)).into_iter().flatten();
            let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            paths
        });
        files.map(|path| fs::read(path).unwrap()).collect()
    }

    fn folder(kind: &str, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(name)
    }
}
