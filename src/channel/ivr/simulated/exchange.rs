//! The gateway behind the doors, with a memory in place of intake and storage: what was said under a key is known under
//! it, and otherwise the newest wins.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures_util::FutureExt as _;
use http::{HeaderMap, Uri};
use http_body_util::BodyExt as _;

use super::super::{Desk, fixtures, telnyx, twilio};
use crate::{
    catalog::{Catalog, IdentityKey},
    clock::{Clock, Timestamp},
    intake::{Given, OptingOut, Submission},
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
    stored: RefCell<Stored>,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    keys: HashSet<String>,
    /// What the response says.
    pub(super) record: BTreeMap<String, String>,
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

    fn submit(&self, submission: Submission) -> Result<Receipt, Refusal> {
        if self.full.get() > 0 {
            self.full.set(self.full.get() - 1);
            return Err(Refusal::new(Reason::SpoolFull, "no room"));
        }
        let mut stored = self.stored.borrow_mut();
        let fresh = stored.keys.insert(submission.key.as_ref().unwrap().text.clone());
        if fresh {
            stored.writes += 1;
            let said = submission.answers.into_iter().map(|(question, given)| (question, said(given)));
            stored.record.extend(said);
        }
        let outcome = if fresh { Outcome::Accepted } else { Outcome::Duplicate };
        let (id, identity) = (ResponseId::from_hash([1; 16]), Identity::Signed);
        Ok(Receipt { id, outcome, reason: None, identity, answers: Vec::new(), quota: None })
    }
}

fn said(given: Given) -> String {
    match given {
        Given::Whole(score) => score.to_string(),
        Given::Choice(value) => value,
        other => panic!("{other:?}"),
    }
}
