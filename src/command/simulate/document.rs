//! A call document, as a provider reads it: elements in their order, with attributes and text.

use quick_xml::{
    Reader,
    escape::{resolve_xml_entity, unescape},
    events::{BytesStart, Event},
};

/// Elements are nested no deeper in any call document.
const DEPTH: usize = 8;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of an attribute that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.attribute(name)?.parse().ok()
    }
}

/// Reads a document; gives its `<Response>`.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(_) if open.len() > DEPTH => return Err("it is nested too deep".to_owned()),
            Event::Start(tag) => open.push(element(&tag)?),
            Event::Empty(tag) => close(&mut open, element(&tag)?)?,
            Event::End(_) => {
                let element = open.pop().ok_or("an element ends that did not begin")?;
                close(&mut open, element)?;
            }
            Event::Text(part) => say(&mut open, &part),
            Event::GeneralRef(part) => say(&mut open, &resolved(&part)?),
            Event::CData(part) => say(&mut open, &part),
            Event::Eof => break,
            _ => {}
        }
    }
    match open.pop().map(|root| root.children) {
        Some(children) if open.is_empty() => only_response(children),
        _ => Err("an element does not end".to_owned()),
    }
}

fn only_response(children: Vec<Element>) -> Result<Element, String> {
    match <[Element; 1]>::try_from(children) {
        Ok([response]) if response.name == "Response" => Ok(response),
        _ => Err("it is no <Response>".to_owned()),
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = Element { name: tag.name().as_ref().to_owned(), ..Element::default() };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = unescape(&attribute.value).map_err(|error| error.to_string())?;
        element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn close(open: &mut [Element], element: Element) -> Result<(), String> {
    let parent = open.last_mut().ok_or("an element ends that did not begin")?;
    parent.children.push(element);
    Ok(())
}

fn say(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// A character reference, or one of the five names that XML itself knows.
fn resolved(reference: &str) -> Result<String, String> {
    if let Some(text) = resolve_xml_entity(reference) {
        return Ok(text.to_owned());
    }
    match unescape(&format!("&{reference};")) {
        Ok(text) => Ok(text.into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_escapes() {
        let text = r#"<?xml version="1.0"?><Response><Gather numDigits="2" action="http://a/?x=1&amp;y=&quot;2&quot;">
            <Say language="de-DE">Tom &amp; &lt;Jerry&gt; &#228;</Say></Gather><Hangup/></Response>"#;
        let response = read(text).unwrap();
        let [gather, hangup] = response.children.as_slice() else { panic!("{response:?}") };
        assert_eq!(
            (gather.number("numDigits"), gather.attribute("action")),
            (Some(2), Some("http://a/?x=1&y=\"2\""))
        );
        assert_eq!(
            (gather.children[0].text.as_str(), hangup.name.as_str()),
            ("Tom & <Jerry> \u{e4}", "Hangup")
        );
    }

    #[test]
    fn what_is_no_call_document_says_why() {
        for broken in [
            "",
            "<Response>",
            "<Response></Say>",
            "{}",
            "<html/>",
            "<Response/><Response/>",
            "<Response a=1/>",
        ] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn no_document_breaks_the_reader() {
        crate::fuzz::run("call_document", |input| {
            if let Ok(text) = std::str::from_utf8(input) {
                drop(read(text));
            }
        });
    }
}
