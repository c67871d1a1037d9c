//! A request comes in.

use std::collections::BTreeSet;

use countersign_core::id::{Commitment, RequestId};
use countersign_core::request::{Command, Event, Submitted};
use countersign_core::subject::{Asking, Committed, Requester, Target};
use countersign_core::time::Timestamp;
use countersign_core::verdict::{Decision, Verdict};
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::jobs::keep_until;
use crate::keys::{Keys, mac};
use crate::person;
use crate::portal::flood::{self, Cap};
use crate::ports::chance;
use crate::ports::source::Identity;
use crate::ports::store::{Change, Find, JobChange, Loaded, Needs, NewJob, RecordChange, SealedChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::ask::{About, Ask, AskedBy};
use crate::requests::facts::World;
use crate::requests::field;
use crate::requests::picture::Picture;
use crate::seal::DataKey;
use crate::settings::Settings;
use crate::span;

/// An answer to a submission.
#[derive(Debug)]
pub struct Receipt {
    /// The request.
    pub picture: Picture,
    /// For a subject, the only key to it.
    pub subject_token: Option<String>,
    /// Whether it was there already, by its `Idempotency-Key`.
    pub again: bool,
}

/// How long an `Idempotency-Key` is remembered.
const KEY_LIVES_MS: i64 = 24 * 3_600_000;
/// The kind of record that remembers one.
const KEY_KIND: &str = "submission";

#[derive(Serialize, Deserialize)]
struct Remembered {
    request: RequestId,
    fingerprint: String,
}

/// Who asks, when it is not a token's holder.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) asking: Asking,
    pub(crate) channel: String,
    pub(crate) attested: BTreeSet<String>,
}

impl Service {
    /// Takes a request in. It acts on nothing yet.
    pub async fn submit(&self, caller: &Caller, ask: Ask) -> Result<Receipt, Refusal> {
        let holder = caller.may(Act::Submit)?.clone();
        if ask.subject.contains_key(keep_until::IDENTITY) {
            return Err(Refusal::invalid(
                "subject.kept",
                "is for timers of ours: name the subject by an identity",
            ));
        }
        match self.take_in(Some(holder.clone()), origin(&holder, &ask), ask.clone()).await {
            Err(Refusal::Unauthenticated) => {
                let Some(holder) = self.not_only_remembered(&holder).await? else {
                    return Err(Refusal::Unauthenticated);
                };
                let caller = Caller::Token(holder.clone());
                caller.may(Act::Submit)?;
                self.take_in(Some(holder.clone()), origin(&holder, &ask), ask).await
            }
            taken => taken,
        }
    }

    pub(crate) async fn take_in(
        &self,
        holder: Option<Holder>,
        origin: Origin,
        ask: Ask,
    ) -> Result<Receipt, Refusal> {
        for _ in 1..flood::TRIES {
            match self.take_in_once(holder.clone(), origin.clone(), &ask).await {
                // Other settings were entered meanwhile, maybe on another node: by those, then.
                Err(Refusal::Again) => self.reload().await.map(drop)?,
                // Another request counted at the same moment; one of them goes first.
                Err(Refusal::Stale) => {}
                taken => return taken,
            }
        }
        self.take_in_once(holder, origin, &ask).await
    }

