//! The URL of a turn. It names brand and survey, carries the operator's query through the whole call byte for byte, and
//! after it where the call stands:
//!
//! ```text
//! {public_base_url}/ivr/twilio/acme/support-nps?lang=de&interaction=t-1&vg_step=recommend&vg_try=1&vg_score=recommend.9
//! └ the brand's ┘└ path as called             ┘└ the operator's       ┘└ ours, from `vg_step` on                     ┘
//! ```
//!
//! The provider signs the URL that it calls, so what stands in it is as trustworthy as the signature. The base may have
//! a path prefix; the path that reached us is appended to it, so a proxy that serves the gateway under a prefix has to
//! take the prefix off. Where the provider signs the body alone, our part ends with a [`Seal`], `vg_seal=…`.

use std::borrow::Cow;

use super::{
    super::{
        dialogue::{Place, State},
        telnyx::Seal,
    },
    callback::Callback,
    state,
};
use crate::parts;

/// Where our part of a query begins.
const STEP: &str = "vg_step=";
/// What our part ends with where the provider does not sign it.
const SEAL: &str = "&vg_seal=";

/// A URL as it was called.
#[derive(Clone, Copy)]
pub(in crate::channel::ivr) struct Address<'a> {
    base: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    seal: Option<Seal<'a>>,
}

/// Shows what may be logged.
impl std::fmt::Debug for Address<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.redacted())
    }
}

impl<'a> Address<'a> {
    /// The URL of a request: the brand's public base, then path and query as they came.
    pub(in crate::channel::ivr) fn new(base: &'a str, path: &'a str, query: Option<&'a str>) -> Self {
        Self { base: base.trim_end_matches('/'), path, query, seal: None }
    }

    /// The same address of a call whose provider does not sign it. None when it says where the call stands, and has not
    /// been sealed for this call.
    pub(in crate::channel::ivr) fn sealed(self, seal: Seal<'a>) -> Option<Self> {
        let (_, ours) = self.parts();
        if ours.is_none() {
            return Some(Self { seal: Some(seal), ..self });
        }
        let (query, given) = self.query?.rsplit_once(SEAL)?;
        let opened = Self { query: Some(query), seal: Some(seal), ..self };
        seal.fits(&opened.url(), given).then_some(opened)
    }

    /// The URL that the signature covers.
    pub(super) fn url(&self) -> String {
        match self.query {
            None => [self.base, self.path].concat(),
            Some(query) => [self.base, self.path, "?", query].concat(),
        }
    }

