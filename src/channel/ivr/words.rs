//! What the gateway itself says on the phone, in five languages. The questions' own words are the survey's.

use crate::survey::{Kind, Language, Question};

/// The gateway's words in one language.
#[derive(Debug)]
pub(super) struct Words {
    /// The language, a BCP 47 primary tag.
    pub language: &'static str,
    /// Which keys answer a question.
    by_key: HowTo,
    /// Which keys or words do.
    by_key_or_voice: HowTo,
    meaning: &'static str,
    yes: &'static str,
    no: &'static str,
    /// Chooses this language.
    pub choose: &'static str,
    /// Before a question that is asked again.
    pub again: &'static str,
    /// After a lone `1` on a scale to 10.
    pub confirm_one: &'static str,
    confirm_heard: &'static str,
    /// Before a comment is recorded.
    pub comment: &'static str,
    /// While an answer waits for room.
    pub moment: &'static str,
    /// At the end.
    pub thanks: &'static str,
    /// Offers the key for "do not ask me again".
    pub opt_out: &'static str,
    /// When it was pressed.
    pub opted_out: &'static str,
    /// When the survey cannot be answered.
    pub sorry: &'static str,
}

/// How a question is answered, by its kind.
#[derive(Debug)]
struct HowTo {
    two_keys: &'static str,
    one_key: &'static str,
    thumbs: &'static str,
    smiley: &'static str,
    choice: &'static str,
}

/// Where there is no better language.
pub(super) const ENGLISH: Words = Words {
    language: "en",
    by_key: HowTo {
        two_keys: "Please press a number from {min} to {max}, then the pound key.",
        one_key: "Please press a number from {min} to {max}.",
        thumbs: "Press 1 for yes, or 0 for no.",
        smiley: "Press 1 for unhappy, 2 for neutral, or 3 for happy.",
        choice: "For {choice}, press {key}.",
    },
    by_key_or_voice: HowTo {
        two_keys: "Please say a number from {min} to {max}, or press it and then the pound key.",
        one_key: "Please say or press a number from {min} to {max}.",
        thumbs: "Say yes or press 1, or say no or press 0.",
        smiley: "Say or press 1 for unhappy, 2 for neutral, or 3 for happy.",
        choice: "For {choice}, say or press {key}.",
    },
    meaning: "{score} means: {text}.",
    yes: "yes",
    no: "no",
    choose: "For English, press {key}.",
    again: "Sorry, I did not understand that.",
    confirm_one: "You pressed one. For ten, press zero now. For one, press the pound key.",
    confirm_heard: "I understood: {answer}. If that is right, say yes or press 1. If not, say no or press 2.",
    comment: "Please speak after the tone, and press the pound key when you have finished.",
    moment: "One moment, please.",
    thanks: "Thank you for your time. Goodbye.",
    opt_out: "If you do not want to be asked again, press the star key.",
    opted_out: "You will not be asked again. Goodbye.",
    sorry: "We are sorry, this survey is not available at the moment. Goodbye.",
};

const GERMAN: Words = Words {
    language: "de",
    by_key: HowTo {
        two_keys: "Bitte drücken Sie eine Zahl von {min} bis {max} und dann die Rautetaste.",
        one_key: "Bitte drücken Sie eine Zahl von {min} bis {max}.",
        thumbs: "Drücken Sie 1 für Ja oder 0 für Nein.",
        smiley: "Drücken Sie 1 für unzufrieden, 2 für neutral oder 3 für zufrieden.",
        choice: "Für {choice} drücken Sie {key}.",
    },
    by_key_or_voice: HowTo {
        two_keys: "Bitte sagen Sie eine Zahl von {min} bis {max}, oder drücken Sie sie und dann die Rautetaste.",
        one_key: "Bitte sagen oder drücken Sie eine Zahl von {min} bis {max}.",
        thumbs: "Sagen Sie Ja oder drücken Sie 1, sagen Sie Nein oder drücken Sie 0.",
        smiley: "Sagen oder drücken Sie 1 für unzufrieden, 2 für neutral oder 3 für zufrieden.",
        choice: "Für {choice} sagen oder drücken Sie {key}.",
    },
    meaning: "{score} bedeutet: {text}.",
    yes: "Ja",
    no: "Nein",
    choose: "Für Deutsch drücken Sie {key}.",
    again: "Das habe ich leider nicht verstanden.",
    confirm_one: "Sie haben eins gedrückt. Für zehn drücken Sie jetzt die Null. Für eins drücken Sie die Rautetaste.",
    confirm_heard: "Ich habe verstanden: {answer}. Wenn das stimmt, sagen Sie Ja oder drücken Sie 1. Wenn nicht, sagen \
                    Sie Nein oder drücken Sie 2.",
    comment: "Bitte sprechen Sie nach dem Ton, und drücken Sie die Rautetaste, wenn Sie fertig sind.",
    moment: "Einen Moment, bitte.",
    thanks: "Vielen Dank für Ihre Zeit. Auf Wiederhören.",
    opt_out: "Wenn Sie nicht mehr befragt werden möchten, drücken Sie die Sterntaste.",
    opted_out: "Sie werden nicht mehr befragt. Auf Wiederhören.",
    sorry: "Diese Umfrage ist leider zurzeit nicht verfügbar. Auf Wiederhören.",
};

