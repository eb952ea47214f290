//! Every page and state that a person can meet, and how they come there.

use fantoccini::{Locator, elements::Element};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    support::{Gateway, MailLink, Plan, make_link, nps},
};

/// The languages of our own words, with the word on the button that sends.
pub(super) const LANGUAGES: [(&str, &str); 6] = [
    ("en", "Send"),
    ("de", "Absenden"),
    ("fr", "Envoyer"),
    ("it", "Invia"),
    ("es", "Enviar"),
    ("ar", "إرسال"),
];

/// A page or state.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// Of the page it ends on.
    pub(super) status: u16,
    place: Place,
    steps: &'static [Step],
}

/// Where somebody comes in.
#[derive(Debug)]
enum Place {
    /// A link of a mail to a survey, with a score in its path.
    Link(&'static str, &'static str),
    /// The same of a link that says whom it was sent to.
    Somebody(&'static str, &'static str),
    /// The same of a link that was answered before, with 9, on another channel.
    Answered(&'static str, &'static str),
    /// The opt-out of somebody, or of nobody.
    OptOut(&'static str),
    /// A link that a mail tool built, past its expiry.
    Expired,
    /// The hosted form, with fields in its query.
    Form(&'static str, &'static str),
    /// The same of a gateway that takes nothing more from this address.
    Busy(&'static str),
    /// Any path.
    Path(&'static str),
}

/// What they do then.
#[derive(Debug)]
enum Step {
    Choose(&'static str, &'static str),
    Write(&'static str),
    Send,
    /// What no person does, but a broken form.
    Run(&'static str),
    Press(&'static str),
    Follow(&'static str),
}

use Place::{Answered, Busy, Expired, Form, Link, OptOut, Path, Somebody};
use Step::{Choose, Follow, Press, Run, Send, Write};

const fn scene(name: &'static str, status: u16, place: Place, steps: &'static [Step]) -> Scene {
    Scene { name, status, place, steps }
}

/// Sends what the page would not let a person send.
const OFF_SCALE: &str = "const nine = document.querySelector('[value=\"9\"]');
    nine.value = '11'; nine.form.noValidate = true;";
const OFF_STARS: &str =
    "const five = document.querySelector('#q0-5'); five.value = '9'; five.form.noValidate = true;";
const NOTHING: &str = "document.forms[0].noValidate = true;";
/// The page that tries again by itself stays, however long the look at it takes.
const STAY: &str = "HTMLFormElement.prototype.submit = () => {}";
const UNREADABLE: &str = "document.forms[0].enctype = 'text/plain';";

/// All of them.
pub(super) const SCENES: [Scene; 33] = [
    scene("nps", 200, Form("support-nps", ""), &[]),
    scene("nps-nine", 200, Link("support-nps", "/9"), &[]),
    scene("nps-three", 200, Link("support-nps", "/3"), &[]),
    scene("ces", 200, Form("ticket-ces", "effort=2"), &[]),
    scene("csat-choice", 200, Form("purchase-csat", "satisfaction=4"), &[]),
    scene("stars", 200, Form("technician-visit", "knowledge=4&punctuality=2"), &[]),
    scene("smiley", 200, Form("experience", "mood=3"), &[]),
    scene("thumbs", 200, Form("article-helpful", "helpful=0"), &[]),
    scene("language-menu", 200, Form("experience", ""), &[Press("summary")]),
    scene("expired", 200, Expired, &[]),
    scene(
        "wrong",
        422,
        Link("support-nps", "/3"),
        &[Write("Nobody called back."), Run(OFF_SCALE), Choose("recommend", "11"), Send],
    ),
    scene(
        "wrong-stars",
        422,
        Form("technician-visit", "friendliness=3"),
        &[Choose("knowledge", "5"), Run(OFF_STARS), Send],
    ),
    scene("nothing", 422, Form("purchase-csat", ""), &[Run(NOTHING), Send]),
    scene("thanks-promoter", 200, Link("support-nps", "/9"), &[Send]),
    scene("thanks-passive", 200, Link("support-nps", "/7"), &[Send]),
    scene("thanks-detractor", 200, Link("support-nps", "/0"), &[Write("Too slow."), Send]),
    scene("thanks-ces", 200, Form("ticket-ces", "effort=7"), &[Send]),
    scene("thanks-csat", 200, Form("purchase-csat", "satisfaction=4"), &[Choose("driver", "price"), Send]),
    scene("thanks-stars", 200, Form("technician-visit", "knowledge=4&punctuality=2&friendliness=5"), &[Send]),
    scene("thanks-smiley", 200, Form("experience", "mood=1"), &[Send]),
    scene("thanks-thumbs", 200, Form("article-helpful", "helpful=1"), &[Send]),
    scene("held", 200, Expired, &[Choose("recommend", "8"), Send]),
    scene("known", 200, Answered("support-nps", "/9"), &[]),
    scene(
        "changed",
        200,
        Link("support-nps", "/9"),
        &[Send, Follow("a.button:not(.go)"), Choose("recommend", "4"), Send],
    ),
    scene(
        "wait",
        429,
        Busy("support-nps"),
        &[Choose("recommend", "2"), Write("Far too slow."), Send, Run(STAY)],
    ),
    scene("opt-out", 200, OptOut("crm-1"), &[]),
    scene("opted-out", 200, OptOut("crm-2"), &[Send]),
    scene("opted-in", 200, OptOut("crm-3"), &[Send, Send]),
    scene("opt-out-nobody", 200, OptOut(""), &[]),
    scene("nps-somebody", 200, Somebody("support-nps", "/9"), &[]),
    scene("broken", 404, Path("/r/v4.local.broken"), &[]),
    scene("closed", 403, Path("/f/acme/closed"), &[]),
    scene("fault", 415, Link("support-nps", "/9"), &[Run(UNREADABLE), Send]),
];

/// Gateways and a browser to meet the scenes with.
pub(super) struct Stage {
    pub(super) open: Gateway,
    busy: Gateway,
    pub(super) browser: Browser,
}

/// A gateway with the samples, a closed survey, and a thank-you that leads on.
fn plan() -> Plan {
    Plan::new().config(|config| {
        let closed = std::fs::read_to_string(config.file("surveys/experience.toml")).unwrap();
        config.write("surveys/closed.toml", &closed.replace("id = \"experience\"", "live = false"));
        config.edit("surveys/support-nps.toml", |survey| {
            for (segment, address, label) in [
                ("promoter", "https://reviews.example/{brand}", "Write a review"),
                ("detractor", "https://www.acme.example/call-back", "Ask for a call"),
            ] {
                let thanks = survey["thanks"][segment].as_table_mut().unwrap();
                thanks.insert("link".to_owned(), address.into());
                // One label in all languages, so that it is found.
                let label = LANGUAGES.map(|(tag, _)| (tag.to_owned(), toml::Value::from(label)));
                thanks.insert("label".to_owned(), toml::Value::Table(label.into_iter().collect()));
            }
        });
    })
}

/// What runs before each page's own: axe-core, and a memory of what the policy forbade.
fn watcher() -> String {
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(axe).expect("make tools installs axe-core");
    let watch = "window.violations = [];
        addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI));";
    format!("{watch}\n{axe}")
}

impl Stage {
    pub(super) async fn set() -> Self {
        let busy = plan().set("limits.per_address", 1).start().await;
        let browser = Browser::start().await;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": watcher()})).await;
        Self { open: plan().start().await, busy, browser }
    }

    /// Goes through a scene to its end, in a language.
    pub(super) async fn play(&self, scene: &Scene, language: &str) {
        let reads = json!({"userAgent": "Chromium", "acceptLanguage": language});
        self.browser.devtools("Emulation.setUserAgentOverride", reads).await;
        let (gateway, path) = self.place(scene, language).await;
        let url = format!("http://{}{path}", gateway.http_addr());
        self.browser.open(&url).await;
        for step in scene.steps {
            match step {
                Choose(question, value) => self.choose(question, value).await,
                Write(text) => self.element("textarea").await.send_keys(text).await.unwrap(),
                Send => self.follow("form button").await,
                Follow(selector) => self.follow(selector).await,
                Run(script) => drop(self.browser.run(script).await),
                Press(selector) => self.element(selector).await.click().await.unwrap(),
            }
        }
    }

    async fn place(&self, scene: &Scene, language: &str) -> (&Gateway, String) {
        let interaction = format!("{}-{language}", scene.name);
        let lang = format!("lang={language}");
        match scene.place {
            Link(survey, rest) => {
                let fields = json!({"survey": survey, "brand": "acme", "interaction": interaction});
                (&self.open, format!("{}{rest}?{lang}", make_link(&self.open, &fields).await.path))
            }
            Somebody(survey, rest) => {
                let fields =
                    json!({"survey": survey, "interaction": interaction, "respondent": {"ref": "crm-9"}});
                (&self.open, format!("{}{rest}?{lang}", make_link(&self.open, &fields).await.path))
            }
            Answered(survey, rest) => {
                let fields = json!({"survey": survey, "brand": "acme", "interaction": interaction});
                let link = make_link(&self.open, &fields).await.path;
                let reply = self.open.submit(&nps(&interaction, 9)).await;
                assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
                (&self.open, format!("{link}{rest}?{lang}"))
            }
            OptOut(respondent) => {
                let mut fields = json!({"survey": "support-nps", "interaction": interaction});
                if !respondent.is_empty() {
                    fields["respondent"] = json!({"ref": format!("{respondent}-{language}")});
                }
                let made = make_link(&self.open, &fields).await;
                (&self.open, format!("/u/{}?{lang}", made.token))
            }
            Expired => {
                let query = &format!("interaction={interaction}&exp=2020-01-01T00:00:00Z");
                let link = MailLink { brand: "acme", survey: "support-nps", query };
                (&self.open, format!("{}&{lang}", link.signed()))
            }
            Form(survey, query) => (&self.open, format!("/f/acme/{survey}?{query}&{lang}")),
            Busy(survey) => {
                exhaust(&self.busy).await;
                (&self.busy, format!("/f/acme/{survey}?{lang}"))
            }
            Path(path) => (&self.open, format!("{path}?{lang}")),
        }
    }

    /// Presses what leads to another page, and waits for that.
    pub(super) async fn follow(&self, selector: &str) {
        let element = self.element(selector).await;
        self.browser.turn(async || element.click().await.unwrap()).await;
    }

    pub(super) async fn element(&self, selector: &str) -> Element {
        let found = self.browser.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// The radio itself is drawn over; people press its label.
    pub(super) async fn choose(&self, question: &str, value: &str) {
        let label = format!("label:has(input[name='{question}'][value='{value}'])");
        self.element(&label).await.click().await.unwrap();
    }

    /// What the page's policy forbade so far.
    pub(super) async fn violations(&self) -> Value {
        self.browser.run("return violations").await
    }
}

/// Takes all that a gateway takes from one address at present.
pub(super) async fn exhaust(gateway: &Gateway) {
    for _ in 0..1_000 {
        if gateway.post_form("/f/acme/support-nps", &[("recommend", "10")]).await.status == 429 {
            return;
        }
    }
    panic!("the limit is never reached");
}
