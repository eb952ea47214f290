//! An HTTP client as programs and browsers have one; follows no redirects.

use std::{sync::Once, time::Duration};

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// A client for one test.
pub(crate) fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// The same, to be built further.
pub(super) fn client_builder() -> reqwest::ClientBuilder {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().unwrap();
    });
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
}

/// Gives a request an urlencoded body.
pub(crate) fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// A reply, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// Sends a request.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.unwrap()
    }

    /// Sends a request to a gateway that may be gone.
    pub(crate) async fn try_of(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        Ok(Self { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| {
            panic!("a JSON body was expected ({error}): {} {}", self.status, self.text)
        })
    }

    /// The receipt, after a check of the status.
    #[track_caller]
    pub(crate) fn receipt(&self, status: u16, outcome: &str) -> Value {
        assert_eq!(self.status, status, "contract 4: {outcome} is {status}: {}", self.text);
        let receipt = self.json();
        assert_eq!(receipt["outcome"], outcome, "{receipt}");
        receipt
    }

    /// A problem of RFC 9457, after a check of its form, status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(
            self.header("content-type").starts_with("application/problem+json"),
            "contract 4: errors to programs are application/problem+json, not {:?}: {}",
            self.header("content-type"),
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        for member in ["type", "title", "detail", "trace_id"] {
            assert!(problem[member].is_string(), "contract 4 names the member {member}: {problem}");
        }
        problem
    }

    /// A page for a person, after a check of its status.
    #[track_caller]
    pub(crate) fn page(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(
            self.header("content-type").starts_with("text/html"),
            "contract 4: people get a page, not {:?}",
            self.header("content-type")
        );
        &self.text
    }

    /// The value of a hidden or plain `<input>` of a page, by its name.
    pub(crate) fn input(&self, name: &str) -> Option<String> {
        let inputs = self.text.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
        inputs
            .filter(|input| attribute(input, "name") == Some(name))
            .find_map(|input| attribute(input, "value").map(str::to_owned))
    }

    /// The scores that a page shows as chosen, by the question's id.
    pub(crate) fn checked(&self, question: &str) -> Vec<String> {
        let inputs = self.text.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
        inputs
            .filter(|input| attribute(input, "name") == Some(question) && input.contains("checked"))
            .filter_map(|input| attribute(input, "value").map(str::to_owned))
            .collect()
    }
}

/// An attribute of a tag, quoted either way or not at all.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}="))? + name.len() + 2;
    let rest = &tag[start..];
    match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next(),
        _ => rest.split_whitespace().next(),
    }
}
