//! Clients at mixed work: they submit, prove, vote, withdraw, deny and read, on whatever node answers, and write down
//! what was acknowledged. What they read must not fall behind that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign_client::view::{Page, Request};
use serde_json::{Value, json};

use crate::book::{Book, Case, Promise};
use crate::call::{Call, Said, persist};
use crate::chance::Chance;
use crate::directory::Directory;
use crate::postman::Postman;
use crate::shop::{self, Customers};

/// How long a client waits for what comes by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all clients share.
pub(crate) struct Load {
    pub(crate) directory: Arc<Directory>,
    pub(crate) book: Book,
    pub(crate) postman: Postman,
    pub(crate) customers: Customers,
    pub(crate) reads: AtomicUsize,
    pub(crate) stop: AtomicBool,
}

/// One client.
pub(crate) struct Worker {
    pub(crate) load: Arc<Load>,
    pub(crate) chance: Chance,
}

impl Worker {
    /// Goes on until it is told to stop. What it broke off then was not acknowledged.
    pub(crate) async fn work(mut self) {
        while !self.load.stop.load(Ordering::Relaxed) {
            let kind = self.chance.below(100);
            let stubborn = (43..46).contains(&kind);
            let queue = if stubborn { &self.load.customers.stubborn } else { &self.load.customers.docile };
            let Some(customer) = queue.next() else {
                return self.load.book.wrong("the shop has too few customers for this run".to_owned());
            };
            // A scenario that could not be gone through to its end is none the less part of the run.
            let _ended = match kind {
                0..43 => self.erase(customer, Case::Plain).await,
                43..46 => self.erase(customer, Case::Stubborn).await,
                46..50 => self.erase_twice(customer).await,
                50..62 => self.deny(customer).await,
                62..74 => self.take_back(customer).await,
                74..88 => self.export(customer).await,
                _ => self.list().await,
            };
            self.look_back().await;
            tokio::time::sleep(Duration::from_millis(200 + self.chance.below(600))).await;
        }
    }

    fn node(&mut self) -> usize {
        self.chance.place(self.load.directory.len())
    }

    async fn call<T: serde::de::DeserializeOwned>(&mut self, who: &str, call: Call) -> Said<T> {
        let node = self.node();
        persist(&self.load.directory, node, who, call).await
    }

    /// An erasure that the desk asks for and one officer approves.
    async fn erase(&mut self, customer: i64, case: Case) -> Option<()> {
        let id = self.submit("desk", "erase", customer, case).await?.id;
        self.approve(&id).await?;
        self.ended(&id).await
    }

    /// Two requests to erase the same customer, both of which go as far as they can.
    async fn erase_twice(&mut self, customer: i64) -> Option<()> {
        let mut other = Worker { load: Arc::clone(&self.load), chance: self.chance.branch() };
        let both = async |worker: &mut Worker| {
            let id = worker.submit("desk", "erase", customer, Case::Twin).await?.id;
            worker.approve(&id).await
        };
        let (_one, _two) = tokio::join!(both(self), both(&mut other));
        Some(())
    }

    /// A request that an officer denies.
    async fn deny(&mut self, customer: i64) -> Option<()> {
        let id = self.submit("desk", "erase", customer, Case::Plain).await?.id;
        let ballot = json!({ "vote": "deny", "seat": "privacy", "reason": "not identified after all" });
        self.call::<Value>("otto-officer", Call::post(format!("v1/requests/{id}/votes"), ballot))
            .await
            .yes()?;
        self.load.book.promised(&id, Promise::Denied);
        Some(())
    }

    /// A request that is taken back before anybody votes.
    async fn take_back(&mut self, customer: i64) -> Option<()> {
        let id = self.submit("desk", "erase", customer, Case::Plain).await?.id;
        let call = Call::post(format!("v1/requests/{id}/withdraw"), json!({}));
        self.call::<Value>("desk", call).await.yes()?;
        self.load.book.promised(&id, Promise::Withdrawn);
        Some(())
    }