    /// The URL for the log: no user, no password, and of the query only values that name no person.
    pub(in crate::channel::ivr) fn redacted(&self) -> String {
        const SHOWN: [&str; 5] = ["lang", "interaction", "vg_step", "vg_lang", "vg_try"];
        let base = match self.base.split_once("://").zip(self.base.rsplit_once('@')) {
            Some(((scheme, _), (_, host))) => Cow::Owned(format!("{scheme}://[redacted]@{host}")),
            None => Cow::Borrowed(self.base),
        };
        let Some(query) = self.query else { return format!("{base}{}", self.path) };
        let pairs: Vec<_> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if !SHOWN.contains(&name) && !value.is_empty() => {
                    Cow::Owned(format!("{name}=[redacted]"))
                }
                _ => Cow::Borrowed(pair),
            })
            .collect();
        format!("{base}{}?{}", self.path, pairs.join("&"))
    }

    /// The operator's value of a query parameter; none when it is absent or empty.
    pub(super) fn operators(&self, name: &str) -> Option<Cow<'a, str>> {
        let (query, _) = self.parts();
        form_urlencoded::parse(query.unwrap_or("").as_bytes())
            .find(|(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// Where the call stands; none at its beginning.
    pub(super) fn state(&self) -> Option<State> {
        self.ours().map(state::read)
    }

    /// Our part of the query; none at a call's beginning.
    pub(in crate::channel::ivr) fn ours(&self) -> Option<&'a str> {
        self.parts().1
    }

    /// The URL of the turn that follows.
    pub(super) fn of_next(&self, state: &State) -> String {
        self.closed(self.with("", &state::query(state)))
    }

    /// The URL of a report about this call; `ours` is our part of its query.
    pub(super) fn of_callback(&self, callback: Callback, ours: &str) -> String {
        self.closed(self.with(&format!("/{}", callback.segment()), ours))
    }

    /// Names a turn of a call in which these keys were pressed, so that the same turn again is known as that: when a
    /// provider tries again, and when somebody plays back what was signed once. Waiting for room is no other turn.
    pub(super) fn turn_key(&self, call_id: &str, place: &Place, keys: &str) -> String {
        let url = self.with("", &state::query(&State { place: place.clone(), waiting: None }));
        let hash = parts::half(&blake3::hash(&parts::joined(&[url.as_bytes(), keys.as_bytes()])));
        [call_id, ":", &hex::encode(hash)].concat()
    }

    fn closed(&self, url: String) -> String {
        match self.seal {
            Some(seal) => format!("{url}{SEAL}{}", seal.of(&url)),
            None => url,
        }
    }

    fn with(&self, segment: &str, ours: &str) -> String {
        let (operators, _) = self.parts();
        let operators = operators.unwrap_or("");
        let between = if operators.is_empty() { "" } else { "&" };
        let path = if segment.is_empty() { self.path } else { self.path.trim_end_matches('/') };
        [self.base, path, segment, "?", operators, between, ours].concat()
    }

    /// The operator's query and ours. Ours is a tail, so the last beginning counts.
    fn parts(&self) -> (Option<&'a str>, Option<&'a str>) {
        let Some(query) = self.query else { return (None, None) };
        let begins = |at: &usize| *at == 0 || query.as_bytes().get(at - 1) == Some(&b'&');
        match query.rmatch_indices(STEP).map(|(at, _)| at).find(begins) {
            None => (Some(query), None),
            Some(at) => {
                let (operators, ours) = query.split_at(at);
                (Some(operators.strip_suffix('&').unwrap_or(operators)), Some(ours))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::super::{
            dialogue::{Doubt, LoneOne, Place, Waiting},
            input::Recording,
        },
        *,
    };
    use crate::survey::Language;

    const PATH: &str = "/ivr/twilio/acme/support-nps";
    const KEY: crate::catalog::IdentityKey = crate::catalog::IdentityKey::new([7; 32]);

    fn state() -> State {
        let scores = vec![("recommend".to_owned(), 10)];
        let doubt = Some(Doubt::One(LoneOne::Kept));
        let place = Place { question: "why".to_owned(), tries: 2, doubt, scores, ..Place::default() };
        State { place, waiting: Some(Waiting { keys: "1*".to_owned(), recording: None, tries: 1 }) }
    }

    fn query_of(url: &str) -> Option<&str> {
        url.split_once('?').map(|(_, query)| query)
    }

    #[test]
    fn the_base_may_have_a_path_prefix_and_a_trailing_slash() {
        let address = Address::new("https://acme.example/feedback/", PATH, Some("lang=de"));
        assert_eq!(address.url(), "https://acme.example/feedback/ivr/twilio/acme/support-nps?lang=de");
        assert_eq!(Address::new("https://a.example", PATH, None).url(), format!("https://a.example{PATH}"));
    }

    #[test]
    fn the_operators_query_is_kept_byte_for_byte_through_all_turns() {
        for query in [
            "lang=de&interaction=t%2D1&subject=agent:a-7&x=It's+amazing&&=&y",
            "respondent=crm-0815&vg_unknown=1",
            "a=%zz&b=\u{e9}",
            "xvg_step=5",
        ] {
            let first = Address::new("https://a.example", PATH, Some(query));
            let second = first.of_next(&state());
            assert!(second.contains(&format!("?{query}&vg_step=")), "{second}");
            let third = Address::new("https://a.example", PATH, query_of(&second)).of_next(&state());
            assert_eq!(third, second);
        }
    }

    #[test]
    fn a_call_without_a_query_gets_only_ours() {
        for query in [None, Some("")] {
            let next = Address::new("https://a.example", PATH, query).of_next(&State::default());
            assert_eq!(next, format!("https://a.example{PATH}?vg_step="));
        }
    }

    #[test]
    fn what_is_ours_is_not_read_as_the_operators() {
        let next = Address::new("https://a.example", PATH, Some("lang=fr&interaction=")).of_next(&state());
        let address = Address::new("https://a.example", PATH, query_of(&next));
        assert_eq!(address.operators("lang").as_deref(), Some("fr"));
        assert_eq!(address.operators("interaction"), None);
        assert_eq!(address.operators("vg_step"), None);
    }

    #[test]
    fn the_log_shows_where_a_call_went_and_not_who_called() {
        let address = Address::new(
            "https://user:pass@acme.example:8443/f",
            PATH,
            Some("lang=de&respondent=crm-0815&subject=agent:a-7&interaction=t-1&phone=%2B41446681800&flag"),
        );
        assert_eq!(
            address.redacted(),
            "https://[redacted]@acme.example:8443/f/ivr/twilio/acme/support-nps\
             ?lang=de&respondent=[redacted]&subject=[redacted]&interaction=t-1&phone=[redacted]&flag"
        );
    }

    #[test]
    fn a_sealed_address_is_that_of_its_call_and_of_no_other_words() {
        fn sealed(query: Option<&str>) -> Option<Address<'_>> {
            Address::new("https://a.example", PATH, query).sealed(Seal::new(&KEY, "v3:1"))
        }
        let next = sealed(Some("interaction=t-1")).unwrap().of_next(&state());
        let query = query_of(&next).unwrap();
        let second = sealed(Some(query)).unwrap();
        assert_eq!(second.state(), Some(state()));
        assert_eq!(second.of_next(&state()), next, "the same bytes, and one seal");
        let other_call = Address::new("https://a.example", PATH, Some(query)).sealed(Seal::new(&KEY, "v3:2"));
        assert!(other_call.is_none());
        let bare = query.rsplit_once("&vg_seal=").unwrap().0;
        for forged in [
            query.replace("t-1", "t-2"),
            query.replace("vg_try=2", "vg_try=0"),
            query.replace("vg_keys=1*", "vg_keys=9"),
            format!("{query}0"),
            bare.to_owned(),
            format!("{bare}&vg_seal="),
        ] {
            assert_ne!(forged, query);
            assert!(sealed(Some(&forged)).is_none(), "{forged}");
        }
    }

    #[test]
    fn a_turn_is_named_by_call_place_and_keys_and_not_by_its_waiting() {
        let address = Address::new("https://a.example", PATH, Some("interaction=t-1"));
        let key = address.turn_key("CA1", &state().place, "9");
        let waiting = address.of_next(&state());
        let again = Address::new("https://a.example", PATH, query_of(&waiting));
        assert_eq!(again.turn_key("CA1", &again.state().unwrap().place, "9"), key);
        let elsewhere = Address::new("https://a.example", PATH, Some("interaction=t-2"));
        for other in [
            address.turn_key("CA2", &state().place, "9"),
            address.turn_key("CA1", &Place::default(), "9"),
            address.turn_key("CA1", &state().place, "8"),
            elsewhere.turn_key("CA1", &state().place, "9"),
        ] {
            assert_ne!(other, key);
        }
    }

    proptest! {
        #[test]
        fn a_state_survives_its_way_through_a_url(
            question in "[a-z][a-z0-9._-]{0,20}|\\PC{1,8}",
            tries in 0_u8..4,
            language in proptest::option::of("de|fr-CH|zh-Hant-TW"),
            doubt in proptest::option::of(prop_oneof![
                Just(Doubt::One(LoneOne::Kept)),
                Just(Doubt::One(LoneOne::Open)),
                "[0-9]{1,2}".prop_map(Doubt::Heard),
            ]),
            scores in proptest::collection::vec(("[a-z.]{1,8}", -1_i32..11), 0..3),
            waiting in proptest::option::of(("[0-9#*]{0,3}", proptest::option::of("[A-Z0-9]{1,9}"), 0_u8..4)),
            operators in proptest::option::of("[a-z=&%+]{0,20}"),
        ) {
            let recorded = |id: String| Recording { address: format!("https://a.example/{id}?a=1&b=+"), id };
            let waiting =
                waiting.map(|(keys, id, tries)| Waiting { keys, recording: id.map(recorded), tries });
            let language = language.and_then(|tag| Language::parse(&tag));
            let state = State { place: Place { language, question, tries, doubt, scores }, waiting };
            let first = Address::new("https://a.example", PATH, operators.as_deref());
            let next = first.of_next(&state);
            let second = Address::new("https://a.example", PATH, query_of(&next));
            prop_assert_eq!(second.url(), next.clone());
            prop_assert_eq!(second.state(), Some(state));
            prop_assert_eq!(second.of_next(&State::default()), first.of_next(&State::default()));
        }
    }
}
