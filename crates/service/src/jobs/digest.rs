//! What was gathered for a reviewer who wants one mail a day.

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::jobs::{JobError, Worked};
use crate::person;
use crate::ports::notifier::{About, Awaited, Message};
use crate::ports::store::Needs;
use crate::record::History;
use crate::refusal::Refusal;
use crate::reviewers;

/// As many are named in one mail; the others are counted.
const NAMED: usize = 25;

impl Service {
    /// The person.
    pub(crate) async fn digest(&self, key: &str) -> Result<Worked, JobError> {
        let id: PersonId = key.parse().map_err(|_| Refusal::Damaged("a digest is for nobody".to_owned()))?;
        let records = vec![person::need(id), reviewers::need_choice(id), reviewers::need_waiting(id)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await.map_err(Refusal::from)?;
        let people = person::loaded(&self.keys, &loaded)?;
        let Some((person, _)) = people.get(&id) else { return Ok(Worked::Done) };
        let language = reviewers::reads(&*self.settings().await?, &loaded, id)?;
        let mut told = Vec::new();
        let mut waiting: Vec<Awaited> = Vec::new();
        for notice in reviewers::waiting(&loaded)? {
            let needs = Needs { request: Some(notice.request), ..Needs::default() };
            let loaded = self.store.load(needs).await.map_err(Refusal::from)?;
            let Some(record) = &loaded.request else { continue };
            let history = History::read(record)?;
            let dossier = history.state().dossier();
            // What is decided meanwhile, or wants another vote, is not told: the record stays for whoever asks anew.
            let stands = reviewers::round(dossier).is_some_and(|round| round == notice.round);
            let Some(seat) = reviewers::waits_for(&self.keys, &history, person).filter(|_| stands) else {
                continue;
            };
            waiting.push(Awaited {
                request: notice.request,
                action: dossier.submitted().action.clone(),
                seat,
                due_at: dossier.due_at(),
                link: self.console_page(&format!("/requests/{}", notice.request)),
            });
            told.push(notice);
        }
        let (Some(to), false) = (person.email().map(str::to_owned), waiting.is_empty()) else {
            return Ok(Worked::Done);
        };
        let end = Timestamp::from_millis(i64::MAX);
        waiting.sort_by_key(|one| (one.due_at.unwrap_or(end), one.request));
        let more = waiting.len().saturating_sub(NAMED) as u64;
        waiting.truncate(NAMED);
        told.sort_by_key(|notice| notice.request);
        // Tried again, it is the same mail as long as it says the same.
        let named: Vec<String> =
            told.iter().flat_map(|it| [it.request.to_string(), it.round.clone()]).collect();
        let parts: Vec<&str> = ["digest"].into_iter().chain(named.iter().map(String::as_str)).collect();
        let name = Some(reviewers::name_of(&self.keys, id, &parts));
        let about = About::Digest { waiting, more, link: self.console_page("") };
        self.deliver(Message { name, ..Message::new(to, about, language) }).await?;
        self.note_told(id, told, false).await?;
        Ok(Worked::Done)
    }
}
