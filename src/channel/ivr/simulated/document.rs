//! A call document as a platform takes it: well-formed, of verbs and attributes that its dialect documents.

use roxmltree::{Document as Xml, Node};

use super::platform::Provider;

/// A verb with what the platform does by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Says or plays something, or waits.
    Heard,
    /// Gathers keys.
    Gather {
        /// So many end it.
        most: usize,
        /// Any of these ends it, when a key was pressed before.
        finish: String,
        /// Silence is a turn too.
        on_empty: bool,
        /// Where the keys go.
        action: String,
    },
    /// Records something.
    Record {
        /// Where it goes.
        action: String,
    },
    /// Goes on elsewhere.
    Redirect(String),
    /// Ends the call.
    Hangup,
}

/// Twilio's types (client library 6.2.0, `VoiceResponse.d.ts`); SignalWire's compatible documents take the same.
const TWIML: &[(&str, &[&str])] = &[
    ("Say", &["voice", "language", "loop"]),
    ("Play", &["loop", "digits"]),
    ("Pause", &["length"]),
    (
        "Gather",
        &[
            "input",
            "numDigits",
            "finishOnKey",
            "timeout",
            "actionOnEmptyResult",
            "action",
            "method",
            "language",
            "hints",
            "speechTimeout",
            "speechModel",
            "bargeIn",
            "profanityFilter",
            "enhanced",
        ],
    ),
    (
        "Record",
        &[
            "action",
            "method",
            "timeout",
            "maxLength",
            "finishOnKey",
            "playBeep",
            "trim",
            "transcribe",
            "transcribeCallback",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
        ],
    ),
    ("Redirect", &["method"]),
    ("Hangup", &[]),
];

/// Telnyx's pages of its verbs (developers.telnyx.com/docs/voice/programmable-voice/texml-verbs).
const TEXML: &[(&str, &[&str])] = &[
    ("Say", &["voice", "language", "loop"]),
    ("Play", &["loop"]),
    ("Pause", &["length"]),
    (
        "Gather",
        &[
            "action",
            "timeout",
            "input",
            "speechTimeout",
            "profanityFilter",
            "useEnhanced",
            "hints",
            "finishOnKey",
            "numDigits",
            "language",
            "validDigits",
            "invalidDigitsAction",
            "minDigits",
            "maxDigits",
        ],
    ),
    (
        "Record",
        &[
            "action",
            "method",
            "timeout",
            "maxLength",
            "finishOnKey",
            "playBeep",
            "trim",
            "transcription",
            "transcriptionCallback",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
        ],
    ),
    ("Redirect", &["method"]),
    ("Hangup", &[]),
];

/// Reads a document, and finds fault with it as its platform would.
pub(super) fn read(provider: Provider, text: &str) -> Vec<Verb> {
    let xml = Xml::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let response = xml.root_element();
    assert!(response.has_tag_name("Response") && response.attributes().len() == 0, "{text}");
    let verbs: Vec<_> = elements(response).map(|node| verb(provider, node)).collect();
    let ends = |verb: &Verb| matches!(verb, Verb::Redirect(_) | Verb::Hangup);
    let last = verbs.len().saturating_sub(1);
    for (index, verb) in verbs.iter().enumerate() {
        assert_eq!(ends(verb), index == last, "only the last verb leads on, and it does: {text}");
    }
    verbs
}

/// All that a platform does not print: it has no text between verbs.
fn elements<'a>(parent: Node<'a, 'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    parent.children().filter(|child| {
        assert!(child.is_element() || child.text().unwrap_or_default().trim().is_empty(), "{child:?}");
        child.is_element()
    })
}

fn verb(provider: Provider, node: Node<'_, '_>) -> Verb {
    let name = node.tag_name().name();
    let dialect = if provider == Provider::Telnyx { TEXML } else { TWIML };
    let (_, known) = dialect.iter().find(|(verb, _)| *verb == name).unwrap_or_else(|| panic!("<{name}>"));
    for attribute in node.attributes() {
        assert!(known.contains(&attribute.name()), "<{name} {}> is not documented", attribute.name());
        assert!(!attribute.value().is_empty(), "<{name} {}> is empty", attribute.name());
    }
    match name {
        "Gather" => gather(provider, node),
        "Record" => Verb::Record { action: url(attribute(node, "action")) },
        "Redirect" => {
            assert_eq!(node.attribute("method"), Some("POST"));
            Verb::Redirect(url(node.text().unwrap_or_default()))
        }
        "Hangup" => Verb::Hangup,
        "Pause" => {
            assert!((1..=180).contains(&number(node, "length")));
            Verb::Heard
        }
        "Say" if provider == Provider::Telnyx => {
            // `man`, the default, and `woman` speak English whatever the language.
            assert!(!matches!(node.attribute("voice"), None | Some("man" | "woman")), "{node:?}");
            heard(node)
        }
        _ => heard(node),
    }
}

fn gather(provider: Provider, node: Node<'_, '_>) -> Verb {
    assert_eq!(node.attribute("method"), (provider != Provider::Telnyx).then_some("POST"));
    assert!((1..=120).contains(&number(node, "timeout")));
    assert!(elements(node).count() > 0, "nobody knows what to press");
    for said in elements(node) {
        assert!(matches!(said.tag_name().name(), "Say" | "Play"), "{said:?}");
        verb(provider, said);
    }
    Verb::Gather {
        most: number(node, "numDigits"),
        finish: node.attribute("finishOnKey").unwrap_or("#").to_owned(),
        on_empty: node.attribute("actionOnEmptyResult") == Some("true"),
        action: url(attribute(node, "action")),
    }
}

fn heard(node: Node<'_, '_>) -> Verb {
    let text = node.text().unwrap_or_default().trim();
    assert!(!text.is_empty() && text.len() <= 4_096, "{text}");
    assert!(!text.contains(['{', '}']), "a placeholder is left: {text}");
    Verb::Heard
}

/// SignalWire takes absolute addresses alone.
fn url(text: &str) -> String {
    let url = text.trim();
    assert!(url.starts_with("https://acme.example/fb/ivr/") && url.len() <= 2_000, "{url}");
    assert!(url.parse::<http::Uri>().is_ok(), "{url}");
    url.to_owned()
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_else(|| panic!("{name} is missing"))
}

fn number(node: Node<'_, '_>, name: &str) -> usize {
    attribute(node, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
}
