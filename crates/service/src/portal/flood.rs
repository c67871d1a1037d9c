//! Caps against floods, counted in the store: the same on every node, and after a restart.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::keys::{Keys, mac};
use crate::ports::chance::{self, Chance};
use crate::ports::source::Identity;
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::Floods;

const KIND: &str = "flood";
const WINDOW_MS: i64 = 3_600_000;
/// Several count at the same moment; one of them goes first.
pub(crate) const TRIES: u32 = 8;
/// The most places in which a token is counted, and how much at least belongs to each.
const PLACES: u32 = 256;
const PLACE: u32 = 25;

/// What is counted, and how often it may happen in an hour.
#[derive(Clone, Copy)]
pub(crate) struct Cap {
    name: &'static str,
    most: u32,
}

/// Requests, and mails asked for again, of one client.
pub(crate) fn of_client(floods: Floods) -> Cap {
    Cap { name: "client", most: floods.of_client }
}

/// Mails to one address, whoever asks for them.
pub(crate) fn mails_to_address(floods: Floods) -> Cap {
    Cap { name: "address", most: floods.mails_to_address }
}

/// Whose turn it is on this node among the places in which a token is counted: one after the other, so that none is full
/// long before the rest. Each node begins anywhere, or two of them would meet in every place.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<String, u32>>);

impl Turns {
    fn next(&self, label: &str, chance: &dyn Chance) -> u32 {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let anywhere = || u32::from_be_bytes(chance::bytes(chance));
        let turn = turns.entry(label.to_owned()).or_insert_with(anywhere);
        *turn = turn.wrapping_add(1);
        *turn
    }
}

impl Service {
    /// What a request without proof counts for that a token carries in: each identity that it names, and the token.
    pub(crate) fn counts_of_request(
        &self,
        floods: Floods,
        label: &str,
        stated: &[Identity],
    ) -> Vec<(Cap, String)> {
        let identity = Cap { name: "identity", most: floods.for_identity };
        let named = |it: &Identity| (identity, format!("{}:{}", it.kind, it.value));
        let mut counts: Vec<_> = stated.iter().map(named).collect();
        // A busy token is counted in several places, or all that it carries in would wait for one row.
        let places = (floods.of_token / PLACE).clamp(1, PLACES);
        let token = Cap { name: "token", most: floods.of_token.div_ceil(places) };
        let place = self.turns.next(label, &*self.chance) % places;
        counts.push((token, format!("{label}/{place}")));
        counts
    }
}

/// Tries to sign in that one client begins, whatever becomes of them.
pub(crate) const SIGN_IN: Cap = Cap { name: "sign_in", most: 300 };
/// Links to sign in by that are mailed to one address.
pub(crate) const SIGN_IN_MAIL: Cap = Cap { name: "sign_in_mail", most: 5 };

#[derive(Serialize, Deserialize)]
struct Count {
    since: Timestamp,
    count: u32,
}

impl Service {
    /// Counts once more, or refuses.
    pub(crate) async fn count(&self, cap: Cap, value: &str) -> Result<(), Refusal> {
        for _ in 1..TRIES {
            match self.count_once(cap, value).await {
                Err(Refusal::Stale) => {}
                counted => return counted,
            }
        }
        self.count_once(cap, value).await
    }

    async fn count_once(&self, cap: Cap, value: &str) -> Result<(), Refusal> {
        let needs = Needs { records: vec![need(&self.keys, cap, value)], ..Needs::default() };
        let (keys, value) = (self.keys.clone(), value.to_owned());
        self.act(needs, move |loaded| {
            let records = vec![once_more(&keys, cap, &value, loaded)?];
            Ok((Change { records, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }
}

/// A keyed hash: the store learns no address from it.
fn id(keys: &Keys, cap: Cap, value: &str) -> String {
    hex::encode(mac(&keys.index, &[b"flood", cap.name.as_bytes(), value.as_bytes()]))
}

/// What to load to count.
pub(crate) fn need(keys: &Keys, cap: Cap, value: &str) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id(keys, cap, value)))
}

/// Counts once more in a change, or refuses.
pub(crate) fn once_more(
    keys: &Keys,
    cap: Cap,
    value: &str,
    loaded: &Loaded,
) -> Result<RecordChange, Refusal> {
    let id = id(keys, cap, value);
    let record = loaded.of_kind(KIND).find(|record| record.id == id);
    let before: Option<Count> = record.map(record::read).transpose()?;
    let fresh = Count { since: loaded.now, count: 0 };
    let standing = before.filter(|before| loaded.now.since_ms(before.since) < WINDOW_MS).unwrap_or(fresh);
    if standing.count >= cap.most {
        // Whoever watches a node is told that a cap was reached, and not by whom.
        tracing::warn!(cap = cap.name, "a cap against floods was reached");
        return Err(Refusal::TooManyAsked);
    }
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id,
        body: record::bytes(&Count { count: standing.count + 1, ..standing })?,
        terms: Vec::new(),
        expires_at: Some(standing.since.plus_ms(WINDOW_MS)),
        expect: Some(record.map_or(0, |record| record.version)),
    })
}
