//! Rules of what a customer's own application may state: who is signed in there, once, just now, and nobody else.

mod signer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_service::ports::notifier::About;
use countersign_service::ports::provider::{IdentityProvider, Unreached};
use countersign_service::ports::store::Status;
use countersign_service::settings::Bundle;
use countersign_service::{Refusal, Service};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Mutex;

use self::signer::{Signer, forged, key_set};
use crate::fixture::{House, replace};

const ISSUER: &str = "https://shop.example.test";
const AUDIENCE: &str = "https://privacy.example.test";
const ANA: &[(&str, &str)] = &[("account", "A-1")];
const ALL: &str = "[\"EdDSA\", \"ES256\", \"RS256\"]";

fn accept(bundle: &mut Bundle, algorithms: &str, keys: &str) {
    let written = format!(
        "[[statements]]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nidentity = \"account\"\n\
        claim = \"account_id\"\nalgorithms = {algorithms}\nmax_age = \"10m\"\n{keys}\n\n[actions.erase]"
    );
    replace(bundle, "settings.toml", "[actions.erase]", &written);
    replace(bundle, "policies/export.cedar", "contains(\"email\")", "contains(\"statement\")");
}

async fn house(algorithms: &str, signers: &[&Signer]) -> House {
    let keys = format!("keys = '''{}'''", key_set(signers));
    House::with(|bundle| accept(bundle, algorithms, &keys)).await
}

/// What the application says of somebody who signed in two minutes ago.
fn said(house: &House, account: &str, jti: &str) -> Value {
    let now = house.clock.now_ms() / 1000;
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "account_id": account, "jti": jti,
        "iat": now, "exp": now + 120, "auth_time": now - 120,
    })
}

async fn asked(house: &House, subject: &[(&str, &str)]) -> (RequestId, countersign_service::caller::Caller) {
    house.ask_subject("export", subject).await
}

async fn shown(
    service: &Service,
    (id, caller): &(RequestId, countersign_service::caller::Caller),
    token: &str,
) -> Result<(), Refusal> {
    service.verify(caller, *id, "statement", token).await.map(drop)
}

#[tokio::test]
async fn statement_proves_who_asks_and_policy_hands_over() {
    let signers = [Signer::eddsa(1), Signer::es256(), Signer::rs256()];
    let house = house(ALL, &signers.iter().collect::<Vec<_>>()).await;
    for signer in &signers {
        let request = asked(&house, ANA).await;
        house.settle().await;
        assert!(house.see(request.0).await.digest.is_none(), "nothing is looked at before the proof");
        let token = signer.sign(&said(&house, "A-1", &signer.kid));
        shown(&house.service, &request, &token).await.unwrap();
        house.settle().await;
        assert_eq!(house.status(request.0).await, Status::Completed, "{:?}", signer.algorithm);
        house.pass(Duration::from_secs(3600));
        let proved = async || house.service.package(&request.1, request.0).await.unwrap().proved;
        assert!(!proved().await);
        let again = signer.sign(&said(&house, "A-1", &format!("{} again", signer.kid)));
        shown(&house.service, &request, &again).await.unwrap();
        assert!(proved().await, "it opens the package again");
    }
    let request = asked(&house, ANA).await;
    house.service.withdraw(&request.1, request.0).await.unwrap();
    house.pass(Duration::from_secs(31 * 24 * 3600));
    house.settle().await;
    let late = signers[0].sign(&said(&house, "A-1", "late"));
    let refused = shown(&house.service, &request, &late).await;
    assert_eq!(refused, Err(Refusal::Rule(countersign_core::request::Refusal::TooLate)));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_statement_makes_it_worth_nothing() {
    let signer = Signer::eddsa(1);
    let house = house(ALL, &[&signer]).await;
    let request = asked(&house, ANA).await;
    let now = house.clock.now_ms() / 1000;
    let mut n = 0;
    for (claim, value) in [
        ("iss", json!("https://other.example.test")),
        ("iss", Value::Null),
        ("aud", json!("https://other.example.test")),
        ("aud", json!(["https://other.example.test"])),
        ("aud", Value::Null),
        ("account_id", json!("A-2")),
        ("account_id", json!("")),
        ("account_id", json!(["A-1"])),
        ("account_id", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(256))),
        ("jti", Value::Null),
        ("iat", json!(now + 61)),
        ("iat", json!(now - 600)),
        ("iat", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", json!(now + 601)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("nbf", json!(now + 61)),
        ("auth_time", json!(now - 601)),
        ("auth_time", json!(now + 61)),
        ("auth_time", Value::Null),
        ("request_id", json!("00000000-0000-0000-0000-000000000001")),
    ] {
        n += 1;
        let mut claims = said(&house, "A-1", &format!("wrong-{n}"));
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        } else {
            claims[claim] = value.clone();
        }
        let refused = shown(&house.service, &request, &signer.sign(&claims)).await;
        assert_eq!(refused, Err(Refusal::NotProved), "{claim} = {value}");
    }
    let right = said(&house, "A-1", "right");
    // Signed by whoever published nothing; under the name of one who did.
    let stranger = Signer::eddsa(2);
    let impostor = Signer { kid: signer.kid.clone(), ..Signer::eddsa(2) };
    let mut tokens = vec![stranger.sign(&right), impostor.sign(&right)];
    // The algorithms that make every key right, or a public key a secret.
    let kid = &signer.kid;
    let none = json!({"alg": "none", "kid": kid});
    tokens.push(forged(&none, &right, b""));
    let secret = json!({"alg": "HS256", "kid": kid});
    let unsigned = forged(&secret, &right, b"");
    let mut mac = Hmac::<Sha256>::new_from_slice(key_set(&[&signer]).as_bytes()).unwrap();
    mac.update(unsigned.trim_end_matches('.').as_bytes());
    tokens.push(forged(&secret, &right, &mac.finalize().into_bytes()));
    // Of another kind, of a kind unknown, and changed by a letter.
    tokens.push(forged(&json!({"alg": "EdDSA", "kid": kid, "crit": ["x"]}), &right, &[0; 64]));
    let signed = signer.sign(&right);
    let (rest, signature) = signed.rsplit_once('.').unwrap();
    let (head, _) = rest.split_once('.').unwrap();
    let other = signer.sign(&said(&house, "A-2", "right"));
    tokens.push(format!("{head}.{}.{signature}", other.split('.').nth(1).unwrap()));
    tokens.extend([String::new(), "a.b".to_owned(), "..".to_owned(), format!("{signed}.x")]);
    for token in tokens {
        assert_eq!(shown(&house.service, &request, &token).await, Err(Refusal::NotProved), "{token}");
    }
    shown(&house.service, &request, &signed).await.unwrap();
}