const SPANISH: Words = Words {
    language: "es",
    by_key: HowTo {
        two_keys: "Pulse un número del {min} al {max} y después la tecla almohadilla.",
        one_key: "Pulse un número del {min} al {max}.",
        thumbs: "Pulse 1 para sí o 0 para no.",
        smiley: "Pulse 1 para descontento, 2 para neutral o 3 para contento.",
        choice: "Para {choice}, pulse {key}.",
    },
    by_key_or_voice: HowTo {
        two_keys: "Diga un número del {min} al {max}, o púlselo y después la tecla almohadilla.",
        one_key: "Diga o pulse un número del {min} al {max}.",
        thumbs: "Diga sí o pulse 1, o diga no o pulse 0.",
        smiley: "Diga o pulse 1 para descontento, 2 para neutral o 3 para contento.",
        choice: "Para {choice}, diga o pulse {key}.",
    },
    meaning: "{score} significa: {text}.",
    yes: "sí",
    no: "no",
    choose: "Para español, pulse {key}.",
    again: "Lo siento, no lo he entendido.",
    confirm_one: "Ha pulsado uno. Para diez, pulse ahora el cero. Para uno, pulse la tecla almohadilla.",
    confirm_heard: "He entendido: {answer}. Si es correcto, diga sí o pulse 1. Si no, diga no o pulse 2.",
    comment: "Hable después de la señal y, cuando termine, pulse la tecla almohadilla.",
    moment: "Un momento, por favor.",
    thanks: "Gracias por su tiempo. Adiós.",
    opt_out: "Si no desea que le volvamos a preguntar, pulse la tecla asterisco.",
    opted_out: "No le volveremos a preguntar. Adiós.",
    sorry: "Lo sentimos, esta encuesta no está disponible en este momento. Adiós.",
};

const FRENCH: Words = Words {
    language: "fr",
    by_key: HowTo {
        two_keys: "Tapez un nombre de {min} à {max}, puis la touche dièse.",
        one_key: "Tapez un chiffre de {min} à {max}.",
        thumbs: "Tapez 1 pour oui ou 0 pour non.",
        smiley: "Tapez 1 pour mécontent, 2 pour neutre ou 3 pour content.",
        choice: "Pour {choice}, tapez {key}.",
    },
    by_key_or_voice: HowTo {
        two_keys: "Dites un nombre de {min} à {max}, ou tapez-le puis la touche dièse.",
        one_key: "Dites ou tapez un chiffre de {min} à {max}.",
        thumbs: "Dites oui ou tapez 1, dites non ou tapez 0.",
        smiley: "Dites ou tapez 1 pour mécontent, 2 pour neutre ou 3 pour content.",
        choice: "Pour {choice}, dites ou tapez {key}.",
    },
    meaning: "{score} signifie : {text}.",
    yes: "oui",
    no: "non",
    choose: "Pour le français, tapez {key}.",
    again: "Désolé, je n'ai pas compris.",
    confirm_one: "Vous avez tapé un. Pour dix, tapez maintenant zéro. Pour un, tapez la touche dièse.",
    confirm_heard: "J'ai compris : {answer}. Si c'est exact, dites oui ou tapez 1. Sinon, dites non ou tapez 2.",
    comment: "Parlez après le signal sonore, puis tapez la touche dièse quand vous avez terminé.",
    moment: "Un instant, s'il vous plaît.",
    thanks: "Merci de votre temps. Au revoir.",
    opt_out: "Si vous ne souhaitez plus être interrogé, tapez la touche étoile.",
    opted_out: "Vous ne serez plus interrogé. Au revoir.",
    sorry: "Nous sommes désolés, ce sondage n'est pas disponible pour le moment. Au revoir.",
};

