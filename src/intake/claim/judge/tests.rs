use std::time::Duration;

use super::*;
use crate::{
    intake::claim::{Runs, content::MAX_BYTES},
    outcome::{ResponseId, Value},
    survey::Confidence,
};

const WINDOW: Duration = Duration::from_hours(24);
const SAME: Verdict = Verdict::Same { settled: true };
const AGAIN: Verdict = Verdict::Same { settled: false };
const REVISED: Verdict = Verdict::Revised { late: false };
const LATE: Verdict = Verdict::Revised { late: true };

/// A response whose submissions are judged one after another, each with a ticket of its own.
struct Response {
    runs: Runs,
    claim: Option<Claim>,
    newest: bool,
    now: Timestamp,
    spooled_again: u8,
    /// What comes was given so long before, and is no newer than that.
    waited: Option<Duration>,
}

impl Response {
    fn new() -> Self {
        let now = Timestamp::from_secs(1_795_000_000);
        Self { runs: Runs::default(), claim: None, newest: true, now, spooled_again: 0, waited: None }
    }

    fn submit(&mut self, settled: bool, answers: &[(&str, i32)]) -> (Verdict, Timestamp) {
        let answers: Vec<_> = answers
            .iter()
            .map(|(question, score)| ClaimedAnswer::new(question, &Value::Score(*score)))
            .collect();
        let id = ResponseId::from_hash([7; 16]);
        let ask = Ask {
            id,
            now: self.now,
            stamp: self.now.before(self.waited.unwrap_or_default()),
            edit_window: WINDOW,
            answers: &answers,
            confidence: Confidence::Confirmed,
            spooled_again: self.spooled_again,
            is_evidence: false,
            yields_to_newer_by: self.waited.map(|_| Duration::ZERO),
        };
        let ticket = self.runs.ticket();
        let Some(claim) = &self.claim else {
            self.claim = Claim::unpack(&Claim::fresh(&ask, &ticket).pack(&answers));
            ticket.settle();
            return (Verdict::Fresh, self.now);
        };
        let judged = judge(claim, &ask, Certainty { on_disk: settled, newest: self.newest }, &ticket);
        if let Some(next) = &judged.write {
            let is_newest = judged.stamp > claim.last;
            assert!(is_newest || self.waited.is_some(), "later than the one its claim carried");
            assert!(next.last >= claim.last, "what came before what stands moves nothing back");
            let packed = next.pack(&answers);
            assert!(packed.len() <= MAX_BYTES);
            self.claim = Claim::unpack(&packed);
        }
        ticket.settle();
        (judged.verdict, judged.stamp)
    }

    /// Another gateway takes over, and nothing of the old one's run is known to be on disk.
    fn another_gateway(&mut self) {
        self.runs = Runs::default();
    }

    fn says(&mut self, settled: bool, answers: &[(&str, i32)]) -> Verdict {
        self.submit(settled, answers).0
    }
}

/// "9", a change to "3" that another gateway took while it could not ask, and "9" again: the claim says 9 all along.
#[test]
fn a_double_is_spooled_with_a_stamp_of_its_own_until_its_claim_was_written_often() {
    let mut response = Response::new();
    response.spooled_again = 3;
    let (_, mut last) = response.submit(true, &[("q", 9)]);
    for _ in 0..3 {
        let (verdict, stamp) = response.submit(true, &[("q", 9)]);
        assert_eq!(verdict, AGAIN);
        assert!(stamp > last, "it wins over whatever came between");
        last = stamp;
    }
    assert_eq!(
        response.submit(true, &[("q", 9)]).0,
        SAME,
        "a client that repeats itself without end has an end"
    );
}

#[test]
fn a_double_is_dropped_only_when_it_is_settled() {
    let mut response = Response::new();
    assert_eq!(response.says(true, &[("q", 9)]), Verdict::Fresh);
    assert_eq!(response.says(false, &[("q", 9)]), AGAIN);
    assert_eq!(response.says(true, &[("q", 9)]), SAME);
}

#[test]
fn a_change_and_a_change_back_are_both_revisions_with_later_stamps() {
    let mut response = Response::new();
    let (_, first) = response.submit(true, &[("q", 9)]);
    let (verdict, second) = response.submit(true, &[("q", 3)]);
    assert_eq!(verdict, REVISED);
    let (verdict, third) = response.submit(true, &[("q", 9)]);
    assert_eq!(verdict, REVISED);
    assert!(first < second && second < third, "although the clock stood still");
}

