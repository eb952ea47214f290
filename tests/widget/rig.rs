//! A host page and a gateway on two origins. The gateway is the widget's own code behind a bare server; only what
//! takes the beacons is a stand-in, which records them and can lose them.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voxgate::{
    catalog::{Brand, Colours, Origin},
    channel::chat_widget::{self, Reply},
    outcome::{Reason, Refusal},
    survey::{AskWhen, Channel, Choice, Kind, Language, Question, Rule, Survey, Texts},
};

/// How long anything may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page without rules of its own.
pub(crate) const PLAIN: &str = "plain";
/// A page that resets every style and trusts nothing.
pub(crate) const HOSTILE: &str = "hostile";
/// A page that has put its own in the place of what the language and the browser offer, before the widget loads.
pub(crate) const OVERRIDDEN: &str = "overridden";
/// A page whose policy lets surveys in and no answer out.
pub(crate) const WALLED: &str = "walled";

/// What becomes of a beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Taken.
    Take,
    /// Taken, and the reply is lost.
    LoseReply,
    /// Lost before it arrives.
    Drop,
    /// The same of what a page sends as it goes; what a page sends that stays is taken.
    DropBeacons,
    /// On its way until the mode is another one.
    Hold,
    /// Refused for good.
    Refuse,
}

/// A beacon as it came.
#[derive(Clone, Debug)]
pub(crate) struct Beacon {
    pub(crate) content_type: Option<String>,
    /// `cors` of a request whose reply the page reads, `no-cors` of a beacon (Fetch Metadata, 2.2).
    pub(crate) fetch_mode: String,
    pub(crate) body: Value,
}

/// Both servers; gone when dropped.
pub(crate) struct Rig {
    host: SocketAddr,
    gateway: SocketAddr,
    state: Arc<State>,
    stop: CancellationToken,
}

struct State {
    brands: Vec<Brand>,
    surveys: BTreeMap<String, Survey>,
    mode: watch::Sender<Mode>,
    /// Requests with an answer that began to arrive, also those that were then lost.
    tries: watch::Sender<usize>,
    beacons: Mutex<Vec<Beacon>>,
    arrived: Notify,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let (host, gateway) = (listen().await, listen().await);
        let state = Arc::new(State {
            brands: vec![brand("acme", "http://127.0.0.1:*"), brand("strict", "https://strict.example")],
            surveys: surveys().into_iter().map(|survey| (survey.id.clone(), survey)).collect(),
            mode: watch::Sender::new(Mode::Take),
            tries: watch::Sender::new(0),
            beacons: Mutex::default(),
            arrived: Notify::new(),
        });
        let stop = CancellationToken::new();
        let addresses = (host.local_addr().unwrap(), gateway.local_addr().unwrap());
        for listener in [host, gateway] {
            serve(listener, addresses.1, Arc::clone(&state), stop.clone());
        }
        Self { host: addresses.0, gateway: addresses.1, state, stop }
    }

    /// The address of a page that embeds the widget with these attributes; `data-late` leaves loading it to `load()`.
    pub(crate) fn page(&self, kind: &str, attributes: &str) -> String {
        let attributes: String = form_urlencoded::byte_serialize(attributes.as_bytes()).collect();
        assert_ne!(self.host, self.gateway);
        format!("http://{}/{kind}?{attributes}", self.host)
    }

    pub(crate) fn mode(&self, mode: Mode) {
        self.state.mode.send_replace(mode);
    }

    /// Waits until so many requests with an answer have begun to arrive.
    pub(crate) async fn tries(&self, count: usize) {
        let mut tries = self.state.tries.subscribe();
        let enough = tries.wait_for(|tries| *tries >= count);
        timeout(PATIENCE, enough).await.expect("it is tried in time").unwrap();
    }

    /// All beacons that have come.
    pub(crate) fn all(&self) -> Vec<Beacon> {
        self.state.beacons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Exactly so many beacons, as soon as they have come.
    pub(crate) async fn beacons<const N: usize>(&self) -> [Beacon; N] {
        self.at_least(N).await.try_into().expect("no more beacons come than were pressed")
    }

    /// All beacons, as soon as so many have come.
    pub(crate) async fn at_least(&self, count: usize) -> Vec<Beacon> {
        let enough = async {
            loop {
                let arrived = self.state.arrived.notified();
                let beacons = self.all();
                if beacons.len() >= count {
                    return beacons;
                }
                arrived.await;
            }
        };
        timeout(PATIENCE, enough).await.expect("the beacons come in time")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

fn serve(listener: TcpListener, gateway: SocketAddr, state: Arc<State>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let connections = tasks.clone();
    let accept = async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let state = Arc::clone(&state);
            let service = service_fn(move |request| answer(request, gateway, Arc::clone(&state)));
            // Each request on a connection of its own: on one that was used before, a browser repeats by itself what
            // got no reply, and nobody could say how often the widget has tried.
            let mut http = http1::Builder::new();
            let connection = http.keep_alive(false).serve_connection(TokioIo::new(stream), service);
            // An error is a reply that was meant to be lost.
            connections.spawn(async move { connection.await.is_ok() });
        }
    };
    tasks.spawn(async move { stop.run_until_cancelled(accept).await });
}

