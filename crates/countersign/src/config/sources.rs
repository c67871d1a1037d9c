//! `[sources.NAME]`: how this node reaches the stores that hold people's data.

use std::path::PathBuf;

use super::Folder;
use super::secret::Secret;
use super::section::{Located, Section};

/// A source and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its name, by which data maps call it.
    pub(crate) name: String,
    /// How it is reached.
    pub(crate) reach: Reach,
    /// A pause between the statements of an erasure, in milliseconds: spares a source that has other work.
    pub(crate) pace_ms: u64,
}

/// How a source is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A SQLite file.
    Sqlite {
        /// Where.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// Its connection string.
        url: Secret,
        /// The schemas whose tables may be mapped; empty for `public` alone.
        schemas: Vec<String>,
    },
    /// A MariaDB or MySQL database.
    Mysql {
        /// Its connection string.
        url: Secret,
        /// The databases whose tables may be mapped; empty for the one of the connection string alone.
        schemas: Vec<String>,
    },
    /// A directory of rotated logs.
    Logs {
        /// Where.
        directory: PathBuf,
        /// Patterns of files that are always taken as still written.
        live: Vec<String>,
        /// How long a file must not have been written to before it may be touched.
        settle_seconds: u64,
    },
    /// A folder of files.
    Files {
        /// Where.
        directory: PathBuf,
    },
    /// A bucket of an object store that speaks the protocol of S3.
    Bucket(Bucket),
    /// A service that is called.
    Http {
        /// Its address.
        url: String,
        /// The name of the key that calls are signed with.
        key_id: String,
        /// The key.
        key: Secret,
        /// How long to wait for an answer.
        timeout_seconds: u64,
        /// Whether it may be in a private network, and be called without TLS.
        allow_private: bool,
    },
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Its name.
    pub(crate) name: String,
    /// What stands before every path.
    pub(crate) prefix: String,
    /// Its region.
    pub(crate) region: String,
    /// Where it is, if not at its region's usual place.
    pub(crate) endpoint: Option<String>,
    /// The id of the key.
    pub(crate) key_id: String,
    /// The key.
    pub(crate) secret: Secret,
}

#[derive(Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
    Mysql,
    Logs,
    Files,
    Bucket,
    Http,
}

/// What a kind is called in the file.
const KINDS: [(&str, Kind); 8] = [
    ("sqlite", Kind::Sqlite),
    ("postgres", Kind::Postgres),
    ("mysql", Kind::Mysql),
    ("mariadb", Kind::Mysql),
    ("logs", Kind::Logs),
    ("files", Kind::Files),
    ("s3", Kind::Bucket),
    ("http", Kind::Http),
];

pub(super) fn read(section: Section<'_>, folder: Folder<'_>) -> Vec<Source> {
    let mut sources: Vec<Source> =
        section.sections().into_iter().filter_map(|(name, section)| source(&name, section, folder)).collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

fn source(name: &Located<String>, mut section: Section<'_>, folder: Folder<'_>) -> Option<Source> {
    if !section.is_there() {
        return None;
    }
    let mut letters = name.value.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_lowercase());
    if !starts
        || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        || name.value.len() > 64
    {
        let what = format!("a source cannot be called `{}`", name.value);
        section.note(name.span.clone(), what, "begin with a-z and go on with a-z, 0-9 or _");
    }
    section.required("kind", "\"sqlite\"").as_ref()?;
    let kind = section.word("kind", &KINDS)?;
    let pace_ms = section.number("pace_ms", 0..=60_000).unwrap_or(0);
    let reach = match kind {
        Kind::Sqlite => section
            .required("path", "\"shop.sqlite\"")
            .map(|path| Reach::Sqlite { path: folder.join(&path.value) }),
        Kind::Postgres => {
            let schemas = section.texts("schemas");
            postgres_url(&mut section, folder).map(|url| Reach::Postgres { url, schemas })
        }
        Kind::Mysql => {
            let schemas = section.texts("schemas");
            url(&mut section, folder, MYSQL).map(|url| Reach::Mysql { url, schemas })
        }
        Kind::Logs => {
            let live = section.texts("live");
            let settle_seconds = section.number("settle_seconds", 0..=31 * 86_400).unwrap_or(300);
            section.required("directory", "\"/var/log/shop\"").map(|it| Reach::Logs {
                directory: folder.join(&it.value),
                live,
                settle_seconds,
            })
        }
        Kind::Files => section
            .required("directory", "\"uploads\"")
            .map(|it| Reach::Files { directory: folder.join(&it.value) }),
        Kind::Bucket => bucket(&mut section, folder).map(Reach::Bucket),
        Kind::Http => http(&mut section, folder),
    };
    section.close();
    Some(Source { name: name.value.clone(), reach: reach?, pace_ms })
}

