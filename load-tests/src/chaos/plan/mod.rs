//! What is sent, in which order, and through which door: a pure function of the seed.

mod person;
mod way;

use std::collections::{BTreeMap, VecDeque};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

pub(crate) use self::{
    person::{Answer, Person, Proof},
    way::Way,
};

/// Answers of one batch at the most.
const BATCH: u64 = 8;
/// A follow-up comes so many requests after the answer before it, at the least and at the most.
const FOLLOW_UP: (u64, u64) = (40, 400);
/// Follow-ups that wait for their place at once; past it, new people only answer once.
const WAITING: usize = 4096;

/// One answer of one person, to be sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Whose answer.
    pub(crate) person: Person,
    /// Which of this person's submissions, from 0.
    pub(crate) ordinal: u32,
    pub(crate) answer: Answer,
}

/// One request: a step, or several of different people where the way takes many at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) way: Way,
    /// Which of the gateways, by its place; taken modulo their number.
    pub(crate) gateway: usize,
    pub(crate) steps: Vec<Step>,
}

/// Makes requests without end.
#[derive(Debug)]
pub(crate) struct Plan {
    rng: StdRng,
    ways: Vec<Way>,
    slot: u64,
    people: u32,
    /// What is still to come, by the slot it is due at.
    waiting: BTreeMap<u64, VecDeque<FollowUp>>,
    waits: usize,
}

#[derive(Debug)]
struct FollowUp {
    step: Step,
    way: Way,
    rest: VecDeque<Answer>,
}

impl Plan {
    /// The plan of a seed, through some ways.
    pub(crate) fn new(seed: u64, ways: &[Way]) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            ways: ways.to_vec(),
            slot: 0,
            people: 0,
            waiting: BTreeMap::new(),
            waits: 0,
        }
    }

    fn due(&mut self) -> Option<FollowUp> {
        let mut entry = self.waiting.first_entry()?;
        if *entry.key() > self.slot {
            return None;
        }
        let due = entry.get_mut().pop_front();
        if entry.get().is_empty() {
            entry.remove();
        }
        self.waits -= usize::from(due.is_some());
        due
    }

    /// A person who was not there before, with all that this person will say.
    fn newcomer(&mut self) -> FollowUp {
        let proof = match self.rng.random_range(0..20) {
            0 => Proof::Key,
            1 | 2 => Proof::Stated,
            _ => Proof::References,
        };
        let (way, proof) = self.way(proof);
        let person = Person { number: self.people, proof };
        self.people += 1;
        let mut rest = self.story(person);
        let answer = rest.pop_front().unwrap_or(Answer { score: 9, reason: None });
        FollowUp { step: Step { person, ordinal: 0, answer }, way, rest }
    }

    /// Some way that proves as much; where none of the plan's does, one of the plan's and what that proves.
    fn way(&mut self, proof: Proof) -> (Way, Proof) {
        let fitting: Vec<_> = self.ways.iter().copied().filter(|way| way.proves(proof)).collect();
        if fitting.is_empty() {
            let way = self.pick(&self.ways.clone());
            return (way, if way.proves(Proof::References) { Proof::References } else { Proof::Stated });
        }
        (self.pick(&fitting), proof)
    }

    fn pick(&mut self, ways: &[Way]) -> Way {
        let place = self.rng.random_range(0..ways.len().max(1));
        ways.get(place).copied().unwrap_or(Way::Json)
    }

    /// Once, doubled, revised, or changed and changed back.
    fn story(&mut self, person: Person) -> VecDeque<Answer> {
        let first = self.answer(person, 0);
        let mut story = VecDeque::from([first]);
        if person.proof == Proof::Key {
            // Another payload under the same key would be a mistake of the client.
            let doubles = self.rng.random_range(0..2);
            story.extend((0..doubles).map(|_| first));
            return story;
        }
        match self.rng.random_range(0..10) {
            0..=4 => {}
            5 | 6 => story.push_back(first),
            7 => story.push_back(self.answer(person, 1)),
            8 => story.extend([self.answer(person, 1), first]),
            _ => story.extend([first, self.answer(person, 1), self.answer(person, 2), first]),
        }
        story
    }

    fn answer(&mut self, person: Person, place: u32) -> Answer {
        let score = self.rng.random_range(0..=10);
        // One in four says why; the text is unlike any other's.
        let says_why = self.rng.random_range(0..4) == 0;
        Answer { score, reason: says_why.then_some((person.number, place)) }
    }

    fn schedule(&mut self, done: &Step, mut rest: VecDeque<Answer>) {
        if self.waits >= WAITING {
            return;
        }
        let Some(answer) = rest.pop_front() else { return };
        let (way, _) = self.way(done.person.proof);
        let due = self.slot + self.rng.random_range(FOLLOW_UP.0..FOLLOW_UP.1);
        let step = Step { person: done.person, ordinal: done.ordinal + 1, answer };
        self.waiting.entry(due).or_default().push_back(FollowUp { step, way, rest });
        self.waits += 1;
    }
}

impl Iterator for Plan {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let follow_up = self.due().unwrap_or_else(|| self.newcomer());
        let way = follow_up.way;
        let gateway = self.rng.random_range(0..usize::from(u8::MAX));
        let companions = if way.takes_many() { self.rng.random_range(0..BATCH) } else { 0 };
        self.schedule(&follow_up.step, follow_up.rest);
        let mut steps = vec![follow_up.step];
        for _ in 0..companions {
            let person = Person { number: self.people, proof: Proof::References };
            self.people += 1;
            let mut rest = self.story(person);
            let Some(answer) = rest.pop_front() else { continue };
            let step = Step { person, ordinal: 0, answer };
            self.schedule(&step, rest);
            steps.push(step);
        }
        self.slot += 1;
        for step in &mut steps {
            step.answer.reason = step.answer.reason.filter(|_| way.takes_text());
        }
        Some(Request { way, gateway, steps })
    }
}

#[cfg(test)]
mod tests;
