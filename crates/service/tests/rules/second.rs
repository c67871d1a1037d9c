//! Rules of two administrators: what one may not do alone is done when the other asks for the very same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::id::PersonId;
use countersign_service::caller::{Caller, Role};
use countersign_service::portal::Door;
use countersign_service::ports::store::{Change, Needs, Store};
use countersign_service::settings::Bundle;
use countersign_service::token::Token;
use countersign_service::{NewPerson, NewToken, Refusal};

use crate::fixture::{House, keys, replace};

const SECRET: &str = "cs_2222222222222222222222222222222222222222222222222222222222222222";

/// Another person who administers, as if they had been there from the beginning.
async fn another(house: &House) -> Caller {
    let key = Token::key(&keys(), SECRET);
    house
        .store
        .act(
            Needs::default(),
            Box::new(move |loaded| {
                let token = Token {
                    label: "tsecond".to_owned(),
                    person: PersonId::from_bytes([9; 16]),
                    service: None,
                    roles: BTreeSet::from([Role::Administrator]),
                    channel: "api".to_owned(),
                    attests: BTreeSet::new(),
                    minted_at: loaded.now,
                    expires_at: None,
                    revoked_at: None,
                    used_at: None,
                };
                Ok(Change { records: vec![token.put(key.clone(), Some(0))?], ..Change::default() })
            }),
        )
        .await
        .unwrap();
    house.service.caller(SECRET).await.unwrap()
}

async fn changed(house: &House, days: u8) -> Bundle {
    let mut bundle = house.service.settings().await.unwrap().bundle.clone();
    replace(&mut bundle, "settings.toml", "package_days = 7", &format!("package_days = {days}"));
    bundle
}

async fn ledger(house: &House) -> String {
    let (size, _) = house.store.head().await.unwrap();
    String::from_utf8(house.store.entries(0, u32::try_from(size).unwrap()).await.unwrap().concat()).unwrap()
}

#[tokio::test]
async fn settings_need_a_second_administrator_where_there_are_two() {
    let house = House::new().await;
    let (ada, bea) = (house.caller("admin").await, another(&house).await);
    let service = &house.service;
    let bundle = changed(&house, 8).await;
    service.apply(&ada, bundle.clone(), None, true).await.unwrap();
    for _ in 0..2 {
        let noted = service.apply(&ada, bundle.clone(), None, false).await.unwrap_err();
        assert_eq!(noted, Refusal::NeedsSecond, "however often one asks");
    }
    assert_eq!(service.settings().await.unwrap().package_days, 7);
    // Of something else, the other is the first to ask.
    let other = changed(&house, 9).await;
    assert_eq!(service.apply(&bea, other, None, false).await.unwrap_err(), Refusal::NeedsSecond);
    service.apply(&bea, bundle, None, false).await.unwrap();
    assert_eq!(service.settings().await.unwrap().package_days, 8);
    let told = ledger(&house).await;
    assert_eq!(told.matches("\"did\":\"proposed\"").count(), 2);
    assert_eq!(told.matches("\"did\":\"countersigned\"").count(), 1);
}

#[tokio::test]
async fn a_first_word_stands_for_a_week_and_for_the_version_that_it_was_said_of() {
    let house = House::new().await;
    let (ada, bea) = (house.caller("admin").await, another(&house).await);
    let bundle = changed(&house, 8).await;
    house.service.apply(&ada, bundle.clone(), None, false).await.unwrap_err();
    house.pass(Duration::from_secs(8 * 86_400));
    assert_eq!(house.service.apply(&bea, bundle, None, false).await.unwrap_err(), Refusal::NeedsSecond);
}

#[tokio::test]
async fn one_administrator_changes_the_settings_alone() {
    let house = House::new().await;
    let bundle = changed(&house, 8).await;
    house.service.apply(&house.caller("admin").await, bundle, None, false).await.unwrap();
    assert_eq!(house.service.settings().await.unwrap().package_days, 8);
}

#[tokio::test]
async fn seats_and_tokens_that_attest_need_the_second_and_other_tokens_do_not() {
    let house = House::new().await;
    let (ada, bea) = (house.caller("admin").await, another(&house).await);
    let (service, ben) = (&house.service, house.id("ben"));
    assert_eq!(service.set_seat(&ada, ben, "privacy", true).await.err(), Some(Refusal::NeedsSecond));
    assert_eq!(service.set_seat(&bea, ben, "data_owner", true).await.err(), Some(Refusal::NeedsSecond));
    let seated = service.set_seat(&bea, ben, "privacy", true).await.unwrap();
    assert_eq!(seated.seats, BTreeSet::from(["privacy".to_owned()]));
    let new = |attests: &[&str]| NewToken {
        person: None,
        service: Some("crm".to_owned()),
        roles: BTreeSet::from([Role::Submitter]),
        channel: "api".to_owned(),
        attests: attests.iter().map(|it| (*it).to_owned()).collect(),
        expires_at: None,
    };
    service.mint_token(&ada, new(&[])).await.unwrap();
    assert_eq!(service.mint_token(&ada, new(&["identity"])).await.err(), Some(Refusal::NeedsSecond));
    let minted = service.mint_token(&bea, new(&["identity"])).await.unwrap();
    let Caller::Token(holder) = service.caller(&minted.secret).await.unwrap() else {
        panic!("no token of ours")
    };
    assert_eq!(holder.person, PersonId::from_bytes([9; 16]), "who asked last answers for it");
}

