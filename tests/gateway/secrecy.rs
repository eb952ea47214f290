//! Secrets and people's data are planted everywhere, and looked for where they must not be: logs at the most talkative
//! level of everything that is linked in, metrics, the books, problems, what operators are shown.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tonic::Code;
use voxgate::proto::collector::v1::{Respondent, SubmitRequest, respondent};

use crate::support::{
    Cli, Gateway, MailLink, PUBLIC_BASE, Plan, Redis, Reply, collector, form, nps_message, parameters,
    planted::{Planted, assert_none},
    signed_post, voxgate, wait_for,
};

const fn planted(what: &'static str, text: &'static str) -> Planted {
    Planted { what, text }
}

const API_KEY: &str = "vg_planted7Kq2XwApiKey";
const WRONG_KEY: &str = "vg_planted7Kq2XwWrongKey";
const LINK_SECRET: &str = "planted-8Zt4-link-secret";
const CALL_TOKEN: &str = "planted-5Rm9-call-token";
const IDENTITY_KEY: &str = "planted-identity-key-of-32-bytes";
const TOKEN_KEY: &str = "planted-link-token-key-32-bytes!";
const STORE_KEY: &str = "planted-3Vb6-store-key";
const REDIS_PASSWORD: &str = "planted-1Nc8-redis-password";
const ADMIN_TOKEN: &str = "admin-token-of-the-tests";
const WRONG_SIGNATURE: &str = "cGxhbnRlZC13cm9uZy1zaWduYXR1cmU=";

const SECRETS: [Planted; 10] = [
    planted("the API key", API_KEY),
    planted("a wrong API key", WRONG_KEY),
    planted("the link secret", LINK_SECRET),
    planted("the telephony token", CALL_TOKEN),
    planted("the identity key", IDENTITY_KEY),
    planted("the key of link tokens", TOKEN_KEY),
    planted("the store's key", STORE_KEY),
    planted("Redis's password", REDIS_PASSWORD),
    planted("the admin token", ADMIN_TOKEN),
    planted("a wrong signature", WRONG_SIGNATURE),
];

const EMAIL: &str = "ann.planted@mail.example";
const PHONE: &str = "+41446681834";
const PERSON: &str = "crm-planted-4471";
const COMMENT: &str = "planted comment: nobody called back";
const NAME: &str = "Ann Plantedname";
const IDEMPOTENCY_KEY: &str = "planted-idempotency-2f9a";
const ADDRESS: &str = "203.0.113.77";

const PEOPLE: [Planted; 7] = [
    planted("a mail address", EMAIL),
    planted("a telephone number", "41446681834"),
    planted("a respondent's reference", PERSON),
    planted("a comment", COMMENT),
    planted("a name in an attribute", NAME),
    planted("an idempotency key", IDEMPOTENCY_KEY),
    planted("the client's address", ADDRESS),
];

fn everything() -> Vec<Planted> {
    SECRETS.into_iter().chain(PEOPLE).collect()
}

/// Every place of a secret holds a planted one, and everything is logged.
fn plan(redis: &Redis) -> Plan {
    let plan = Plan::new()
        .set("telemetry.log", "trace")
        .set("identity.key", hex::encode(IDENTITY_KEY))
        .set("tokens.keys", vec![hex::encode(TOKEN_KEY)])
        .set("store.key", STORE_KEY)
        .set("redis.prefix", "planted:")
        .set("trusted_proxies", vec!["127.0.0.1/32"])
        .redis(redis.url().replace("redis://", &format!("redis://:{REDIS_PASSWORD}@")));
    plan.config(|config| {
        config.edit("brands/acme.toml", |brand| {
            brand.insert("link_secrets".to_owned(), vec![LINK_SECRET].into());
            brand["telephony"][0]["tokens"] = vec![CALL_TOKEN].into();
            let hash = hex::encode(Sha256::digest(API_KEY));
            brand["api_key"][0]["sha256"] = hash.into();
        });
    })
}

/// Two processes, as large installations run them.
struct Installation {
    store: Gateway,
    edge: Gateway,
}

impl Installation {
    async fn start(redis: &Redis) -> Self {
        let mut store_plan = plan(redis);
        store_plan = store_plan.only_store("127.0.0.1:0");
        let store = store_plan.start().await;
        let edge = plan(redis).only_edge(&store.store_url()).start().await;
        Self { store, edge }
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.edge.request(Method::POST, path).header("x-forwarded-for", ADDRESS)
    }

