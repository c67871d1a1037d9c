//! The keys of applications: from the settings, or from an address, kept for a while. A key that is not known is looked for
//! again, but not at everybody's wish.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::time::Timestamp;
use tokio::sync::Mutex;

use super::refused;
use crate::jws::{Flaw, NoKey, Signed, SigningKeys};
use crate::ports::provider::{IdentityProvider, Unreached};
use crate::refusal::Refusal;
use crate::settings::{Application, KeysAt};

/// For how long what was read counts: also a key that was withdrawn proves nothing after that.
const LIVES_MS: i64 = 15 * 60_000;
/// How soon keys are read again because somebody named one that is not known.
const AGAIN_MS: i64 = 10_000;

/// What was read at an address, and when.
struct Known {
    keys: SigningKeys,
    read_at: Timestamp,
}

/// The keys of every application, as far as this node had to know them.
#[derive(Default)]
pub(crate) struct KeySets {
    wires: Option<[Arc<dyn IdentityProvider>; 2]>,
    known: Mutex<BTreeMap<(String, bool), Known>>,
}

impl KeySets {
    /// Reads keys by these.
    pub(crate) fn over(public: Arc<dyn IdentityProvider>, private: Arc<dyn IdentityProvider>) -> Self {
        Self { wires: Some([public, private]), known: Mutex::default() }
    }

    /// Checks the signature of a statement.
    pub(super) async fn check(
        &self,
        application: &Application,
        token: &str,
        now: Timestamp,
    ) -> Result<Signed, Refusal> {
        let checked = match &application.keys {
            KeysAt::Here(text) => SigningKeys::read(text.as_bytes()).unwrap_or_default().check(token),
            KeysAt::Url { url, private } => match self.at(url, *private, LIVES_MS, now).await?.check(token) {
                Err(NoKey::Unknown) => self.at(url, *private, AGAIN_MS, now).await?.check(token),
                checked => checked,
            },
        };
        checked.map_err(|no_key| match no_key {
            NoKey::Unknown => refused(Flaw("its key is not one of the application's")),
            NoKey::Flawed(flaw) => refused(flaw),
        })
    }

    /// The keys at an address, read anew if that is so long ago.
    async fn at(
        &self,
        url: &str,
        private: bool,
        lives_ms: i64,
        now: Timestamp,
    ) -> Result<SigningKeys, Refusal> {
        // Held while they are read: of many who want them at once one reads them.
        let mut known = self.known.lock().await;
        let name = (url.to_owned(), private);
        let fresh = known.get(&name).filter(|it| (0..lives_ms).contains(&now.since_ms(it.read_at)));
        if let Some(it) = fresh {
            return Ok(it.keys.clone());
        }
        let [public_wire, private_wire] =
            self.wires.as_ref().ok_or_else(|| unread(&Unreached("cannot be called here".to_owned())))?;
        let wire = if private { private_wire } else { public_wire };
        let bytes = wire.document(url).await.map_err(|why| unread(&why))?;
        let keys = SigningKeys::read(&bytes)
            .ok_or_else(|| unread(&Unreached("publishes no keys that can be read".to_owned())))?;
        known.insert(name, Known { keys: keys.clone(), read_at: now });
        Ok(keys)
    }
}

fn unread(why: &Unreached) -> Refusal {
    tracing::warn!(%why, "the keys of an application could not be read");
    Refusal::Source("the keys of the application that states this cannot be read".to_owned())
}
