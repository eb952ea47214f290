//! The verdict: whether a person is known to have given an answer, or a machine may have.
//!
//! Mail scanners open every link, run scripts, and press buttons. So an answer that came through a page carries what
//! the page saw of its sender ([`Signals`]), links that are opened with a score leave touches, and an operator may
//! rule. The verdict is a pure function of these three; when evidence comes later it is computed again. A provisional
//! answer is kept, counted apart and replaced by the person's own.
//!
//! | reason | weight | seen when | because |
//! |---|---|---|---|
//! | `driven` | whole | the browser says that a program drives it (`navigator.webdriver`, `HeadlessChrome`) | people's browsers never do |
//! | `untrusted` | whole | the press was made by a script (`isTrusted`) | a person's press never is |
//! | `no_press` | whole | the page's script ran and saw no press | a form does not send itself for a person |
//! | `unactivated` | whole | a browser that would say so says that nobody did anything (`Sec-Fetch-User`), and no script says otherwise | as above, without a script |
//! | `too_fast` | whole | sent within 1.5 s of the page being served | nobody reads and presses within that, the network's time included |
//! | `swept` | whole | four scores of the link, or all three there are, opened within 10 s, within 30 s of the answer | a person opens one, or two when they slip |
//! | `head_first` | half | asked for by `HEAD` within 10 s before the page was served | browsers never do; what checks a link when a person presses it does |
//! | `no_script` | half | the page's script did not run | some people have none; most scanners, too |
//! | `unserved` | half | the form was not one that a page of ours was served with | programs send such forms, and forms in other pages |
//!
//! One whole reason or two halves make an answer `provisional`. An operator's ruling stands above all of that for what
//! was received up to it: `confirmed`, or `provisional` with the reason `operator`. What came through no page (a phone,
//! a program with a key) is `confirmed`, unless its record itself says otherwise (`unconfirmed`).

use std::collections::BTreeSet;

use crate::proto::store::v1::{Confidence, Navigation, Press, Record, Signals, record::Event};

const MS: i64 = 1_000;
const SECOND: i64 = 1_000_000;

/// A page that was sent sooner was not read.
const TOO_FAST_MS: u32 = 1_500;
/// Scores opened within so long belong to one sweep.
const SWEEP_US: i64 = 10 * SECOND;
/// So many of them are no person's doing; a scale with fewer than three scores cannot be told to be swept.
const SWEPT: usize = 4;
const SWEPT_AT_LEAST: usize = 3;
/// How far from the answer a sweep says something about it. A person often answers minutes after a scanner.
const AROUND_US: i64 = 30 * SECOND;
/// How long before the page a `HEAD` belongs to the same visit.
const HEAD_US: i64 = 10 * SECOND;

/// Whether a person is known to have given an answer, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `Confirmed` or `Provisional`.
    pub(crate) confidence: Confidence,
    /// Why it is provisional, in the order of the table; empty when it is not.
    pub(crate) reasons: Vec<&'static str>,
}

/// What an operator ruled about the answers of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// A person gave them.
    pub(crate) confirmed: bool,
    /// It holds for what was received until then; who answers later is judged by the rules again.
    pub(crate) until_us: i64,
}

/// What is known of a response beside its answers: the touches of its link, and the ruling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    touches: Vec<Opened>,
    ruling: Option<Ruling>,
}

/// A link opened with a score in it.
#[derive(Clone, Copy, Debug)]
struct Opened {
    at_us: i64,
    score: i32,
    head: bool,
}