fn http(section: &mut Section<'_>, folder: Folder<'_>) -> Option<Reach> {
    let url = section.required("url", "\"https://desk.example/countersign\"");
    let key_id = section.text("key_id").map_or_else(|| "countersign".to_owned(), |it| it.value);
    let timeout_seconds = section.number("timeout_seconds", 1..=3_600).unwrap_or(30);
    let allow_private = section.truth("allow_private").unwrap_or(false);
    let key = Secret::read(section, ["key_env", "key_file", "key_command"], folder);
    if key.is_none() {
        section.note(
            section.span(),
            "nothing says what calls are signed with",
            "add `key_env`, `key_file` or `key_command`",
        );
    }
    Some(Reach::Http { url: url?.value, key_id, key: key?, timeout_seconds, allow_private })
}

fn bucket(section: &mut Section<'_>, folder: Folder<'_>) -> Option<Bucket> {
    let name = section.required("bucket", "\"uploads\"");
    let region = section.required("region", "\"eu-central-1\"");
    let key_id = section.required("key_id", "\"AKIA…\"");
    let prefix = section.text("prefix").map_or_else(String::new, |it| it.value.trim_matches('/').to_owned());
    let endpoint = section.text("endpoint");
    if let Some(it) = endpoint.as_ref().filter(|it| !it.value.starts_with("http")) {
        section.note(it.span.clone(), "`endpoint` is no address", "begin it with `https://`");
    }
    let secret = Secret::read(section, ["secret_env", "secret_file", "secret_command"], folder);
    if secret.is_none() {
        let advice = "add `secret_env`, `secret_file` or `secret_command`";
        section.note(section.span(), "nothing says what the key is", advice);
    }
    Some(Bucket {
        name: name?.value,
        region: region?.value,
        key_id: key_id?.value,
        prefix,
        endpoint: endpoint.map(|it| it.value),
        secret: secret?,
    })
}

/// How addresses of a kind begin.
struct Begins {
    what: &'static str,
    with: [&'static str; 2],
}

const POSTGRES: Begins = Begins { what: "PostgreSQL", with: ["postgres://", "postgresql://"] };
const MYSQL: Begins = Begins { what: "MariaDB or MySQL", with: ["mysql://", "mariadb://"] };

/// The address of a PostgreSQL database, or where it is written.
pub(super) fn postgres_url(section: &mut Section<'_>, folder: Folder<'_>) -> Option<Secret> {
    url(section, folder, POSTGRES)
}

fn url(section: &mut Section<'_>, folder: Folder<'_>, begins: Begins) -> Option<Secret> {
    let here = section.text("url");
    let elsewhere = Secret::read(section, ["url_env", "url_file", "url_command"], folder);
    match (here, elsewhere) {
        (Some(here), Some(_)) => {
            section.note(here.span, "the address is given twice", "take one out");
            None
        }
        (Some(here), None) => {
            let fits = begins.with.iter().any(|it| here.value.starts_with(it));
            if !fits {
                let what = format!("`url` is no {} address", begins.what);
                section.note(here.span, what, format!("begin it with `{}`", begins.with[0]));
            }
            fits.then_some(Secret::Here(here.value))
        }
        (None, Some(elsewhere)) => Some(elsewhere),
        (None, None) => {
            let advice = "add `url_env`, `url_file`, `url_command` or `url`";
            section.note(section.span(), "nothing says where the database is", advice);
            None
        }
    }
}
