//! A seat is taken away while its holder approves: whatever rests on their vote came before that was acknowledged.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign_client::view::Page;
use serde::Deserialize;
use serde_json::Value;

use super::{NODES, Racing, Truth, until};
use crate::call::{Call, Said, persist};
use crate::directory::Directory;

/// Time for whoever would still believe in the vote to show it.
const LINGERS: Duration = Duration::from_millis(400);

/// Events that rest on votes.
const RESTS: [&str; 2] = ["released", "run_started"];

/// Somebody who is to lose their seat.
#[derive(Default, Deserialize)]
pub(super) struct Officer {
    id: String,
    name: String,
}

/// Everybody who was made for that.
pub(super) async fn officers(directory: &Arc<Directory>) -> Vec<Officer> {
    let (mut officers, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("v1/people?limit=100{cursor}");
        let page: Said<Page<Officer>> = persist(directory, 0, "ada-admin", Call::get(path)).await;
        let page = page.yes().unwrap();
        officers.extend(page.items.into_iter().filter(|person| person.name.starts_with("Officer ")));
        match page.cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return officers,
        }
    }
}

/// An entry of the ledger, as far as it matters here.
#[derive(Deserialize)]
struct Entry {
    at: u64,
    event: Happened,
}

#[derive(Deserialize)]
struct Happened {
    event: String,
}

impl Entry {
    fn is(&self, event: &str) -> bool {
        self.event.event == event
    }
}

impl Racing<'_> {
    pub(super) async fn seat_taken(&self, officer: &Officer) -> Result<Truth, String> {
        let seat = Call::delete(format!("v1/people/{}/seats/privacy", officer.id));
        let token = officer.name.to_lowercase().replace(' ', "-");
        let (voted, (taken, since, then)) =
            tokio::join!(self.act(0, &token, "votes", self.approval.clone()), async {
                let taken = self.take_turn(1, "ada-admin", seat).await;
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                (taken, since, until(self.directory, 1, &self.id, |_| true).await)
            });
        // Whatever was committed before that was acknowledged is seen here.
        let then = then?.events.iter().filter(|it| RESTS.contains(&&*it.event)).count();
        if !matches!((&voted, &taken), (Said::Yes(_) | Said::No(_), Said::Yes(_))) {
            return Err(format!("{voted:?}, {taken:?}"));
        }
        tokio::time::sleep(LINGERS).await;
        // Another officer signs what is not under way by then; what is closed by then refuses them.
        let call = Call::post(format!("v1/requests/{}/votes", self.id), self.approval.clone());
        let other: Said<Value> = persist(self.directory, 0, "otto-officer", call).await;
        let won = match other {
            Said::Yes(_) => "the taking of the seat",
            Said::No(_) => "the vote",
            Said::Nothing => return Err("nobody answers".to_owned()),
        };
        let truth = self.truth(won, "completed", 1).await?;
        let entries = self.entries().await?;
        // What comes after the other's approval may rest on that one.
        let others = entries.iter().rposition(|entry| matches!(other, Said::Yes(_)) && entry.is("approved"));
        let own = entries[..others.unwrap_or(entries.len())].iter();
        let rests: Vec<&Entry> = own.filter(|entry| RESTS.iter().any(|name| entry.is(name))).collect();
        let late = rests.iter().skip(then).chain(rests.iter().filter(|it| u128::from(it.at) > since)).next();
        match late {
            Some(Entry { at, event }) => {
                Err(format!("{} at {at}, and the seat was gone at {since}: {voted:?}", event.event))
            }
            None => Ok(truth),
        }
    }

    /// What the ledger has of the request.
    async fn entries(&self) -> Result<Vec<Entry>, String> {
        #[derive(Deserialize)]
        struct Evidence {
            entries: Vec<Proved>,
        }
        #[derive(Deserialize)]
        struct Proved {
            entry: String,
        }
        let call = Call::get(format!("v1/requests/{}/evidence", self.id));
        let said: Said<Evidence> = persist(self.directory, NODES - 1, "opal-operator", call).await;
        let evidence = said.yes().ok_or("there is no evidence")?;
        let read = |it: &Proved| serde_json::from_str(&it.entry).map_err(|why| why.to_string());
        evidence.entries.iter().map(read).collect()
    }
}
