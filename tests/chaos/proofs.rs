//! Every promise as the ledger proves it: each event of each known request has its entry, and each entry its proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_client::view::Request;
use countersign_ledger::{Entry, ProofFile, VerifierKey};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::book::Known;
use crate::call::{Call, Said, persist};
use crate::load::Load;

/// Requests that are looked at at once.
const AT_ONCE: usize = 8;

#[derive(Deserialize)]
struct Evidence {
    entries: Vec<Proof>,
}

#[derive(Deserialize)]
struct Proof {
    index: u64,
    entry: String,
    proof: String,
}

/// Checks every known request; answers how many entries were proved. What is not proved is told to the book.
pub(crate) async fn check_all(load: &Arc<Load>, key: &VerifierKey) -> usize {
    let known: BTreeMap<String, Known> = load.book.known();
    let mut known = known.into_iter();
    let (mut checks, mut proved) = (JoinSet::new(), 0);
    loop {
        while checks.len() < AT_ONCE
            && let Some((id, known)) = known.next()
        {
            let (load, key) = (Arc::clone(load), key.clone());
            checks.spawn(async move {
                let node = known.customer.unsigned_abs() as usize % load.directory.len();
                let checked = check(&load, node, &id, &known, &key).await;
                checked.unwrap_or_else(|why| {
                    load.book.wrong(format!("request {id}: {why}"));
                    0
                })
            });
        }
        match checks.join_next().await {
            Some(entries) => proved += entries.unwrap(),
            None => return proved,
        }
    }
}

async fn check(
    load: &Load,
    node: usize,
    id: &str,
    known: &Known,
    key: &VerifierKey,
) -> Result<usize, String> {
    let path = format!("v1/requests/{id}");
    let seen: Said<Request> = persist(&load.directory, node, "opal-operator", Call::get(path.clone())).await;
    let seen = seen.yes().ok_or("it cannot be read")?;
    for promise in &known.promises {
        if !seen.events.iter().any(|it| it.event == promise.event()) {
            return Err(format!("{} was acknowledged and is not in its history", promise.event()));
        }
    }
    let evidence: Said<Evidence> =
        persist(&load.directory, node, "opal-operator", Call::get(format!("{path}/evidence"))).await;
    let evidence = evidence.yes().ok_or("there is no evidence")?;
    if evidence.entries.len() != seen.events.len() {
        return Err(format!("{} events, {} entries", seen.events.len(), evidence.entries.len()));
    }
    if !evidence.entries.is_sorted_by(|one, next| one.index < next.index) {
        return Err("its history stands backwards in the ledger".to_owned());
    }
    for it in &evidence.entries {
        let proof: ProofFile = it.proof.parse().map_err(|why| format!("entry {}: {why}", it.index))?;
        let entry = Entry::new(it.entry.as_bytes()).map_err(|why| why.to_string())?;
        load.directory.keep_note(proof.checkpoint.clone().into_bytes());
        proof.check(entry, std::slice::from_ref(key)).map_err(|why| format!("entry {}: {why}", it.index))?;
        if proof.index != it.index || !it.entry.contains(id) {
            return Err(format!("entry {} is about something else", it.index));
        }
    }
    Ok(evidence.entries.len())
}
