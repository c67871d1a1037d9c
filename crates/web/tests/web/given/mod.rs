//! A house with one source, one person in it, and one token a role.

pub(crate) mod provider;
pub(crate) mod refusing;
pub(crate) mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use countersign_ledger::SigningKey;
use countersign_service::caller::Role;
use countersign_service::keys::Keys;
use countersign_service::ports::chance::Chance;
use countersign_service::ports::notifier::{Message, Notifier, NotifyError};
use countersign_service::ports::package::{About, Packager};
use countersign_service::ports::source::{Exported, Source};
use countersign_service::ports::store::Store;
use countersign_service::settings::Bundle;
use countersign_service::sign::Provider;
use countersign_service::{First, Parts, Service};
use countersign_store::SqliteStore;
use countersign_web::{WebOptions, router};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tower::ServiceExt;

use self::refusing::Refusing;

/// When everything begins: 2026-02-02T09:00:00Z.
pub(crate) const NOW_MS: i64 = 1_770_022_800_000;

pub(crate) const SETTINGS: &str = "environment = \"test\"\ntime_zone = \"UTC\"\ngroups = [\"privacy\"]\n";
pub(crate) const MAP: &str = "source = \"shop\"\n[[root]]\ntable = \"customer\"\nkey = [\"id\"]\n\
    identities = { email = \"email\", account = \"account\" }\ntreatment = \"delete\"\nsamples = 1\n\
    [[dataset]]\nname = \"app_log\"\ntable = \"app_log\"\nage = \"at\"\nformat = \"iso\"\n";
pub(crate) const POLICY: &str = "@id(\"erase.approved\")\npermit (principal, action == Action::\"erase\", resource is Subject)\n\
    when { context.approvals.privacy >= 2 };\n";

/// A whole house.
pub(crate) struct House {
    pub(crate) web: Router,
    pub(crate) service: Arc<Service>,
    pub(crate) store: Arc<Refusing>,
    /// By role, and `desk` for a service that attests.
    pub(crate) tokens: BTreeMap<&'static str, String>,
    pub(crate) people: BTreeMap<&'static str, PersonId>,
    /// What was mailed.
    pub(crate) mail: Arc<Mutex<Vec<Message>>>,
    _stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) async fn house() -> House {
    house_with(WebOptions::default()).await
}

pub(crate) async fn house_with(options: WebOptions) -> House {
    house_of(options, &[]).await
}

/// With policies beside the usual one.
pub(crate) async fn house_of(options: WebOptions, policies: &[(&str, &str)]) -> House {
    house_set(options, SETTINGS, policies, None).await
}

/// With settings of its own, and an identity provider.
pub(crate) async fn house_set(
    options: WebOptions,
    settings: &str,
    policies: &[(&str, &str)],
    provider: Option<Provider>,
) -> House {
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let clock: Arc<dyn Fn() -> Timestamp + Send + Sync> =
        Arc::new(move || Timestamp::from_millis(NOW_MS + began.elapsed().as_millis() as i64));
    let store = SqliteStore::open(&dir.path().join("store.db"), Arc::clone(&clock)).unwrap();
    let store = Arc::new(Refusing::over(store));
    let shop: Arc<dyn Source> = Arc::new(source::Shop);
    let mail = Arc::default();
    let service = Service::new(Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        sources: BTreeMap::from([("shop".to_owned(), shop)]),
        notifier: Arc::new(Kept(Arc::clone(&mail))),
        packager: Arc::new(Silent),
        chance: Arc::new(Counted(AtomicU64::new(0))),
        clock,
        keys: Keys { wrapping: [1; 32], epoch: 1, earlier: Vec::new(), index: [2; 32], token: [3; 32] },
        ledger: SigningKey::from_seed("test.example/ledger", &[4; 32]).unwrap(),
        scratch: dir.path().to_owned(),
    });
    let service = Arc::new(service.with_provider(provider));
    let (tokens, people) = begin(&service, settings, policies).await;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(Arc::clone(&service).work(stopping));
    service.sign_head().await.unwrap();
    House {
        web: router(Arc::clone(&service), options),
        service,
        store,
        tokens,
        people,
        mail,
        _stop: stop,
        _dir: dir,
    }
}

