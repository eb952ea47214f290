//! Where a call stands, as our part of a query. `vg_step` begins it.

use super::super::{
    dialogue::{Doubt, LoneOne, State, Waiting},
    input::Recording,
};
use crate::survey::Language;

/// Reads our part of a query. What we cannot have written is passed over.
pub(super) fn read(query: &str) -> State {
    let mut state = State::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        read_one(&mut state, &name, value.into_owned());
    }
    state
}

fn read_one(state: &mut State, name: &str, value: String) {
    let place = &mut state.place;
    match (name, value.as_str()) {
        ("vg_step", _) => place.question = value,
        ("vg_lang", tag) => place.language = Language::parse(tag),
        ("vg_try", tries) => place.tries = tries.parse().unwrap_or(u8::MAX),
        ("vg_one", "kept") => place.doubt = Some(Doubt::One(LoneOne::Kept)),
        ("vg_one", "open") => place.doubt = Some(Doubt::One(LoneOne::Open)),
        ("vg_heard", _) => place.doubt = Some(Doubt::Heard(value)),
        ("vg_score", _) => {
            let score = value.rsplit_once('.').and_then(|(id, n)| Some((id.to_owned(), n.parse().ok()?)));
            place.scores.extend(score);
        }
        ("vg_keys", _) => state.waiting = Some(Waiting { keys: value, recording: None, tries: 0 }),
        ("vg_record", _) => {
            if let Some(waiting) = &mut state.waiting {
                waiting.recording = value.split_once(' ').and_then(|(id, at)| Recording::read(id, at, ""));
            }
        }
        ("vg_wait", tries) => {
            if let Some(waiting) = &mut state.waiting {
                waiting.tries = tries.parse().unwrap_or(u8::MAX);
            }
        }
        _ => {}
    }
}

/// Writes it.
pub(super) fn query(state: &State) -> String {
    let State { place, waiting } = state;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("vg_step", &place.question);
    if let Some(language) = &place.language {
        query.append_pair("vg_lang", language.as_str());
    }
    if place.tries > 0 {
        query.append_pair("vg_try", &place.tries.to_string());
    }
    match &place.doubt {
        None => {}
        Some(Doubt::One(LoneOne::Kept)) => drop(query.append_pair("vg_one", "kept")),
        Some(Doubt::One(LoneOne::Open)) => drop(query.append_pair("vg_one", "open")),
        Some(Doubt::Heard(keys)) => drop(query.append_pair("vg_heard", keys)),
    }
    for (question, score) in &place.scores {
        query.append_pair("vg_score", &format!("{question}.{score}"));
    }
    if let Some(Waiting { keys, recording, tries }) = waiting {
        query.append_pair("vg_keys", keys);
        if let Some(Recording { id, address }) = recording {
            query.append_pair("vg_record", &format!("{id} {address}"));
        }
        query.append_pair("vg_wait", &tries.to_string());
    }
    query.finish()
}
