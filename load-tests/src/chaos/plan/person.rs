//! Who answers, and what.

/// How a person's answers are proven to be this person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Proof {
    /// By a link, a signature or an API key: one response, whichever way each answer comes.
    References,
    /// By nothing but what a browser says: one response in a space of its own.
    Stated,
    /// By a submission key alone: the survey's rule names an interaction, and none is given.
    Key,
}

/// Somebody with exactly one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Person {
    pub(crate) number: u32,
    pub(crate) proof: Proof,
}

impl Person {
    /// What is rated.
    pub(crate) fn interaction(self) -> String {
        format!("t-{}", self.number)
    }

    /// The reference of the person; every stored response carries it, so it is what the oracle looks by.
    pub(crate) fn respondent(self) -> String {
        format!("p-{}", self.number)
    }

    /// The person of a stored reference; the proof is not in it.
    pub(crate) fn number_of(respondent: &str) -> Option<u32> {
        respondent.strip_prefix("p-")?.parse().ok()
    }
}

/// What is answered to `support-nps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Answer {
    /// `recommend`.
    pub(crate) score: i32,
    /// `reason`, named by the person and a place, so that no two texts are alike.
    pub(crate) reason: Option<(u32, u32)>,
}

impl Answer {
    /// The text of `reason`.
    pub(crate) fn reason(self) -> Option<String> {
        self.reason.map(|(person, place)| format!("why {person} says so, {place}"))
    }
}
