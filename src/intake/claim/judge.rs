//! The rules: what a submission is to a response that is known. Pure, so that embedded claims and Redis judge alike.

use std::time::Duration;

use super::{
    Ask, Ticket, Verdict,
    ask::{ClaimedAnswer, Recovered},
    content::{Claim, Content, Known, secs, whole},
};
use crate::clock::Timestamp;

/// A verdict, the record's stamp, and the claim to write before it may be told.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) stamp: Timestamp,
    /// None: the claim stands as it is.
    pub(super) write: Option<Claim>,
}

/// How far a claim that was read may be relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certainty {
    /// The record under its ticket is on disk.
    pub(super) on_disk: bool,
    /// It is younger than the connection it was read over: no newer claim can have been lost in a failover.
    pub(super) newest: bool,
}

/// What one answer is to the claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Known {
        late: bool,
        doubtful: bool,
    },
    /// Another one than what stands, and older.
    Older,
    Changed,
    Late,
}

impl News {
    const fn is_late(self) -> bool {
        matches!(self, Self::Late | Self::Known { late: true, .. })
    }

    const fn is_doubtful(self) -> bool {
        matches!(self, Self::Known { doubtful: true, .. } | Self::Older)
    }
}

/// Judges a submission.
pub(super) fn judge(claim: &Claim, ask: &Ask<'_>, certainty: Certainty, ticket: &Ticket) -> Judged {
    let Certainty { on_disk, newest } = certainty;
    let settled = on_disk && newest && claim.revisions >= ask.times_spooled();
    let is_older = ask.is_older_than(claim.last);
    let next_stamp = Timestamp::from_micros(claim.last.as_micros().saturating_add(1));
    let stamp = if is_older { ask.stamp } else { ask.stamp.max(next_stamp) };
    let news: Vec<_> = ask.answers.iter().map(|answer| claim.news(answer, ask, stamp)).collect();
    let verdict = match news.iter().any(|news| matches!(news, News::Changed | News::Late)) {
        // Also where the late part of it was held before: of what adds something, that part still is not counted.
        true => Verdict::Revised { late: news.iter().any(|news| news.is_late()) },
        false => Verdict::Same { settled: settled && !news.iter().any(|news| news.is_doubtful()) },
    };
    if verdict == (Verdict::Same { settled: true }) {
        return Judged { verdict, stamp: claim.last, write: None };
    }
    let mut next = claim.clone();
    if !newest || !(on_disk || claim.is_before(ticket)) {
        next.content.doubt();
    }
    for (answer, news) in ask.answers.iter().zip(&news) {
        if *news == News::Changed || !is_older {
            next.learn(*answer, news.is_late(), stamp);
        }
        if ask.yields_to_newer_by.is_some() {
            next.content.doubt_one(*answer);
        }
    }
    if !is_older {
        next.content.close(ask.answers);
    }
    next.run = ticket.run();
    next.ticket = ticket.number();
    next.written_secs = secs(ask.now);
    if claim.is_open(ask.answers, stamp, ask.edit_window) {
        next.last = claim.last.max(stamp);
    }
    next.revisions = claim.revisions.saturating_add(1);
    Judged { verdict, stamp, write: Some(next) }
}

/// Takes a record found in the spool into its response's claim; records come in the order they were appended.
pub(super) fn recover(claim: &mut Claim, record: &Recovered) {
    let newest = record.stamp >= claim.last;
    let is_open = claim.is_open(&record.answers, record.stamp, record.edit_window);
    for answer in &record.answers {
        let known = claim.known(answer, false);
        let late = known.is_some_and(|known| known.digest != answer.digest)
            && claim.is_closed(answer, record.stamp, record.edit_window);
        if newest || known.is_none() {
            claim.learn(*answer, late, record.stamp);
        }
    }
    if newest {
        claim.content.close(&record.answers);
    }
    if is_open {
        claim.last = claim.last.max(record.stamp);
    }
}

