//! `[store]`: where our own state is kept: in a file of this node, or in a PostgreSQL that many nodes share.

use std::path::{Path, PathBuf};

use super::Folder;
use super::secret::Secret;
use super::section::Section;
use super::sources::postgres_url;

/// Where our own state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// In a file that this node alone opens.
    Embedded {
        /// The file.
        path: PathBuf,
    },
    /// In a database that any number of nodes share.
    Shared(Box<Shared>),
}

/// A database that nodes share, and how this one reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// Its address, which may name several servers.
    pub(crate) url: Secret,
    /// Files of this node alone that live for a moment.
    pub(crate) data: PathBuf,
    /// Connections at most.
    pub(crate) pool: usize,
    /// How long one statement may take.
    pub(crate) statement_timeout_ms: u64,
    /// How connections are guarded; else as the address says, else TLS unless every server is on this machine.
    pub(crate) tls: Option<StoreTls>,
    /// The certificates that sign the server's, instead of those that the system trusts.
    pub(crate) authority: Option<PathBuf>,
    /// Whether nodes wake each other by `NOTIFY`; without, they find everything by asking again and again.
    pub(crate) notify: bool,
}

/// How connections to the store are guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreTls {
    /// TLS to a server whose certificate is verified, or no connection.
    Require,
    /// TLS if the server offers it.
    Prefer,
    /// None: for a server on the same machine.
    Disable,
}

/// What is only said of a database.
const OF_DATABASE: [&str; 5] = ["pool", "statement_timeout_ms", "tls", "authority", "notify"];

impl Store {
    /// Whether other nodes may have it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>) -> Option<Self> {
        let path = section.text("path");
        let said = ["url", "url_env", "url_file", "url_command"]
            .map(|key| section.place(key).is_some())
            .contains(&true);
        let store = if said { shared(&mut section, folder) } else { embedded(&mut section, folder, &path) };
        if let (true, Some(path)) = (said, path) {
            let advice = "take one out: a store is in a file or in a database";
            section.note(path.span, "`path` and an address of a database are both there", advice);
        }
        section.close();
        store
    }

    /// The folder of this node's own files.
    pub(crate) fn data(&self) -> Option<&Path> {
        match self {
            Self::Embedded { path } => path.parent(),
            Self::Shared(shared) => Some(&shared.data),
        }
    }
}

fn embedded(
    section: &mut Section<'_>,
    folder: Folder<'_>,
    path: &Option<super::section::Located<String>>,
) -> Option<Store> {
    for key in OF_DATABASE {
        if let Some(span) = section.place(key) {
            let what = format!("`{key}` is for a store in a database, and this one is in a file");
            section.note(
                span,
                what,
                "take it out, or say where the database is with `url_env` or `url_file`",
            );
        }
    }
    if let Some(span) = section.place("data") {
        let what = "`data` is for a store in a database; a store in a file has its folder";
        section.note(span, what, "take it out");
    }
    let path = path.as_ref().map_or("data/countersign.db", |path| &path.value);
    Some(Store::Embedded { path: folder.join(path) })
}

fn shared(section: &mut Section<'_>, folder: Folder<'_>) -> Option<Store> {
    let url = postgres_url(section, folder);
    let data = section.text("data").map_or_else(|| "data".to_owned(), |data| data.value);
    let pool = section.number("pool", 2..=1_000).unwrap_or(8);
    let statement_timeout_ms = section.number("statement_timeout_ms", 100..=600_000).unwrap_or(15_000);
    let words =
        [("require", StoreTls::Require), ("prefer", StoreTls::Prefer), ("disable", StoreTls::Disable)];
    let tls = section.word("tls", &words);
    let authority = section.text("authority");
    if let (Some(StoreTls::Disable), Some(authority)) = (tls, &authority) {
        let what = "`authority` says whose certificate is trusted, and `tls = \"disable\"` asks for none";
        section.note(authority.span.clone(), what, "take one out");
    }
    let notify = section.truth("notify").unwrap_or(true);
    Some(Store::Shared(Box::new(Shared {
        url: url?,
        data: folder.join(&data),
        pool: usize::try_from(pool).unwrap_or(8),
        statement_timeout_ms,
        tls,
        authority: authority.map(|authority| folder.join(&authority.value)),
        notify,
    })))
}