#[tokio::test]
async fn nobody_makes_themselves_the_only_administrator() {
    let house = House::new().await;
    let (ada, bea) = (house.caller("admin").await, another(&house).await);
    let refused = house.service.revoke_token(&ada, "tsecond").await.unwrap_err();
    assert_eq!(refused, Refusal::NeedsSecond);
    assert!(house.service.caller(SECRET).await.is_ok());
    // Their own they take back alone.
    house.service.revoke_token(&bea, "tsecond").await.unwrap();
    assert!(house.service.caller(SECRET).await.is_err());
}

fn puppet() -> NewPerson {
    NewPerson {
        name: "Bo Puppet".to_owned(),
        identities: BTreeMap::from([("email".to_owned(), "puppet@example.test".to_owned())]),
        administers: true,
        roles: BTreeSet::new(),
    }
}

/// Whether whoever reads that mailbox is sent a link to sign in by.
async fn is_mailed_a_link(house: &House) -> bool {
    let before = house.mail().len();
    let door = Door {
        url: "https://countersign.example".to_owned(),
        language: "en".to_owned(),
        client: "192.0.2.1".to_owned(),
    };
    house.service.mail_sign_in(&door, "puppet@example.test", "the-word-of-a-browser").await.unwrap();
    house.settle().await;
    house.mail().len() > before
}

#[tokio::test]
async fn one_of_two_makes_no_second_of_their_own() {
    let house = House::new().await;
    let (ada, bea) = (house.caller("admin").await, another(&house).await);
    let service = &house.service;
    for _ in 0..2 {
        let noted = service.put_person(&ada, puppet()).await.err();
        assert_eq!(noted, Some(Refusal::NeedsSecond), "however often one asks");
    }
    let elsewhere = BTreeMap::from([("email".to_owned(), "bo@example.test".to_owned())]);
    let other = NewPerson { identities: elsewhere, ..puppet() };
    assert_eq!(service.put_person(&bea, other).await.err(), Some(Refusal::NeedsSecond), "somebody else");
    assert!(service.people(&ada, None, 200).await.unwrap().iter().all(|it| it.name != puppet().name));
    let added = service.put_person(&bea, puppet()).await.unwrap();
    assert!(added.administers);

    assert_eq!(service.enroll_totp(&ada, added.id).await.err(), Some(Refusal::NeedsSecond));
    assert!(!is_mailed_a_link(&house).await, "there is no device whose code they could have");
    service.enroll_totp(&bea, added.id).await.unwrap();
    assert!(is_mailed_a_link(&house).await);
    assert!(!ledger(&house).await.contains("puppet"), "what names them is nobody's to read there");
}

#[tokio::test]
async fn somebody_added_while_there_was_one_administrator_comes_in_by_both() {
    let house = House::new().await;
    let ada = house.caller("admin").await;
    let added = house.service.put_person(&ada, puppet()).await.unwrap();
    let bea = another(&house).await;
    assert_eq!(house.service.enroll_totp(&ada, added.id).await.err(), Some(Refusal::NeedsSecond));
    assert_eq!(house.service.invite(&ada, added.id).await.err(), Some(Refusal::NeedsSecond));
    assert!(!is_mailed_a_link(&house).await);
    house.service.enroll_totp(&bea, added.id).await.unwrap();
    // Their own they set up alone.
    house.service.enroll_totp(&ada, house.id("admin")).await.unwrap();
}

#[tokio::test]
async fn somebody_who_may_nothing_is_added_by_one_and_somebody_with_roles_by_two() {
    let house = House::new().await;
    let (ada, bea) = (house.caller("admin").await, another(&house).await);
    let new =
        |roles: &[Role]| NewPerson { administers: false, roles: roles.iter().copied().collect(), ..puppet() };
    house.service.put_person(&ada, new(&[])).await.unwrap();
    let operator = [Role::Operator];
    assert_eq!(house.service.put_person(&ada, new(&operator)).await.err(), Some(Refusal::NeedsSecond));
    let both = [Role::Operator, Role::Submitter];
    assert_eq!(house.service.put_person(&bea, new(&both)).await.err(), Some(Refusal::NeedsSecond));
    house.service.put_person(&bea, new(&operator)).await.unwrap();
    let asked = house.service.proposals(&ada).await.unwrap();
    assert!(asked.iter().all(|it| it.what.is_some()) && asked.len() == 1);
}
