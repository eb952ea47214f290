//! The gateway behind the doors, with a memory in place of intake and storage: what was said under a key is known under
//! it, and otherwise the newest wins. A gateway that cannot know whether it is on disk writes it again as what it was.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::FutureExt as _;
use http::{HeaderMap, Uri};
use http_body_util::BodyExt as _;

use super::super::{Desk, events, fixtures, telnyx, twilio};
use crate::{
    catalog::{Catalog, IdentityKey},
    clock::{Clock, Timestamp},
    intake::{Given, OptingOut, Proof, Submission},
    outcome::{Ledger, Outcome, Reason, Receipt, Refusal, ResponseId},
    survey::{Identity, Survey},
};

/// A gateway that all calls of a test go to.
pub(super) struct Exchange {
    catalog: Catalog,
    key: IdentityKey,
    ledger: Ledger,
    pub(super) clock: Clock,
    /// So many answers find no room.
    pub(super) full: Cell<usize>,
    /// What came before is not known to be on disk.
    pub(super) unsure: Cell<bool>,
    stored: RefCell<Stored>,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// By key, what was written under it, and as the how many-th.
    keys: HashMap<String, usize>,
    /// What the response says.
    pub(super) record: BTreeMap<String, String>,
    /// The newest of each question.
    newest: BTreeMap<String, usize>,
    /// How often something was written to it.
    pub(super) writes: usize,
}

impl Exchange {
    pub(super) fn new(survey: Survey) -> Self {
        let mut catalog = fixtures::catalog();
        catalog.surveys.insert("acme".to_owned(), [("s".to_owned(), Arc::new(survey))].into());
        Self {
            catalog,
            key: IdentityKey::new([7; 32]),
            ledger: Ledger::default(),
            clock: Clock::manual(Timestamp::from_secs(1_700_000_000)),
            full: Cell::new(0),
            unsure: Cell::new(false),
            stored: RefCell::default(),
        }
    }

    pub(super) fn survey(&self) -> &Survey {
        self.catalog.survey("acme", "s").unwrap()
    }

    /// What is stored now.
    pub(super) fn mark(&self) -> Stored {
        self.stored.borrow().clone()
    }

    /// As if nothing had been stored since.
    pub(super) fn back_to(&self, stored: Stored) {
        self.stored.replace(stored);
    }

    /// A webhook's status and document.
    pub(super) fn post(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
        let desk =
            Desk { catalog: &self.catalog, identity_key: &self.key, ledger: &self.ledger, form_fields: 100 };
        let submit = async |submission| self.submit(submission);
        let opt_out = async |_: OptingOut| Ok(());
        let request = twilio::Request { brand: "acme", survey: "s", uri, headers, body };
        let reply = match uri.path().starts_with("/ivr/telnyx/") {
            false => twilio::turn(desk, request, submit, opt_out).now_or_never().unwrap(),
            true => match telnyx::announced(&desk, &request, headers, self.clock.now()) {
                Ok(signature) => {
                    telnyx::turn(desk, request, signature, submit, opt_out).now_or_never().unwrap()
                }
                Err(reply) => *reply,
            },
        };
        let (head, body) = reply.into_parts();
        #[allow(clippy::disallowed_methods, reason = "a reply of our own, whole in memory")]
        let bytes = body.collect().now_or_never().unwrap().unwrap().to_bytes();
        (head.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// The reply to an event of an exchange of its own.
    pub(super) fn event(&self, event: &serde_json::Value) -> Result<serde_json::Value, Refusal> {
        let desk =
            Desk { catalog: &self.catalog, identity_key: &self.key, ledger: &self.ledger, form_fields: 100 };
        let submit = async |submission| self.submit(submission);
        let body = event.to_string();
        let taken = events::take(desk, &fixtures::api_key(), body.as_bytes(), submit).now_or_never();
        taken.unwrap().map(|taken| taken.to_json())
    }

    fn submit(&self, submission: Submission) -> Result<Receipt, Refusal> {
        if self.full.get() > 0 {
            self.full.set(self.full.get() - 1);
            return Err(Refusal::new(Reason::SpoolFull, "no room"));
        }
        let mut stored = self.stored.borrow_mut();
        let key = submission.key.as_ref().unwrap().text.clone();
        // An event names no turn: pressed again, it is a change of mind.
        let key = match submission.proof {
            Proof::Key(_) => format!("{key}:{:?}", submission.answers),
            _ => key,
        };
        let stamp = stored.keys.get(&key).copied();
        let outcome = if stamp.is_none() { Outcome::Accepted } else { Outcome::Duplicate };
        if stamp.is_none() || self.unsure.get() {
            let stamp = stamp.unwrap_or(stored.keys.len());
            stored.keys.insert(key, stamp);
            stored.writes += usize::from(outcome == Outcome::Accepted);
            for (question, given) in submission.answers {
                stored.write(question, said(given), stamp);
            }
        }
        let (id, identity) = (ResponseId::from_hash([1; 16]), Identity::Signed);
        Ok(Receipt { id, outcome, reason: None, identity, answers: Vec::new(), quota: None })
    }
}

impl Stored {
    fn write(&mut self, question: String, value: String, stamp: usize) {
        if self.newest.get(&question).is_none_or(|newest| *newest <= stamp) {
            self.newest.insert(question.clone(), stamp);
            self.record.insert(question, value);
        }
    }
}

fn said(given: Given) -> String {
    match given {
        Given::Whole(score) => score.to_string(),
        Given::Choice(value) | Given::Text(value) => value,
        other => panic!("{other:?}"),
    }
}
