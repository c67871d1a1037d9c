//! Rules of sealed fields and keys.

use countersign_service::ports::store::{Change, SealedChange};

use super::Trial;
use super::forms::{commit, id};

fn key(n: u64, epoch: u32, wrapped: &str) -> SealedChange {
    SealedChange::Key { request: id(n), epoch, wrapped: wrapped.as_bytes().to_vec() }
}

fn field(n: u64, field: &str, sealed: &str) -> SealedChange {
    SealedChange::Field { request: id(n), field: field.to_owned(), sealed: sealed.as_bytes().to_vec() }
}

fn sealed(sealed: Vec<SealedChange>) -> Change {
    Change { sealed, ..Change::default() }
}

pub(super) async fn keys_and_fields_are_replaced_in_place(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, sealed(vec![key(1, 1, "k1"), field(1, "subject", "one"), field(1, "reason/3", "why")]))
        .await
        .unwrap();
    commit(&*store, sealed(vec![key(1, 2, "k2"), field(1, "subject", "two")])).await.unwrap();
    assert_eq!(store.key(id(1)).await.unwrap(), Some((2, b"k2".to_vec())));
    assert_eq!(store.sealed(id(1), "subject").await.unwrap(), Some(b"two".to_vec()));
    assert_eq!(store.sealed(id(1), "reason/3").await.unwrap(), Some(b"why".to_vec()));
    assert_eq!(store.sealed(id(1), "package/0").await.unwrap(), None);
    commit(&*store, sealed(vec![field(1, "reason/3", "")])).await.unwrap();
    assert_eq!(store.sealed(id(1), "reason/3").await.unwrap(), Some(Vec::new()));
    assert_eq!(store.sealed(id(1), "subject").await.unwrap(), Some(b"two".to_vec()));
}

pub(super) async fn what_is_destroyed_is_gone_and_the_rest_stays(trial: &dyn Trial) {
    let store = trial.store();
    for n in [1, 2] {
        commit(&*store, sealed(vec![key(n, 1, "k"), field(n, "subject", "s"), field(n, "package/0", "p")]))
            .await
            .unwrap();
    }
    commit(&*store, sealed(vec![SealedChange::Destroy { request: id(1) }])).await.unwrap();
    commit(&*store, sealed(vec![SealedChange::Destroy { request: id(1) }])).await.unwrap();
    assert_eq!(store.key(id(1)).await.unwrap(), None);
    assert_eq!(store.sealed(id(1), "subject").await.unwrap(), None);
    assert_eq!(store.sealed(id(1), "package/0").await.unwrap(), None);
    assert_eq!(store.key(id(2)).await.unwrap(), Some((1, b"k".to_vec())));
    assert_eq!(store.sealed(id(2), "package/0").await.unwrap(), Some(b"p".to_vec()));
}
