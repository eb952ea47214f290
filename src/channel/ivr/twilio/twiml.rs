//! TwiML (<https://www.twilio.com/docs/voice/twiml>) and TeXML: prints a turn. URLs are absolute, because SignalWire
//! takes no others.

use std::io;

use quick_xml::{
    Writer,
    escape::partial_escape,
    events::{BytesDecl, BytesText, Event},
};

use super::{
    super::{
        dialogue::State,
        turn::{Line, Speech, Then, Turn},
    },
    address::Address,
    callback::{About, Callback},
    voice::Dialect,
};
use crate::survey::Language;

/// A document that says nothing.
pub(super) const NOTHING: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;

/// More than a provider's recognizer is told to expect; a longer attribute is refused as a whole.
const HINTS: usize = 40;

type Xml = Writer<Vec<u8>>;

/// Prints the turns of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printer<'a> {
    /// How.
    pub dialect: &'static Dialect,
    /// Where the turn was asked for.
    pub address: &'a Address<'a>,
    /// What callbacks are about; none where nothing is recorded.
    pub about: Option<About<'a>>,
}

impl Printer<'_> {
    /// The document's bytes, UTF-8.
    pub(super) fn print(&self, turn: &Turn) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        match self.write(&mut writer, turn) {
            Ok(()) => writer.into_inner(),
            // Memory takes everything; a document that says nothing is the nearest to an error that a call can hear.
            Err(_) => NOTHING.as_bytes().to_vec(),
        }
    }

    fn write(&self, xml: &mut Xml, turn: &Turn) -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let response = xml.create_element("Response");
        response.write_inner_content(|xml| match &turn.then {
            Then::Keys { most, timeout_s, speech, next } => {
                let language = speech.as_ref().map_or_else(|| first_language(turn), |it| Some(&it.language));
                let next = self.address.of_next(next);
                let attributes = self.gather([*most, *timeout_s], speech.as_ref(), language, &next);
                let gather = element(xml, "Gather", &attributes);
                gather.write_inner_content(|xml| self.lines(xml, &turn.lines))?;
                redirect(xml, &next)
            }
            Then::Comment { longest_s, silence_s, language, next } => {
                self.lines(xml, &turn.lines)?;
                let attributes = self.record(*longest_s, *silence_s, language, next);
                element(xml, "Record", &attributes).write_empty()?;
                redirect(xml, &self.address.of_next(next))
            }
            Then::Moment { pause_s, next } => {
                self.lines(xml, &turn.lines)?;
                element(xml, "Pause", &[("length", pause_s.to_string())]).write_empty()?;
                redirect(xml, &self.address.of_next(next))
            }
            Then::HangUp => {
                self.lines(xml, &turn.lines)?;
                xml.create_element("Hangup").write_empty().map(drop)
            }
        })?;
        Ok(())
    }

    fn gather(
        &self,
        [most, timeout_s]: [u8; 2],
        speech: Option<&Speech>,
        language: Option<&Language>,
        next: &str,
    ) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("input", if speech.is_some() { "dtmf speech" } else { "dtmf" }.to_owned()),
            ("numDigits", most.to_string()),
            ("finishOnKey", "#".to_owned()),
            ("timeout", timeout_s.to_string()),
        ];
        if self.dialect.action_on_empty_result {
            attributes.push(("actionOnEmptyResult", "true".to_owned()));
        }
        attributes.push(("action", next.to_owned()));
        if self.dialect.gather_method {
            attributes.push(("method", "POST".to_owned()));
        }
        let heard = language.and_then(|language| self.dialect.hears(language));
        attributes.extend(heard.map(|tag| ("language", tag.to_owned())));
        let Some(speech) = speech else { return attributes };
        attributes.push(("speechTimeout", self.dialect.speech_timeout.to_owned()));
        if self.dialect.barge_in {
            attributes.push(("bargeIn", "true".to_owned()));
        }
        let hints: Vec<_> = speech.hints.iter().take(HINTS).map(String::as_str).collect();
        attributes.push(("hints", printable(&hints.join(","))));
        attributes
    }

    fn record(
        &self,
        longest_s: u64,
        silence_s: u8,
        language: &Language,
        next: &State,
    ) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("action", self.address.of_next(next)),
            ("method", "POST".to_owned()),
            ("maxLength", longest_s.to_string()),
            ("timeout", silence_s.to_string()),
            ("finishOnKey", "#".to_owned()),
            ("playBeep", "true".to_owned()),
        ];
        let Some(about) = &self.about else { return attributes };
        let callback =
            |callback| self.address.of_callback(callback, &about.query(&next.place.question, language));
        attributes.extend([
            ("recordingStatusCallback", callback(Callback::Recording)),
            ("recordingStatusCallbackMethod", "POST".to_owned()),
        ]);
        let events = self.dialect.recording_events;
        attributes.extend(events.map(|events| ("recordingStatusCallbackEvent", events.to_owned())));
        if self.dialect.transcribes(language) {
            attributes.extend([
                (self.dialect.transcribe, "true".to_owned()),
                (self.dialect.transcribe_callback, callback(Callback::Transcription)),
            ]);
        }
        attributes
    }

    fn lines(&self, xml: &mut Xml, lines: &[Line]) -> io::Result<()> {
        lines.iter().try_for_each(|line| match line {
            Line::Words { language, voice, text } => {
                let mut attributes = vec![("language", self.dialect.says(language).to_owned())];
                let voice = voice.as_deref().or(self.dialect.voice);
                attributes.extend(voice.map(|voice| ("voice", voice.to_owned())));
                content(element(xml, "Say", &attributes), &printable(text))
            }
            Line::Recording(address) => content(xml.create_element("Play"), address),
        })
    }
}

