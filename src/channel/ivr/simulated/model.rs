//! What the contract says of the keypad (section 4, "Keypad"), written down again without a look at the code.

use std::collections::BTreeMap;

use crate::survey::{Kind, Survey};

/// A call as it should be.
#[derive(Clone, Debug)]
pub(super) struct Model<'s> {
    survey: &'s Survey,
    /// The question that is asked; none when the call is over.
    at: Option<usize>,
    asked_again: u32,
    confirming: bool,
    /// What the response says.
    pub(super) record: BTreeMap<String, String>,
}

impl<'s> Model<'s> {
    pub(super) fn new(survey: &'s Survey) -> Self {
        let mut model = Self { survey, at: None, asked_again: 0, confirming: false, record: BTreeMap::new() };
        model.go_on_from(0);
        model
    }

    pub(super) fn is_over(&self) -> bool {
        self.at.is_none()
    }

    /// How many keys are awaited.
    pub(super) fn keys(&self) -> usize {
        if self.kind() == Kind::Nps && !self.confirming { 2 } else { 1 }
    }

    /// Whether the caller is asked about a lone 1.
    pub(super) const fn is_confirming(&self) -> bool {
        self.confirming
    }

    pub(super) const fn asked_again(&self) -> u32 {
        self.asked_again
    }

    pub(super) fn kind(&self) -> Kind {
        self.at.map_or(Kind::Text, |at| self.survey.questions[at].kind)
    }

    /// These keys were pressed; none is silence.
    pub(super) fn press(&mut self, keys: &str) {
        let at = self.at.expect("nothing is asked");
        if self.confirming {
            // "press zero for ten, pound for one", "and stands as 1 when nothing follows"
            self.confirming = false;
            self.answer(at, if keys == "0" { "10" } else { "1" });
            return self.go_on_from(at + 1);
        }
        match (self.kind(), self.meaning(at, keys)) {
            // "a lone `1` is confirmed once"; hanging up keeps it.
            (Kind::Nps, Some(value)) if keys == "1" => {
                self.confirming = true;
                if !self.waits_to_confirm() {
                    self.answer(at, &value);
                }
            }
            (_, Some(value)) => {
                self.answer(at, &value);
                self.go_on_from(at + 1);
            }
            // "asked again twice at most"
            (_, None) if self.asked_again == 2 => self.at = None,
            (_, None) => self.asked_again += 1,
        }
    }

    /// "NPS gathers two digits", "`01`-`09` are 1-9; `00`, `11`-`99` and silence are asked again"; "other kinds take
    /// one digit".
    fn meaning(&self, at: usize, keys: &str) -> Option<String> {
        let question = &self.survey.questions[at];
        let pressed: i32 = keys.parse().ok().filter(|_| keys.bytes().all(|key| key.is_ascii_digit()))?;
        let (low, high) = match question.kind {
            Kind::Nps if keys == "00" => return None,
            Kind::Nps => (0, 10),
            Kind::Ces => (1, 7),
            Kind::Csat | Kind::Stars => (1, 5),
            Kind::Smiley => (1, 3),
            Kind::Thumbs => (0, 1),
            Kind::Choice => {
                let choice = question.choices.get(usize::try_from(pressed).ok()?.checked_sub(1)?)?;
                return Some(choice.value.clone());
            }
            Kind::Text => return None,
        };
        (low..=high).contains(&pressed).then(|| pressed.to_string())
    }

    /// A change would be held as late in a survey that allows hardly any.
    fn waits_to_confirm(&self) -> bool {
        self.survey.edit_window < std::time::Duration::from_secs(120)
    }

    fn answer(&mut self, at: usize, value: &str) {
        self.record.insert(self.survey.questions[at].id.clone(), value.to_owned());
    }

    /// "text questions are skipped", and what `ask_when` leaves out.
    fn go_on_from(&mut self, from: usize) {
        let score = |id: &String| self.record.get(id).and_then(|value| value.parse::<i32>().ok());
        let is_asked = |at: &usize| {
            let question = &self.survey.questions[*at];
            let when = question.ask_when.as_ref().is_none_or(|when| {
                score(&when.question).is_some_and(|score| {
                    when.below.is_none_or(|below| score < below)
                        && when.above.is_none_or(|above| score > above)
                })
            });
            question.kind != Kind::Text && when
        };
        self.at = (from..self.survey.questions.len()).find(is_asked);
        self.asked_again = 0;
    }
}