impl Claim {
    fn news(&self, answer: &ClaimedAnswer, ask: &Ask<'_>, stamp: Timestamp) -> News {
        match &self.content {
            Content::Whole { digest, .. } if *digest == whole(ask.answers) => {
                News::Known { late: false, doubtful: false }
            }
            Content::Whole { tags, .. } if tags.contains(&answer.tag) && ask.is_older_than(self.last) => {
                News::Older
            }
            Content::Whole { .. } if self.is_closed(answer, stamp, ask.edit_window) => News::Late,
            Content::Whole { .. } => News::Changed,
            Content::Each(_) => self.news_of_each(answer, ask, stamp),
        }
    }

    fn news_of_each(&self, answer: &ClaimedAnswer, ask: &Ask<'_>, stamp: Timestamp) -> News {
        let Some(stands) = self.known(answer, false) else { return News::Changed };
        if stands.digest == answer.digest {
            return News::Known { late: false, doubtful: stands.doubtful };
        }
        if ask.is_older_than(self.last) {
            return News::Older;
        }
        if !self.is_closed(answer, stamp, ask.edit_window) {
            return News::Changed;
        }
        match self.known(answer, true) {
            Some(held) if held.digest == answer.digest => News::Known { late: true, doubtful: held.doubtful },
            _ => News::Late,
        }
    }

    /// Whether a record of this stamp may count for one of its answers. What is late in all of them is held, and must
    /// not move `last`: after a clock that went ahead every change would be stamped behind it, and be late in its turn.
    fn is_open(&self, answers: &[ClaimedAnswer], stamp: Timestamp, edit_window: Duration) -> bool {
        answers.iter().any(|answer| !self.is_closed(answer, stamp, edit_window))
    }

    /// Whether the stamp is later than the answer may change.
    fn is_closed(&self, answer: &ClaimedAnswer, stamp: Timestamp, edit_window: Duration) -> bool {
        let first = match &self.content {
            Content::Each(_) => self.known(answer, false).map(|stands| self.first_answered(stands)),
            Content::Whole { tags, .. } => tags.contains(&answer.tag).then_some(self.first),
        };
        first.is_some_and(|first| stamp > first.after(edit_window))
    }

    fn known(&self, answer: &ClaimedAnswer, late: bool) -> Option<&Known> {
        let Content::Each(answers) = &self.content else { return None };
        answers.iter().find(|known| known.tag == answer.tag && known.late == late)
    }

    fn first_answered(&self, known: &Known) -> Timestamp {
        self.first.after(Duration::from_secs(known.first_after_secs.into()))
    }

    /// Whether its ticket is an earlier one of the same run: when the later one is on disk, so is this.
    fn is_before(&self, ticket: &Ticket) -> bool {
        self.run == ticket.run() && self.ticket <= ticket.number()
    }

    /// Takes an answer in: the one that stands, or the one that is held as late.
    fn learn(&mut self, answer: ClaimedAnswer, late: bool, stamp: Timestamp) {
        let after = self.seconds_after_first(stamp);
        match &mut self.content {
            Content::Each(answers) => {
                match answers.iter_mut().find(|known| known.tag == answer.tag && known.late == late) {
                    Some(known) => {
                        known.digest = answer.digest;
                        known.doubtful = false;
                    }
                    None => answers.push(Known::new(answer, after, late)),
                }
            }
            Content::Whole { tags, .. } => {
                if !tags.contains(&answer.tag) {
                    tags.push(answer.tag);
                }
            }
        }
    }
}

impl Content {
    /// Nothing of it is reason enough to drop a double any more: its record may not be on disk, or a newer claim may
    /// have been lost in a failover. What the next record says again is certain again.
    fn doubt(&mut self) {
        if let Self::Each(answers) = self {
            answers.iter_mut().for_each(|known| known.doubtful = true);
        }
    }

    /// What yields to newer answers says nothing of what is newest: one that this claim does not know of (it was lost
    /// in a failover) wins over it. Nor does the claim know the stamp of each answer, only the newest of all.
    fn doubt_one(&mut self, answer: ClaimedAnswer) {
        if let Self::Each(answers) = self {
            answers
                .iter_mut()
                .filter(|known| known.tag == answer.tag)
                .for_each(|known| known.doubtful = true);
        }
    }

    /// The last submission is the one that can be recognised.
    fn close(&mut self, answers: &[ClaimedAnswer]) {
        if let Self::Whole { digest, .. } = self {
            *digest = whole(answers);
        }
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