#[tokio::test]
async fn way_of_signing_that_the_settings_do_not_name_is_refused() {
    let (allowed, other) = (Signer::es256(), Signer::eddsa(1));
    let house = house("[\"ES256\"]", &[&allowed, &other]).await;
    let request = asked(&house, ANA).await;
    let token = other.sign(&said(&house, "A-1", "one"));
    assert_eq!(shown(&house.service, &request, &token).await, Err(Refusal::NotProved));
    shown(&house.service, &request, &allowed.sign(&said(&house, "A-1", "one"))).await.unwrap();
}

#[tokio::test]
async fn application_speaks_for_nobody_but_the_one_whom_its_claim_names() {
    let signer = Signer::eddsa(1);
    let house = house(ALL, &[&signer]).await;
    // Signed in as A-1, and asking for the data of A-2.
    let request = asked(&house, &[("account", "A-2")]).await;
    let token = signer.sign(&said(&house, "A-1", "one"));
    assert_eq!(shown(&house.service, &request, &token).await, Err(Refusal::NotProved));
    // By an address that is somebody else's: the account narrows, and nobody is both.
    let request = asked(&house, &[("email", "ben@example.test"), ("account", "A-1")]).await;
    shown(&house.service, &request, &token).await.unwrap();
    house.settle().await;
    assert_eq!(house.denied(request.0).await, "no_match");
    let told = house.mail().into_iter().any(|mail| matches!(mail.about, About::Outcome { .. }));
    assert!(!told, "an address that was only typed is told nothing");
    // A request that names no account has nothing that such a statement could prove.
    let request = asked(&house, &[("email", "ana@example.test")]).await;
    let token = signer.sign(&said(&house, "A-1", "two"));
    assert!(matches!(shown(&house.service, &request, &token).await, Err(Refusal::Invalid { .. })));
    // Nor does a token of ours open what is a subject's.
    let portal = house.caller("portal").await;
    let refused = shown(&house.service, &(request.0, portal), &token).await;
    assert_eq!(refused, Err(Refusal::NotFound("request")));
}

