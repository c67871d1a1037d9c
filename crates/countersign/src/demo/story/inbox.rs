//! Reads the folder into which the server's mail goes, as the people would to whom it is written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How long a mail may be on its way.
const PATIENCE: Duration = Duration::from_secs(20);
/// Digits of a code.
const DIGITS: usize = 8;

/// The folder.
pub(super) struct Inbox(PathBuf);

/// A mail.
pub(super) struct Mail {
    /// To whom.
    pub(super) to: String,
    /// About what.
    pub(super) subject: String,
    /// The text.
    pub(super) body: String,
}

impl Inbox {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Every mail about a request, in the order of sending.
    pub(super) fn about(&self, request: &str) -> anyhow::Result<Vec<Mail>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.0).context("the inbox")? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                paths.push(path);
            }
        }
        // They are named by time.
        paths.sort();
        let mut mails = Vec::new();
        for path in paths {
            let mail = parse(&String::from_utf8_lossy(&std::fs::read(path)?));
            if mail.body.contains(request) {
                mails.push(mail);
            }
        }
        Ok(mails)
    }

    /// Waits for mails about a request of which `wanted` says that they are enough.
    pub(super) async fn wait(
        &self,
        request: &str,
        wanted: impl Fn(&[Mail]) -> bool,
    ) -> anyhow::Result<Vec<Mail>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mails = self.about(request)?;
            if wanted(&mails) {
                return Ok(mails);
            }
            if Instant::now() > deadline {
                return Ok(mails);
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// The code that was sent to `to` about a request.
    pub(super) async fn code(&self, request: &str, to: &str) -> anyhow::Result<String> {
        let code = |mails: &[Mail]| mails.iter().rev().filter(|mail| mail.to == to).find_map(Mail::code);
        let mails = self.wait(request, |mails| code(mails).is_some()).await?;
        code(&mails).with_context(|| format!("no code came to {to}"))
    }
}

impl Mail {
    /// The code in it: digits on a line of their own.
    fn code(&self) -> Option<String> {
        let mut lines = self.body.lines().map(str::trim);
        lines
            .find(|line| line.len() == DIGITS && line.bytes().all(|byte| byte.is_ascii_digit()))
            .map(str::to_owned)
    }
}

fn parse(raw: &str) -> Mail {
    let text = raw.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    // A line that begins with white space goes on with the one before.
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(is, _)| is.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim()).to_owned()
    };
    let body = match header("Content-Transfer-Encoding").to_ascii_lowercase().as_str() {
        "base64" => {
            let packed: String = body.split_whitespace().collect();
            STANDARD
                .decode(packed)
                .map_or_else(|_| body.to_owned(), |it| String::from_utf8_lossy(&it).into_owned())
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.to_owned(),
    };
    let to = header("To");
    let to = to.rsplit_once('<').map_or(to.as_str(), |(_, address)| address.trim_end_matches('>')).to_owned();
    Mail { to, subject: header("Subject"), body }
}

fn quoted_printable(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| hex::decode(pair).ok()).filter(|_| first == b'=');
        (rest, _) = match pair {
            Some(byte) => (after.get(2..).unwrap_or_default(), bytes.extend(byte)),
            None => (after, bytes.push(first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_read_whatever_its_encoding() {
        let plain = parse("To: <a@b>\r\nSubject: Your\r\n code\r\n\r\nx\r\n\r\n12345678\r\n");
        assert_eq!((plain.to.as_str(), plain.subject.as_str()), ("a@b", "Your code"));
        assert_eq!(plain.code().as_deref(), Some("12345678"));
        let quoted = parse("Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=\n=C3=9Fe");
        assert_eq!(quoted.body, "Grüße");
        assert_eq!(parse("Content-Transfer-Encoding: base64\n\naGVs\nbG8=").body, "hello");
    }
}