/// An error closes the connection without a reply.
async fn answer(
    request: Request<Incoming>,
    gateway: SocketAddr,
    state: Arc<State>,
) -> Result<Reply, &'static str> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    match path.as_str() {
        "/plain" | "/hostile" | "/overridden" | "/walled" => Ok(page(&path, &query, gateway)),
        "/prefix/widget.js" => Ok(chat_widget::script(request.headers())),
        "/prefix/v1/beacon" if request.method() == Method::OPTIONS => {
            let allowed = chat_widget::preflight(&state.brands, request.headers().get(header::ORIGIN));
            Ok(allowed.unwrap_or_else(|_| status(StatusCode::FORBIDDEN)))
        }
        "/prefix/v1/beacon" => beacon(request, &state).await,
        path => {
            let survey = path.strip_prefix("/prefix/v1/surveys/");
            let survey = survey.map(|survey| definition(survey, &query, request.headers(), &state));
            let file = path.strip_prefix("/prefix/").unwrap_or_default();
            let version = || chat_widget::version(file, request.headers());
            Ok(survey.or_else(version).unwrap_or_else(|| status(StatusCode::NOT_FOUND)))
        }
    }
}

fn definition(survey: &str, query: &str, headers: &HeaderMap, state: &State) -> Reply {
    let fields: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let brand = state.brands.iter().find(|brand| brand.id == fields["brand"]).unwrap();
    let wished: Vec<_> = fields.get("locale").and_then(|tag| Language::parse(tag)).into_iter().collect();
    let origin = headers.get(header::ORIGIN);
    match chat_widget::survey(brand, &state.surveys[survey], &wished, origin) {
        Ok(reply) => reply,
        Err(refusal) => refuse(&refusal, brand, headers),
    }
}

async fn beacon(request: Request<Incoming>, state: &State) -> Result<Reply, &'static str> {
    let headers = request.headers().clone();
    let content_type = headers.get(header::CONTENT_TYPE);
    assert!(chat_widget::accepts(content_type));
    state.tries.send_modify(|tries| *tries += 1);
    let mode = *state.mode.subscribe().wait_for(|mode| *mode != Mode::Hold).await.unwrap();
    let of_a_page_that_goes = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "no-cors");
    if mode == Mode::Drop || (mode == Mode::DropBeacons && of_a_page_that_goes) {
        return Err("dropped");
    }
    let body = Limited::new(request.into_body(), chat_widget::BEACON_BYTES);
    #[allow(clippy::disallowed_methods, reason = "is limited")]
    let bytes = body.collect().await.map_err(|_| "cut off")?.to_bytes();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let beacon = Beacon {
        fetch_mode: text("sec-fetch-mode").unwrap_or_default(),
        content_type: text("content-type"),
        body: serde_json::from_slice(&bytes).unwrap(),
    };
    let brand = state.brands.iter().find(|brand| beacon.body["brand"] == brand.id).unwrap();
    let receipt = take(beacon, state);
    match mode {
        Mode::LoseReply => Err("lost"),
        Mode::Refuse => Ok(refuse(&Refusal::new(Reason::SurveyClosed, "closed"), brand, &headers)),
        _ => Ok(with_cors(receipt, brand, &headers)),
    }
}

/// A response for each key: the first beacon is accepted, another content revises it, the same is a duplicate.
fn take(beacon: Beacon, state: &State) -> Reply {
    let mut beacons = state.beacons.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |field: &str| beacons.iter().any(|known| known.body[field] == beacon.body[field]);
    let (outcome, status) = match (same("key"), same("answers")) {
        (false, _) => ("accepted", StatusCode::CREATED),
        (true, false) => ("revised", StatusCode::OK),
        (true, true) => ("duplicate", StatusCode::OK),
    };
    beacons.push(beacon);
    state.arrived.notify_waiters();
    let receipt = json!({
        "id": "00000000-0000-8000-8000-000000000001",
        "outcome": outcome,
        "identity": "stated",
        "answers": {},
    });
    reply(status, "application/json", receipt.to_string())
}

