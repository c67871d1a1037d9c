//! Breaking the glass, and the review that is due afterwards. From then on the request is judged by the policies that are
//! kept for that, under every forbid of the others; whoever has to know is told at once.

use countersign_core::id::RequestId;
use countersign_core::request::{Actor, Command};
use countersign_core::verdict::Decision;

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::jobs::wish;
use crate::person;
use crate::ports::store::{Change, Needs, SealedChange};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::facts::{self, World};
use crate::requests::{ask, field, judge, picture::Picture};
use crate::sign::step_up;

/// The index under which they are found: each under `any`, and under where its review is.
pub(crate) const INDEX: &str = "glass";
/// Its word for all.
pub(crate) const ANY: &str = "any";
/// The review is not due yet.
pub(crate) const DUE: &str = "due";
/// Its time is over.
pub(crate) const OVERDUE: &str = "overdue";
/// It was reviewed.
pub(crate) const DONE: &str = "done";

impl Service {
    /// Breaks the glass of a waiting request.
    ///
    /// # Errors
    /// When the caller may not, the settings have no such thing or never permit the action by it, the request does not
    /// wait, or its glass is broken already.
    pub async fn break_glass(
        &self,
        caller: &Caller,
        id: RequestId,
        reason: String,
    ) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::BreakGlass)?.clone();
        // Somebody has to answer for it.
        if holder.service.is_some() {
            return Err(Refusal::NotAllowed(Act::BreakGlass.words()));
        }
        self.may_see(caller, id).await?;
        ask::check_text("reason", &reason)?;
        let key = self.data_key(id).await?.ok_or(Refusal::NotFound("request"))?;
        let commitment = key.commit("glass", reason.as_bytes());
        let sealed = SealedChange::Field {
            request: id,
            field: field::GLASS.to_owned(),
            sealed: key.seal(field::GLASS, reason.as_bytes(), &*self.chance),
        };
        for _ in 0..4 {
            match self.break_once(&holder, id, commitment, sealed.clone()).await {
                // Something moved at the same moment.
                Err(Refusal::Again) => {
                    self.reload().await?;
                }
                broken => {
                    broken?;
                    self.advance_now(id).await;
                    return self.picture(id).await;
                }
            }
        }
        Err(Refusal::Again)
    }

    async fn break_once(
        &self,
        holder: &Holder,
        id: RequestId,
        reason: countersign_core::id::Commitment,
        sealed: SealedChange,
    ) -> Result<(), Refusal> {
        let settings = self.settings().await?;
        if settings.break_glass.is_none() {
            return Err(Refusal::Standing("the settings have no [break_glass]: nobody may".to_owned()));
        }
        let found = self.found_of(id).await?;
        let first = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let seen = History::read(first.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let version = seen.version();
        let mut needs = judge::judging_needs(&settings, seen.state().dossier(), first.now);
        needs.records.extend([holder.need(), person::need(holder.person)]);
        let (keys, holder) = (self.keys.clone(), holder.clone());
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            // Where a vote wants its voter to be there, so does what goes past the votes.
            step_up::check(&settings, &history.state().dossier().submitted().action, &holder, loaded)?;
            if loaded.settings_version != settings.version || history.version() != version {
                return Err(Refusal::Again);
            }
            let glass = settings.break_glass.as_ref().ok_or(Refusal::Again)?;
            let people = person::loaded(&keys, loaded)?;
            let may_not = || Refusal::NotAllowed(Act::BreakGlass.words());
            let (person, _) = people.get(&holder.person).ok_or_else(may_not)?;
            if !person.active || person.seats.is_disjoint(&glass.who) {
                return Err(may_not());
            }
            // A requester may, for they answer for it by name; over their own data nobody does.
            let is_subject = !person.blinds(&keys).is_disjoint(&facts::subject_blinds(&history));
            let by = Actor { person: person.id, seats: person.seats.clone(), is_subject };
            let action = history.state().dossier().submitted().action.clone();
            let seats = glass.seats_of(&settings.policies, &action);
            let review_due = loaded.now.plus_ms(glass.review_within_ms);
            history.decide(Command::BreakGlass { by, seats, reason, review_due }, loaded.now)?;
            // What these policies never permit is refused here, rather than denied for good by having asked.
            let found = judge::current(loaded, found.as_ref())?;
            let world = World::loaded(&keys, &settings, loaded, &history, found)?;
            let verdict = world.judge(&settings, history.state().dossier())?;
            if !glass.policies.permits(&action) || matches!(verdict.decision, Decision::Deny { .. }) {
                let never = "the policies for broken glass never permit this";
                return Err(Refusal::Standing(never.to_owned()));
            }
            // By person, not by account: who broke it stands on the side that asks.
            let asker = history.terms("asker").map(<[u8]>::to_vec);
            let own = person.blinds(&keys).into_iter().map(|blind| blind.as_bytes().to_vec());
            let asker = asker.chain(own).collect::<std::collections::BTreeSet<_>>();
            history.find_under("asker", asker.into_iter().collect());
            history.find_under(INDEX, words(DUE));
            let change = Change {
                request: Some(history.into_change()),
                sealed: vec![sealed.clone()],
                jobs: vec![
                    wish("glass", format!("{id}/broken"), loaded.now),
                    wish("glass", format!("{id}/{OVERDUE}"), review_due.plus_ms(1)),
                    wish("advance", id.to_string(), loaded.now),
                ],
                ..Change::default()
            };
            tracing::warn!(request = %id, "the glass of a request was broken");
            Ok((change, ()))
        })
        .await?;
        Ok(())
    }

    /// Reviews a request whose glass was broken: somebody else, for one of the seats that were told.
    ///
    /// # Errors
    /// When the caller may not, nothing was broken, or it was reviewed already.
    pub async fn review_glass(
        &self,
        caller: &Caller,
        id: RequestId,
        seat: String,
        justified: bool,
        text: Option<String>,
    ) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::ReviewGlass)?.clone();
        if holder.service.is_some() {
            return Err(Refusal::NotAllowed(Act::ReviewGlass.words()));
        }
        let said = self.say(id, "review", text).await?;
        let (keys, person) = (self.keys.clone(), holder.person);
        self.change(id, Some(holder), move |history, loaded| {
            let people = person::loaded(&keys, loaded)?;
            let (person, _) = people.get(&person).ok_or(Refusal::NotAllowed(Act::ReviewGlass.words()))?;
            let by = person.actor(&keys, &facts::blinds(history));
            let text = said.as_ref().map(|(commitment, _)| *commitment);
            let command = Command::ReviewGlass { by, seat: seat.clone(), justified, text };
            history.decide(command, loaded.now)?;
            history.find_under(INDEX, words(DONE));
            let sealed = said.iter().map(|(_, field)| field.clone()).collect();
            Ok(Change { request: Some(history.clone().into_change()), sealed, ..Change::default() })
        })
        .await?;
        self.picture(id).await
    }
}

/// What it is found under.
pub(crate) fn words(review: &str) -> Vec<Vec<u8>> {
    vec![ANY.as_bytes().to_vec(), review.as_bytes().to_vec()]
}
