//! What spoken words say: `ten`, `eine Zehn`, `10.` to the keys that mean the same. Nothing is guessed: words that are
//! no number and no filler, and two different numbers, are no answer.

mod ear;

use unicode_normalization::UnicodeNormalization as _;

use self::ear::{ALL, Ear};

use crate::survey::{Kind, Language, Question, Survey};

/// Recognizers refuse longer phrases.
const HINT_CHARS: usize = 100;

/// Longer speech is no answer to a question for a number.
const WORDS: usize = 8;

/// Whether we understand a language.
pub(crate) fn understands(language: &Language) -> bool {
    ear(language).is_some()
}

/// The keys that mean what was said; none when it is no answer to the question.
pub(crate) fn keys(question: &Question, survey: &Survey, said: &str, language: &Language) -> Option<String> {
    if let Some(place) = named_choice(question, survey, said, language) {
        return Some((place + 1).to_string());
    }
    if question.kind == Kind::Thumbs
        && let Some(agrees) = agrees(said, language)
    {
        return Some(u8::from(agrees).to_string());
    }
    // A lone 1 that is pressed may become 10; one that is said is 1.
    match number(said, language)? {
        1 if super::keypad::takes_two_keys(question) => Some("01".to_owned()),
        number => Some(number.to_string()),
    }
}

/// Whether it is a yes or a no; none when it is neither, or both.
pub(crate) fn agrees(said: &str, language: &Language) -> Option<bool> {
    let ear = ear(language)?;
    let mut found = None;
    for word in words(said)? {
        let agrees = match word.as_str() {
            word if ear.yes.contains(&word) => true,
            word if ear.no.contains(&word) => false,
            word if ear.fillers.contains(&word) => continue,
            _ => return None,
        };
        if found.is_some_and(|before| before != agrees) {
            return None;
        }
        found = Some(agrees);
    }
    found
}

/// Words that answer a question, for the recognizer to expect.
pub(crate) fn hints(question: &Question, survey: &Survey, language: &Language) -> Vec<String> {
    let Some(ear) = ear(language) else { return Vec::new() };
    let yes_or_no =
        ear.yes.iter().chain(ear.no).take(if question.kind == Kind::Thumbs { usize::MAX } else { 0 });
    let scores = match question.kind.scale() {
        Some(scale) => scale.min..=scale.max,
        None => 1..=i32::try_from(question.choices.len().min(super::keypad::CHOICES)).unwrap_or(1),
    };
    let numbers = scores.filter_map(|score| ear.numbers.get(usize::try_from(score).ok()?)?.first());
    let choices = question.choices.iter().take(super::keypad::CHOICES);
    // A comma would end the hint.
    let named = choices.map(|choice| {
        let text = choice.text.get(language, &survey.default_language).chars().take(HINT_CHARS);
        text.map(|character| if character == ',' { ' ' } else { character }).collect()
    });
    numbers.chain(yes_or_no).map(|word| (*word).to_owned()).chain(named).collect()
}

/// The words that confirm or deny, for the recognizer to expect.
pub(crate) fn yes_and_no(language: &Language) -> Vec<String> {
    let ear = ear(language);
    ear.iter().flat_map(|ear| ear.yes.iter().chain(ear.no)).map(|word| (*word).to_owned()).collect()
}

fn ear(language: &Language) -> Option<&'static Ear> {
    ALL.into_iter().find(|ear| ear.language == language.primary())
}

/// The only number that was said.
fn number(said: &str, language: &Language) -> Option<u8> {
    let ear = ear(language)?;
    let words = words(said)?;
    let (mut found, mut article) = (None, None);
    for word in &words {
        let is_filler = ear.fillers.contains(&word.as_str());
        match number_word(ear, word) {
            Some(number) if is_filler => article = Some(number),
            Some(number) if found.is_some_and(|before| before != number) => return None,
            Some(number) => found = Some(number),
            None if is_filler => {}
            None => return None,
        }
    }
    found.or(article)
}

