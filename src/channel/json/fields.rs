//! Reads a JSON object field by field, so that all that is wrong is known at once.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed as _},
};
use serde_json::value::RawValue;

use crate::{
    clock::Timestamp,
    intake::Reference,
    outcome::{Problem, Reason, Refusal},
};

/// Fields that a body has room for at once; most have fewer.
const FIELDS: usize = 12;

/// An object whose values are not looked at yet, in the order given. A name that stands twice is an error.
#[derive(Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Shows how many values there are.
impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Object({})", self.0.len())
    }
}

impl<'a> Object<'a> {
    pub(crate) fn into_entries(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Entries<'a> {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries: Vec<(Cow<'a, str>, &'a RawValue)> = Vec::with_capacity(FIELDS);
                while let Some(Name(name)) = map.next_key::<Name<'a>>()? {
                    if entries.iter().any(|(known, _)| *known == name) {
                        return Err(de::Error::custom(format_args!("`{name}` stands twice")));
                    }
                    entries.push((name, map.next_value()?));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

/// The objects of an array, so many at the most.
struct Objects {
    bound: usize,
}

impl<'de> de::DeserializeSeed<'de> for Objects {
    type Value = Vec<Object<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> de::Visitor<'de> for Objects {
    type Value = Vec<Object<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {} objects", self.bound)
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, mut items: S) -> Result<Self::Value, S::Error> {
        let mut objects = Vec::new();
        while let Some(object) = items.next_element()? {
            if objects.len() == self.bound {
                return Err(de::Error::invalid_length(self.bound + 1, &self));
            }
            objects.push(object);
        }
        Ok(objects)
    }
}

/// Borrowed where the text has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields of an object that is being read, and what is wrong with them.
pub(crate) struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    prefix: String,
    /// Pointers are from the body's root.
    pub(crate) problems: Vec<Problem>,
}

/// Shows how many there are: they hold comments and contacts.
impl std::fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields")
            .field("entries", &self.entries.len())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl<'a> Fields<'a> {
    /// Splits a body into its fields.
    ///
    /// # Errors
    /// [`Reason::Malformed`] when it is no JSON object.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        Self::read_at(body, String::new())
    }

    /// The same for an item of a body; its place there is the pointer `at`.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub(crate) fn read_at(item: &'a [u8], at: String) -> Result<Self, Refusal> {
        shallow(item)?;
        // Checked once, not value by value; of bytes that are no text the parser says where they stop being one.
        let object =
            std::str::from_utf8(item).map_or_else(|_| serde_json::from_slice(item), serde_json::from_str);
        let object: Object<'a> = object.map_err(|error| malformed(&error))?;
        Ok(Self { entries: object.0, prefix: at, problems: Vec::new() })
    }

    /// Reads the items of an array at one go. None when one of them is no object that [`Fields::read`] takes, or there
    /// are more than `bound`: then each has to be read by itself, and has an error of its own.
    pub(crate) fn read_all(array: &'a [u8], bound: usize) -> Option<Vec<Self>> {
        let mut parser = serde_json::Deserializer::from_str(std::str::from_utf8(array).ok()?);
        let objects = Objects { bound }.deserialize(&mut parser).ok()?;
        parser.end().ok()?;
        let read = |Object(entries)| Self { entries, prefix: String::new(), problems: Vec::new() };
        let all: Vec<_> = objects.into_iter().map(read).collect();
        all.iter().all(Self::is_shallow).then_some(all)
    }

    fn is_shallow(&self) -> bool {
        self.entries.iter().all(|(_, value)| is_shallow(value.get().as_bytes(), DEPTH - 1))
    }

    /// Refuses all fields but these.
    pub(crate) fn only(&mut self, known: &[&str]) {
        let foreign = self.entries.iter().filter(|(name, _)| !known.contains(&name.as_ref()));
        let foreign: Vec<_> = foreign.map(|(name, _)| Problem::escape(name)).collect();
        for name in foreign {
            self.problem(&name, Reason::Invalid, "there is no such field");
        }
    }

    /// The field's raw value; `null` is as good as none.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let (_, value) = self.entries.iter().find(|(known, _)| known == name)?;
        (value.get() != "null").then_some(*value)
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        match self.raw(name).and_then(plain_text) {
            Some(plain) => Some(Cow::Borrowed(plain)),
            None => self.typed::<Name<'a>>(name, "a text").map(|Name(text)| text),
        }
    }

    /// Whether a field is there and not the empty text; if not, that is one of the problems.
    fn needs(&mut self, name: &str) -> bool {
        let is_there = self.raw(name).is_some_and(|raw| raw.get() != r#""""#);
        if !is_there {
            self.problem(name, Reason::Missing, "must be there");
        }
        is_there
    }

    /// A text that must be there; empty when it is not.
    pub(crate) fn required(&mut self, name: &str) -> Cow<'a, str> {
        if self.needs(name) { self.text(name).unwrap_or_default() } else { Cow::default() }
    }

    /// A reference.
    pub(crate) fn reference(&mut self, name: &str) -> Option<Reference> {
        self.parsed(name, Reason::BadReference, Reference::FORM, Reference::parse)
    }

    /// A reference that must be there.
    pub(crate) fn required_reference(&mut self, name: &str) -> Option<Reference> {
        if self.needs(name) { self.reference(name) } else { None }
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.parsed(name, Reason::BadTime, Timestamp::FORM, Timestamp::parse)
    }

    /// `true` or `false`; false when there is none.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.typed(name, "true or false").unwrap_or_default()
    }

    /// A whole number from 0.
    pub(crate) fn count(&mut self, name: &str) -> Option<u64> {
        self.typed(name, "a whole number from 0")
    }

    /// Texts by name.
    pub(crate) fn texts(&mut self, name: &str) -> BTreeMap<String, String> {
        let Some(object) = self.object(name) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        for (key, value) in object.0 {
            match serde_json::from_str::<Name<'a>>(value.get()) {
                Ok(Name(text)) => _ = texts.insert(key.into_owned(), text.into_owned()),
                Err(_) => self.problem(
                    &format!("{name}/{}", Problem::escape(&key)),
                    Reason::WrongType,
                    "must be a text",
                ),
            }
        }
        texts
    }

    /// An object that is read field by field; its problems are handed back with [`Fields::close`].
    pub(crate) fn nested(&mut self, name: &str) -> Option<Self> {
        let object = self.object(name)?;
        Some(Self { entries: object.0, prefix: self.pointer(name), problems: Vec::new() })
    }

    /// Takes over the problems of a nested object.
    pub(crate) fn close(&mut self, nested: Self) {
        self.problems.extend(nested.problems);
    }

    /// An object's raw values.
    pub(crate) fn object(&mut self, name: &str) -> Option<Object<'a>> {
        self.typed(name, "an object in which no name stands twice")
    }

    /// Parses a text with a rule of its own.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &str,
        reason: Reason,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.problem(name, reason, &format!("must be {form}"));
        }
        parsed
    }

    /// Something is wrong with a field.
    pub(crate) fn problem(&mut self, name: &str, reason: Reason, detail: &str) {
        let pointer = self.pointer(name);
        self.problems.push(Problem::new(pointer, reason, detail));
    }

    fn pointer(&self, name: &str) -> String {
        [&self.prefix, "/", name].concat()
    }

    fn typed<T: Deserialize<'a>>(&mut self, name: &str, what: &str) -> Option<T> {
        let raw = self.raw(name)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            self.problem(name, Reason::WrongType, &format!("must be {what}"));
        }
        value
    }
}

