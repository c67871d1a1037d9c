//! A real identity provider as a process: npm's `oidc-provider`, which `./test` fetches, driven by `provider.mjs`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// What our installation shows there to be itself; some of it must be written in another way on the wire.
pub(crate) const SECRET: &str = "a+b/c%d:e and more, so that it is long enough";

/// A provider.
pub(crate) struct Provider {
    child: Child,
    issuer: String,
}

/// The package, if it is there.
pub(crate) fn module() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let module = target.join("oidc/node_modules/oidc-provider/lib/index.js");
    let there = module.is_file() && Command::new("node").arg("--version").output().is_ok();
    if !there {
        assert!(!countersign_testing::nothing_may_be_skipped(), "there is no oidc-provider in target/oidc");
        eprintln!("skipped: there is no oidc-provider; ./test fetches it where there is npm");
    }
    there.then(|| module.canonicalize().unwrap())
}

impl Provider {
    /// Starts at `issuer`, for an installation that people reach at `url`, and that it tells of sign-outs at `told_at`.
    pub(crate) fn start(module: &Path, issuer: &str, url: &str, told_at: &str, accounts: &Value) -> Self {
        let about = json!({
            "issuer": issuer,
            "accounts": accounts,
            "client": {
                "client_id": "countersign",
                "client_secret": SECRET,
                "redirect_uris": [format!("{url}/sign-in/oidc/back")],
                "post_logout_redirect_uris": [format!("{url}/sign-in")],
                "backchannel_logout_uri": format!("{told_at}/sign-in/oidc/logout"),
                "backchannel_logout_session_required": true,
            },
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stories/provider.mjs");
        // It ends with its standard input, so also when the test process does.
        let mut child = Command::new("node")
            .arg(script)
            .arg(module)
            .arg(about.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let listens = out.lines().map_while(Result::ok).any(|line| line == "listening");
        assert!(listens, "oidc-provider did not start");
        Self { child, issuer: issuer.to_owned() }
    }

    /// What somebody's account claims from now on.
    pub(crate) fn claims(&self, name: &str, claims: &Value) {
        self.put(&format!("/test/accounts/{name}"), &claims.to_string());
    }

    /// Signs with other keys from now on.
    pub(crate) fn change_keys(&self) {
        self.put("/test/keys", "");
    }

    /// Ends every session of somebody, as its administrator does when they leave, and tells whoever let them in.
    pub(crate) fn expel(&self, name: &str) {
        self.put(&format!("/test/sessions/{name}"), "");
    }

    fn put(&self, path: &str, body: &str) {
        let authority = self.issuer.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        let length = body.len();
        write!(stream, "PUT {path} HTTP/1.0\r\nHost: {authority}\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