/// A reason and its weight, in halves.
type Reason = (&'static str, u8);
const WHOLE: u8 = 2;
const HALF: u8 = 1;

impl Evidence {
    /// What these records of one response say beside their answers, in whatever order they come.
    pub(crate) fn of<'a>(records: impl Iterator<Item = &'a Record>, ruling: Option<Ruling>) -> Self {
        let opened = |record: &Record| match &record.event {
            Some(Event::Touched(touched)) => {
                Some(Opened { at_us: record.received_us, score: touched.score, head: touched.head })
            }
            _ => None,
        };
        let mut touches: Vec<_> = records.filter_map(opened).collect();
        touches.sort_unstable_by_key(|opened| (opened.at_us, opened.score, opened.head));
        Self { touches, ruling }
    }

    /// The verdict on an answer.
    pub(crate) fn judge(&self, record: &Record) -> Verdict {
        if let Some(ruling) = self.ruling.filter(|ruling| record.received_us <= ruling.until_us) {
            return if ruling.confirmed { confirmed() } else { provisional(vec!["operator"]) };
        }
        let mut reasons = Vec::new();
        if record.confidence() == Confidence::Provisional {
            reasons.push(("unconfirmed", WHOLE));
        }
        if let Some(signals) = &record.signals {
            reasons.extend(of_signals(signals));
            reasons.extend(self.is_swept(record).then_some(("swept", WHOLE)));
            reasons.extend(self.is_headed(record, signals).then_some(("head_first", HALF)));
        }
        weigh(&reasons)
    }

    /// Whether many scores of the link were opened at once around the answer.
    fn is_swept(&self, record: &Record) -> bool {
        let scale = record.answers.iter().find_map(|answer| Some((answer.scale_min?, answer.scale_max?)));
        let scores =
            scale.map_or(SWEPT, |(min, max)| usize::try_from(max.abs_diff(min)).unwrap_or(SWEPT) + 1);
        if scores < SWEPT_AT_LEAST {
            return false;
        }
        let is_near =
            |opened: &&Opened| opened.at_us.abs_diff(record.received_us) <= AROUND_US.unsigned_abs();
        let near: Vec<_> = self.touches.iter().filter(is_near).collect();
        near.iter().enumerate().any(|(place, first)| {
            let sweep = near.iter().skip(place).take_while(|opened| opened.at_us - first.at_us <= SWEEP_US);
            sweep.map(|opened| opened.score).collect::<BTreeSet<_>>().len() >= scores.min(SWEPT)
        })
    }

    fn is_headed(&self, record: &Record, signals: &Signals) -> bool {
        let served_us = record.received_us - i64::from(signals.page_ms.unwrap_or(0)) * MS;
        let before = |opened: &Opened| (0..=HEAD_US).contains(&(served_us - opened.at_us));
        self.touches.iter().any(|opened| opened.head && before(opened))
    }
}

/// The verdict on an answer by what its page saw alone. The gateways ask for it: what a machine may have said makes no
/// claim, so that it closes, counts and drops nothing that a person says.
pub(crate) fn by_itself(signals: Option<&Signals>) -> Confidence {
    weigh(&signals.map(of_signals).unwrap_or_default()).confidence
}

fn of_signals(signals: &Signals) -> Vec<Reason> {
    let (press, navigation) = (signals.press(), signals.navigation());
    let by_form = matches!(press, Press::NoScript | Press::Unspecified);
    [
        ("driven", WHOLE, signals.driven),
        ("untrusted", WHOLE, signals.untrusted),
        ("no_press", WHOLE, press == Press::None),
        ("unactivated", WHOLE, by_form && navigation == Navigation::Unactivated),
        ("too_fast", WHOLE, signals.page_ms.is_some_and(|page_ms| page_ms < TOO_FAST_MS)),
        ("no_script", HALF, press == Press::NoScript),
        ("unserved", HALF, signals.page_ms.is_none()),
    ]
    .into_iter()
    .filter_map(|(reason, weight, is_so)| is_so.then_some((reason, weight)))
    .collect()
}

fn weigh(reasons: &[Reason]) -> Verdict {
    match reasons.iter().map(|(_, weight)| weight).sum::<u8>() {
        WHOLE.. => provisional(reasons.iter().map(|(reason, _)| *reason).collect()),
        _ => confirmed(),
    }
}

const fn confirmed() -> Verdict {
    Verdict { confidence: Confidence::Confirmed, reasons: Vec::new() }
}

const fn provisional(reasons: Vec<&'static str>) -> Verdict {
    Verdict { confidence: Confidence::Provisional, reasons }
}

#[cfg(test)]
mod tests;
