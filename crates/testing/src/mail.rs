//! Reads mail as a person would: to whom, the subject, the text, and the code in it.
//! Understands what mail programs write: folded headers, encoded words, quoted-printable and base64 bodies.

mod decode;

use std::path::Path;
use std::{fs, io};

/// A mail with one text body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The addresses of the `To` header, without names.
    pub to: Vec<String>,
    /// The address of the `From` header.
    pub from: String,
    /// The subject, decoded.
    pub subject: String,
    /// The text, decoded; lines end with `\n`.
    pub body: String,
    headers: Vec<(String, String)>,
}

impl Mail {
    /// Takes a mail apart. What is not a mail becomes one without headers.
    #[must_use]
    pub fn parse(raw: &[u8]) -> Mail {
        let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let headers = headers(head);
        let mut mail = Mail {
            to: Vec::new(),
            from: String::new(),
            subject: String::new(),
            body: String::new(),
            headers,
        };
        mail.to = mail.header("to").map(addresses).unwrap_or_default();
        mail.from =
            mail.header("from").map(addresses).unwrap_or_default().into_iter().next().unwrap_or_default();
        mail.subject = mail.header("subject").map(decode::words).unwrap_or_default();
        let encoding = mail.header("content-transfer-encoding").unwrap_or("7bit").trim().to_ascii_lowercase();
        mail.body = decode::body(&encoding, body).replace("\r\n", "\n");
        mail
    }

    /// The first header of this name, unfolded but not decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The names of its headers, in their order, in lower case.
    #[must_use]
    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The code in the text; see [`code_in`].
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        code_in(&self.body)
    }
}

/// Every `.eml` file of a folder, ordered by name. Other files, also those still being written, are left alone.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn read_folder(folder: &Path) -> io::Result<Vec<Mail>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| Ok(Mail::parse(&fs::read(path)?))).collect()
}

/// The first verification code in a text: six to eight digits on a line of their own.
#[must_use]
pub fn code_in(text: &str) -> Option<&str> {
    text.lines()
        .map(str::trim)
        .find(|line| (6..=8).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_digit()))
}

fn headers(head: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.lines() {
        match headers.last_mut() {
            // A line that starts with white space goes on with the one before.
            Some((_, value)) if line.starts_with([' ', '\t']) => value.push_str(line),
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }
    headers
}

fn addresses(header: &str) -> Vec<String> {
    header
        .split(',')
        .map(|one| {
            one.rsplit_once('<')
                .map_or(one, |(_, address)| address.trim_end_matches([' ', '>']))
                .trim()
                .to_owned()
        })
        .filter(|address| !address.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