const ITALIAN: Words = Words {
    language: "it",
    by_key: HowTo {
        two_keys: "Prema un numero da {min} a {max}, poi il tasto cancelletto.",
        one_key: "Prema un numero da {min} a {max}.",
        thumbs: "Prema 1 per sì oppure 0 per no.",
        smiley: "Prema 1 per scontento, 2 per neutrale oppure 3 per contento.",
        choice: "Per {choice}, prema {key}.",
    },
    by_key_or_voice: HowTo {
        two_keys: "Dica un numero da {min} a {max}, oppure lo prema e poi prema il tasto cancelletto.",
        one_key: "Dica o prema un numero da {min} a {max}.",
        thumbs: "Dica sì o prema 1, oppure dica no o prema 0.",
        smiley: "Dica o prema 1 per scontento, 2 per neutrale oppure 3 per contento.",
        choice: "Per {choice}, dica o prema {key}.",
    },
    meaning: "{score} significa: {text}.",
    yes: "sì",
    no: "no",
    choose: "Per l'italiano, prema {key}.",
    again: "Mi dispiace, non ho capito.",
    confirm_one: "Ha premuto uno. Per dieci, prema ora lo zero. Per uno, prema il tasto cancelletto.",
    confirm_heard: "Ho capito: {answer}. Se è giusto, dica sì o prema 1. Se no, dica no o prema 2.",
    comment: "Parli dopo il segnale acustico e, quando ha finito, prema il tasto cancelletto.",
    moment: "Un momento, per favore.",
    thanks: "Grazie per il suo tempo. Arrivederci.",
    opt_out: "Se non desidera più essere interpellato, prema il tasto asterisco.",
    opted_out: "Non sarà più interpellato. Arrivederci.",
    sorry: "Siamo spiacenti, il sondaggio non è al momento disponibile. Arrivederci.",
};

const ALL: [&Words; 5] = [&ENGLISH, &GERMAN, &SPANISH, &FRENCH, &ITALIAN];

/// The gateway's words in a language, or in English where it has none.
pub(super) fn words(language: &Language) -> &'static Words {
    own(language).unwrap_or(&ENGLISH)
}

/// The gateway's words in a language, where it has some.
pub(super) fn own(language: &Language) -> Option<&'static Words> {
    ALL.into_iter().find(|words| words.language == language.primary())
}

impl Words {
    /// Which keys answer a question, and words where `voice` says so, and what its ends mean where the survey says it.
    pub(super) fn how_to_answer(
        &self,
        question: &Question,
        language: &Language,
        default: &Language,
        voice: bool,
    ) -> String {
        let how_to = if voice { &self.by_key_or_voice } else { &self.by_key };
        match question.kind {
            Kind::Text => self.comment.to_owned(),
            Kind::Choice => choices(how_to.choice, question, language, default),
            Kind::Thumbs => how_to.thumbs.to_owned(),
            Kind::Smiley => how_to.smiley.to_owned(),
            _ => self.scale(how_to, question, language, default),
        }
    }

    /// Asks whether what was understood was said.
    pub(super) fn confirm_heard(
        &self,
        question: &Question,
        keys: &str,
        language: &Language,
        default: &Language,
    ) -> String {
        let choice = super::keypad::place(keys).and_then(|place| question.choices.get(place));
        let answer = match (question.kind, keys, choice) {
            (Kind::Thumbs, "0", _) => self.no,
            (Kind::Thumbs, ..) => self.yes,
            (_, _, Some(choice)) => choice.text.get(language, default),
            (_, "0", None) => keys,
            _ => keys.trim_start_matches('0'),
        };
        self.confirm_heard.replace("{answer}", answer)
    }

    fn scale(&self, how_to: &HowTo, question: &Question, language: &Language, default: &Language) -> String {
        let Some(scale) = question.kind.scale() else { return String::new() };
        let template = match super::keypad::takes_two_keys(question) {
            true => how_to.two_keys,
            false => how_to.one_key,
        };
        let mut phrases =
            vec![template.replace("{min}", &scale.min.to_string()).replace("{max}", &scale.max.to_string())];
        for (score, text) in [(scale.min, &question.low), (scale.max, &question.high)] {
            if !text.is_empty() {
                phrases.push(
                    self.meaning
                        .replace("{score}", &score.to_string())
                        .replace("{text}", text.get(language, default)),
                );
            }
        }
        phrases.join(" ")
    }
}

