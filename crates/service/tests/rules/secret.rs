//! Personal data and secrets: marked values go in by every way, and are looked for everywhere they must not be.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use countersign_service::NewPerson;
use countersign_service::ports::store::{Status, Store};
use countersign_service::requests::ask::{Ask, AskedBy};
use countersign_service::requests::vote::Ballot;
use countersign_service::settings::Bundle;
use sha2::{Digest, Sha256};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

use crate::fixture::{HOUR, House, about, replace};

const EMAIL: &str = "marked.mallow@example.test";
const MARKED: [&str; 8] = [
    EMAIL,
    "MARKED-ACCOUNT-4711",
    "marked reason of the request",
    "marked parameter",
    "marked reason of the vote",
    "marked remark",
    "Marked Mallow",
    "marked mandate",
];

/// Writes down everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Looks for a value, for its hash in hex and for its hash in bytes.
fn look(place: &str, bytes: &[u8], values: &[String]) {
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    for value in values {
        assert!(!has(value.as_bytes()), "{place} has `{value}`");
        let hash = Sha256::digest(value.as_bytes());
        assert!(!has(&hash), "{place} has the hash of `{value}`");
        assert!(!has(hex::encode(hash).as_bytes()), "{place} has the hash of `{value}` in hex");
    }
}

#[tokio::test]
async fn marked_values_stand_nowhere_but_sealed() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let asking = |bundle: &mut Bundle| {
        replace(bundle, "maps/shop.toml", "key = [\"id\"]", "key = [\"id\"]\nsamples = 1");
    };
    let house = House::with(asking).await;
    house.shop.add("marked", &[("email", EMAIL), ("account", MARKED[1])], &[("customer", 1)]);
    let admin = house.caller("admin").await;
    let identities = BTreeMap::from([("email".to_owned(), EMAIL.to_owned())]);
    let new = NewPerson {
        name: MARKED[6].to_owned(),
        identities,
        administers: false,
        roles: std::collections::BTreeSet::new(),
    };
    let person = house.service.put_person(&admin, new).await.unwrap();
    let enrolled = house.service.enroll_totp(&admin, person.id).await.unwrap();
    house.pass(HOUR);

    // An export by the subject, with everything that can be said along with it.
    let portal = house.caller("portal").await;
    let ask = Ask {
        by: AskedBy::Subject,
        reason: Some(MARKED[2].to_owned()),
        parameters: BTreeMap::from([("note".to_owned(), MARKED[3].to_owned())]),
        idempotency_key: Some("marked-key".to_owned()),
        ..about("export", &[("email", EMAIL), ("account", MARKED[1])])
    };
    let receipt = house.service.submit(&portal, ask).await.unwrap();
    let token = receipt.subject_token.unwrap();
    let subject = house.service.caller(&token).await.unwrap();
    let export = receipt.picture.row.id;
    house.prove_email(&subject, export).await;
    assert_eq!(house.status(export).await, Status::Completed);
    assert_eq!(house.see(export).await.reason.as_deref(), Some(MARKED[2]));
    let code = house.code(export);

    // An erasure with votes, remarks, a hold and a source that fails.
    let erase = house.ask_attested("erase", &[("email", EMAIL), ("account", MARKED[1])]).await;
    assert_eq!(house.see(erase).await.samples[0].rows[0][0].as_str(), "m***@e***.test");
    let otto = house.caller("otto").await;
    house.service.comment(&otto, erase, MARKED[5].to_owned()).await.unwrap();
    let digest = house.see(erase).await.digest.unwrap();
    let reason = Some(MARKED[4].to_owned());
    house.shop.inside().switches.unavailable = true;
    let ballot = Ballot { approve: true, seat: "privacy".to_owned(), digest, ceiling: None, reason };
    house.service.vote(&house.caller("olga").await, erase, ballot).await.unwrap();
    house.settle().await;
    house.try_again_and_again().await;
    house.shop.inside().switches.unavailable = false;
    house.service.retry(&otto, erase).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(erase).await, Status::Completed);
    // One by an agent, on a mandate.
    let ben = house.caller("ben").await;
    let mandate = Some(MARKED[7].to_owned());
    let ask = Ask { by: AskedBy::Agent, mandate, ..about("export", &[("email", EMAIL)]) };
    let by_agent = house.service.submit(&ben, ask).await.unwrap().picture.row.id;
    house.settle().await;
    let wrong =
        house.service.submit(&portal, about("export", &[("email", "marked.mallow@@")])).await.unwrap_err();
    assert!(!wrong.to_string().contains("mallow"));

    let mut values: Vec<String> = MARKED.iter().map(|value| (*value).to_owned()).collect();
    // Nor what is left of one where it is shown masked.
    values.push("m***@e***.test".to_owned());
    values.extend([token, enrolled.secret, house.secret("olga").to_owned(), "marked-key".to_owned()]);
    let (size, _) = house.store.head().await.unwrap();
    let entries = house.store.entries(0, u32::try_from(size).unwrap()).await.unwrap();
    assert!(entries.len() > 30);
    look("the ledger", &entries.concat(), &values);
    // A code is eight digits that may stand in a number; as a word of its own it stands nowhere.
    look("the ledger", &entries.concat(), &[format!("\"{code}\"")]);
    for id in [export, erase, by_agent] {
        let record = house.stored(id).await;
        let bodies: Vec<u8> = record.events.iter().flat_map(|event| event.body.clone()).collect();
        look("a history", &bodies, &values);
        let terms: Vec<u8> = record.terms.iter().flat_map(|term| [&term.value[..], b" "].concat()).collect();
        look("the index", &terms, &values);
    }
    for file in std::fs::read_dir(house.folder()).unwrap() {
        let path = file.unwrap().path();
        look(&path.display().to_string(), &std::fs::read(&path).unwrap(), &values);
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.contains("tried again"), "the log was heard");
    look("the log", logged.as_bytes(), &values);
}
