//! This node's configuration, `countersign.toml`: where it listens, where its store, keys and mail are, how it reaches
//! its sources. What decides (policies, groups, maps) is no part of it: that is settings, entered by `apply`.
//! One file per section; it knows the text alone and opens nothing.

#[cfg(test)]
mod fuzz;
mod keys;
mod log;
mod mail;
pub(crate) mod mistake;
mod oidc;
mod portal;
mod secret;
mod section;
mod server;
mod sources;
mod store;
#[cfg(test)]
mod tests;
mod traces;
mod work;

use std::path::{Path, PathBuf};

use anyhow::Context;
use toml::de::DeTable;

pub(crate) use self::keys::Keys;
pub(crate) use self::log::{Log, LogForm};
pub(crate) use self::mail::{Mail, SmtpTls};
use self::mistake::{Mistake, Mistakes};
pub(crate) use self::oidc::Oidc;
pub(crate) use self::portal::Portal;
#[cfg(test)]
use self::secret::Secret;
use self::section::{Notes, Section};
pub(crate) use self::server::Server;
pub(crate) use self::sources::{Reach, Source};
pub(crate) use self::store::{Shared, Store, StoreTls};
pub(crate) use self::traces::Traces;
pub(crate) use self::work::Work;

/// The name looked for where nobody names another.
pub(crate) const FILE: &str = "countersign.toml";
/// The longest configuration that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// This node. Paths are absolute or relative to the folder that the program was started in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) work: Work,
    /// Sources by name, in the order of their names.
    pub(crate) sources: Vec<Source>,
    pub(crate) mail: Mail,
    /// The pages for people whose data it is, if there are to be any.
    pub(crate) portal: Option<Portal>,
    /// The way to the identity provider, if people sign in by one here.
    pub(crate) oidc: Option<Oidc>,
    pub(crate) log: Log,
    /// Where spans go, if anywhere.
    pub(crate) traces: Option<Traces>,
}

/// A path as the configuration writes it, from the configuration's own folder.
#[derive(Clone, Copy, Debug)]
struct Folder<'a>(&'a Path);

impl Folder<'_> {
    fn join(self, written: &str) -> PathBuf {
        self.0.join(written)
    }
}

impl Config {
    /// Reads the configuration at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or has [`Mistakes`].
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let length = std::fs::metadata(path)
            .with_context(|| {
                format!(
                    "{shown} cannot be read; name another with --config, or let `countersign demo` make one"
                )
            })?
            .len();
        anyhow::ensure!(
            length <= MAX_BYTES,
            "{shown} has {length} bytes; a configuration has at most {MAX_BYTES}"
        );
        let bytes = std::fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            anyhow::anyhow!("{shown}, line {line}: not UTF-8; save the file in that encoding")
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder)
            .map_err(|all| Mistakes { file: shown.to_string(), text, all })
            .map_err(anyhow::Error::from)
    }

    /// How many proxies stand in front of this node, each adding whom it heard to `X-Forwarded-For`; 0 believes no such
    /// header. [server] says it; where it does not, [portal] may, which once alone could.
    pub(crate) fn proxies(&self) -> usize {
        let by_portal = self.portal.as_ref().and_then(|portal| portal.proxies);
        self.server.proxies.or(by_portal).unwrap_or(0)
    }

    /// Reads a configuration whose paths start from `folder`.
    ///
    /// # Errors
    /// All mistakes in it, in the order of their places.
    fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Mistake>> {
        let notes = Notes::default();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let said = error.message().trim().replace('\n', ", ");
            let advice = if said.contains("float") || said.contains("integer") {
                "a text stands in quotes"
            } else {
                ""
            };
            notes.add(error.span().unwrap_or(0..0), said, advice);
        }
        let faults = notes.into_sorted();
        if !faults.is_empty() {
            return Err(faults);
        }
        let (notes, folder) = (Notes::default(), Folder(folder));
        let config = {
            let mut root = Section::root(&table, &notes);
            let server = Server::read(root.section("server"));
            let store = Store::read(root.section("store"), folder);
            let keys = Keys::read(root.section("keys"), folder, store.as_ref());
            let work = Work::read(root.section("work"), folder);
            let sources = sources::read(root.section("sources"), folder);
            let mail = Mail::read(root.section("mail"), folder);
            let proxies = server.as_ref().and_then(|server| server.proxies);
            let portal = Portal::read(root.section("portal"), folder, proxies);
            let oidc = Oidc::read(root.section("oidc"), folder);
            let log = Log::read(root.section("log"));
            let traces = Traces::read(root.section("traces"));
            root.close();
            (|| {
                let (server, store, mail) = (server?, store?, mail?);
                Some(Self { server, store, keys, work, sources, mail, portal, oidc, log, traces })
            })()
        };
        let mistakes = notes.into_sorted();
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes),
        }
    }
}

/// The configuration to use: that of `--config`, else of `COUNTERSIGN_CONFIG`, else `./countersign.toml`.
pub(crate) fn locate(named: Option<&Path>) -> PathBuf {
    // clap reads the variable; only an empty one is left to pass over.
    named.filter(|path| !path.as_os_str().is_empty()).map_or_else(|| PathBuf::from(FILE), Path::to_owned)
}