    /// A subject's own request, proved by the code in a mail.
    async fn export(&mut self, customer: i64) -> Option<()> {
        let asked = json!({
            "action": "export", "requester": "subject", "subject": { "email": shop::email(customer) }
        });
        let request: Request =
            self.call("portal", Call::post("v1/requests".to_owned(), asked)).await.yes()?;
        let id = request.id;
        self.load.book.submitted(&id, "export", customer, Case::Plain);
        let token = request.request_token?.show().to_owned();
        let path = format!("v1/requests/{id}/verifications");
        self.call::<Value>(&token, Call::post(path.clone(), json!({ "method": "email" }))).await.yes()?;
        let mut wrong: Option<String> = None;
        // A repeated wish for a code may have sent a second one; the newest counts.
        for _ in 0..3 {
            let code = self.load.postman.code(&id, wrong.as_deref()).await?;
            let call = Call::put(format!("{path}/email"), json!({ "code": code }));
            match self.call::<Value>(&token, call).await {
                Said::Yes(_) => {
                    self.load.book.promised(&id, Promise::Proved);
                    return self.ended(&id).await;
                }
                said if said.reason() == "wrong_code" => wrong = Some(code),
                _ => return None,
            }
        }
        None
    }

    /// A look at a list.
    async fn list(&mut self) -> Option<()> {
        let status = ["waiting", "completed", "denied", "running"][self.chance.place(4)];
        let path = format!("v1/requests?status={status}&limit=20");
        self.call::<Page<Request>>("opal-operator", Call::get(path)).await.yes()?;
        self.load.reads.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    async fn submit(
        &mut self,
        who: &str,
        action: &'static str,
        customer: i64,
        case: Case,
    ) -> Option<Request> {
        let asked = json!({ "action": action, "subject": { "account": shop::account(customer) } });
        let request: Request = self.call(who, Call::post("v1/requests".to_owned(), asked)).await.yes()?;
        self.load.book.submitted(&request.id, action, customer, case);
        Some(request)
    }

    async fn approve(&mut self, id: &str) -> Option<()> {
        let request = self.until(id, |request| request.digest.is_some()).await?;
        let call = Call::post(format!("v1/requests/{id}/votes"), ballot(&request)?);
        self.call::<Value>("olga-officer", call).await.yes()?;
        self.load.book.promised(id, Promise::Approved);
        Some(())
    }

    async fn ended(&mut self, id: &str) -> Option<()> {
        let ended = |request: &Request| !matches!(&*request.status, "waiting" | "released" | "running");
        self.until(id, ended).await.map(drop)
    }

    async fn until(&mut self, id: &str, seen: impl Fn(&Request) -> bool) -> Option<Request> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(60);
        while Instant::now() < deadline && !self.load.stop.load(Ordering::Relaxed) {
            let said: Said<Request> =
                self.call("opal-operator", Call::get(format!("v1/requests/{id}"))).await;
            self.must_be_there(id, &said);
            if let Some(request) = said.yes().filter(|request| seen(request)) {
                return Some(request);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(700));
        }
        None
    }

    /// Reads a request that anybody submitted, on any node: it must show what was promised before it was asked.
    async fn look_back(&mut self) {
        let number = self.chance.place(1 << 20);
        let Some((id, known)) = self.load.book.one(number) else { return };
        let said: Said<Request> = self.call("opal-operator", Call::get(format!("v1/requests/{id}"))).await;
        self.must_be_there(&id, &said);
        let Some(request) = said.yes() else { return };
        self.load.reads.fetch_add(1, Ordering::Relaxed);
        for (promise, status) in [(Promise::Denied, "denied"), (Promise::Withdrawn, "withdrawn")] {
            if known.promises.contains(&promise) && request.status != status {
                let what = format!("request {id} was {status} and then read as {}", request.status);
                self.load.book.wrong(what);
            }
        }
    }

    fn must_be_there(&self, id: &str, said: &Said<Request>) {
        if let Said::No(problem) = said {
            self.load
                .book
                .wrong(format!("request {id} was acknowledged and then refused to a reader: {problem}"));
        }
    }
}

/// An approval of what is shown, with the counts that are shown.
pub(crate) fn ballot(seen: &Request) -> Option<Value> {
    let digest = seen.digest.as_ref()?;
    Some(
        json!({ "vote": "approve", "seat": "privacy", "digest": digest, "reason": "identified by the desk" }),
    )
}
