//! Kinds of question, their scales and segments. Only whole numbers on the scale are scores.

/// What kind of answer a question takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// "Would you recommend us?", 0 to 10 (Reichheld 2003): detractor 0-6, passive 7-8, promoter 9-10.
    Nps,
    /// "How easy was it?", 1 to 7, 7 easy (CES 2.0): hard 1-3, neutral 4-5, easy 6-7.
    Ces,
    /// "How satisfied are you?", 1 to 5: dissatisfied 1-2, neutral 3, satisfied 4-5.
    Csat,
    /// 1 to 5 stars, with the segments of [`Kind::Csat`].
    Stars,
    /// A face, 1 to 3: unhappy, neutral, happy.
    Smiley,
    /// A thumb, 0 down or 1 up.
    Thumbs,
    /// One of a list.
    Choice,
    /// Free text.
    Text,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Nps, Self::Ces, Self::Csat, Self::Stars, Self::Smiley, Self::Thumbs, Self::Choice, Self::Text];

    /// The word in configuration, records and replies.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Ces => "ces",
            Self::Csat => "csat",
            Self::Stars => "stars",
            Self::Smiley => "smiley",
            Self::Thumbs => "thumbs",
            Self::Choice => "choice",
            Self::Text => "text",
        }
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The scale of its scores; none for texts and choices.
    pub const fn scale(self) -> Option<Scale> {
        match self {
            Self::Nps => Some(Scale { min: 0, max: 10 }),
            Self::Ces => Some(Scale { min: 1, max: 7 }),
            Self::Csat | Self::Stars => Some(Scale { min: 1, max: 5 }),
            Self::Smiley => Some(Scale { min: 1, max: 3 }),
            Self::Thumbs => Some(Scale { min: 0, max: 1 }),
            Self::Choice | Self::Text => None,
        }
    }

    /// The segments of its scores, lowest first; none for texts and choices.
    pub fn segments(self) -> Vec<Segment> {
        let scores = self.scale().into_iter().flat_map(Scale::scores);
        let mut segments: Vec<_> = scores.filter_map(|score| self.segment(score)).collect();
        segments.dedup();
        segments
    }

    /// The segment of a score; none for texts, choices and scores off the scale.
    pub fn segment(self, score: i32) -> Option<Segment> {
        self.scale().filter(|scale| scale.holds(score))?;
        match (self, score) {
            (Self::Nps, ..=6) => Some(Segment::Detractor),
            (Self::Nps, 7..=8) => Some(Segment::Passive),
            (Self::Nps, _) => Some(Segment::Promoter),
            (Self::Ces, ..=3) => Some(Segment::Hard),
            (Self::Ces, 4..=5) => Some(Segment::Neutral),
            (Self::Ces, _) => Some(Segment::Easy),
            (Self::Csat | Self::Stars, ..=2) => Some(Segment::Dissatisfied),
            (Self::Csat | Self::Stars, 3) => Some(Segment::Neutral),
            (Self::Csat | Self::Stars, _) => Some(Segment::Satisfied),
            (Self::Smiley, ..=1) => Some(Segment::Unhappy),
            (Self::Smiley, 2) => Some(Segment::Neutral),
            (Self::Smiley, _) => Some(Segment::Happy),
            (Self::Thumbs, ..=0) => Some(Segment::Down),
            (Self::Thumbs, _) => Some(Segment::Up),
            (Self::Choice | Self::Text, _) => None,
        }
    }
}

/// Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The lowest score.
    pub min: i32,
    /// The highest score.
    pub max: i32,
}

impl Scale {
    /// Whether a score is on it.
    pub const fn holds(self, score: i32) -> bool {
        self.min <= score && score <= self.max
    }

    /// Where a score lies between the ends, 0 to 100, not rounded.
    pub fn normalized(self, score: i32) -> f64 {
        100.0 * f64::from(score - self.min) / f64::from(self.max - self.min)
    }

    /// All scores, lowest first.
    pub fn scores(self) -> impl DoubleEndedIterator<Item = i32> + Clone {
        self.min..=self.max
    }
}

/// What a score says in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words are the field's own; Kind says which scores they stand for")]
pub enum Segment {
    Detractor,
    Passive,
    Promoter,
    Hard,
    Easy,
    Dissatisfied,
    Neutral,
    Satisfied,
    Unhappy,
    Happy,
    Down,
    Up,
}

impl Segment {
    /// The word in records and replies.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detractor => "detractor",
            Self::Passive => "passive",
            Self::Promoter => "promoter",
            Self::Hard => "hard",
            Self::Easy => "easy",
            Self::Dissatisfied => "dissatisfied",
            Self::Neutral => "neutral",
            Self::Satisfied => "satisfied",
            Self::Unhappy => "unhappy",
            Self::Happy => "happy",
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(kind: Kind) -> Vec<(i32, &'static str)> {
        let scale = kind.scale().unwrap();
        scale.scores().map(|score| (score, kind.segment(score).unwrap().word())).collect()
    }

    #[test]
    fn every_score_of_every_scale_has_the_segment_of_the_contract() {
        let all: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.scale().is_some())
            .map(|kind| (kind, segments(kind)))
            .collect();
        insta::assert_debug_snapshot!(all);
    }

    #[test]
    fn a_score_just_off_the_scale_has_no_segment() {
        for kind in Kind::ALL {
            let Some(scale) = kind.scale() else { continue };
            assert_eq!(kind.segment(scale.min - 1), None, "{kind:?}");
            assert_eq!(kind.segment(scale.max + 1), None, "{kind:?}");
        }
    }

    #[test]
    fn the_ends_of_a_scale_are_0_and_100() {
        for scale in Kind::ALL.into_iter().filter_map(Kind::scale) {
            assert!(scale.normalized(scale.min).abs() < f64::EPSILON);
            assert!((scale.normalized(scale.max) - 100.0).abs() < f64::EPSILON);
        }
        assert!((Kind::Ces.scale().unwrap().normalized(2) - 100.0 / 6.0).abs() < 1e-12);
    }
}
