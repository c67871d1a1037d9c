//! A real browser without a window: Chromium, driven through its driver by the WebDriver protocol.

mod wire;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::leash::Leash;

/// How long anything may take to appear: machines that run tests are slow.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// How often the page is asked that may be another one by then.
const TRIES: u32 = 20;
/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page. Whatever is not there in time is a panic with the page's text.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: tempfile::TempDir,
    _leash: Option<Leash>,
}

/// What a screen shows.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// Whether its user likes it dark.
    pub dark: bool,
}

impl Browser {
    /// Starts one; `None` where Chromium or its driver is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn start() -> Option<Browser> {
        let (chromium, driver) =
            (find(&["chromium", "chromium-browser", "google-chrome"])?, find(&["chromedriver"])?);
        let profile = tempfile::tempdir().expect("a folder for the browser");
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser's driver starts");
        let out = BufReader::new(driver.stdout.take().expect("it was piped"));
        let port = out.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = port.expect("the browser's driver says its port");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-extensions".to_owned(),
            "--disable-background-networking".to_owned(),
            // No page reaches beyond this machine; what wants to is told so at once.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1".to_owned(),
            "--lang=en-GB".to_owned(),
            "--window-size=1000,900".to_owned(),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        let options = json!({ "binary": chromium, "args": arguments,
            "prefs": { "intl.accept_languages": "en-GB,en", "download.default_directory": profile.path().join("downloads"),
                "download.prompt_for_download": false } });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let mut browser = Browser { driver, port, session: String::new(), profile, _leash: None };
        let begun = wire::call(port, "POST", "/session", &wanted).expect("the browser starts");
        begun["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        let pid = begun["capabilities"]["goog:processID"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        // Also when the test process is killed, the browser goes.
        browser._leash = pid.and_then(|pid| {
            let leash = Leash::of(&std::fs::read_link(format!("/proc/{pid}/exe")).ok()?).ok()?;
            leash.hold(pid).ok()?;
            Some(leash)
        });
        let downloads = browser.downloads();
        browser.chrome(
            "Browser.setDownloadBehavior",
            &json!({ "behavior": "allow", "downloadPath": downloads }),
        );
        Some(browser)
    }

    /// Where downloads go.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Opens an address.
    pub fn open(&self, url: &str) {
        self.call("POST", "/url", &json!({ "url": url }));
    }

    /// The address that is open.
    #[must_use]
    pub fn address(&self) -> String {
        self.call("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The text that the page shows.
    #[must_use]
    pub fn text(&self) -> String {
        self.run("return document.body ? document.body.innerText : ''", &[])
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until the page shows a text.
    pub fn sees(&self, text: &str) {
        self.until(text, || self.text().contains(text));
    }

    /// Presses what a selector finds, once it is there.
    pub fn press(&self, selector: &str) {
        self.at(selector, "click", &json!({}));
    }

    /// Types into what a selector finds, once it is there.
    pub fn write(&self, selector: &str, text: &str) {
        self.at(selector, "value", &json!({ "text": text }));
    }

    /// Presses a key, wherever the page's attention is.
    pub fn key(&self, key: &str) {
        let presses = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": presses }] });
        self.call("POST", "/actions", &actions);
    }

    /// Whether a selector finds anything now.
    #[must_use]
    pub fn has(&self, selector: &str) -> bool {
        self.run("return document.querySelector(arguments[0]) !== null", &[json!(selector)]) == true
    }

    /// Runs a script in the page; answers with what it returns.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Runs a script that answers later, by calling its last argument.
    pub fn run_later(&self, script: &str, arguments: &[Value]) -> Value {
        self.call("POST", "/execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// Runs a script in each page from the next one on, before any of the page's own; answers with its name.
    #[must_use]
    pub fn run_first(&self, script: &str) -> String {
        let added = self.chrome("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
        added["identifier"].as_str().expect("the script has a name").to_owned()
    }

    /// Runs that script no more.
    pub fn run_first_no_more(&self, name: &str) {
        self.chrome("Page.removeScriptToEvaluateOnNewDocument", &json!({ "identifier": name }));
    }

    /// Gives the browser a device that holds passkeys, and whose owner agrees to whatever it is asked.
    pub fn hold_passkeys(&self) {
        let device = json!({ "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true });
        self.call("POST", "/webauthn/authenticator", &device);
    }

    /// Another screen, from now on.
    pub fn show_on(&self, screen: Screen) {
        let size = json!({ "width": screen.width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.chrome("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if screen.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.chrome("Emulation.setEmulatedMedia", &features);
    }

    /// The whole page as a picture, also below what the screen shows.
    #[must_use]
    pub fn picture(&self) -> Vec<u8> {
        use base64::Engine;
        let taken = self.chrome("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }));
        let data = taken["data"].as_str().unwrap_or_default();
        base64::engine::general_purpose::STANDARD.decode(data).expect("a picture")
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "not in time: {what}\nat {}\n{}", self.address(), self.text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Does something at what a selector finds; again, if the page was another one by then.
    fn at(&self, selector: &str, what: &str, body: &Value) {
        let wanted = json!({ "using": "css selector", "value": selector });
        self.until(selector, || {
            let found = wire::call(self.port, "POST", &self.path("/element"), &wanted);
            let element = found.ok().and_then(|element| Some(element[ELEMENT].as_str()?.to_owned()));
            element.is_some_and(|element| {
                let path = self.path(&format!("/element/{element}/{what}"));
                wire::call(self.port, "POST", &path, body).is_ok()
            })
        });
    }

    fn chrome(&self, command: &str, parameters: &Value) -> Value {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut tries = 0;
        loop {
            match wire::call(self.port, method, &self.path(path), body) {
                Ok(answer) => return answer,
                // A page that looks again by itself may be gone just when it is asked.
                Err(error) if tries == TRIES => panic!("{path}: {error}"),
                Err(_) => tries += 1,
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn path(&self, path: &str) -> String {
        format!("/session/{}{path}", self.session)
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; what cannot be ended any more has ended.
        drop(wire::call(self.port, "DELETE", &self.path(""), &Value::Null));
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The first of these programs that is on the path.
fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| is_there(file)))
}

fn is_there(file: &Path) -> bool {
    file.is_file()
}
