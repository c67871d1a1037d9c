//! `[mail]`: how messages reach people.

use std::path::PathBuf;

use super::Folder;
use super::secret::Secret;
use super::section::Section;

/// How messages reach people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    /// Each becomes a file in a folder: for a demo and for tests.
    Inbox {
        /// The folder.
        directory: PathBuf,
        /// The sender's address.
        from: String,
    },
    /// A mail server.
    Smtp {
        /// Its name.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is guarded.
        tls: SmtpTls,
        /// Who logs in, and where the password is.
        login: Option<(String, Secret)>,
        /// The sender's address.
        from: String,
    },
}

/// How a connection to a mail server is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SmtpTls {
    /// TLS from the first byte.
    Wrapped,
    /// TLS after a plain greeting, and never without.
    Starttls,
    /// None: for a server on the same machine.
    None,
}

#[derive(Clone, Copy)]
enum Kind {
    Inbox,
    Smtp,
}

impl Mail {
    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>) -> Option<Self> {
        if !section.is_there() {
            section.note(section.span(), "there is no section [mail]", "codes must reach people; add one");
            return None;
        }
        section.required("kind", "\"smtp\"").as_ref()?;
        let kind = section.word("kind", &[("inbox", Kind::Inbox), ("smtp", Kind::Smtp)])?;
        let from = section.required("from", "\"countersign@example.com\"");
        let from = from.and_then(|written| {
            let fits = written
                .value
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
            if !fits {
                section.note(
                    written.span.clone(),
                    "`from` is no e-mail address",
                    "write it as in `name@example.com`",
                );
            }
            fits.then_some(written.value)
        });
        let mail = match kind {
            Kind::Inbox => {
                let directory = section.required("directory", "\"inbox\"");
                (|| Some(Self::Inbox { directory: folder.join(&directory?.value), from: from? }))()
            }
            Kind::Smtp => Self::smtp(&mut section, folder, from),
        };
        section.close();
        mail
    }

    fn smtp(section: &mut Section<'_>, folder: Folder<'_>, from: Option<String>) -> Option<Self> {
        let host = section.required("host", "\"mail.example.com\"");
        let words = [("wrapped", SmtpTls::Wrapped), ("starttls", SmtpTls::Starttls), ("none", SmtpTls::None)];
        let tls = section.word("tls", &words).unwrap_or(SmtpTls::Wrapped);
        let usual = match tls {
            SmtpTls::Wrapped => 465,
            SmtpTls::Starttls => 587,
            SmtpTls::None => 25,
        };
        let port =
            section.number("port", 1..=65_535).and_then(|port| u16::try_from(port).ok()).unwrap_or(usual);
        let user = section.text("user");
        let password = Secret::read(section, ["password_env", "password_file", "password_command"], folder);
        let login = match (user, password) {
            (Some(user), Some(password)) => Some((user.value, password)),
            (Some(user), None) => {
                section.note(
                    user.span,
                    "there is no password for `user`",
                    "add `password_env`, `password_file` or `password_command`",
                );
                None
            }
            (None, Some(_)) => {
                section.note(
                    section.span(),
                    "[mail] has a password but no `user`",
                    "add a line: user = \"…\"",
                );
                None
            }
            (None, None) => None,
        };
        Some(Self::Smtp { host: host?.value, port, tls, login, from: from? })
    }
}
