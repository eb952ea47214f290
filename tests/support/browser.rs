//! A headless Chromium for one test: its own `chromedriver` on a free port, its own profile, gone when dropped.
//!
//! Needs Debian's `chromium-driver`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    ops::Deref,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything in a page may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(10);

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one session. Dereferences to the WebDriver client.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    session: String,
    driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a browser with further flags.
    pub(crate) async fn start_with(further: &[&str]) -> Self {
        let profile = TempDir::new().unwrap();
        let driver = Driver::start();
        let mut flags: Vec<_> = FLAGS.iter().chain(further).map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        // What is waited for has its own bound; these are of what should never end.
        let wanted = json!({
            "goog:chromeOptions": { "args": flags }, "timeouts": { "script": 60_000, "pageLoad": 60_000 },
        });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("chromedriver opens Chromium");
        let session = client.session_id().await.unwrap().expect("a session has an id");
        Self { client, session, driver, _profile: profile }
    }

    /// Opens an address, and waits until the page has loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Writes a picture of what is seen as PNG.
    pub(crate) async fn screenshot(&self, path: &Path) {
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(path, picture).unwrap();
    }

    /// Sets the size of the page in CSS pixels, smaller than a window can be, too.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        // The page learns of it later than the command is answered.
        self.wait_until(&format!("innerWidth == {width} && innerHeight == {height}")).await;
    }

    /// Sets one of the media features that pages ask for, for example `prefers-color-scheme` to `dark`.
    pub(crate) async fn prefer(&self, feature: &str, value: &str) {
        let media = json!({ "features": [{ "name": feature, "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Issues a command of the DevTools protocol.
    pub(crate) async fn devtools(&self, method: &str, params: Value) -> Value {
        let command = DevTools(json!({ "cmd": method, "params": params }));
        self.client.issue_cmd(command).await.unwrap()
    }

    /// Runs a script in the page, and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a JavaScript expression is truthy, and gives its value. The page may change meanwhile: each look is
    /// a script of its own, and one that went with its page is none.
    pub(crate) async fn wait_until(&self, expression: &str) -> Value {
        let script = format!("try {{ return ({expression}) || null }} catch {{ return null }}");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let seen = self.client.execute(&script, Vec::new()).await;
            match seen {
                Ok(value) if !value.is_null() => return value,
                _ => {
                    assert!(tokio::time::Instant::now() < deadline, "never came true: {expression}, {seen:?}")
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Does what leads to another page, and waits until that has loaded. A click is answered before the page it leads to
    /// is there: what is found until then belongs to the old one.
    pub(crate) async fn turn(&self, act: impl AsyncFnOnce()) {
        // Tells one page from the next, and from one that comes back as it was left.
        let old = self.run("return performance.timeOrigin").await;
        act().await;
        self.wait_until(&format!("performance.timeOrigin != {old} && document.readyState == 'complete'"))
            .await;
    }
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The session is ended first, because a killed driver leaves its browser behind.
impl Drop for Browser {
    fn drop(&mut self) {
        if let Err(error) = self.driver.end(&self.session) {
            println!("the browser's session could not be ended: {error}");
        }
    }
}

#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

#[derive(Debug)]
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts the driver on a free port, which it tells on its standard output.
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts: install Debian's chromium-driver");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        // Read on, so that the driver never waits for a full pipe; ends with the driver.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        Self { port: port.expect("chromedriver tells its port"), process }
    }

    fn end(&self, session: &str) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        // The reply begins when the browser is gone.
        stream.read_exact(&mut [0])
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.process.kill().and_then(|()| self.process.wait()).is_err() {
            println!("chromedriver had ended before");
        }
    }
}
