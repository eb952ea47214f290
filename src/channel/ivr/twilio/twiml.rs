//! TwiML (<https://www.twilio.com/docs/voice/twiml>): what the provider is to say and where to call next.

use std::io;

use quick_xml::{
    Writer,
    escape::partial_escape,
    events::{BytesDecl, BytesText, Event},
};

/// A document. URLs are absolute, because SignalWire takes no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Twiml {
    /// Says something, gathers keys, and calls `action` with them; with none, when the caller presses none.
    Gather {
        /// How many keys end it; `#` ends it before.
        keys: u8,
        /// Seconds without a key that end it.
        timeout_s: u8,
        /// Tag of the first voice.
        language: &'static str,
        /// What is said.
        says: Vec<Say>,
        /// Where it goes on.
        action: String,
    },
    /// Says something, waits, and calls `action`.
    Wait {
        /// What is said.
        say: Say,
        /// Seconds.
        pause_s: u64,
        /// Where it goes on.
        action: String,
    },
    /// Says something and hangs up.
    Bye(Say),
    /// Nothing.
    Empty,
}

/// Something that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Say {
    /// Tag of the voice.
    pub language: &'static str,
    /// The words.
    pub text: String,
}

impl Twiml {
    /// The document's bytes, UTF-8.
    pub(super) fn render(&self) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        match self.write(&mut writer) {
            Ok(()) => writer.into_inner(),
            // Memory takes everything; a document that says nothing is the nearest to an error that a call can hear.
            Err(_) => b"<Response/>".to_vec(),
        }
    }

    fn write(&self, xml: &mut Writer<Vec<u8>>) -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let response = xml.create_element("Response");
        match self {
            Self::Empty => response.write_empty()?,
            Self::Gather { keys, timeout_s, language, says, action } => {
                response.write_inner_content(|xml| {
                    gather(xml, [&keys.to_string(), &timeout_s.to_string(), action, language], says)?;
                    redirect(xml, action)
                })?
            }
            Self::Wait { say, pause_s, action } => response.write_inner_content(|xml| {
                speak(xml, say)?;
                xml.create_element("Pause")
                    .with_attribute(("length", &*pause_s.to_string()))
                    .write_empty()?;
                redirect(xml, action)
            })?,
            Self::Bye(say) => response.write_inner_content(|xml| {
                speak(xml, say)?;
                xml.create_element("Hangup").write_empty().map(drop)
            })?,
        };
        Ok(())
    }
}

/// `actionOnEmptyResult` makes silence a turn too; dialects that do not know it come to the redirect that follows.
fn gather(
    xml: &mut Writer<Vec<u8>>,
    [keys, timeout_s, action, language]: [&str; 4],
    says: &[Say],
) -> io::Result<()> {
    let attributes = [
        ("input", "dtmf"),
        ("numDigits", keys),
        ("finishOnKey", "#"),
        ("timeout", timeout_s),
        ("actionOnEmptyResult", "true"),
        ("action", action),
        ("method", "POST"),
        ("language", language),
    ];
    let gather = xml.create_element("Gather").with_attributes(attributes);
    gather.write_inner_content(|xml| says.iter().try_for_each(|say| speak(xml, say))).map(drop)
}

fn speak(xml: &mut Writer<Vec<u8>>, say: &Say) -> io::Result<()> {
    let text: String = say.text.chars().filter(|c| is_xml(*c)).collect();
    let text = BytesText::from_escaped(partial_escape(text));
    xml.create_element("Say").with_attribute(("language", say.language)).write_text_content(text).map(drop)
}

fn redirect(xml: &mut Writer<Vec<u8>>, url: &str) -> io::Result<()> {
    let url = BytesText::from_escaped(partial_escape(url));
    xml.create_element("Redirect").with_attribute(("method", "POST")).write_text_content(url).map(drop)
}

/// Characters that XML 1.0 (2.2) can hold at all; no escape brings in the others.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::Reader;

    use super::*;

    fn reads(xml: &[u8]) -> (Vec<String>, Vec<String>) {
        let mut reader = Reader::from_reader(xml);
        reader.config_mut().check_end_names = true;
        let (mut names, mut texts, mut text) = (Vec::new(), Vec::new(), String::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) | Event::Empty(tag) => {
                    names.push(tag.name().as_ref().to_owned());
                    text.clear();
                    for attribute in tag.attributes() {
                        attribute.unwrap();
                    }
                }
                Event::Text(part) => text.push_str(&part),
                Event::GeneralRef(part) => {
                    text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*part)).unwrap())
                }
                Event::End(_) => texts.push(std::mem::take(&mut text)),
                Event::Eof => return (names, texts),
                _ => {}
            }
        }
    }

    #[test]
    fn nothing_to_say_is_an_empty_response() {
        assert_eq!(Twiml::Empty.render(), br#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#);
    }

    #[test]
    fn words_and_urls_are_escaped_and_characters_that_xml_cannot_hold_are_left_out() {
        let says = vec![Say {
            language: "en-US",
            text: "Tom & <Jerry>'s \"0\" \u{b}to 10 \u{10d}\u{e9}".to_owned(),
        }];
        let action = "https://a.example/x?a=1&b=\"2\"".to_owned();
        let gather = Twiml::Gather { keys: 2, timeout_s: 4, language: "en-US", says, action };
        insta::assert_snapshot!(String::from_utf8(gather.render()).unwrap());
    }

    proptest! {
        #[test]
        fn any_words_give_well_formed_xml_that_says_them(text in "\\PC{1,40}") {
            let bye = Twiml::Bye(Say { language: "de-DE", text: text.clone() });
            let (names, texts) = reads(&bye.render());
            prop_assert_eq!(names, ["Response", "Say", "Hangup"]);
            let spoken: String = text.chars().filter(|c| is_xml(*c)).collect();
            prop_assert_eq!(texts.first(), Some(&spoken));
        }
    }
}