async fn begin(
    service: &Service,
    settings: &str,
    policies: &[(&str, &str)],
) -> (BTreeMap<&'static str, String>, BTreeMap<&'static str, PersonId>) {
    let first = |role: Role| First {
        name: role.name().to_owned(),
        identities: BTreeMap::from([("email".to_owned(), format!("{}@staff.example", role.name()))]),
        seats: if role == Role::Reviewer { BTreeSet::from(["privacy".to_owned()]) } else { BTreeSet::new() },
        roles: BTreeSet::from([role]),
        channel: "api".to_owned(),
        services: if role == Role::Administrator {
            vec![("desk".to_owned(), "api".to_owned(), BTreeSet::from(["identity".to_owned()]))]
        } else {
            Vec::new()
        },
    };
    let usual = [("settings.toml", settings), ("maps/shop.toml", MAP), ("policies/erase.cedar", POLICY)];
    let files: Vec<_> = usual.iter().chain(policies).copied().collect();
    let begun =
        service.bootstrap(Role::ALL.map(first).to_vec(), Bundle::read(&files).unwrap()).await.unwrap();
    let mut tokens = BTreeMap::from([("desk", begun.services[0].1.clone())]);
    let mut people = BTreeMap::new();
    for (role, (id, _, secret)) in Role::ALL.into_iter().zip(begun.people) {
        tokens.insert(role.name(), secret);
        people.insert(role.name(), id);
    }
    (tokens, people)
}

impl House {
    pub(crate) fn token(&self, who: &str) -> &str {
        &self.tokens[who]
    }

    /// The status alone, of an answer that may never end.
    pub(crate) async fn status(&self, request: Request<Body>) -> StatusCode {
        self.web.clone().oneshot(request).await.unwrap().status()
    }

    /// Calls with a JSON body, or with none for null.
    pub(crate) async fn call(&self, who: &str, method: &str, path: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !who.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token(who)));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.web.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// An erasure of Ana's data, asked for by the support desk, who knows her. Waits for two votes.
    pub(crate) async fn erasure(&self) -> Value {
        let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}});
        let answer = self.call("desk", "POST", "/v1/requests", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        // A worker makes the survey after the answer.
        for _ in 0..500 {
            let request =
                self.call("operator", "GET", &format!("/v1/requests/{id}"), Value::Null).await.json();
            if request["digest"].is_string() {
                return request;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the sources were never looked at");
    }

    /// A submission of a subject, and the token that opens it.
    pub(crate) async fn subjects_own(&self) -> (String, String) {
        let body =
            json!({"action": "erase", "requester": "subject", "subject": {"email": "ana@example.test"}});
        let request = self.call("submitter", "POST", "/v1/requests", body).await.json();
        let part = |name: &str| request[name].as_str().unwrap().to_owned();
        (part("id"), part("request_token"))
    }

    /// How much is stored: requests, ledger entries, people, tokens, holds.
    pub(crate) async fn stored(&self) -> (u64, u64, usize) {
        let store = self.service.store();
        let requests = store.tally().await.unwrap().iter().map(|(_, _, count)| count).sum();
        let mut records = 0;
        for kind in ["person", "token", "hold", "answer", "submission"] {
            records += store.page(kind, None, 10_000).await.unwrap().len();
        }
        (requests, store.head().await.unwrap().0, records)
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Keeps what is mailed.
struct Kept(Arc<Mutex<Vec<Message>>>);

#[async_trait]
impl Notifier for Kept {
    async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(())
    }
}

/// Packs nothing.
struct Silent;

#[async_trait]
impl Packager for Silent {
    async fn write(
        &self,
        _: &Path,
        _: About,
        _: tokio::sync::mpsc::Receiver<Exported>,
        _: tokio::sync::mpsc::Sender<Vec<u8>>,
    ) -> Result<(), String> {
        Err("nothing is packed here".to_owned())
    }
}

/// Randomness that repeats from run to run and never within one.
struct Counted(AtomicU64);

impl Chance for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(n.to_be_bytes())[..chunk.len()]);
        }
    }
}
