//! The widget's own words. A language without them shows the survey in it and these in English.

use serde::Serialize;

use crate::survey::{Kind, Language};

/// What the panel says besides the survey, in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Words {
    send: &'static str,
    thanks: &'static str,
    close: &'static str,
    /// The answer is not yet taken; it is tried again.
    later: &'static str,
    /// The answer was refused.
    failed: &'static str,
    /// How the pictures are read out, lowest score first.
    #[serde(skip)]
    smiley: [&'static str; 3],
    #[serde(skip)]
    thumbs: [&'static str; 2],
}

impl Words {
    pub(super) fn of(language: &Language) -> Self {
        match language.primary() {
            "ar" => AR,
            "de" => DE,
            "es" => ES,
            "fr" => FR,
            "he" => HE,
            "it" => IT,
            _ => EN,
        }
    }

    /// The name of a score that is a picture.
    pub(super) fn score(&self, kind: Kind, score: i32) -> Option<&'static str> {
        let names: &[&str] = match kind {
            Kind::Smiley => &self.smiley,
            Kind::Thumbs => &self.thumbs,
            _ => return None,
        };
        let place = usize::try_from(score - kind.scale()?.min).ok()?;
        names.get(place).copied()
    }
}

const AR: Words = Words {
    send: "إرسال",
    thanks: "شكرًا على إجابتك",
    close: "إغلاق",
    later: "لم تُرسل بعد. نواصل المحاولة.",
    failed: "تعذّر حفظ هذه الإجابة.",
    smiley: ["غير راضٍ", "محايد", "راضٍ"],
    thumbs: ["إبهام لأسفل", "إبهام لأعلى"],
};

const EN: Words = Words {
    send: "Send",
    thanks: "Thank you for your answer",
    close: "Close",
    later: "Not sent yet. We keep trying.",
    failed: "This answer could not be saved.",
    smiley: ["Unhappy", "Neutral", "Happy"],
    thumbs: ["Thumbs down", "Thumbs up"],
};

const DE: Words = Words {
    send: "Senden",
    thanks: "Vielen Dank für Ihre Antwort",
    close: "Schließen",
    later: "Noch nicht gesendet. Wir versuchen es weiter.",
    failed: "Diese Antwort konnte nicht gespeichert werden.",
    smiley: ["Unzufrieden", "Neutral", "Zufrieden"],
    thumbs: ["Daumen runter", "Daumen hoch"],
};

const ES: Words = Words {
    send: "Enviar",
    thanks: "Gracias por su respuesta",
    close: "Cerrar",
    later: "Aún no se ha enviado. Seguimos intentándolo.",
    failed: "No se ha podido guardar esta respuesta.",
    smiley: ["Descontento", "Neutral", "Contento"],
    thumbs: ["Pulgar hacia abajo", "Pulgar hacia arriba"],
};

const FR: Words = Words {
    send: "Envoyer",
    thanks: "Merci pour votre réponse",
    close: "Fermer",
    later: "Pas encore envoyé. Nous réessayons.",
    failed: "Cette réponse n’a pas pu être enregistrée.",
    smiley: ["Mécontent", "Neutre", "Content"],
    thumbs: ["Pouce vers le bas", "Pouce vers le haut"],
};

const HE: Words = Words {
    send: "שליחה",
    thanks: "תודה על תשובתך",
    close: "סגירה",
    later: "טרם נשלח. ממשיכים לנסות.",
    failed: "לא ניתן היה לשמור את התשובה.",
    smiley: ["לא מרוצה", "ניטרלי", "מרוצה"],
    thumbs: ["אגודל למטה", "אגודל למעלה"],
};

const IT: Words = Words {
    send: "Invia",
    thanks: "Grazie per la sua risposta",
    close: "Chiudi",
    later: "Non ancora inviato. Continuiamo a provare.",
    failed: "Non è stato possibile salvare questa risposta.",
    smiley: ["Scontento", "Neutrale", "Contento"],
    thumbs: ["Pollice in giù", "Pollice in su"],
};
