//! The words that answer questions, by language.

/// What a language has for answers, in lower case. What carries an accent stands there without it too, as words are
/// compared; the first of a number is how it is written.
#[derive(Debug)]
pub(super) struct Ear {
    /// The language, a BCP 47 primary tag.
    pub language: &'static str,
    /// The words for 0 to 10.
    pub numbers: [&'static [&'static str]; 11],
    /// Words that agree.
    pub yes: &'static [&'static str],
    /// Words that do not.
    pub no: &'static [&'static str],
    /// Words that come with an answer and say nothing by themselves. An article that is a number too counts as one when
    /// no other number is there.
    pub fillers: &'static [&'static str],
}

const ENGLISH: Ear = Ear {
    language: "en",
    numbers: [
        &["zero", "nil"],
        &["one"],
        &["two"],
        &["three"],
        &["four"],
        &["five"],
        &["six"],
        &["seven"],
        &["eight"],
        &["nine"],
        &["ten"],
    ],
    yes: &["yes", "yeah", "yep", "right", "correct"],
    no: &["no", "nope", "wrong"],
    fillers: &["a", "an", "the", "number", "is", "it", "its", "that", "thats", "please", "points", "stars"],
};

const GERMAN: Ear = Ear {
    language: "de",
    numbers: [
        &["null"],
        &["eins"],
        &["zwei", "zwo"],
        &["drei"],
        &["vier"],
        &["fünf", "funf", "fuenf"],
        &["sechs"],
        &["sieben"],
        &["acht"],
        &["neun"],
        &["zehn"],
    ],
    yes: &["ja", "jawohl", "richtig", "genau", "stimmt"],
    no: &["nein", "falsch"],
    fillers: &[
        "ein", "eine", "die", "nummer", "zahl", "das", "ist", "bitte", "punkt", "punkte", "sterne", "also",
    ],
};

const SPANISH: Ear = Ear {
    language: "es",
    numbers: [
        &["cero"],
        &["uno"],
        &["dos"],
        &["tres"],
        &["cuatro"],
        &["cinco"],
        &["seis"],
        &["siete"],
        &["ocho"],
        &["nueve"],
        &["diez"],
    ],
    yes: &["sí", "si", "correcto", "exacto"],
    no: &["no", "incorrecto"],
    fillers: &["un", "una", "el", "la", "numero", "es", "por", "favor", "puntos", "estrellas"],
};

const FRENCH: Ear = Ear {
    language: "fr",
    numbers: [
        &["zéro", "zero"],
        &["un"],
        &["deux"],
        &["trois"],
        &["quatre"],
        &["cinq"],
        &["six"],
        &["sept"],
        &["huit"],
        &["neuf"],
        &["dix"],
    ],
    yes: &["oui", "correct", "exact", "exactement"],
    no: &["non", "incorrect"],
    fillers: &["un", "une", "le", "la", "numero", "cest", "sil", "vous", "plait", "points", "etoiles"],
};

const ITALIAN: Ear = Ear {
    language: "it",
    numbers: [
        &["zero"],
        &["uno"],
        &["due"],
        &["tre"],
        &["quattro"],
        &["cinque"],
        &["sei"],
        &["sette"],
        &["otto"],
        &["nove"],
        &["dieci"],
    ],
    yes: &["sì", "si", "corretto", "giusto", "esatto"],
    no: &["no", "sbagliato"],
    fillers: &["un", "una", "il", "la", "numero", "e", "per", "favore", "punti", "stelle"],
};

/// All that we understand.
pub(super) const ALL: [&Ear; 5] = [&ENGLISH, &GERMAN, &SPANISH, &FRENCH, &ITALIAN];