/// A text that stands as it is, without escapes: there is nothing to parse.
fn plain_text(raw: &RawValue) -> Option<&str> {
    let text = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    (!text.as_bytes().contains(&b'\\')).then_some(text)
}

/// Levels of nesting that a body may have; ours has three.
const DEPTH: usize = 32;

/// Refuses a deep body before anything recurses into it.
///
/// # Errors
/// [`Reason::Malformed`] for more levels than any body of ours has.
pub(crate) fn shallow(body: &[u8]) -> Result<(), Refusal> {
    if is_shallow(body, DEPTH) {
        return Ok(());
    }
    let detail = format!("the body is nested deeper than {DEPTH} levels");
    Err(Refusal::new(Reason::Malformed, detail))
}

fn is_shallow(body: &[u8], levels: usize) -> bool {
    // Few bodies have so many brackets at all: only those are read byte by byte.
    if body.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() <= levels {
        return true;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > levels {
            return false;
        }
    }
    true
}

/// Says where a body stops being JSON, and nothing of what stands there.
pub(crate) fn malformed(error: &serde_json::Error) -> Refusal {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "the body ends too early",
        serde_json::error::Category::Data => "the body must be a JSON object in which no name stands twice",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "the body is no JSON",
    };
    Refusal::new(Reason::Malformed, format!("{what} (line {}, column {})", error.line(), error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn a_body_may_be_nested_to_the_bound_and_not_beyond() {
        assert!(shallow(nested(DEPTH).as_bytes()).is_ok());
        assert_eq!(shallow(nested(DEPTH + 1).as_bytes()).unwrap_err().reason, Reason::Malformed);
        let brackets_in_a_text = format!(r#"{{"reason": "\"{}"}}"#, "[".repeat(100));
        assert!(shallow(brackets_in_a_text.as_bytes()).is_ok());
    }

    #[test]
    fn items_are_read_at_one_go_only_where_each_may_be_read() {
        let all = |body: &str| Fields::read_all(body.as_bytes(), 2).map(|all| all.len());
        assert_eq!(all(r#"[{"a": 1}, {}]"#), Some(2));
        assert_eq!(all("[]"), Some(0));
        assert_eq!(all("[{}, {}, {}]"), None, "one more than the bound");
        for bad in ["[{}, 7]", "[{}", "[{}] x", r#"[{"a": 1, "a": 2}]"#, r#"{"a": []}"#] {
            assert_eq!(all(bad), None, "{bad}");
        }
        let deep = |levels| format!(r#"[{{"a": {}}}]"#, nested(levels));
        assert_eq!(all(&deep(DEPTH - 1)), Some(1));
        assert_eq!(all(&deep(DEPTH)), None);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        assert_eq!(Fields::read(br#"{"a": 1, "a": 2}"#).unwrap_err().reason, Reason::Malformed);
        assert_eq!(Fields::read(b"[]").unwrap_err().reason, Reason::Malformed);
    }

    #[test]
    fn every_wrong_field_is_named_by_its_pointer() {
        let mut fields = Fields::read(br#"{"a": 1, "b": {"c": 2}, "d": null}"#).unwrap();
        assert_eq!(fields.text("a"), None);
        let mut nested = fields.nested("b").unwrap();
        assert_eq!(nested.text("c"), None);
        fields.close(nested);
        assert_eq!(fields.required("d"), "");
        let pointers: Vec<_> = fields.problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b/c", "/d"]);
    }
}
