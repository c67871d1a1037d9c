//! The files of one version of the settings, as they were handed in: which may be there, how large, and the
//! hash by which people name the whole. It must not know what stands in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mistake::Mistake;

/// The file that every bundle has.
pub const SETTINGS_FILE: &str = "settings.toml";
/// The most that all files may take together, in bytes.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The most files.
pub const MOST_FILES: usize = 256;

/// What every hash of a bundle begins with, so that it is never taken for the hash of something else.
const DOMAIN: &[u8] = b"countersign/settings/v1\0";
const PLACES: &str = "a bundle has `settings.toml`, `policies/*.cedar` and `maps/*.toml`";

/// A set of settings as text, by path. Its JSON is what the store keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Text by path, such as `policies/erase.cedar`.
    pub files: BTreeMap<String, String>,
}

/// Bytes that are no bundle: the store is damaged, or written by something else.
#[derive(Debug, thiserror::Error)]
#[error("these bytes are no settings bundle")]
pub struct NoBundle(#[source] serde_json::Error);

impl Bundle {
    /// Takes files in, path and text each; a path may use `\` between folders.
    ///
    /// # Errors
    /// Every file that does not belong, comes twice, or goes beyond the limits of number and size.
    pub fn read<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Result<Self, Vec<Mistake>> {
        let mut bundle = Self::default();
        let mut mistakes = vec![];
        for (path, text) in files {
            let path = path.as_ref().replace('\\', "/");
            let path = path.strip_prefix("./").unwrap_or(&path);
            if bundle.files.insert(path.to_owned(), text.as_ref().to_owned()).is_some() {
                mistakes.push(Mistake::whole(path, "is handed in twice"));
            }
        }
        mistakes.extend(bundle.faults());
        if mistakes.is_empty() { Ok(bundle) } else { Err(mistakes) }
    }

    /// The bundle that the store keeps as `bytes`.
    ///
    /// # Errors
    /// Bytes that [`Bundle::to_bytes`] did not make.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoBundle> {
        serde_json::from_slice(bytes).map_err(NoBundle)
    }

    /// Its canonical form: JSON without spaces, paths in order. Equal bundles have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // A map from text to text always has a JSON form; the empty answer would change the hash and be noticed.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical form, in lower-case hex.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::new().chain_update(DOMAIN).chain_update(self.to_bytes()).finalize())
    }

    /// The policies: path and text.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.under("policies/")
    }

    /// The data maps: path and text.
    pub fn maps(&self) -> impl Iterator<Item = (&str, &str)> {
        self.under("maps/")
    }

    fn under(&self, folder: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// What is wrong with the bundle as a whole, whatever its files say.
    pub(super) fn faults(&self) -> Vec<Mistake> {
        let mut mistakes = vec![];
        let bytes: usize = self.files.iter().map(|(path, text)| path.len() + text.len()).sum();
        if bytes > MOST_BYTES {
            mistakes.push(Mistake::whole(
                "bundle",
                format!("takes {bytes} bytes; at most {MOST_BYTES} are taken"),
            ));
        }
        if self.files.len() > MOST_FILES {
            let count = self.files.len();
            mistakes
                .push(Mistake::whole("bundle", format!("has {count} files; at most {MOST_FILES} are taken")));
        }
        if !self.files.contains_key(SETTINGS_FILE) {
            mistakes.push(Mistake::whole(SETTINGS_FILE, "is missing"));
        }
        // Beyond the limit, one message a file would only bury the first.
        let strangers = self.files.keys().filter(|path| !belongs(path)).take(MOST_FILES);
        mistakes
            .extend(strangers.map(|path| Mistake::whole(path, format!("does not belong here; {PLACES}"))));
        mistakes
    }
}

fn belongs(path: &str) -> bool {
    let named = |folder: &str, ending: &str| {
        path.strip_prefix(folder).and_then(|rest| rest.strip_suffix(ending)).is_some_and(is_plain)
    };
    path == SETTINGS_FILE || named("policies/", ".cedar") || named("maps/", ".toml")
}

/// No folders below, nothing hidden, nothing that a file system could take for something else.
fn is_plain(stem: &str) -> bool {
    !stem.is_empty()
        && stem.len() <= 128
        && !stem.starts_with('.')
        && stem.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn same_files_in_another_order_have_the_same_hash() {
        let one = Bundle::read(&[("settings.toml", "a"), ("maps/shop.toml", "b")]).unwrap();
        let other = Bundle::read(&[("maps/shop.toml", "b"), ("./settings.toml", "a")]).unwrap();
        assert_eq!(one.hash(), other.hash());
        assert_eq!(one.hash().len(), 64);
    }

    #[test]
    fn text_that_moves_to_another_file_changes_the_hash() {
        let one = Bundle::read(&[("settings.toml", ""), ("maps/a.toml", "x"), ("maps/b.toml", "")]).unwrap();
        let other =
            Bundle::read(&[("settings.toml", ""), ("maps/a.toml", ""), ("maps/b.toml", "x")]).unwrap();
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn bundle_comes_back_from_its_bytes() {
        let bundle = Bundle::read(&[("settings.toml", "é\n"), ("policies/a.cedar", "\"")]).unwrap();
        assert_eq!(Bundle::from_bytes(&bundle.to_bytes()).unwrap(), bundle);
        assert!(Bundle::from_bytes(b"{}").is_err());
    }

    #[test]
    fn everything_that_does_not_belong_is_named_at_once() {
        let files =
            [("maps/x.cedar", ""), ("../settings.toml", ""), ("policies/a/b.cedar", ""), ("maps/.toml", "")];
        let mistakes = Bundle::read(&files).unwrap_err();
        assert_eq!(mistakes.len(), 5, "four strangers, and settings.toml is missing: {mistakes:?}");
    }

    #[test]
    fn too_many_files_and_too_many_bytes_are_refused() {
        let many: Vec<_> = (0..MOST_FILES).map(|n| (format!("maps/m{n}.toml"), String::new())).collect();
        let mut all = vec![("settings.toml".to_owned(), " ".repeat(MOST_BYTES))];
        all.extend(many);
        let mistakes = Bundle::read(&all).unwrap_err();
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    }
}
