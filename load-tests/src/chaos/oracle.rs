//! What was promised, held to what is stored.
//!
//! For each person with a receipt there is exactly one response; each question says the newest acknowledged value, or
//! one sent after it whose reply never came. What nobody sent, or what was refused, is not there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    history::{Fate, History, Sent},
    plan::{Person, Proof},
    storage::{Storage, Stored},
};

/// People of each kind of finding that are named with their history.
const NAMED: usize = 5;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// Acknowledged and not there, or not its newest value.
    Lost,
    /// More than one response of one person.
    Doubled,
    /// Stored, and never sent or clearly refused.
    Stranger,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// Responses.
    pub(crate) stored: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) strangers: u64,
    /// In words, the first few of each.
    pub(crate) named: Vec<String>,
    counts: BTreeMap<Fault, usize>,
}

impl Findings {
    /// Whether the promise was kept.
    pub(crate) fn are_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.strangers == 0
    }

    fn add(&mut self, fault: Fault, words: impl FnOnce() -> String) {
        match fault {
            Fault::Lost => self.lost += 1,
            Fault::Doubled => self.doubled += 1,
            Fault::Stranger => self.strangers += 1,
        }
        let named = self.counts.entry(fault).or_default();
        *named += 1;
        if *named <= NAMED {
            self.named.push(words());
        }
    }
}

/// Compares. `erased` are people whose answers must be gone.
pub(crate) fn judge(history: &History, storage: &Storage, erased: &BTreeSet<Person>) -> Findings {
    let mut findings = Findings { stored: storage.responses.len() as u64, ..Findings::default() };
    let (mut responses, mut held) = (by_number(&storage.responses), by_number(&storage.held));
    for (person, sent) in &history.people {
        let (stored, waiting) = (responses.remove(&person.number), held.remove(&person.number));
        let (stored, waiting) = (stored.unwrap_or_default(), waiting.unwrap_or_default());
        let case = Case { person: *person, sent, stored: &stored, held: &waiting };
        if erased.contains(person) { case.erased(&mut findings) } else { case.judge(&mut findings) }
    }
    for stranger in responses.into_values().chain(held.into_values()).flatten() {
        findings.add(Fault::Stranger, || format!("nobody sent {stranger:?}"));
    }
    findings
}

/// By the number in the reference; what has none is under a number that nobody has.
fn by_number(stored: &[Stored]) -> BTreeMap<u32, Vec<&Stored>> {
    let mut of = BTreeMap::<_, Vec<_>>::new();
    for one in stored {
        of.entry(Person::number_of(&one.respondent).unwrap_or(u32::MAX)).or_default().push(one);
    }
    of
}

/// One person: what was sent, and what is there.
struct Case<'a> {
    person: Person,
    sent: &'a [Sent],
    stored: &'a [&'a Stored],
    held: &'a [&'a Stored],
}

impl Case<'_> {
    fn judge(&self, findings: &mut Findings) {
        if self.stored.len() > 1 {
            let more = self.stored.len() as u64 - 1;
            findings.add(Fault::Doubled, || self.tell("has more than one response"));
            findings.doubled += more - 1;
        }
        let mut kept = self.sent.iter().filter(|sent| self.is_held(sent));
        // What a gateway held as far as it knew, storage may count: it knows all there is.
        let waits = |sent: &Sent| self.held.iter().any(|held| says(held, sent));
        if kept.any(|sent| !waits(sent) && !self.stored.iter().any(|one| stands(one, sent))) {
            findings
                .add(Fault::Lost, || self.tell("has an answer that was held, and is neither held nor there"));
        }
        if let Some(odd) = self.held.iter().find(|held| !self.sent.iter().any(|sent| says(held, sent))) {
            findings.add(Fault::Stranger, || self.tell(&format!("has a held {odd:?} that was not sent")));
        }
        let score = self.question(|sent| Some(sent.answer.score.to_string()));
        let reason = self.question(|sent| sent.answer.reason());
        match self.stored {
            [] if score.must_be_there => {
                findings.add(Fault::Lost, || self.tell("has a receipt, and no response"));
            }
            [] => {}
            [one, ..] => {
                if self.person.proof != Proof::Key && one.interaction != self.person.interaction() {
                    findings.add(Fault::Stranger, || self.tell("is stored under another interaction"));
                }
                self.compare(findings, "recommend", &score, one.score.map(|score| score.to_string()));
                self.compare(findings, "reason", &reason, one.reason.clone());
            }
        }
    }

    fn compare(&self, findings: &mut Findings, question: &str, owed: &Owed, there: Option<String>) {
        match there {
            None if owed.must_be_there => {
                findings.add(Fault::Lost, || {
                    self.tell(&format!("has a receipt for {question}, which is not there"))
                });
            }
            Some(there) if !owed.allowed.contains(&there) => {
                let (fault, what) =
                    if owed.must_be_there { (Fault::Lost, "stale") } else { (Fault::Stranger, "strange") };
                let words = format!("has a {what} {question}: {there:?}, not one of {:?}", owed.allowed);
                findings.add(fault, || self.tell(&words));
            }
            _ => {}
        }
    }

    /// What one question may say: the newest value with a receipt, and what came after it without a reply.
    fn question(&self, value: impl Fn(&Sent) -> Option<String>) -> Owed {
        let mut owed = Owed::default();
        let mut held = BTreeSet::new();
        for sent in self.sent {
            let Some(value) = value(sent) else { continue };
            match sent.fate {
                // A double of what is held waits with it; every other one says again what stands.
                Fate::Double if held.contains(&value) => {
                    owed.allowed.insert(value);
                }
                Fate::Acknowledged { held: false } | Fate::Double => {
                    owed.must_be_there = true;
                    owed.allowed = BTreeSet::from([value]);
                }
                // It may have been released since.
                Fate::Acknowledged { held: true } => {
                    held.insert(value.clone());
                    owed.allowed.insert(value);
                }
                Fate::Broken | Fate::TimedOut => {
                    owed.allowed.insert(value);
                }
                Fate::Refused(_) => {}
            }
        }
        owed
    }

    fn is_held(&self, sent: &Sent) -> bool {
        sent.fate == Fate::Acknowledged { held: true }
    }

    fn erased(&self, findings: &mut Findings) {
        if !self.stored.is_empty() || !self.held.is_empty() {
            findings.add(Fault::Stranger, || self.tell("was erased, and is there"));
        }
    }

    fn tell(&self, what: &str) -> String {
        let mut words = format!("{:?} {what}\n    stored: {:?}", self.person, self.stored);
        if !self.held.is_empty() {
            words += &format!("\n    held: {:?}", self.held);
        }
        for sent in self.sent {
            words += &format!(
                "\n    at {:>9.3} s, {:>7.1} ms, gateway {}: {:?} {} {:?} -> {:?}",
                sent.at.as_secs_f64(),
                sent.took.as_secs_f64() * 1e3,
                sent.gateway,
                sent.way,
                sent.ordinal,
                sent.answer,
                sent.fate,
            );
        }
        words
    }
}

/// What a question owes.
#[derive(Debug, Default)]
struct Owed {
    must_be_there: bool,
    allowed: BTreeSet<String>,
}

/// Whether a response has each value of what was sent; another answer may have given it more.
fn stands(response: &Stored, sent: &Sent) -> bool {
    let reason = sent.answer.reason();
    response.score == Some(sent.answer.score) && (reason.is_none() || response.reason == reason)
}

fn says(held: &Stored, sent: &Sent) -> bool {
    held.score == Some(sent.answer.score) && held.reason == sent.answer.reason()
}

#[cfg(test)]
mod tests;
