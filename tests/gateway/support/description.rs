//! Every reply that a test gets is held to the API's own description: its status, its type, its header fields, its
//! JSON.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../src/channel/openapi/openapi.json")).unwrap()
});

/// Refused by the server under the routes, before it is known what was asked for.
const OF_NO_ROUTE: [u16; 2] = [414, 431];

/// The description as it stands in the repository.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// Panics when a described operation replied in a way that its description does not know.
#[track_caller]
pub(super) fn hold(method: &Method, url: &Url, reply: &Reply) {
    let Some(operation) = operation(method, url.path()) else { return };
    if OF_NO_ROUTE.contains(&reply.status) {
        return;
    }
    let what = format!("{method} {} answered {}", url.path(), reply.status);
    let described = resolve(&operation["responses"][reply.status.to_string()]);
    assert!(described.is_object(), "openapi.json does not know that {what}: {}", reply.text);
    for (name, header) in described["headers"].as_object().into_iter().flatten() {
        let is_there = reply.headers.contains_key(name);
        assert!(is_there || resolve(header)["required"] != true, "{what} without {name}");
    }
    if method != Method::HEAD
        && let Some(content) = described["content"].as_object()
    {
        let essence = reply.header("content-type").split(';').next().unwrap();
        let media = content.get(essence).unwrap_or_else(|| panic!("{what} with the type {essence:?}"));
        if essence.ends_with("json") {
            check(&media["schema"], &reply.json(), &what);
        }
    }
}

/// The operation that a path leads to; none for what is not described.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let method = if method == Method::HEAD { Method::GET } else { method.clone() };
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template.split('/').zip(path.split('/')).all(|(wanted, given)| fits_segment(wanted, given))
    };
    let (_, item) = DOCUMENT["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template))?;
    item.get(method.as_str().to_ascii_lowercase())
}

/// A parameter may stand within a segment, and is never empty.
fn fits_segment(wanted: &str, given: &str) -> bool {
    let parameter = wanted.split_once('{').zip(wanted.split_once('}'));
    parameter.map_or(wanted == given, |((before, _), (_, after))| {
        let inner = given.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        inner.is_some_and(|inner| !inner.is_empty())
    })
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(place) => DOCUMENT.pointer(place.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

fn check(schema: &Value, body: &Value, what: &str) {
    let errors: Vec<_> = validator(schema)
        .iter_errors(body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}, which is not as described: {}: {body}", errors.join("; "));
}

/// Compiled once for all tests of a run. References lead into the components, which ride along.
fn validator(schema: &Value) -> Arc<Validator> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap();
    let validator = compiled.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = json!({"components": DOCUMENT["components"]});
        whole.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        Arc::new(options.build(&whole).unwrap())
    });
    Arc::clone(validator)
}
