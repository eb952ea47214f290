use super::{Choice, Kind, Texts};

/// Ids that no question may have: fields that pages, forms and signed queries use beside the questions.
pub const RESERVED_IDS: [&str; 14] = [
    "attempt",
    "change",
    "exp",
    "interaction",
    "key",
    "lang",
    "next",
    "pressed",
    "respondent",
    "seal",
    "sig",
    "subject",
    "token",
    "website",
];

/// One question of a survey.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its id, unique in the survey.
    pub id: String,
    /// What kind of answer it takes.
    pub kind: Kind,
    /// Pages and dialogues insist on it; a submission need not have it.
    pub required: bool,
    /// What people read or hear.
    pub text: Texts,
    /// What the scale's lowest score means; may be empty.
    pub low: Texts,
    /// What the scale's highest score means; may be empty.
    pub high: Texts,
    /// When pages and dialogues ask it; always, when none.
    pub ask_when: Option<AskWhen>,
    /// What a `choice` offers; empty for other kinds.
    pub choices: Vec<Choice>,
}

/// Asks a question only after a low or a high enough score on an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskWhen {
    /// The earlier question's id.
    pub question: String,
    /// Ask when the score is below this.
    pub below: Option<i32>,
    /// Ask when the score is above this.
    pub above: Option<i32>,
}

impl AskWhen {
    /// Whether an earlier score asks for the question.
    pub fn holds(&self, score: i32) -> bool {
        self.below.is_none_or(|below| score < below) && self.above.is_none_or(|above| score > above)
    }
}

impl Question {
    /// Whether it is asked, given the scores so far.
    pub fn is_asked(&self, score_of: impl Fn(&str) -> Option<i32>) -> bool {
        self.ask_when
            .as_ref()
            .is_none_or(|when| score_of(&when.question).is_some_and(|score| when.holds(score)))
    }
}
