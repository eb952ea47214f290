//! What a Redis server holds, and the few commands that the claims use.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Arg, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::Words;
use crate::clock::Timestamp;

/// Keys with their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    keys: BTreeMap<Vec<u8>, Entry>,
    /// How many were made so far.
    made: u64,
    /// Scripts by their hash; here: the hash of the only one there is.
    scripts: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Entry {
    held: Held,
    expires: Option<Timestamp>,
    /// It is the so-manieth.
    number: u64,
}

#[derive(Clone, Debug)]
enum Held {
    Text(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// The words of a command.
pub(super) fn words(command: &Cmd) -> Words {
    let word = |arg: Arg<&[u8]>| match arg {
        Arg::Simple(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    };
    command.args_iter().map(word).collect()
}

/// A command and its reply, for the trace: without values, which hold random names of runs.
pub(super) fn told(words: &Words, reply: &RedisResult<Value>) -> String {
    let [name, key] = [0, 1].map(|place| words.get(place).map_or_else(String::new, |word| printable(word)));
    let reply = match reply {
        Ok(Value::Nil) => "nothing".to_owned(),
        Ok(Value::Int(number)) => number.to_string(),
        Ok(Value::BulkString(bytes)) => format!("{} bytes", bytes.len()),
        Ok(_) => "done".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    };
    match name.as_str() {
        "EVAL" | "EVALSHA" => format!("{name} → {reply}"),
        _ if key.contains("r:") => format!("{name} run → {}", reply.len().min(1)),
        _ => format!("{name} {key} → {reply}"),
    }
}

fn printable(word: &[u8]) -> String {
    word.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect()
}

fn number(word: &[u8]) -> i64 {
    std::str::from_utf8(word).unwrap().parse().unwrap()
}

fn refusal(kind: ServerErrorKind, why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Server(kind), why))
}

impl Data {
    /// Takes a key away. Runs' names are random, so the place is one in the order in which the keys were made.
    pub(super) fn evict(&mut self, place: usize) -> Option<String> {
        let mut keys: Vec<_> = self.keys.iter().map(|(key, entry)| (entry.number, key)).collect();
        keys.sort_unstable();
        let key = keys.get(place % keys.len().max(1))?.1.clone();
        self.keys.remove(&key);
        Some(if key.windows(2).any(|two| two == b"r:") { "a run".to_owned() } else { printable(&key) })
    }

    pub(super) fn run(&mut self, words: &Words, now: Timestamp, full: bool) -> RedisResult<Value> {
        self.keys.retain(|_, entry| entry.expires.is_none_or(|expires| now < expires));
        let [name, rest @ ..] = words.as_slice() else { panic!("a command without a name") };
        let name = printable(name);
        let writes = !matches!(name.as_str(), "GET" | "HGET" | "EXISTS" | "EXPIRE" | "EVALSHA");
        if full && writes {
            return Err(refusal(ServerErrorKind::ResponseError, "OOM command not allowed"));
        }
        match (name.as_str(), rest) {
            ("SET", [key, value, options @ ..]) => self.set(key, value, options, now),
            ("GET", [key]) => Ok(self.text(key).map_or(Value::Nil, |text| Value::BulkString(text.clone()))),
            ("EXISTS", [key]) => Ok(Value::Int(self.keys.contains_key(key).into())),
            ("EXPIRE", [key, secs]) => Ok(Value::Int(self.expire(key, number(secs), now))),
            ("HGET", [key, field]) => Ok(self.field(key, field).map_or(Value::Nil, Value::BulkString)),
            ("HSETNX", [key, field, value]) => {
                let fresh = self.field(key, field).is_none();
                if fresh {
                    self.put_field(key, field, value);
                }
                Ok(Value::Int(fresh.into()))
            }
            ("INCRBY", [key, by]) => {
                let sum = self.text(key).map_or(0, |text| number(text)) + number(by);
                self.put_text(key, sum.to_string().into_bytes(), None);
                Ok(Value::Int(sum))
            }
            ("EVALSHA", [sha, ..]) if !self.scripts.contains(sha) => {
                Err(refusal(ServerErrorKind::NoScript, "no such script"))
            }
            ("EVALSHA", [_, _, key, field, expected, next]) if !full => {
                Ok(self.swap(key, field, expected, next))
            }
            ("EVALSHA", _) => Err(refusal(ServerErrorKind::ResponseError, "OOM command not allowed")),
            ("EVAL", [script, _, key, field, expected, next]) => {
                let sha = redis::Script::new(std::str::from_utf8(script).unwrap()).get_hash().to_owned();
                self.scripts.insert(sha.into_bytes());
                Ok(self.swap(key, field, expected, next))
            }
            _ => panic!("a command that this Redis does not know: {name}"),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8], options: &[Vec<u8>], now: Timestamp) -> RedisResult<Value> {
        let has = |word: &str| options.iter().position(|option| option == word.as_bytes());
        let kept = |word: &str| has(word).map(|at| u64::try_from(number(&options[at + 1])).unwrap());
        let secs = kept("EX").map(std::time::Duration::from_secs);
        let span = secs.or_else(|| kept("PX").map(std::time::Duration::from_millis));
        let before = self.text(key).cloned();
        if has("NX").is_none() || before.is_none() {
            self.put_text(key, value.to_vec(), span.map(|span| now.after(span)));
        }
        Ok(match has("GET") {
            Some(_) => before.map_or(Value::Nil, Value::BulkString),
            None => Value::Okay,
        })
    }

