//! What every use case holds: the ports, the keys, the active settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use countersign_core::id::{PersonId, RequestId};
use countersign_core::time::Timestamp;
use countersign_ledger::{SigningKey, VerifierKey};
use tracing::Instrument;

use crate::clock::Watch;
use crate::jobs::end::Ends;
use crate::jobs::forget;
use crate::jobs::room::Rooms;
use crate::keys::Keys;
use crate::known::Known;
use crate::measure::{GivenUp, Histogram};
use crate::portal::flood::Turns;
use crate::ports::chance::{self, Chance};
use crate::ports::notifier::Notifier;
use crate::ports::package::Packager;
use crate::ports::provider::IdentityProvider;
use crate::ports::source::Source;
use crate::ports::store::{Change, Committed, Loaded, Needs, Store};
use crate::refusal::Refusal;
use crate::requests::first_look::FirstLooks;
use crate::seal::DataKey;
use crate::settings::{Bundle, Settings};
use crate::sign::Provider;
use crate::span;
use crate::statement::KeySets;

/// How long a claimed job stays with its node without being renewed, if nobody says otherwise.
const LEASE_MS: i64 = 30_000;

/// What the attic plugs in.
pub struct Parts {
    /// Our state.
    pub store: Arc<dyn Store>,
    /// Their data, by name.
    pub sources: BTreeMap<String, Arc<dyn Source>>,
    /// Their inboxes.
    pub notifier: Arc<dyn Notifier>,
    /// Makes packages.
    pub packager: Arc<dyn Packager>,
    /// Randomness.
    pub chance: Arc<dyn Chance>,
    /// This node's clock: for ids and waiting; what a rule rests on is the store's time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Keys of this installation.
    pub keys: Keys,
    /// Signs checkpoints.
    pub ledger: SigningKey,
    /// A folder for files that live for a moment, with mode 0700.
    pub scratch: PathBuf,
}

/// Countersign, without doors.
pub struct Service {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sources: BTreeMap<String, Arc<dyn Source>>,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) packager: Arc<dyn Packager>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) keys: Keys,
    pub(crate) ledger: SigningKey,
    pub(crate) scratch: PathBuf,
    pub(crate) first_looks: FirstLooks,
    pub(crate) watch: Watch,
    pub(crate) verdicts: Histogram,
    pub(crate) given_up: GivenUp,
    pub(crate) rooms: Rooms,
    pub(crate) turns: Turns,
    pub(crate) signing: tokio::sync::Mutex<()>,
    pub(crate) ends: Ends,
    acts: AtomicU64,
    pub(crate) known: Known,
    pub(crate) lease_ms: i64,
    pub(crate) ledger_before: Vec<VerifierKey>,
    pub(crate) key_sets: KeySets,
    reached_at: OnceLock<String>,
    portal_at: OnceLock<String>,
    pub(crate) provider: Option<Provider>,
    active: RwLock<Option<Arc<Settings>>>,
}

