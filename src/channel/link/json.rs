//! `POST /v1/links`: one order or an array of them, in JSON; all links or none.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Link, LinkOrder};
use crate::{
    catalog::{ApiKey, Catalog, IdentityKey},
    clock::Timestamp,
    outcome::{Problem, Reason, Refusal},
};

/// Makes the links that a body orders, for the brand of the key that was shown. An order need not name the brand.
///
/// Gives (for at most `batch_items` orders) the JSON to answer 201 with: an object for an object, an array for an array, in its order.
///
/// # Errors
/// `malformed` for what is no JSON object or array, `too_large` for more than a batch holds, `forbidden` for another
/// brand's link, else `invalid` with all problems of all orders by pointer.
pub fn make_links(
    catalog: &Catalog,
    identity_key: &IdentityKey,
    batch_items: usize,
    now: Timestamp,
    key: &ApiKey,
    body: &[u8],
) -> Result<Bytes, Refusal> {
    let maker = Maker { catalog, identity_key, batch_items, now, key };
    let reply = match serde_json::from_slice(body) {
        Ok(Value::Object(order)) => maker.link(&order, "").map_err(refuse)?,
        Ok(Value::Array(orders)) => maker.links(&orders)?,
        Ok(_) => return Err(malformed("send a JSON object, or an array of objects")),
        Err(error) => return Err(malformed(format!("the body is no JSON: {error}"))),
    };
    Ok(Bytes::from(reply.to_string()))
}

struct Maker<'a> {
    catalog: &'a Catalog,
    identity_key: &'a IdentityKey,
    batch_items: usize,
    now: Timestamp,
    key: &'a ApiKey,
}

impl Maker<'_> {
    fn links(&self, orders: &[Value]) -> Result<Value, Refusal> {
        let most = self.batch_items;
        if orders.len() > most {
            let detail = format!("send at most {most} links at once");
            return Err(Refusal::new(Reason::TooLarge, detail));
        }
        let mut links = Vec::with_capacity(orders.len());
        let mut problems = Vec::new();
        for (place, order) in orders.iter().enumerate() {
            let at = format!("/{place}");
            let made = match order {
                Value::Object(order) => self.link(order, &at),
                other => Err(vec![wrong_type(&at, "an object", other)]),
            };
            match made {
                Ok(link) => links.push(link),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(Value::Array(links)) } else { Err(refuse(problems)) }
    }

    fn link(&self, order: &Map<String, Value>, at: &str) -> Result<Value, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut order = read(order, at, &mut problems);
        if order.brand.is_empty() {
            order.brand.clone_from(&self.key.brand);
        }
        if order.brand != self.key.brand {
            let detail = format!("this API key makes links of brand {:?} only", self.key.brand);
            problems.push(Problem::new(format!("{at}/brand"), Reason::Forbidden, detail));
            return Err(problems);
        }
        match order.make(self.catalog, self.identity_key, self.now, at) {
            Ok(link) if problems.is_empty() => Ok(reply(&link)),
            Ok(_) => Err(problems),
            Err(found) => {
                // A field of the wrong type is told once, as that, and not as missing too.
                let told: Vec<_> = problems.iter().map(|problem| problem.pointer.clone()).collect();
                problems.extend(found.into_iter().filter(|problem| !told.contains(&problem.pointer)));
                Err(problems)
            }
        }
    }
}

fn refuse(problems: Vec<Problem>) -> Refusal {
    match problems.iter().find(|problem| problem.reason == Reason::Forbidden) {
        Some(problem) => Refusal::new(Reason::Forbidden, problem.detail.clone()),
        None => Refusal::invalid(problems),
    }
}

fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

fn reply(link: &Link) -> Value {
    json!({
        "token": link.token,
        "url": link.url,
        "score_urls": link.score_urls.iter().map(|(score, url)| (score.to_string(), json!(url))).collect::<Map<_, _>>(),
        "opt_out_url": link.opt_out_url,
        "expires_at": link.expires_at.map(|at| at.to_string()),
    })
}

fn read(fields: &Map<String, Value>, at: &str, problems: &mut Vec<Problem>) -> LinkOrder {
    let mut order = LinkOrder::default();
    for (name, value) in fields {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut field = Field { pointer, value, problems };
        match name.as_str() {
            _ if value.is_null() => {}
            "survey" => order.survey = field.text().unwrap_or_default(),
            "brand" => order.brand = field.text().unwrap_or_default(),
            "interaction" => order.interaction = field.text(),
            "respondent" => order.respondent = field.respondent(),
            "subject" => order.subject = field.subject(),
            "locale" => order.locale = field.text(),
            "country" => order.country = field.text(),
            "attributes" => order.attributes = field.attributes().into_iter().collect(),
            "expires" => order.expires = field.text(),
            "test" => order.test = field.truth(),
            _ => field.problem(Reason::Invalid, "there is no such field"),
        }
    }
    order
}

struct Field<'a> {
    pointer: String,
    value: &'a Value,
    problems: &'a mut Vec<Problem>,
}