    fn swap(&mut self, key: &[u8], field: &[u8], expected: &[u8], next: &[u8]) -> Value {
        match self.field(key, field) {
            Some(found) if found == expected => {
                self.put_field(key, field, next);
                Value::Int(1)
            }
            found => found.map_or(Value::Nil, Value::BulkString),
        }
    }

    fn expire(&mut self, key: &[u8], secs: i64, now: Timestamp) -> i64 {
        let Some(entry) = self.keys.get_mut(key) else { return 0 };
        entry.expires = Some(now.after(std::time::Duration::from_secs(u64::try_from(secs).unwrap())));
        1
    }

    fn text(&self, key: &[u8]) -> Option<&Vec<u8>> {
        match &self.keys.get(key)?.held {
            Held::Text(text) => Some(text),
            Held::Hash(_) => panic!("a hash where a text should be"),
        }
    }

    fn put_text(&mut self, key: &[u8], text: Vec<u8>, expires: Option<Timestamp>) {
        let number = self.number(key);
        self.keys.insert(key.to_vec(), Entry { held: Held::Text(text), expires, number });
    }

    /// Of a key that is there, or that is made now.
    fn number(&mut self, key: &[u8]) -> u64 {
        self.made += 1;
        self.keys.get(key).map_or(self.made, |entry| entry.number)
    }

    fn field(&self, key: &[u8], field: &[u8]) -> Option<Vec<u8>> {
        match &self.keys.get(key)?.held {
            Held::Hash(fields) => fields.get(field).cloned(),
            Held::Text(_) => panic!("a text where a hash should be"),
        }
    }

    fn put_field(&mut self, key: &[u8], field: &[u8], value: &[u8]) {
        let number = self.number(key);
        let none = || Entry { held: Held::Hash(BTreeMap::new()), expires: None, number };
        match &mut self.keys.entry(key.to_vec()).or_insert_with(none).held {
            Held::Hash(fields) => drop(fields.insert(field.to_vec(), value.to_vec())),
            Held::Text(_) => panic!("a text where a hash should be"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_is_evicted_whatever_the_names_of_runs_are() {
        let evicted = |first: &str, second: &str, place| {
            let mut data = Data::default();
            let now = Timestamp::from_secs(1);
            for (key, value) in [(first, "one"), (second, "another"), ("vg:identity", "whose")] {
                let words = ["SET", key, value].map(|word| word.as_bytes().to_vec()).into();
                data.run(&words, now, false).unwrap();
            }
            data.evict(place).unwrap();
            let left = [first, second, "vg:identity"].map(|key| data.text(key.as_bytes()).is_some());
            left.iter().position(|there| !there).unwrap()
        };
        for place in 0..3 {
            assert_eq!(evicted("vg:r:a", "vg:r:b", place), place);
            assert_eq!(evicted("vg:r:b", "vg:r:a", place), place);
        }
    }
}