#[test]
fn a_question_not_answered_before_is_a_revision_and_never_late() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.now = response.now.after(WINDOW * 2);
    assert_eq!(response.says(true, &[("p", 1)]), REVISED);
    assert_eq!(response.says(true, &[("p", 1), ("q", 9)]), SAME);
}

#[test]
fn a_change_at_the_end_of_the_edit_window_counts_and_one_after_it_is_late() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.now = response.now.after(WINDOW);
    assert_eq!(response.says(true, &[("q", 3)]), REVISED);
    response.now = response.now.after(Duration::from_micros(1));
    assert_eq!(response.says(true, &[("q", 4)]), LATE);
}

#[test]
fn a_late_value_changes_nothing_and_is_known_when_it_comes_again() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.now = response.now.after(WINDOW * 2);
    assert_eq!(response.says(true, &[("q", 3)]), LATE);
    assert_eq!(response.says(true, &[("q", 3)]), SAME);
    assert_eq!(response.says(true, &[("q", 9)]), SAME);
    assert_eq!(response.says(true, &[("q", 4)]), LATE);
}

#[test]
fn a_late_value_said_again_with_a_new_answer_is_late_as_it_was_and_not_a_revision() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.now = response.now.after(WINDOW * 2);
    assert_eq!(response.says(true, &[("q", 3)]), LATE);
    assert_eq!(response.says(true, &[("q", 3), ("p", 1)]), LATE);
    assert_eq!(response.says(true, &[("q", 9), ("p", 2)]), REVISED);
}

#[test]
fn a_late_answer_of_a_clock_that_was_ahead_makes_no_later_one_late() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    let right = response.now;
    response.now = right.after(WINDOW * 365);
    assert_eq!(response.says(true, &[("q", 3)]), LATE);
    assert_eq!(response.submit(false, &[("q", 9)]).0, AGAIN, "storage passes this one over");
    response.now = right.after(Duration::from_secs(1));
    let (verdict, stamp) = response.submit(true, &[("q", 4)]);
    assert_eq!((verdict, stamp), (REVISED, response.now));
    assert_eq!(response.says(true, &[("q", 3)]), REVISED, "what was held counts when it is said in time");
}

#[test]
fn an_answer_that_counts_a_year_ahead_is_changed_behind_it() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    let right = response.now;
    response.now = right.after(WINDOW * 365);
    let (verdict, ahead) = response.submit(true, &[("q", 3), ("p", 1)]);
    assert_eq!(verdict, LATE, "p is new and counts");
    response.now = right.after(Duration::from_secs(1));
    let (verdict, stamp) = response.submit(true, &[("p", 2)]);
    assert_eq!(verdict, REVISED);
    assert!(stamp > ahead, "or the older value of p would win");
}

#[test]
fn a_form_too_large_for_its_claim_makes_no_later_one_late_either() {
    let questions: Vec<String> = (0..16).map(|number| format!("question-{number}")).collect();
    let form = |score| questions.iter().map(|question| (question.as_str(), score)).collect::<Vec<_>>();
    let mut response = Response::new();
    response.says(true, &form(3)[..8]);
    let right = response.now;
    response.now = right.after(WINDOW * 365);
    assert_eq!(response.says(true, &form(4)[..8]), LATE);
    response.now = right.after(Duration::from_secs(1));
    assert_eq!(response.submit(true, &form(5)[..8]), (REVISED, response.now));
}

#[test]
fn what_a_crashed_gateway_claimed_stays_doubtful_until_it_is_said_again() {
    let mut response = Response::new();
    // A gateway claims q and dies before it is on disk; p is added at another one, whose ticket is settled.
    response.says(true, &[("q", 9)]);
    response.another_gateway();
    assert_eq!(response.says(false, &[("p", 1)]), REVISED);
    assert_eq!(response.says(true, &[("p", 1)]), SAME);
    assert_eq!(response.says(true, &[("q", 9)]), AGAIN, "nobody has q on disk");
    assert_eq!(response.says(true, &[("q", 9), ("p", 1)]), SAME);
}