    async fn take_in_once(
        &self,
        holder: Option<Holder>,
        origin: Origin,
        ask: &Ask,
    ) -> Result<Receipt, Refusal> {
        let settings = self.settings().await?;
        let (action, about) = ask.check(&settings)?;
        let by_subject = matches!(origin.asking.requester, Requester::Subject);
        let key_id = ask.idempotency_key.as_deref().map(|key| self.key_id(holder.as_ref(), key));
        let fingerprint = self.fingerprint(ask);

        let id = self.new_request_id((self.clock)());
        let (data_key, wrapped) = DataKey::create(id, &self.keys, &*self.chance);
        let (target, mut sealed) = self.seal_about(id, &data_key, &about)?;
        let mut seal = |name: &str, text: &[u8]| {
            let sealed_field = data_key.seal(name, text, &*self.chance);
            sealed.push(SealedChange::Field { request: id, field: name.to_owned(), sealed: sealed_field });
            data_key.commit(name, text)
        };
        let parameters = if ask.parameters.is_empty() {
            None
        } else {
            Some(seal(field::PARAMETERS, &record::bytes(&ask.parameters)?))
        };
        let reason = ask.reason.as_deref().map(|reason| seal(field::REASON, reason.as_bytes()));
        if let Some(mandate) = &ask.mandate {
            seal("mandate", mandate.as_bytes());
        }
        sealed.push(SealedChange::Key { request: id, epoch: self.keys.epoch, wrapped });

        let proof_terms = self.terms_of(&about);
        let submitted = Submitted {
            nonce: Commitment::from_bytes(chance::bytes(&*self.chance)),
            action: action.name.clone(),
            channel: origin.channel,
            environment: settings.environment.clone(),
            asking: origin.asking,
            target,
            parameters,
            reason,
            attested: origin.attested.into_iter().collect(),
            // The dates are filled in by the transaction, whose time decides.
            due_at: None,
            expires_at: Timestamp::from_millis(0),
            expires_unproven_at: Timestamp::from_millis(0),
        };

        // Asked outside the transaction, which has better things to do: no other request and no vote is in it.
        let now = (self.clock)();
        let seen = History::begin(id, now, &Event::Submitted(Box::new(submitted.clone())))?;
        let verdict = self.first_looks.judge(&settings, seen.state().dossier(), now)?;
        let mut needs = Needs::default();
        needs.records.extend(holder.as_ref().map(Holder::need));
        needs.records.extend(submitted.asking.persons.iter().map(|id| person::need(*id)));
        if let Some(key) = &key_id {
            needs.records.push((KEY_KIND.to_owned(), Find::Id(key.clone())));
        }
        let counts = match (&holder, &about) {
            (Some(holder), About::Subject(stated)) if by_subject && !seen.state().dossier().is_proved() => {
                self.counts_of_request(settings.floods, &holder.label, &field::identities(stated))
            }
            (Some(_) | None, About::Subject(_) | About::Dataset { .. }) => Vec::new(),
        };
        needs.records.extend(counts.iter().map(|(cap, value)| flood::need(&self.keys, *cap, value)));
        let version = settings.version;
        let keys = self.keys.clone();
        let work = Arrival {
            settings,
            id,
            submitted,
            verdict,
            sealed,
            terms: proof_terms,
            key_id,
            fingerprint,
            counts,
            holder,
            keys,
        };
        let (_, arrived) = self
            .act(needs, move |loaded| {
                if loaded.settings_version != version {
                    return Err(Refusal::Again);
                }
                work.decide(loaded)
            })
            .await?;
        match arrived {
            Arrived::New(picture) => {
                span::request(id, &ask.action);
                let subject_token = by_subject.then(|| self.keys.subject_token(id));
                Ok(Receipt { picture: *picture, subject_token, again: false })
            }
            Arrived::Before(id) => {
                let picture = self.picture(id).await?;
                let subject_token = by_subject.then(|| self.keys.subject_token(id));
                Ok(Receipt { picture, subject_token, again: true })
            }
        }
    }

    fn seal_about(
        &self,
        id: RequestId,
        key: &DataKey,
        about: &About,
    ) -> Result<(Target, Vec<SealedChange>), Refusal> {
        match about {
            About::Dataset { source, name } => {
                Ok((Target::Dataset { source: source.clone(), name: name.clone() }, Vec::new()))
            }
            About::Subject(stated) => {
                let commit = |identity: Identity| Committed {
                    value: key.commit_identity(&identity),
                    kind: identity.kind,
                };
                let target =
                    Target::Subject { stated: field::identities(stated).into_iter().map(commit).collect() };
                let sealed = key.seal(field::SUBJECT, &record::bytes(stated)?, &*self.chance);
                Ok((
                    target,
                    vec![SealedChange::Field { request: id, field: field::SUBJECT.to_owned(), sealed }],
                ))
            }
        }
    }

    /// Blind indexes under which the request is found. A merely stated identity is one: for search, never for a lock.
    fn terms_of(&self, about: &About) -> Vec<Vec<u8>> {
        match about {
            About::Dataset { .. } => Vec::new(),
            About::Subject(stated) => stated
                .iter()
                .map(|(kind, value)| crate::seal::blind(&self.keys, kind, value).as_bytes().to_vec())
                .collect(),
        }
    }

    fn key_id(&self, holder: Option<&Holder>, key: &str) -> String {
        let whose = holder.map_or("", |holder| &holder.key);
        hex::encode(mac(&self.keys.index, &[b"idempotency", whose.as_bytes(), key.as_bytes()]))
    }

    fn fingerprint(&self, ask: &Ask) -> String {
        let Ask { action, by, subject, dataset, parameters, reason, mandate, idempotency_key: _ } = ask;
        let shape = format!("{:?}", (action, by, subject, dataset, parameters, reason, mandate));
        hex::encode(mac(&self.keys.index, &[b"fingerprint", shape.as_bytes()]))
    }
}

enum Arrived {
    New(Box<Picture>),
    Before(RequestId),
}

