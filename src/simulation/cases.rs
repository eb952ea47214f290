//! What the simulation has found: the seeds that failed, and the shortest histories of them. A seed means another
//! history once the code draws its chances otherwise; the histories stay.

use std::{path::Path, sync::Arc};

use bytes::Bytes;

use super::{dice::Dice, disk::Platter, told, world::run};
use crate::{
    clock::Timestamp,
    forward::{DeadLetter, DeadLetters},
};

fn hold(seeds: &[u64]) {
    for seed in seeds {
        if let Some(told) = told(*seed, &run(*seed)) {
            panic!("{told}");
        }
    }
}

/// The directory's name was not synced when it was made.
#[test]
fn letters_that_are_kept_together_outlive_a_power_cut_from_the_first_start_on() {
    let data = Path::new("/data");
    let letter = |sequence| DeadLetter {
        sequence,
        at: Timestamp::from_secs(1),
        code: "unknown_survey".to_owned(),
        detail: String::new(),
        record: Bytes::from("record"),
    };
    for seed in 0..64 {
        let platter = Platter::new(Dice::new(seed, "disk"));
        platter.heal();
        let letters = DeadLetters::open_on(Arc::new(platter.mount()), data, 10).unwrap();
        letters.keep(&[letter(7), letter(8), letter(9)]).unwrap();
        assert!(letters.remove(&letter(8)).unwrap());
        platter.power_fails();
        let letters = DeadLetters::open_on(Arc::new(platter.mount()), data, 10).unwrap();
        let kept = letters.list(10).unwrap().letters;
        assert_eq!(kept.iter().map(|letter| letter.sequence).collect::<Vec<_>>(), [7, 9], "seed {seed}");
    }
}

/// A session broke, or the gateway died, between a letter and the cursor's move past its record.
#[test]
fn a_letter_that_was_kept_before_its_record_was_passed_is_counted() {
    hold(&[0, 1, 4, 17, 43, 72]);
}

/// 9, then 3 that Redis refused to claim, then 9 again, which looked like the double of a claim on disk and young.
#[test]
fn changed_back_after_a_change_that_passed_the_claims_by_is_stored() {
    hold(&[20, 93]);
}

/// A process that was killed leaves whole frames in the page cache; the next one counts on them, then the power fails.
#[test]
fn frames_that_a_start_takes_over_are_durable_before_anybody_counts_on_them() {
    hold(&[100, 238, 293]);
}

/// A power cut kept a later frame of a commit and lost an earlier one: it is counted as set aside, although nobody was
/// thanked for it.
#[test]
fn a_commit_that_is_torn_in_its_middle_costs_only_what_nobody_was_thanked_for() {
    hold(&[351, 712, 731]);
}