#[test]
fn what_a_failover_may_have_brought_back_stays_doubtful_even_to_its_own_run() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.newest = false;
    assert_eq!(response.says(true, &[("q", 9)]), AGAIN);
    assert_eq!(response.says(true, &[("p", 1)]), REVISED);
    response.newest = true;
    assert_eq!(response.says(true, &[("p", 1)]), SAME);
    assert_eq!(response.says(true, &[("q", 9)]), AGAIN, "another value of q may have been lost");
    assert_eq!(response.says(true, &[("q", 9)]), SAME);
}

#[test]
fn an_earlier_ticket_of_the_same_run_is_on_disk_when_the_later_one_is() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    assert_eq!(response.says(false, &[("p", 1)]), REVISED);
    assert_eq!(response.says(true, &[("q", 9)]), SAME);
}

#[test]
fn a_form_too_large_for_its_claim_is_known_by_its_last_submission() {
    let questions: Vec<String> = (0..16).map(|number| format!("question-{number}")).collect();
    let form: Vec<_> = questions.iter().map(|question| (question.as_str(), 3)).collect();
    let mut response = Response::new();
    assert_eq!(response.says(true, &form), Verdict::Fresh);
    assert_eq!(response.says(true, &form), SAME);
    assert_eq!(response.says(false, &form), AGAIN);
    let mut changed = form.clone();
    changed[15].1 = 4;
    assert_eq!(response.says(true, &changed), REVISED);
    assert_eq!(response.says(true, &form), REVISED, "changed back");
    assert_eq!(response.says(true, &form), SAME);
    response.now = response.now.after(WINDOW * 2);
    assert_eq!(response.says(true, &changed), LATE);
    assert_eq!(response.says(true, &[("one more", 1)]), REVISED);
}

/// "9", "3", and the first 9 again or late: the 3 stands, and its double is known for certain no more.
#[test]
fn what_was_given_before_what_stands_changes_nothing_and_keeps_its_stamp() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.now = response.now.after(Duration::from_secs(10));
    let (_, newest) = response.submit(true, &[("q", 3)]);
    response.now = response.now.after(Duration::from_secs(10));
    response.waited = Some(Duration::from_secs(15));
    let (verdict, stamp) = response.submit(true, &[("q", 9)]);
    assert_eq!((verdict, stamp), (AGAIN, newest.before(Duration::from_secs(5))));
    response.waited = None;
    assert_eq!(response.says(true, &[("q", 3)]), AGAIN, "of two questions' stamps one is known");
    assert_eq!(response.says(true, &[("q", 3)]), SAME);
    assert_eq!(response.says(true, &[("q", 9)]), REVISED);
}

#[test]
fn what_waited_adds_what_was_not_answered_and_what_is_newer_than_all_is_a_change() {
    let mut response = Response::new();
    response.says(true, &[("q", 9)]);
    response.now = response.now.after(Duration::from_secs(10));
    response.waited = Some(Duration::from_secs(15));
    let (verdict, stamp) = response.submit(true, &[("r", 1)]);
    assert_eq!((verdict, stamp), (REVISED, response.now.before(Duration::from_secs(15))));
    assert_eq!(response.submit(true, &[("q", 3), ("s", 2)]).0, REVISED, "it adds, and changes nothing");
    response.waited = None;
    assert_eq!(response.says(false, &[("s", 2)]), AGAIN);
    response.waited = Some(Duration::ZERO);
    response.now = response.now.after(Duration::from_secs(10));
    assert_eq!(response.says(true, &[("q", 4)]), REVISED);
}

#[test]
fn of_a_form_too_large_for_its_claim_what_is_older_changes_nothing_either() {
    let questions: Vec<_> = (0..12).map(|index| format!("question-{index}")).collect();
    let form = |score| questions.iter().map(|question| (question.as_str(), score)).collect::<Vec<_>>();
    let mut response = Response::new();
    response.says(true, &form(9));
    response.now = response.now.after(Duration::from_secs(10));
    response.says(true, &form(3));
    response.waited = Some(Duration::from_secs(5));
    assert_eq!(response.says(true, &form(9)[..4]), AGAIN);
    response.waited = None;
    assert_eq!(response.says(true, &form(3)), SAME, "the last submission is still known");
}