impl Field<'_> {
    fn problem(&mut self, reason: Reason, detail: &str) {
        self.problems.push(Problem::new(self.pointer.clone(), reason, detail));
    }

    fn wrong(&mut self, wanted: &str) {
        self.problems.push(wrong_type(&self.pointer, wanted, self.value));
    }

    fn text(&mut self) -> Option<String> {
        if let Value::String(text) = self.value {
            return Some(text.clone());
        }
        self.wrong("a string");
        None
    }

    fn truth(&mut self) -> bool {
        self.value.as_bool().unwrap_or_else(|| {
            self.wrong("true or false");
            false
        })
    }

    /// As the flag (`email:…`) or as in `/v1/responses` (`{"email": …}`).
    fn respondent(&mut self) -> Option<String> {
        let Value::Object(named) = self.value else { return self.text() };
        let mut names = named.iter();
        match (names.next(), names.next()) {
            (Some((kind, Value::String(text))), None)
                if matches!(kind.as_str(), "ref" | "email" | "phone") =>
            {
                Some(format!("{kind}:{text}"))
            }
            _ => {
                self.wrong(r#"a string, {"ref": …}, {"email": …} or {"phone": …}"#);
                None
            }
        }
    }

    /// As the flag (`agent:a-7`) or as in `/v1/responses` (`{"kind": …, "ref": …}`).
    fn subject(&mut self) -> Option<String> {
        let Value::Object(named) = self.value else { return self.text() };
        match (named.get("kind").and_then(Value::as_str), named.get("ref").and_then(Value::as_str)) {
            (Some(kind), Some(reference)) if !kind.contains(':') && named.len() == 2 => {
                Some(format!("{kind}:{reference}"))
            }
            _ => {
                self.wrong(r#"a string like "agent:a-7", or {"kind": …, "ref": …}"#);
                None
            }
        }
    }

    fn attributes(&mut self) -> Vec<(String, String)> {
        let Value::Object(pairs) = self.value else {
            self.wrong("an object of strings");
            return Vec::new();
        };
        let mut attributes = Vec::new();
        for (key, value) in pairs {
            let pointer = format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"));
            match value {
                Value::String(text) => attributes.push((key.clone(), text.clone())),
                other => self.problems.push(wrong_type(&pointer, "a string", other)),
            }
        }
        attributes
    }
}

fn wrong_type(pointer: &str, wanted: &str, found: &Value) -> Problem {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Problem::new(pointer, Reason::WrongType, format!("give {wanted}, not {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Action,
        channel::{link, page::samples::Sample},
    };

    fn made(body: &str) -> Result<Value, Refusal> {
        let sample = Sample::default();
        let key = ApiKey {
            name: "test".to_owned(),
            brand: "acme".to_owned(),
            actions: [Action::Links].into(),
            quota: None,
        };
        let reply = make_links(&sample.catalog, &sample.identity_key, 2, sample.now, &key, body.as_bytes())?;
        Ok(serde_json::from_slice(&reply).unwrap())
    }

    fn problems(body: &str) -> Vec<(String, Reason)> {
        let refusal = made(body).unwrap_err();
        assert_eq!(refusal.reason, Reason::Invalid);
        refusal.problems.into_iter().map(|problem| (problem.pointer, problem.reason)).collect()
    }

    #[test]
    fn an_order_gets_its_token_and_all_its_addresses() {
        let reply = made(
            r#"{"survey": "technician-visit", "interaction": "visit-1", "respondent": {"email": "Ada@example.com"},
                "subject": {"kind": "agent", "ref": "a-7"}, "locale": "de-CH", "country": "ch",
                "attributes": {"plan": "pro"}, "expires": "12h", "test": true}"#,
        )
        .unwrap();
        let token = reply["token"].as_str().unwrap();
        assert_eq!(reply["url"], format!("https://feedback.example/r/{token}"));
        assert_eq!(reply["score_urls"]["5"], format!("https://feedback.example/r/{token}/5"));
        assert_eq!(reply["score_urls"].as_object().unwrap().len(), 5);
        assert_eq!(reply["opt_out_url"], format!("https://feedback.example/u/{token}"));
        assert_eq!(reply["expires_at"], "2026-11-22T08:00:00Z");
        let sample = Sample::default();
        let claims = link::open(&sample.catalog.link_keys, token).unwrap().claims;
        let ada = sample.identity_key.respondent("email", "ada@example.com");
        assert_eq!(claims.respondent, Some(link::LinkRespondent::Contact(ada)));
        assert_eq!((claims.brand.as_str(), claims.test), ("acme", true));
    }

    #[test]
    fn an_array_gets_an_array_up_to_the_bound() {
        let order = r#"{"survey": "support-nps"}"#;
        assert_eq!(made(&format!("[{order},{order}]")).unwrap().as_array().unwrap().len(), 2);
        assert_eq!(made(&format!("[{order},{order},{order}]")).unwrap_err().reason, Reason::TooLarge);
        assert_eq!(made("[]").unwrap(), json!([]));
    }

    #[test]
    fn all_problems_of_all_orders_are_told_by_pointer() {
        let body = r#"[{"survey": 7, "interaction": "no way", "respondent": {"mail": "x"}, "colour": 1,
            "attributes": {"a/b": 1}, "expires": "yesterday"}, "link"]"#;
        assert_eq!(
            problems(body),
            [
                ("/0/attributes/a~1b".to_owned(), Reason::WrongType),
                ("/0/colour".to_owned(), Reason::Invalid),
                ("/0/respondent".to_owned(), Reason::WrongType),
                ("/0/survey".to_owned(), Reason::WrongType),
                ("/0/interaction".to_owned(), Reason::BadReference),
                ("/0/expires".to_owned(), Reason::BadTime),
                ("/1".to_owned(), Reason::WrongType),
            ]
        );
        assert_eq!(problems("{}"), [("/survey".to_owned(), Reason::Missing)]);
        assert_eq!(problems(r#"{"survey": "none"}"#), [("/survey".to_owned(), Reason::UnknownSurvey)]);
    }

    #[test]
    fn another_brands_links_are_forbidden_and_what_is_no_json_is_malformed() {
        let foreign = made(r#"{"survey": "support-nps", "brand": "globex"}"#).unwrap_err();
        assert_eq!(foreign.reason, Reason::Forbidden);
        for bad in ["", "7", "{", "[[", &"[".repeat(100_000)] {
            assert_eq!(made(bad).unwrap_err().reason, Reason::Malformed);
        }
    }
}