fn refuse(refusal: &Refusal, brand: &Brand, headers: &HeaderMap) -> Reply {
    let problem = json!({ "status": refusal.reason.status().as_u16(), "code": refusal.reason.code() });
    let problem = reply(refusal.reason.status(), "application/problem+json", problem.to_string());
    with_cors(problem, brand, headers)
}

fn with_cors(mut reply: Reply, brand: &Brand, headers: &HeaderMap) -> Reply {
    if let Ok(cors) = chat_widget::cors(brand, headers.get(header::ORIGIN)) {
        cors.apply(reply.headers_mut());
    }
    reply
}

fn status(status: StatusCode) -> Reply {
    reply(status, "text/plain", String::new())
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let builder = Response::builder().status(status).header(header::CONTENT_TYPE, content_type);
    builder.body(Full::new(Bytes::from(body))).unwrap()
}

/// What a page of many years and authors may have done to the language before the widget loads.
const OVERRIDES: &str = concat!("<script>", include_str!("overrides.js"), "</script>");

/// The page of a host. What it sees of the widget it keeps in `seen`, and what goes wrong in `errors` and `violations`.
fn page(path: &str, attributes: &str, gateway: SocketAddr) -> Reply {
    let attributes = form_urlencoded::parse(attributes.as_bytes()).next().map(|(text, _)| text.into_owned());
    let attributes = attributes.unwrap_or_default();
    let version = chat_widget::Version::present();
    let source = if attributes.contains("integrity") {
        format!(
            "widget-{}.js\" integrity=\"{}\" crossorigin=\"anonymous",
            version.name(),
            version.integrity()
        )
    } else {
        "widget.js".to_owned()
    };
    let tag = format!(
        "src=\"http://{gateway}/prefix/{source}\" data-brand=acme data-survey=support-nps {attributes}"
    );
    let script =
        if tag.contains("data-late") { String::new() } else { format!("<script async {tag}></script>") };
    let html =
        include_str!("host.html").replace("{{script}}", &script).replace("{{gateway}}", &gateway.to_string());
    let reset =
        "<style nonce=n>* { all: unset !important } :not(:defined) { display: none !important }</style>";
    let html = html.replace("{{style}}", if path == "/hostile" { reset } else { "" });
    let html = html.replace("{{first}}", if path == "/overridden" { OVERRIDES } else { "" });
    let mut reply = reply(StatusCode::OK, "text/html; charset=utf-8", html);
    if let Some(policy) = policy(path, gateway) {
        reply.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.parse().unwrap());
    }
    reply
}

fn policy(path: &str, gateway: SocketAddr) -> Option<String> {
    match path {
        "/hostile" => Some(format!(
            "default-src 'none'; script-src 'nonce-n' http://{gateway}; connect-src http://{gateway}; \
             style-src 'nonce-n'; require-trusted-types-for 'script'; trusted-types page"
        )),
        "/walled" => Some(format!("connect-src http://{gateway}/prefix/v1/surveys/")),
        _ => None,
    }
}

fn texts(of: &[(&str, &str)]) -> Texts {
    of.iter().map(|(tag, text)| (Language::parse(tag).unwrap(), (*text).to_owned())).collect()
}

fn brand(id: &str, origin: &str) -> Brand {
    Brand {
        id: id.to_owned(),
        name: "Acme".to_owned(),
        languages: ["en", "de", "fr", "it", "es", "ar"].map(|tag| Language::parse(tag).unwrap()).into(),
        countries: vec!["CH".to_owned()],
        time_zone: "Europe/Zurich".to_owned(),
        logo: None,
        colours: Colours { accent: "#3b5bdb".to_owned(), on_accent: "#ffffff".to_owned() },
        public_base_url: "http://127.0.0.1:8080".to_owned(),
        privacy_url: None,
        allowed_origins: vec![Origin::parse(origin).unwrap()],
        redirects: Vec::new(),
        link_secrets: Vec::new(),
        accounts: Vec::new(),
        overrides: Vec::new(),
    }
}

fn question(id: &str, kind: Kind, en: &str, de: &str) -> Question {
    Question {
        id: id.to_owned(),
        kind,
        required: false,
        text: texts(&[("en", en), ("de", de)]),
        low: Texts::default(),
        high: Texts::default(),
        audio: Texts::default(),
        ask_when: None,
        choices: Vec::new(),
    }
}

