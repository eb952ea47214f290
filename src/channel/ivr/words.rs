//! What the gateway itself says on the phone, in five languages. The questions' own words are the survey's.

use crate::survey::{Kind, Language, Question};

/// The gateway's words in one language.
#[derive(Debug)]
pub(super) struct Words {
    /// The language, a BCP 47 primary tag.
    pub language: &'static str,
    two_keys: &'static str,
    one_key: &'static str,
    thumbs: &'static str,
    smiley: &'static str,
    choice: &'static str,
    meaning: &'static str,
    /// Before a question that is asked again.
    pub again: &'static str,
    /// After a lone `1` on a scale to 10.
    pub confirm_one: &'static str,
    /// While an answer waits for room.
    pub moment: &'static str,
    /// At the end.
    pub thanks: &'static str,
    /// When the survey cannot be answered.
    pub sorry: &'static str,
}

/// Where there is no better language.
pub(super) const ENGLISH: Words = Words {
    language: "en",
    two_keys: "Please press a number from {min} to {max}, then the pound key.",
    one_key: "Please press a number from {min} to {max}.",
    thumbs: "Press 1 for yes, or 0 for no.",
    smiley: "Press 1 for unhappy, 2 for neutral, or 3 for happy.",
    choice: "For {choice}, press {key}.",
    meaning: "{score} means: {text}.",
    again: "Sorry, I did not understand that.",
    confirm_one: "You pressed one. For ten, press zero now. For one, press the pound key.",
    moment: "One moment, please.",
    thanks: "Thank you for your time. Goodbye.",
    sorry: "We are sorry, this survey is not available at the moment. Goodbye.",
};

const GERMAN: Words = Words {
    language: "de",
    two_keys: "Bitte drücken Sie eine Zahl von {min} bis {max} und dann die Rautetaste.",
    one_key: "Bitte drücken Sie eine Zahl von {min} bis {max}.",
    thumbs: "Drücken Sie 1 für Ja oder 0 für Nein.",
    smiley: "Drücken Sie 1 für unzufrieden, 2 für neutral oder 3 für zufrieden.",
    choice: "Für {choice} drücken Sie {key}.",
    meaning: "{score} bedeutet: {text}.",
    again: "Das habe ich leider nicht verstanden.",
    confirm_one: "Sie haben eins gedrückt. Für zehn drücken Sie jetzt die Null. Für eins drücken Sie die Rautetaste.",
    moment: "Einen Moment, bitte.",
    thanks: "Vielen Dank für Ihre Zeit. Auf Wiederhören.",
    sorry: "Diese Umfrage ist leider zurzeit nicht verfügbar. Auf Wiederhören.",
};

const SPANISH: Words = Words {
    language: "es",
    two_keys: "Pulse un número del {min} al {max} y después la tecla almohadilla.",
    one_key: "Pulse un número del {min} al {max}.",
    thumbs: "Pulse 1 para sí o 0 para no.",
    smiley: "Pulse 1 para descontento, 2 para neutral o 3 para contento.",
    choice: "Para {choice}, pulse {key}.",
    meaning: "{score} significa: {text}.",
    again: "Lo siento, no lo he entendido.",
    confirm_one: "Ha pulsado uno. Para diez, pulse ahora el cero. Para uno, pulse la tecla almohadilla.",
    moment: "Un momento, por favor.",
    thanks: "Gracias por su tiempo. Adiós.",
    sorry: "Lo sentimos, esta encuesta no está disponible en este momento. Adiós.",
};

const FRENCH: Words = Words {
    language: "fr",
    two_keys: "Tapez un nombre de {min} à {max}, puis la touche dièse.",
    one_key: "Tapez un chiffre de {min} à {max}.",
    thumbs: "Tapez 1 pour oui ou 0 pour non.",
    smiley: "Tapez 1 pour mécontent, 2 pour neutre ou 3 pour content.",
    choice: "Pour {choice}, tapez {key}.",
    meaning: "{score} signifie : {text}.",
    again: "Désolé, je n'ai pas compris.",
    confirm_one: "Vous avez tapé un. Pour dix, tapez maintenant zéro. Pour un, tapez la touche dièse.",
    moment: "Un instant, s'il vous plaît.",
    thanks: "Merci de votre temps. Au revoir.",
    sorry: "Nous sommes désolés, ce sondage n'est pas disponible pour le moment. Au revoir.",
};

const ITALIAN: Words = Words {
    language: "it",
    two_keys: "Prema un numero da {min} a {max}, poi il tasto cancelletto.",
    one_key: "Prema un numero da {min} a {max}.",
    thumbs: "Prema 1 per sì oppure 0 per no.",
    smiley: "Prema 1 per scontento, 2 per neutrale oppure 3 per contento.",
    choice: "Per {choice}, prema {key}.",
    meaning: "{score} significa: {text}.",
    again: "Mi dispiace, non ho capito.",
    confirm_one: "Ha premuto uno. Per dieci, prema ora lo zero. Per uno, prema il tasto cancelletto.",
    moment: "Un momento, per favore.",
    thanks: "Grazie per il suo tempo. Arrivederci.",
    sorry: "Siamo spiacenti, il sondaggio non è al momento disponibile. Arrivederci.",
};

const ALL: [&Words; 5] = [&ENGLISH, &GERMAN, &SPANISH, &FRENCH, &ITALIAN];

/// The gateway's words in a language, or in English where it has none.
pub(super) fn words(language: &Language) -> &'static Words {
    ALL.into_iter().find(|words| words.language == language.primary()).unwrap_or(&ENGLISH)
}

impl Words {
    /// Which keys answer a question, and what its ends mean where the survey says so.
    pub(super) fn how_to_answer(
        &self,
        question: &Question,
        language: &Language,
        default: &Language,
    ) -> String {
        match question.kind {
            Kind::Choice => self.choices(question, language, default),
            Kind::Thumbs => self.thumbs.to_owned(),
            Kind::Smiley => self.smiley.to_owned(),
            _ => self.scale(question, language, default),
        }
    }

    fn choices(&self, question: &Question, language: &Language, default: &Language) -> String {
        let keyed = question.choices.iter().zip(1..=super::keypad::CHOICES);
        let phrases: Vec<_> = keyed
            .map(|(choice, key)| {
                self.choice
                    .replace("{key}", &key.to_string())
                    .replace("{choice}", choice.text.get(language, default))
            })
            .collect();
        phrases.join(" ")
    }

    fn scale(&self, question: &Question, language: &Language, default: &Language) -> String {
        let Some(scale) = question.kind.scale() else { return String::new() };
        let template = match super::keypad::takes_two_keys(question) {
            true => self.two_keys,
            false => self.one_key,
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