/// Dialects that make no turn of silence come to this.
fn redirect(xml: &mut Xml, next: &str) -> io::Result<()> {
    let redirect = xml.create_element("Redirect").with_attribute(("method", "POST"));
    content(redirect, next)
}

type Element<'x> = quick_xml::writer::ElementWriter<'x, Vec<u8>>;

fn element<'x>(xml: &'x mut Xml, name: &'x str, attributes: &[(&'static str, String)]) -> Element<'x> {
    xml.create_element(name).with_attributes(attributes.iter().map(|(name, value)| (*name, value.as_str())))
}

fn content(element: Element<'_>, text: &str) -> io::Result<()> {
    element.write_text_content(BytesText::from_escaped(partial_escape(text))).map(drop)
}

/// The language of the first words.
fn first_language(turn: &Turn) -> Option<&Language> {
    turn.lines.iter().find_map(|line| match line {
        Line::Words { language, .. } => Some(language),
        Line::Recording(_) => None,
    })
}

/// Only characters that XML 1.0 (2.2) can hold at all; no escape brings in the others.
fn printable(text: &str) -> String {
    text.chars().filter(|c| is_xml(*c)).collect()
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::Reader;

    use super::{super::voice::TWILIO, *};

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

    fn print(turn: &Turn) -> Vec<u8> {
        let address = Address::new("https://a.example", "/x", Some("a=1&b='2'"));
        Printer { dialect: &TWILIO, address: &address, about: None }.print(turn)
    }

    fn say(tag: &str, voice: Option<&str>, text: &str) -> Line {
        let language = Language::parse(tag).unwrap();
        Line::Words { language, voice: voice.map(str::to_owned), text: text.to_owned() }
    }

    #[test]
    fn words_and_urls_are_escaped_and_characters_that_xml_cannot_hold_are_left_out() {
        let text = "Tom & <Jerry>'s \"0\" \u{b}to 10 \u{10d}\u{e9}";
        let lines =
            vec![say("en", Some("a\"b"), text), Line::Recording("https://a.example/x?a=1&b=2".to_owned())];
        let hints = vec!["zero & \"one\"\u{b}".to_owned()];
        let speech = Some(Speech { language: Language::english(), hints });
        let then = Then::Keys { most: 2, timeout_s: 4, speech, next: State::default() };
        insta::assert_snapshot!(String::from_utf8(print(&Turn { lines, then })).unwrap());
    }

    proptest! {
        #[test]
        fn any_words_give_well_formed_xml_that_says_them(text in "\\PC{1,40}") {
            let lines = vec![say("de", None, &text)];
            let (names, texts) = reads(&print(&Turn { lines, then: Then::HangUp }));
            prop_assert_eq!(names, ["Response", "Say", "Hangup"]);
            prop_assert_eq!(texts.first(), Some(&printable(&text)));
        }
    }
}