impl Service {
    /// Puts the parts together. Settings are read when they are first needed.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, sources, notifier, packager, chance, clock, keys, ledger, scratch } = parts;
        Self {
            store,
            sources,
            notifier,
            packager,
            chance,
            clock,
            keys,
            ledger,
            scratch,
            first_looks: FirstLooks::default(),
            watch: Watch::default(),
            verdicts: Histogram::default(),
            given_up: GivenUp::default(),
            rooms: Rooms::default(),
            turns: Turns::default(),
            signing: tokio::sync::Mutex::default(),
            ends: Ends::default(),
            acts: AtomicU64::new(0),
            known: Known::default(),
            lease_ms: LEASE_MS,
            ledger_before: Vec::new(),
            key_sets: KeySets::default(),
            reached_at: OnceLock::new(),
            portal_at: OnceLock::new(),
            provider: None,
            active: RwLock::default(),
        }
    }

    /// The same, with another time that a claimed job stays with its node without being renewed.
    #[must_use]
    pub fn with_lease_ms(self, lease_ms: i64) -> Self {
        Self { lease_ms, ..self }
    }

    /// The same, knowing the keys that signed for the ledger before its own did.
    #[must_use]
    pub fn with_ledger_before(self, ledger_before: Vec<VerifierKey>) -> Self {
        Self { ledger_before, ..self }
    }

    /// The same, fetching keys of customers' applications: `public` goes to no private network, `private` also there.
    #[must_use]
    pub fn with_key_sets(
        self,
        public: Arc<dyn IdentityProvider>,
        private: Arc<dyn IdentityProvider>,
    ) -> Self {
        Self { key_sets: KeySets::over(public, private), ..self }
    }

    /// Says by which address people reach the pages of this node, for links in mails. What was said first counts.
    pub fn reached_at(&self, url: &str) {
        let _ = self.reached_at.set(url.trim_end_matches('/').to_owned());
    }

    /// Says where the portal is, if this node has one. What was said first counts.
    pub fn portal_at(&self, url: &str) {
        let _ = self.portal_at.set(url.trim_end_matches('/').to_owned());
    }

    /// A page at the portal, if there is one.
    pub(crate) fn portal_page(&self, path: &str) -> Option<String> {
        self.portal_at.get().map(|url| format!("{url}{path}"))
    }

    /// A page at the console, if anybody said where that is. A link to it opens nothing by itself.
    pub(crate) fn console_page(&self, path: &str) -> Option<String> {
        self.reached_at.get().map(|url| format!("{url}/console{path}"))
    }

    /// The same, with a way to the identity provider that the settings name.
    #[must_use]
    pub fn with_provider(self, provider: Option<Provider>) -> Self {
        Self { provider, ..self }
    }

    /// The store, for doors that serve tiles and checkpoints as they are.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The verifier key of the ledger, as text.
    pub fn vkey(&self) -> String {
        self.ledger.verifier().to_string()
    }

    /// The active settings. A node that cannot load them judges nothing.
    pub async fn settings(&self) -> Result<Arc<Settings>, Refusal> {
        let cached = self.active.read().ok().and_then(|active| active.clone());
        match cached {
            Some(settings) => Ok(settings),
            None => self.reload().await,
        }
    }

    /// Reads the active settings again, after somebody said that they changed.
    pub(crate) async fn reload(&self) -> Result<Arc<Settings>, Refusal> {
        let (version, body) = self.store.settings(None).await?.ok_or(Refusal::NoSettings)?;
        let cached = self.active.read().ok().and_then(|active| active.clone());
        if let Some(settings) = cached.filter(|settings| settings.version == version) {
            return Ok(settings);
        }
        let bundle: Bundle =
            Bundle::from_bytes(&body).map_err(|_| Refusal::Damaged(format!("settings {version}")))?;
        let settings = Settings::compile(version, &bundle).map_err(|mistakes| {
            tracing::error!(version, mistakes = mistakes.len(), "the active settings cannot be loaded");
            Refusal::NoSettings
        })?;
        let settings = Arc::new(settings);
        if let Ok(mut active) = self.active.write() {
            *active = Some(Arc::clone(&settings));
        }
        Ok(settings)
    }

    /// The store's time, by which everything is decided: this node's clock may be wrong.
    pub(crate) async fn store_time(&self) -> Result<Timestamp, Refusal> {
        Ok(self.store.load(Needs::default()).await?.now)
    }

    /// One transaction. `decide` answers with what to write and with what to tell the caller.
    pub(crate) async fn act<T: Send + 'static>(
        &self,
        needs: Needs,
        mut decide: impl FnMut(&Loaded) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<(Committed, T), Refusal> {
        self.acts.fetch_add(1, Ordering::Relaxed);
        let told = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&told);
        let active = self.active.read().ok().and_then(|active| active.clone());
        // Without settings at hand the job looks again by itself.
        let own_data_after_ms = active.map_or(0, |settings| settings.own_data_after_ms);
        let committed = self
            .store
            .act(
                needs,
                Box::new(move |loaded| {
                    let (mut change, answer) = decide(loaded)?;
                    forget::wish_at_the_end(&mut change, loaded.now, own_data_after_ms);
                    if let Ok(mut tell) = tell.lock() {
                        *tell = Some(answer);
                    }
                    Ok(change)
                }),
            )
            .instrument(span::transaction())
            .await?;
        let answer = told.lock().ok().and_then(|mut told| told.take());
        answer.map(|answer| (committed, answer)).ok_or(Refusal::Unavailable)
    }

    /// How many transactions this node began.
    pub(crate) fn acts(&self) -> u64 {
        self.acts.load(Ordering::Relaxed)
    }

    /// A new id for a request: sortable by time (UUID version 7).
    pub(crate) fn new_request_id(&self, now: Timestamp) -> RequestId {
        let millis = now.as_millis().max(0).unsigned_abs();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &chance::bytes(&*self.chance)).into_uuid();
        RequestId::from_bytes(id.into_bytes())
    }

    /// A new id for a person: random through and through.
    pub(crate) fn new_person_id(&self) -> PersonId {
        PersonId::from_bytes(
            uuid::Builder::from_random_bytes(chance::bytes(&*self.chance)).into_uuid().into_bytes(),
        )
    }

    /// The key of a request; `None` once it was destroyed.
    pub(crate) async fn data_key(&self, request: RequestId) -> Result<Option<DataKey>, Refusal> {
        let Some((epoch, wrapped)) = self.store.key(request).await? else { return Ok(None) };
        DataKey::unwrap(request, &self.keys, epoch, &wrapped).map(Some).map_err(|_| {
            Refusal::Damaged("a request's key cannot be opened with this node's keys".to_owned())
        })
    }

    /// A sealed field of a request, opened.
    pub(crate) async fn field(
        &self,
        key: &DataKey,
        request: RequestId,
        field: &str,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(sealed) = self.store.sealed(request, field).await? else { return Ok(None) };
        key.open(field, &sealed).map(Some).map_err(|_| {
            Refusal::Damaged(format!("the sealed field `{field}` of a request cannot be opened"))
        })
    }
}