#[tokio::test]
async fn statement_proves_once_whatever_node_it_is_shown_to() {
    let signer = Signer::eddsa(1);
    let house = house(ALL, &[&signer]).await;
    let other = house.another();
    for round in 0..8 {
        let (one, two) = (asked(&house, ANA).await, asked(&house, ANA).await);
        let token = signer.sign(&said(&house, "A-1", &format!("round-{round}")));
        let both = tokio::join!(shown(&house.service, &one, &token), shown(&other, &two, &token));
        let right = [&both.0, &both.1].iter().filter(|it| it.is_ok()).count();
        assert_eq!(right, 1, "{both:?}");
        // Nor later, nor for the same request.
        for request in [&one, &two] {
            assert_eq!(shown(&other, request, &token).await, Err(Refusal::NotProved));
        }
    }
}

#[tokio::test]
async fn statement_that_was_kept_too_long_proves_nothing() {
    let signer = Signer::eddsa(1);
    let house = house(ALL, &[&signer]).await;
    let request = asked(&house, ANA).await;
    let token = signer.sign(&said(&house, "A-1", "one"));
    house.pass(Duration::from_secs(180));
    assert_eq!(shown(&house.service, &request, &token).await, Err(Refusal::NotProved));
}

#[tokio::test]
async fn application_that_was_taken_out_of_the_settings_states_nothing_any_more() {
    let signer = Signer::eddsa(1);
    let house = house(ALL, &[&signer]).await;
    // A node that read the settings before.
    let other = house.another();
    let request = asked(&house, ANA).await;
    other.settings().await.unwrap();
    house.apply(|bundle| replace(bundle, "settings.toml", ISSUER, "https://another.example.test")).await;
    let token = signer.sign(&said(&house, "A-1", "one"));
    assert_eq!(shown(&other, &request, &token).await, Err(Refusal::NotProved));
}

/// An address where keys are, and how often it was asked.
#[derive(Default)]
struct Published(Mutex<(Option<String>, u32)>);

#[async_trait]
impl IdentityProvider for Published {
    async fn document(&self, url: &str) -> Result<Vec<u8>, Unreached> {
        assert_eq!(url, "https://shop.example.test/keys.json");
        let mut published = self.0.lock().await;
        published.1 += 1;
        let keys = published.0.clone().ok_or_else(|| Unreached("is away".to_owned()))?;
        Ok(keys.into_bytes())
    }

    async fn form(&self, _: &str, _: &[(&str, &str)], _: Option<(&str, &str)>) -> Result<Vec<u8>, Unreached> {
        Err(Unreached("takes no forms".to_owned()))
    }
}

#[tokio::test]
async fn keys_at_an_address_are_kept_for_a_while_and_change_with_it() {
    let (before, after) = (Signer::eddsa(1), Signer::eddsa(2));
    let keys = "keys_url = \"https://shop.example.test/keys.json\"";
    let house = House::with(|bundle| accept(bundle, ALL, keys)).await;
    let published = Arc::new(Published::default());
    let node = house.reading(published.clone());
    let asked_there = || async { published.0.lock().await.1 };
    let prove = |signer: &Signer, jti: &str| signer.sign(&said(&house, "A-1", jti));
    let request = asked(&house, ANA).await;

    // Away: nothing is proved, and nothing is taken for proved.
    let refused = shown(&node, &request, &prove(&before, "away")).await;
    assert!(matches!(refused, Err(Refusal::Source(_))), "{refused:?}");
    published.0.lock().await.0 = Some(key_set(&[&before]));
    shown(&node, &request, &prove(&before, "one")).await.unwrap();
    let asked_before = asked_there().await;
    shown(&node, &asked(&house, ANA).await, &prove(&before, "two")).await.unwrap();
    assert_eq!(asked_there().await, asked_before, "what was read is kept");

    // A new key is found at once, but not at everybody's wish.
    published.0.lock().await.0 = Some(key_set(&[&after]));
    for n in 0..3 {
        let refused = shown(&node, &asked(&house, ANA).await, &prove(&after, &format!("soon-{n}"))).await;
        assert_eq!(refused, Err(Refusal::NotProved));
    }
    assert_eq!(asked_there().await, asked_before);
    house.pass(Duration::from_secs(11));
    shown(&node, &asked(&house, ANA).await, &prove(&after, "three")).await.unwrap();
    assert_eq!(asked_there().await, asked_before + 1);
    // The old one counts no longer.
    let refused = shown(&node, &asked(&house, ANA).await, &prove(&before, "four")).await;
    assert_eq!(refused, Err(Refusal::NotProved));
    // What was read is over after a while, also where no key is new.
    house.pass(Duration::from_secs(16 * 60));
    published.0.lock().await.0 = None;
    let refused = shown(&node, &asked(&house, ANA).await, &prove(&after, "five")).await;
    assert!(matches!(refused, Err(Refusal::Source(_))), "{refused:?}");
}