fn choices(template: &str, question: &Question, language: &Language, default: &Language) -> String {
    let keyed = question.choices.iter().zip(1..=super::keypad::CHOICES);
    let phrases: Vec<_> = keyed
        .map(|(choice, key)| {
            template
                .replace("{key}", &key.to_string())
                .replace("{choice}", choice.text.get(language, default))
        })
        .collect();
    phrases.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::channel::ivr::fixtures::{language, question, visit};

    /// Every phrase with its name.
    fn phrases(words: &Words) -> Vec<(&'static str, &'static str)> {
        let Words { language: _, by_key, by_key_or_voice, meaning, yes, no, choose, again, .. } = words;
        let Words { confirm_one, confirm_heard, comment, moment, thanks, sorry, opt_out, opted_out, .. } =
            words;
        let mut all = vec![
            ("meaning", *meaning),
            ("yes", *yes),
            ("no", *no),
            ("choose", *choose),
            ("again", *again),
            ("confirm_one", *confirm_one),
            ("confirm_heard", *confirm_heard),
            ("comment", *comment),
            ("moment", *moment),
            ("thanks", *thanks),
            ("sorry", *sorry),
            ("opt_out", *opt_out),
            ("opted_out", *opted_out),
        ];
        for HowTo { two_keys, one_key, thumbs, smiley, choice } in [by_key, by_key_or_voice] {
            all.extend([
                ("two_keys", *two_keys),
                ("one_key", *one_key),
                ("thumbs", *thumbs),
                ("smiley", *smiley),
                ("choice", *choice),
            ]);
        }
        all
    }

    fn placeholders(phrase: &str) -> BTreeSet<&str> {
        phrase.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn every_phrase_is_there_in_every_language_with_the_same_placeholders_and_keys() {
        let english = phrases(&ENGLISH);
        for words in ALL {
            for ((name, phrase), (_, model)) in phrases(words).into_iter().zip(&english) {
                assert!(!phrase.trim().is_empty(), "{} {name}", words.language);
                assert_eq!(placeholders(phrase), placeholders(model), "{} {name}: {phrase}", words.language);
                let keys =
                    |phrase: &str| phrase.chars().filter(char::is_ascii_digit).collect::<BTreeSet<_>>();
                assert_eq!(keys(phrase), keys(model), "{} {name}: {phrase}", words.language);
                let own = words.language == "en" || phrase != *model || ["yes", "no"].contains(&name);
                assert!(own, "{} {name} is English: {phrase}", words.language);
            }
        }
    }

    #[test]
    fn each_language_that_is_spoken_is_understood_too() {
        for words in ALL {
            assert!(super::super::speech::understands(&language(words.language)), "{}", words.language);
        }
    }

    #[test]
    fn every_kind_is_explained_in_every_language_and_leaves_no_placeholder() {
        let default = language("en");
        for words in ALL {
            let spoken = language(words.language);
            for (kind, voice) in Kind::ALL.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
                let mut asked = question("q", kind);
                if kind == Kind::Choice {
                    asked.choices = visit().question("topic").unwrap().choices.clone();
                }
                let said = words.how_to_answer(&asked, &spoken, &default, voice);
                assert!(!said.is_empty() && !said.contains('{'), "{} {kind:?}: {said}", words.language);
            }
        }
    }

    #[test]
    fn what_was_understood_is_said_again_as_people_say_it() {
        let (survey, english) = (visit(), language("en"));
        let nps = question("recommend", Kind::Nps);
        let heard = |question: &Question, keys| {
            let said = ENGLISH.confirm_heard(question, keys, &english, &english);
            said.split(['.', ':']).nth(1).unwrap().trim().to_owned()
        };
        for (keys, said) in [("0", "0"), ("01", "1"), ("7", "7"), ("10", "10")] {
            assert_eq!(heard(&nps, keys), said);
        }
        assert_eq!(heard(survey.question("helpful").unwrap(), "0"), "no");
        assert_eq!(heard(survey.question("helpful").unwrap(), "1"), "yes");
        assert_eq!(heard(survey.question("topic").unwrap(), "2"), "advice");
    }
}