fn survey(id: &str, questions: Vec<Question>) -> Survey {
    Survey {
        id: id.to_owned(),
        version: 1,
        brands: None,
        channels: [Channel::Chat].into(),
        live: true,
        one_response_per: Rule::Interaction,
        edit_window: Duration::from_secs(86_400),
        default_language: Language::parse("en").unwrap(),
        email_confirm: Default::default(),
        thanks: [].into(),
        phone: voxgate::survey::Phone::default(),
        questions,
    }
}

/// In all languages of our own words.
fn recommend() -> Question {
    Question {
        required: true,
        text: texts(&[
            ("en", "Would you recommend {brand} to a friend or relative?"),
            ("de", "Würden Sie {brand} Freunden oder Verwandten empfehlen?"),
            ("fr", "Recommanderiez-vous {brand} à un ami ou à un proche\u{a0}?"),
            ("it", "Consiglierebbe {brand} a un amico o a un familiare?"),
            ("es", "¿Recomendaría {brand} a un amigo o familiar?"),
            ("ar", "هل توصي صديقًا أو قريبًا بـ {brand}؟"),
        ]),
        low: texts(&[
            ("en", "Not at all likely"),
            ("de", "Unwahrscheinlich"),
            ("fr", "Pas du tout probable"),
            ("it", "Per niente probabile"),
            ("es", "Nada probable"),
            ("ar", "غير محتمل"),
        ]),
        high: texts(&[
            ("en", "Extremely likely"),
            ("de", "Sehr wahrscheinlich"),
            ("fr", "Extrêmement probable"),
            ("it", "Estremamente probabile"),
            ("es", "Muy probable"),
            ("ar", "محتمل جدًا"),
        ]),
        ..question("recommend", Kind::Nps, "", "")
    }
}

/// Asked below a 9.
fn reason() -> Question {
    Question {
        ask_when: Some(AskWhen { question: "recommend".to_owned(), below: Some(9), above: None }),
        text: texts(&[
            ("en", "What could we have done better?"),
            ("de", "Was hätten wir besser machen können?"),
            ("fr", "Qu’aurions-nous pu faire mieux\u{a0}?"),
            ("it", "Che cosa avremmo potuto fare meglio?"),
            ("es", "¿Qué podríamos haber hecho mejor?"),
            ("ar", "ما الذي كان يمكننا فعله بشكل أفضل؟"),
        ]),
        ..question("reason", Kind::Text, "", "")
    }
}

fn surveys() -> Vec<Survey> {
    let price =
        Choice { value: "price".to_owned(), text: texts(&[("en", "The price"), ("de", "Der Preis")]) };
    let speed =
        Choice { value: "speed".to_owned(), text: texts(&[("en", "The speed"), ("de", "Das Tempo")]) };
    let star = |id, en, de| question(id, Kind::Stars, en, de);
    let mail_only = Survey { channels: [Channel::Email].into(), ..survey("mail-only", vec![recommend()]) };
    vec![
        survey("support-nps", vec![recommend(), reason()]),
        survey(
            "technician-visit",
            vec![
                star(
                    "knowledge",
                    "How well did our technician know the matter?",
                    "Wie gut kannte sich unser Techniker aus?",
                ),
                star(
                    "friendliness",
                    "How friendly was our technician?",
                    "Wie freundlich war unser Techniker?",
                ),
                question("comment", Kind::Text, "Anything else?", "Möchten Sie noch etwas sagen?"),
            ],
        ),
        survey(
            "experience",
            vec![question("mood", Kind::Smiley, "How was your visit?", "Wie war Ihr Besuch?")],
        ),
        survey("article", vec![question("helpful", Kind::Thumbs, "Was this helpful?", "War das hilfreich?")]),
        survey(
            "all-kinds",
            vec![
                question("ces", Kind::Ces, "How easy was it?", "Wie einfach war es?"),
                question("csat", Kind::Csat, "How satisfied are you?", "Wie zufrieden sind Sie?"),
                star("stars", "How many stars?", "Wie viele Sterne?"),
                question("smiley", Kind::Smiley, "How was it?", "Wie war es?"),
                question("thumbs", Kind::Thumbs, "Was it helpful?", "War es hilfreich?"),
                Question {
                    choices: vec![price, speed],
                    ..question("choice", Kind::Choice, "What matters most?", "Was zählt am meisten?")
                },
                question("text", Kind::Text, "Anything else?", "Noch etwas?"),
            ],
        ),
        mail_only,
    ]
}