    /// A program's request. What it is told of a refusal repeats nothing that it said.
    async fn program(&self, path: &str, key: &str, body: &Value) -> Reply {
        let request = self.request(path).bearer_auth(key).header("idempotency-key", IDEMPOTENCY_KEY);
        let reply = Reply::of(request.json(body)).await;
        if reply.status >= 400 {
            assert_none(&everything(), &format!("the problem of {path}"), &reply.text);
        }
        reply
    }

    async fn people_by_programs(&self) {
        let good = json!({
            "survey": "support-nps", "brand": "acme", "interaction": "t-1", "respondent": {"email": EMAIL},
            "answers": {"recommend": 2, "reason": COMMENT}, "attributes": {"agent": NAME},
        });
        self.program("/v1/responses", API_KEY, &good).await.receipt(201, "accepted");
        self.program("/v1/responses", WRONG_KEY, &good).await.problem(401, "unauthenticated");
        let mut other = good.clone();
        other["answers"]["recommend"] = 9.into();
        self.program("/v1/responses", API_KEY, &other).await.problem(422, "idempotency_key_reused");
        let wrong = json!({
            "survey": "support-nps", "brand": "acme", "interaction": EMAIL,
            "respondent": {"phone": format!("{PHONE} {EMAIL}")}, "subject": {"kind": NAME, "ref": EMAIL},
            "locale": EMAIL, "country": EMAIL, "answered_at": EMAIL, "test": EMAIL, "key": COMMENT,
            "answers": {"recommend": COMMENT, "reason": [COMMENT]}, "attributes": {"agent": [NAME]},
        });
        self.program("/v1/responses", API_KEY, &wrong).await.problem(422, "invalid");
        for foreign in [json!({"brand": EMAIL, "survey": NAME}), json!({"brand": "acme", "survey": EMAIL})] {
            let mut body = good.clone();
            body.as_object_mut().unwrap().extend(foreign.as_object().unwrap().clone());
            assert!(self.program("/v1/responses", API_KEY, &body).await.status >= 400);
        }
        self.program("/v1/responses/batch", API_KEY, &json!([good, wrong])).await;
        self.program("/v1/links", API_KEY, &wrong).await.problem(422, "invalid");
        let event = json!({
            "brand": "acme", "survey": "technician-visit", "call_id": "c-1", "from": PHONE,
            "question": "knowledge", "digits": "4", "attributes": {"agent": NAME},
        });
        self.program("/v1/ivr/events", API_KEY, &event).await.receipt(201, "accepted");
        let malformed = format!(r#"{{"respondent": {{"email": "{EMAIL}"}}, "answers": "{COMMENT}" {NAME}"#);
        for path in ["/v1/responses", "/v1/responses/batch", "/v1/ivr/events", "/v1/links"] {
            let request = self.request(path).bearer_auth(API_KEY).header("content-type", "application/json");
            let reply = Reply::of(request.body(malformed.clone())).await;
            reply.problem(400, "malformed");
            assert_none(&everything(), path, &reply.text);
        }
        let large = self.request("/v1/responses").bearer_auth(API_KEY).json(&json!([COMMENT.repeat(5_000)]));
        Reply::of(large).await.problem(413, "too_large");
    }

    async fn people_by_browsers(&self) {
        let beacon = |body: Value| {
            self.request("/v1/beacon").header("origin", "http://localhost:3000").body(body.to_string())
        };
        let said = json!({
            "survey": "support-nps", "brand": "acme", "interaction": "chat-1", "respondent": {"phone": PHONE},
            "answers": {"recommend": 2, "reason": COMMENT}, "attributes": {"agent": NAME}, "token": null,
        });
        Reply::of(beacon(said.clone())).await.receipt(201, "accepted");
        let mut with_token = said;
        with_token["token"] = EMAIL.into();
        Reply::of(beacon(with_token)).await.problem(404, "bad_token");

        let order = json!({"survey": "support-nps", "interaction": "t-2", "respondent": {"email": EMAIL}});
        let link = self.program("/v1/links", API_KEY, &order).await.json();
        let token = link["token"].as_str().unwrap().to_owned();
        self.answer(&format!("/r/{token}")).await;
        let mail = |query| MailLink { brand: "acme", survey: "support-nps", query };
        let query = format!("interaction=t-3&respondent=email:{EMAIL}");
        self.answer(&mail(&query).signed_with(LINK_SECRET)).await;
        let wrong = mail(&query).signed_with(CALL_TOKEN);
        let page = Reply::of(form(self.request(&wrong), &[("reason", COMMENT)])).await;
        assert_none(&everything(), "the page of a broken link", page.page(404));
        self.answer(&format!("/f/acme/support-nps?key=form-1&comment={EMAIL}")).await;
        let trap = [("recommend", "2"), ("website", EMAIL), ("respondent", PERSON), ("reason", COMMENT)];
        Reply::of(form(self.request("/f/acme/support-nps"), &trap)).await.page(200);
        assert_none(&[planted("a link's token", token.leak())], "the logs of the edge", &self.edge.logs());
    }

    /// Answers on a page twice, opens it again: a comment is never shown again. The page leads back to its own address,
    /// whatever stands there, and to nothing else of the person's.
    async fn answer(&self, path: &str) {
        let unsaid = [planted("a comment", COMMENT), planted("a foreign field", NAME)];
        let never_shown: Vec<_> = SECRETS.into_iter().chain(unsaid).collect();
        for score in ["2", "3"] {
            let fields = [("recommend", score), ("reason", COMMENT), ("utm_name", NAME)];
            let page = Reply::of(form(self.request(path), &fields)).await;
            assert_none(&never_shown, "a thank-you page", page.page(200));
        }
        let page = self.edge.get(path).await;
        assert_none(&never_shown, "a page opened again", page.page(200));
    }

    async fn people_by_phone(&self) {
        let path = format!("/ivr/twilio/acme/support-nps?interaction=call-1&respondent={PERSON}&lang=en");
        let to = |path: &str| url::Url::parse(&format!("{PUBLIC_BASE}{path}")).unwrap();
        let mut fields = parameters("CA1", PHONE);
        fields.push(("CallerName", NAME));
        let reply = signed_post(&self.edge, &to(&path), &fields, CALL_TOKEN).await;
        assert!(reply.text.contains("<Gather"), "{}", reply.text);
        fields.push(("Digits", "9"));
        signed_post(&self.edge, &to(&format!("{path}&vg_step=recommend")), &fields, CALL_TOKEN).await;
        let bad = format!("/ivr/twilio/acme/support-nps?respondent=email:{PHONE}&interaction={NAME}");
        signed_post(&self.edge, &to(&bad), &fields, CALL_TOKEN).await;
        let unsigned = self.request(&format!("{path}&email={EMAIL}"));
        let unsigned = unsigned.header("x-twilio-signature", WRONG_SIGNATURE);
        assert_eq!(Reply::of(form(unsigned, &fields)).await.status, 403);
    }

    async fn people_by_grpc(&self) {
        for (key, interaction, code) in [
            (API_KEY, "g-1", None),
            (WRONG_KEY, "g-2", Some(Code::Unauthenticated)),
            (API_KEY, EMAIL, Some(Code::InvalidArgument)),
        ] {
            let mut submission = nps_message(interaction, 2);
            submission.respondent =
                Some(Respondent { kind: Some(respondent::Kind::Email(EMAIL.to_owned())) });
            submission.attributes.insert("agent".to_owned(), NAME.to_owned());
            let mut request = tonic::Request::new(SubmitRequest { submission: Some(submission) });
            request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
            let status = collector(&self.edge).submit(request).await.err();
            assert_eq!(status.as_ref().map(tonic::Status::code), code);
            if let Some(status) = status {
                assert_none(&everything(), "a gRPC status", &format!("{status:?}"));
            }
        }
    }

    /// A person forgotten, by the one who was asked to: on the store's own command line.
    fn operators(&self) -> Vec<(&'static str, Cli)> {
        let dir = self.store.plan.config.path();
        let store = self.store.store_url();
        let run = |line: &[&str]| voxgate(dir, &[line, &["--store", &store]].concat());
        vec![
            ("erase", run(&["erase", "--respondent", &format!("email:{EMAIL}")])),
            ("report", run(&["report"])),
            ("quarantine list", run(&["quarantine", "list"])),
            ("check", voxgate(dir, &["check"])),
            (
                "erase at no store",
                voxgate(
                    dir,
                    &["erase", "--respondent", &format!("phone:{PHONE}"), "--store", "http://127.0.0.1:1"],
                ),
            ),
        ]
    }
}

#[tokio::test]
async fn what_is_secret_or_a_persons_stands_in_no_log_metric_book_problem_or_listing() {
    let mut redis = Redis::start().await;
    assert!(redis.cli(&["CONFIG", "SET", "requirepass", REDIS_PASSWORD]).status.success());
    let mut all = Installation::start(&redis).await;
    assert_eq!(all.edge.metric("voxgate_redis_up").await, Some(1.0), "the password is in use");
    all.people_by_programs().await;
    all.people_by_browsers().await;
    all.people_by_phone().await;
    all.people_by_grpc().await;
    for path in ["/reload", "/spool/replay?since=2020-01-01T00:00:00Z", "/dead-letters/retry"] {
        assert_eq!(all.edge.admin_post(path).await.status, 200, "{path}");
    }
    all.edge.settled_ledger().await;
    for (command, output) in all.operators() {
        assert_none(&everything(), command, &output.all());
    }
    for path in ["/metrics", "/ledger", "/readyz", "/spool", "/dead-letters"] {
        assert_none(&everything(), path, &all.edge.admin(path).await.text);
    }
    redis.kill();
    wait_for("Redis to be missed", async || {
        all.edge.metric("voxgate_redis_up").await.filter(|up| *up == 0.0)
    })
    .await;
    all.people_by_grpc().await;
    let logs = [all.edge.terminate().await.logs, all.store.terminate().await.logs];
    for (process, logs) in ["the edge", "the store"].iter().zip(&logs) {
        assert!(logs.contains(r#""level":"TRACE""#) && logs.contains("h2::"), "everything is logged");
        assert_none(&everything(), &format!("the logs of {process}"), logs);
    }
    assert!(logs[0].contains("a telephony signature is missing or does not fit"), "the bad turn got there");
}

#[test]
fn a_planted_text_is_found_in_whatever_form_it_stands() {
    let comment = planted("a comment", COMMENT);
    let encoded = |before: &str| BASE64_STANDARD.encode(format!("{before}{COMMENT}, and more"));
    for text in [
        format!("text={COMMENT}"),
        COMMENT.to_uppercase(),
        COMMENT.replace(' ', "+").replace(':', "%3A"),
        hex::encode(format!("a {COMMENT}.")),
        format!("{:?}", COMMENT.as_bytes()),
        encoded(""),
        encoded("a"),
        encoded("ab"),
    ] {
        assert!(comment.found_in(&text).is_some(), "{text}");
    }
    assert_eq!(comment.found_in("a comment of somebody else"), None);
}

/// A wrong configuration is told with file, line and value; a secret's value is not told.
#[test]
fn a_configuration_that_is_wrong_at_its_secrets_is_told_without_them() {
    let wrong = [
        format!("[identity]\nkey = \"{IDENTITY_KEY}-too-long\"\n"),
        format!("[identity]\nkey = \"{IDENTITY_KEY}\n"),
        format!("[identity]\nkey = [\"{IDENTITY_KEY}\"]\n"),
        format!("[identity]\nkey = \"a\" {IDENTITY_KEY}\n"),
        format!("[tokens]\nkeys = [\"{TOKEN_KEY}\", {TOKEN_KEY}]\n"),
        format!("[tokens]\nkeys = \"{TOKEN_KEY}\"\n"),
        format!("[store]\nkey = {{ value = \"{STORE_KEY}\" }}\n"),
        format!("[store]\nurl = \"http://user:{STORE_KEY}@store.example:x\"\n"),
        format!("[redis]\nurls = [\"redis//user:{REDIS_PASSWORD}@redis.example\"]\n"),
        format!("[redis]\nurls = [\"redis://user:{REDIS_PASSWORD}@redis.example:port\"]\n"),
        format!("[redis]\nurls = \"rediss://user:{REDIS_PASSWORD}@redis.example/x y\"\npassword = [1]\n"),
        format!("[redis]\nurls = [\"redis://redis.example\"]\npassword = [\"{REDIS_PASSWORD}\"]\n"),
        format!("[admin]\ntoken = [\"{ADMIN_TOKEN}\"]\n"),
        format!("public_base_url = \"https://user:{CALL_TOKEN}@host.example:x\"\n"),
    ];
    for text in wrong {
        let plan = Plan::new();
        plan.config.write("gateway.toml", &text);
        let told = voxgate(plan.config.path(), &["check"]);
        assert_eq!(told.code, Some(64), "{text}\n{}", told.all());
        assert_none(&SECRETS, &format!("what `check` says of:\n{text}"), &told.all());
    }
}
