//! A setting's layers: flag, then `VOXGATE_<SECTION>_<KEY>`, then `gateway.toml`, then the compiled-in defaults.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    finding::{Finding, Place, Reading, nearest},
    table::Table,
    value::Value,
};

/// The defaults, commented: the reference of all settings.
pub(super) const DEFAULTS: &str = include_str!("defaults.toml");

const ENV_PREFIX: &str = "VOXGATE_";

/// All layers of all settings.
pub(super) struct Layers<'a> {
    reading: &'a Reading<'a>,
    /// By key: the flag's name and what was given.
    flags: &'a BTreeMap<&'static str, (&'static str, String)>,
    /// By key: the variable's name.
    variables: BTreeMap<String, &'a str>,
    file: BTreeMap<String, Value<'a>>,
    defaults: BTreeMap<String, Value<'a>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// Its values may be secrets.
impl std::fmt::Debug for Layers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Layers([redacted])")
    }
}

impl<'a> Layers<'a> {
    /// Lays them over each other; a key that has no default is a problem.
    pub(super) fn new(
        reading: &'a Reading<'a>,
        flags: &'a BTreeMap<&'static str, (&'static str, String)>,
        file: &Table<'a>,
        defaults: &Table<'a>,
    ) -> Self {
        let defaults = flatten(defaults);
        let file = flatten(file);
        for (key, value) in &file {
            if !defaults.contains_key(key) {
                value.clone().hidden().problem(unknown(key, &defaults));
            }
        }
        let variables = variables(reading, &defaults);
        Self { reading, flags, variables, file, defaults, asked: RefCell::default() }
    }

    /// The value of a setting. Every setting has a default.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().insert(key);
        if let Some((flag, text)) = self.flags.get(key) {
            return Some(Value::named(self.reading, key, flag, text));
        }
        if let Some(name) = self.variables.get(key) {
            return self.reading.env.get(*name).map(|text| Value::named(self.reading, key, name, text));
        }
        self.file.get(key).or_else(|| self.defaults.get(key)).cloned()
    }

    /// The value of a setting that may be left out: none when it is the empty text.
    pub(super) fn find(&self, key: &'static str) -> Option<Value<'a>> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// Keys with a default that nothing asked for, and keys asked for that have no default: both must be none.
    #[cfg(test)]
    pub(super) fn dead_keys(&self) -> (Vec<String>, Vec<&'static str>) {
        let asked = self.asked.borrow();
        let dead = self.defaults.keys().filter(|key| !asked.contains(key.as_str())).cloned().collect();
        let missing = asked.iter().filter(|key| !self.defaults.contains_key(**key)).copied().collect();
        (dead, missing)
    }
}

/// All values of a file with two levels, by dotted key.
fn flatten<'a>(root: &Table<'a>) -> BTreeMap<String, Value<'a>> {
    let mut flat = BTreeMap::new();
    for (key, value) in root.entries() {
        match value.as_table() {
            None => drop(flat.insert(key.to_owned(), value)),
            Some(section) => flat.extend(section.entries().map(|(_, value)| (value.key.clone(), value))),
        }
    }
    flat
}

fn unknown(key: &str, defaults: &BTreeMap<String, Value<'_>>) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let elsewhere = defaults.keys().find(|known| known.rsplit('.').next() == Some(name));
    match nearest(key, defaults.keys().map(String::as_str)).or(elsewhere.map(String::as_str)) {
        Some(near) => format!("is no known setting; did you mean {near}?"),
        None => "is no known setting".to_owned(),
    }
}

/// The variables that stand for settings, by key. One that nearly does is a problem; others with the prefix are not
/// ours to judge: Kubernetes sets such variables for each service.
fn variables<'a>(
    reading: &'a Reading<'a>,
    defaults: &BTreeMap<String, Value<'a>>,
) -> BTreeMap<String, &'a str> {
    let names: BTreeMap<String, &String> = defaults.keys().map(|key| (variable(key), key)).collect();
    let mut variables = BTreeMap::new();
    for name in reading.env.keys().filter(|name| name.starts_with(ENV_PREFIX)) {
        if let Some(key) = names.get(name) {
            variables.insert((*key).clone(), name.as_str());
        } else if let Some(near) = nearest(name, names.keys().map(String::as_str)) {
            reading.problem(Finding {
                place: Place::Named(name.clone()),
                key: String::new(),
                value: None,
                advice: format!("stands for no setting; did you mean {near}?"),
            });
        }
    }
    variables
}

/// The variable of a key, `VOXGATE_HTTP_LISTEN` of `http.listen`.
fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}
