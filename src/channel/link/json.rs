//! `POST /v1/links`: one order or an array of them, in JSON; all links or none.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Handle, Link, LinkOrder};
use crate::{
    catalog::{ApiKey, Catalog, IdentityKey},
    channel::json::{self, Fields, Items},
    clock::Timestamp,
    outcome::{Problem, Reason, Refusal},
};

/// The fields of an order.
const FIELDS: [&str; 12] = [
    "survey",
    "brand",
    "interaction",
    "respondent",
    "subject",
    "locale",
    "country",
    "attributes",
    "attr",
    "expires",
    "test",
    "short",
];

/// Makes the links that a body orders, for the brand of the key that was shown. An order need not name the brand.
///
/// Gives the links of at most `batch_items` orders, in their order.
///
/// # Errors
/// `malformed` for what is no JSON object or array, `too_large` for more than a batch holds, `forbidden` for another
/// brand's link, else `invalid` with all problems of all orders by pointer.
pub(crate) fn make_links(
    catalog: &Catalog,
    identity_key: &IdentityKey,
    batch_items: usize,
    now: Timestamp,
    key: &ApiKey,
    body: &Bytes,
) -> Result<MadeLinks, Refusal> {
    let maker = Maker { catalog, identity_key, now, key };
    let is_array = body.trim_ascii_start().starts_with(b"[");
    let links = if is_array {
        maker.links(&Items::array(body, batch_items)?)?
    } else {
        vec![maker.link(Fields::read(body)?, "").map_err(refuse)?]
    };
    Ok(MadeLinks { links, is_array })
}

/// The links that a body ordered.
#[derive(Debug)]
pub(crate) struct MadeLinks {
    /// In the order of their orders.
    pub(crate) links: Vec<MadeLink>,
    is_array: bool,
}

/// A link that was ordered, and what the store says of it.
#[derive(Debug)]
pub(crate) struct MadeLink {
    /// The link.
    pub(crate) link: Link,
    /// Whether a short one was ordered, too.
    pub(crate) is_short: bool,
    /// Under which the store keeps it.
    pub(crate) handle: Option<Handle>,
}

impl MadeLinks {
    /// The JSON to answer 201 with: an object for an object, an array for an array.
    pub(crate) fn to_json(&self) -> Bytes {
        let replies: Vec<_> = self.links.iter().map(reply).collect();
        let reply = match replies.as_slice() {
            [only] if !self.is_array => only.to_string(),
            _ => Value::Array(replies).to_string(),
        };
        Bytes::from(reply)
    }
}

struct Maker<'a> {
    catalog: &'a Catalog,
    identity_key: &'a IdentityKey,
    now: Timestamp,
    key: &'a ApiKey,
}

impl Maker<'_> {
    fn links(&self, orders: &Items) -> Result<Vec<MadeLink>, Refusal> {
        let mut links = Vec::with_capacity(orders.0.len());
        let mut problems = Vec::new();
        for (place, order) in orders.0.iter().enumerate() {
            let at = format!("/{place}");
            let made = match Fields::read_at(order, at.clone()) {
                Ok(fields) => self.link(fields, &at),
                Err(refusal) => Err(vec![Problem::new(&at, refusal.reason, refusal.detail)]),
            };
            match made {
                Ok(link) => links.push(link),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(links) } else { Err(refuse(problems)) }
    }

    fn link(&self, mut fields: Fields<'_>, at: &str) -> Result<MadeLink, Vec<Problem>> {
        let is_short = fields.flag("short");
        let mut order = read(&mut fields);
        if order.brand.is_empty() {
            order.brand.clone_from(&self.key.brand);
        }
        if order.brand != self.key.brand {
            let detail = format!("this API key makes links of brand {:?} only", self.key.brand);
            fields.problem("brand", Reason::Forbidden, &detail);
            return Err(fields.problems);
        }
        let mut problems = fields.problems;
        match order.make(self.catalog, self.identity_key, self.now, at) {
            Ok(link) if problems.is_empty() => Ok(MadeLink { link, is_short, handle: None }),
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

fn reply(made: &MadeLink) -> Value {
    let link = &made.link;
    let score_urls = link.score_urls.iter().map(|(score, url)| (score.to_string(), json!(url)));
    let mut reply = json!({
        "token": link.token,
        "url": link.url,
        "score_urls": score_urls.collect::<Map<_, _>>(),
        "opt_out_url": link.opt_out_url,
        "expires_at": link.expires_at.map(|at| at.to_string()),
    });
    if let (Some(handle), Some(fields)) = (made.handle, reply.as_object_mut()) {
        let (short_url, code_url) = link.short_urls(handle);
        fields.insert("short_url".to_owned(), short_url.into());
        fields.insert("qr_url".to_owned(), code_url.into());
    }
    reply
}

/// An order as its flags would say it.
fn read(fields: &mut Fields<'_>) -> LinkOrder {
    let mut text = |name| fields.text(name).map(std::borrow::Cow::into_owned);
    let mut order = LinkOrder {
        survey: text("survey").unwrap_or_default(),
        brand: text("brand").unwrap_or_default(),
        interaction: text("interaction"),
        locale: text("locale"),
        country: text("country"),
        expires: text("expires"),
        ..LinkOrder::default()
    };
    order.respondent = flag_or(fields, "respondent", |fields| {
        json::named_once(fields).map(|(kind, name)| format!("{kind}:{name}"))
    });
    order.subject = flag_or(fields, "subject", |fields| {
        let subject = json::subject(fields)?;
        if subject.kind.as_str().contains(':') {
            fields.problem("subject/kind", Reason::BadReference, "must hold no colon in a link");
            return None;
        }
        Some(format!("{}:{}", subject.kind.as_str(), subject.reference.as_str()))
    });
    for name in ["attributes", "attr"] {
        order.attributes.extend(fields.texts(name));
    }
    order.test = fields.flag("test");
    fields.only(&FIELDS);
    order
}

/// What can stand as the flag (`email:…`, `agent:a-7`) or as the object of `/v1/responses`.
fn flag_or<'a>(
    fields: &mut Fields<'a>,
    name: &str,
    object: impl FnOnce(&mut Fields<'a>) -> Option<String>,
) -> Option<String> {
    match fields.raw(name)?.get().starts_with('"') {
        true => fields.text(name).map(std::borrow::Cow::into_owned),
        false => object(fields),
    }
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
        let reply = make_links(
            &sample.catalog,
            &sample.identity_key,
            2,
            sample.now,
            &key,
            &Bytes::copy_from_slice(body.as_bytes()),
        )?;
        Ok(serde_json::from_slice(&reply.to_json()).unwrap())
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
                ("/0/survey".to_owned(), Reason::WrongType),
                ("/0/respondent".to_owned(), Reason::BadContact),
                ("/0/attributes/a~1b".to_owned(), Reason::WrongType),
                ("/0/colour".to_owned(), Reason::Invalid),
                ("/0/interaction".to_owned(), Reason::BadReference),
                ("/0/expires".to_owned(), Reason::BadTime),
                ("/1".to_owned(), Reason::Malformed),
            ]
        );
        let both = r#"{"survey": "support-nps", "respondent": {"ref": "r", "email": "a@example.org"},
            "subject": {"kind": "a:b", "ref": "c"}}"#;
        let expected = [
            ("/respondent".to_owned(), Reason::BadContact),
            ("/subject/kind".to_owned(), Reason::BadReference),
        ];
        assert_eq!(problems(both), expected);
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