fn number_word(ear: &Ear, word: &str) -> Option<u8> {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let plain = word == "0" || !word.starts_with('0');
        return word.parse().ok().filter(|number| plain && *number <= 10);
    }
    let place = ear.numbers.iter().position(|names| names.contains(&word))?;
    u8::try_from(place).ok()
}

/// The choice whose whole text was said.
fn named_choice(question: &Question, survey: &Survey, said: &str, language: &Language) -> Option<usize> {
    let said = words(said)?;
    let mut named = question.choices.iter().take(super::keypad::CHOICES);
    named
        .position(|choice| words(choice.text.get(language, &survey.default_language)).as_ref() == Some(&said))
}

/// Words in lower case and without accents, as recognizers differ in both; none when there are none, too many, or a
/// sign before a number.
fn words(said: &str) -> Option<Vec<String>> {
    let signed = |pair: (char, char)| matches!(pair.0, '-' | '+' | '\u{2212}') && pair.1.is_ascii_digit();
    if said.chars().zip(said.chars().skip(1)).any(signed) {
        return None;
    }
    let plain: String = said
        .chars()
        .take(200)
        .flat_map(char::to_lowercase)
        .nfd()
        .filter(|character| !unicode_normalization::char::is_combining_mark(*character))
        .filter(|character| !matches!(character, '\'' | '\u{2019}'))
        .collect();
    let words: Vec<_> = plain
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    (1..=WORDS).contains(&words.len()).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::ivr::fixtures::{language, question, support, visit};

    fn nps(said: &str, tag: &str) -> Option<String> {
        keys(&question("recommend", Kind::Nps), &support(), said, &language(tag))
    }

    fn one(question: &str, said: &str, tag: &str) -> Option<String> {
        let survey = visit();
        keys(survey.question(question).unwrap(), &survey, said, &language(tag))
    }

    #[test]
    fn the_languages_that_surveys_are_told_of_are_those_that_are_understood() {
        let mut ears: Vec<_> = ALL.iter().map(|ear| ear.language).collect();
        ears.sort_unstable();
        assert_eq!(ears, crate::survey::Phone::UNDERSTOOD);
    }

    #[test]
    fn the_numbers_of_five_languages_are_keys() {
        let said = [
            ("en", "zero one two three four five six seven eight nine ten"),
            ("de-CH", "null eins zwei drei vier fünf sechs sieben acht neun zehn"),
            ("es-MX", "cero uno dos tres cuatro cinco seis siete ocho nueve diez"),
            ("fr", "zéro un deux trois quatre cinq six sept huit neuf dix"),
            ("it", "zero uno due tre quattro cinque sei sette otto nove dieci"),
        ];
        for (tag, words) in said {
            for (number, word) in words.split(' ').enumerate() {
                let expected = if number == 1 { "01".to_owned() } else { number.to_string() };
                for said in
                    [word.to_owned(), word.to_uppercase(), format!("{word}."), format!("{word} {word}")]
                {
                    assert_eq!(nps(&said, tag).as_ref(), Some(&expected), "{tag} {said}");
                }
            }
            for number in 0..=10 {
                let expected = if number == 1 { "01".to_owned() } else { number.to_string() };
                for said in [format!("{number}"), format!("{number}."), format!(" {number}, {number}!")] {
                    assert_eq!(nps(&said, tag).as_ref(), Some(&expected), "{tag} {said}");
                }
            }
        }
    }

    #[test]
    fn articles_and_courtesies_say_nothing_and_an_article_alone_only_where_it_is_the_number() {
        for (tag, said, keys) in [
            ("de", "Eine Zehn, bitte.", Some("10")),
            ("de", "eine Eins", Some("01")),
            ("de", "die Nummer sieben", Some("7")),
            ("de", "Eine", None),
            ("en", "A ten, please", Some("10")),
            ("en", "It's nine.", Some("9")),
            ("fr", "Un dix", Some("10")),
            ("fr", "Un", Some("01")),
            ("fr", "C\u{2019}est huit, s'il vous plaît", Some("8")),
            ("es", "Un diez por favor", Some("10")),
            ("es", "Un", None),
            ("it", "È un otto", Some("8")),
        ] {
            assert_eq!(nps(said, tag).as_deref(), keys, "{tag} {said}");
        }
    }

    #[test]
    fn what_is_not_one_number_is_no_answer() {
        for said in [
            "",
            " ",
            "ten or nine",
            "eight out of ten",
            "8/10",
            "7.5",
            "7,5",
            "-1",
            "\u{2212}1",
            "minus one",
            "7\u{bd}",
            "eleven",
            "11",
            "100",
            "07",
            "00",
            "not seven",
            "to",
            "for",
            "ate",
            "tenten",
            "sieben",
            "?",
            "*",
            "5000000000",
            "five five five five five five five five five",
        ] {
            assert_eq!(nps(said, "en"), None, "{said:?}");
        }
        assert_eq!(nps("sieben", "de"), Some("7".to_owned()));
        assert_eq!(nps("siebeneinhalb", "de"), None);
        assert_eq!(nps("7", "pt"), None, "a language that we do not understand");
    }

    #[test]
    fn a_yes_or_a_no_answers_a_thumb() {
        for (tag, yes, no) in [
            ("en", "Yes, please.", "no"),
            ("de", "Ja.", "Nein"),
            ("es", "Sí", "No"),
            ("fr", "Oui", "non"),
            ("it", "Sì", "no"),
        ] {
            assert_eq!(one("helpful", yes, tag).as_deref(), Some("1"), "{tag}");
            assert_eq!(one("helpful", no, tag).as_deref(), Some("0"), "{tag}");
            assert_eq!(agrees(&format!("{yes} {no}"), &language(tag)), None, "{tag}");
            assert_eq!(nps(yes, tag), None, "{tag}");
        }
        assert_eq!(one("helpful", "one", "en").as_deref(), Some("1"));
        assert_eq!(agrees("yes but", &language("en")), None);
    }

    #[test]
    fn a_choice_is_named_by_its_number_or_by_its_whole_text() {
        assert_eq!(one("topic", "two", "en").as_deref(), Some("2"));
        assert_eq!(one("topic", "Advice.", "en").as_deref(), Some("2"));
        assert_eq!(one("topic", "eine Reparatur", "de").as_deref(), Some("1"));
        for said in ["repair or advice", "the other", "a", "Reparatur"] {
            assert_eq!(one("topic", said, "en"), None, "{said}");
        }
    }

    #[test]
    fn the_recognizer_is_told_what_to_expect() {
        let survey = visit();
        let hints = |id, tag| hints(survey.question(id).unwrap(), &survey, &language(tag)).join(",");
        assert_eq!(hints("knowledge", "de"), "eins,zwei,drei,vier,fünf");
        assert_eq!(hints("topic", "en"), "one,two,a repair,advice");
        assert_eq!(hints("helpful", "en"), "zero,one,yes,yeah,yep,right,correct,no,nope,wrong");
        assert_eq!(hints("knowledge", "pt"), "");
    }

    proptest! {
        #[test]
        fn whatever_is_said_the_keys_are_a_key_or_two(said in "\\PC{0,40}|[a-z0-9 ]{0,20}") {
            for ear in ALL {
                for kind in Kind::ALL {
                    let found = keys(&question("q", kind), &support(), &said, &language(ear.language));
                    let fits = |keys: &String| matches!(keys.len(), 1 | 2) && keys.parse::<u8>().is_ok_and(|n| n <= 10);
                    prop_assert!(found.is_none_or(|keys| fits(&keys)));
                }
            }
        }
    }
}