struct Arrival {
    settings: std::sync::Arc<Settings>,
    id: RequestId,
    submitted: Submitted,
    verdict: Verdict,
    sealed: Vec<SealedChange>,
    terms: Vec<Vec<u8>>,
    key_id: Option<String>,
    fingerprint: String,
    /// What it counts for, while nobody has proved anything.
    counts: Vec<(Cap, String)>,
    holder: Option<Holder>,
    keys: Keys,
}

impl Arrival {
    fn decide(&self, loaded: &Loaded) -> Result<(Change, Arrived), Refusal> {
        if let Some(holder) = &self.holder {
            holder.recheck(loaded)?;
        }
        if let Some(record) = loaded.of_kind(KEY_KIND).next().filter(|_| self.key_id.is_some()) {
            let before: Remembered = record::read(record)?;
            return if before.fingerprint == self.fingerprint {
                Ok((Change::default(), Arrived::Before(before.request)))
            } else {
                Err(Refusal::KeyReused)
            };
        }
        let counted = |(cap, value): &(Cap, String)| flood::once_more(&self.keys, *cap, value, loaded);
        let counted = self.counts.iter().map(counted).collect::<Result<Vec<_>, _>>()?;
        let mut history =
            History::begin(self.id, loaded.now, &Event::Submitted(Box::new(self.dated(loaded.now)?)))?;
        // INVARIANT: the store's time decides, whatever this node's clock tells.
        let mut verdict = if self.settings.policies.reads_clock(&self.submitted.action) {
            World::before_survey(loaded.now).judge(&self.settings, history.state().dossier())?
        } else {
            self.verdict.clone()
        };
        verdict.criteria.at = loaded.now;
        let denied = matches!(verdict.decision, Decision::Deny { .. });
        if denied {
            let judge =
                Command::Judge { verdict: verdict.clone(), holds: Vec::new(), ceiling: None, max_age_ms: 0 };
            history.decide(judge, loaded.now)?;
        }
        history.find_under("stated", self.terms.clone());
        if let Some(holder) = &self.holder {
            history.find_under("requester", vec![holder.person.as_bytes().to_vec()]);
        }
        let people = person::loaded(&self.keys, loaded)?;
        let askers = people.values().flat_map(|(person, _)| person.blinds(&self.keys));
        history.find_under("asker", askers.map(|blind| blind.as_bytes().to_vec()).collect());
        let waiting = if denied { Vec::new() } else { crate::requests::waiting::words(&verdict) };
        history.find_under("waiting", waiting);

        let mut change = Change { sealed: self.sealed.clone(), records: counted, ..Change::default() };
        if let Some(key) = &self.key_id {
            let body = Remembered { request: self.id, fingerprint: self.fingerprint.clone() };
            change.records.push(RecordChange::Put {
                kind: KEY_KIND.to_owned(),
                id: key.clone(),
                body: record::bytes(&body)?,
                terms: Vec::new(),
                expires_at: Some(loaded.now.plus_ms(KEY_LIVES_MS)),
                expect: Some(0),
            });
        }
        if history.state().dossier().is_proved() && !denied {
            change.jobs.push(JobChange::Wish(NewJob {
                kind: "advance".to_owned(),
                key: self.id.to_string(),
                body: Vec::new(),
                run_at: loaded.now,
            }));
        }
        let picture = Picture::of(&history, Some(verdict), None, &self.settings);
        change.request = Some(history.into_change());
        Ok((change, Arrived::New(Box::new(picture))))
    }

    fn dated(&self, now: Timestamp) -> Result<Submitted, Refusal> {
        let action = self.settings.actions.get(&self.submitted.action).ok_or(Refusal::Again)?;
        Ok(Submitted {
            due_at: self.due_at(&action.name, now),
            expires_at: now.plus_ms(action.expires_after_ms),
            expires_unproven_at: now.plus_ms(action.expires_unproven_after_ms),
            ..self.submitted.clone()
        })
    }

    /// A calendar that does not reach that far must not keep anybody from asking: the date is then left open.
    fn due_at(&self, action: &str, now: Timestamp) -> Option<Timestamp> {
        self.settings.due_at(action, now).unwrap_or_else(|why| {
            tracing::error!(action, %why, "a request has no due date");
            None
        })
    }
}

fn origin(holder: &Holder, ask: &Ask) -> Origin {
    let requester = match (ask.by, &holder.service) {
        (AskedBy::Subject, _) => Requester::Subject,
        (AskedBy::Agent, _) => Requester::Agent { person: holder.person },
        (AskedBy::Caller, None) => Requester::Staff { person: holder.person },
        (AskedBy::Caller, Some(name)) => Requester::Service { name: name.clone() },
    };
    Origin {
        asking: Asking { requester, persons: BTreeSet::from([holder.person]) },
        channel: holder.channel.clone(),
        attested: holder.attests.clone(),
    }
}
