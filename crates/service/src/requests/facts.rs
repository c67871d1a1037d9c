//! From what was loaded to the facts that policy reads. Nothing here decides.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::conflict::{self, Party, Standing};
use countersign_core::id::{Blind, PersonId};
use countersign_core::plan::Counts;
use countersign_core::quorum::{Tally, Voter};
use countersign_core::request::Dossier;
use countersign_core::subject::{Requester, Target};
use countersign_core::time::Timestamp;
use countersign_core::verdict::{Decision, Missing, Path, Verdict};
use countersign_policy as policy;

use crate::clock;
use crate::hold::Hold;
use crate::keys::Keys;
use crate::pause::{self, Pause};
use crate::person;
use crate::ports::store::{Find, Loaded, Row};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::field::{Attribute, Found};
use crate::requests::survey;
use crate::settings::{Effect, Settings};

/// Everything around a request at one moment.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    /// The time by which verifications grow old: a clock in doubt never makes one younger.
    pub(crate) aged: Timestamp,
    pub(crate) paused: Option<Pause>,
    pub(crate) survey: policy::SurveyState,
    pub(crate) first: bool,
    pub(crate) running: BTreeMap<String, u64>,
    pub(crate) started: BTreeMap<String, u64>,
    pub(crate) beside: Vec<Row>,
    pub(crate) holds: Vec<String>,
    pub(crate) voters: BTreeMap<PersonId, Voter>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
}

impl World {
    /// Before anything was looked at.
    pub(crate) fn before_survey(now: Timestamp) -> Self {
        Self {
            now,
            aged: now,
            paused: None,
            survey: policy::SurveyState::Absent,
            first: false,
            running: BTreeMap::new(),
            started: BTreeMap::new(),
            beside: Vec::new(),
            holds: Vec::new(),
            voters: BTreeMap::new(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// What a transaction loaded. `found` is what the latest survey found, opened beforehand.
    pub(crate) fn loaded(
        keys: &Keys,
        settings: &Settings,
        loaded: &Loaded,
        history: &History,
        found: Option<&Found>,
    ) -> Result<Self, Refusal> {
        let dossier = history.state().dossier();
        let subject: BTreeSet<Blind> = blinds(history);
        let people = person::loaded(keys, loaded)?;
        let asks = &dossier.submitted().asking;
        // A vote by somebody who was not loaded cannot be counted: load again rather than miscount.
        if !dossier.votes().iter().all(|vote| people.contains_key(&vote.by)) {
            return Err(Refusal::Again);
        }
        let voters = people.iter().map(|(id, (person, _))| (*id, person.voter(keys, &subject))).collect();
        let groups = match asks.requester {
            Requester::Staff { person } | Requester::Agent { person } => {
                people.get(&person).map(|(person, _)| person.seats.clone()).unwrap_or_default()
            }
            Requester::Subject | Requester::Service { .. } | Requester::Schedule { .. } => BTreeSet::new(),
        };
        let survey = match found {
            None => policy::SurveyState::Absent,
            Some(_) if dossier.survey().is_none() => policy::SurveyState::Absent,
            Some(found) if loaded.now.since_ms(found.at) > settings.survey_max_age_ms => {
                policy::SurveyState::Stale
            }
            // Looked at by another data map than the one that would act.
            Some(_) if !survey::mapped_by(loaded, settings, dossier)? => policy::SurveyState::Stale,
            Some(_) => policy::SurveyState::Fresh,
        };
        let now = clock::policy_time(loaded)?;
        Ok(Self {
            now,
            aged: now.max(loaded.now),
            paused: pause::paused(loaded, &dossier.submitted().action)?,
            survey,
            first: survey != policy::SurveyState::Absent && history.terms("judged").next().is_none(),
            running: loaded.running.clone(),
            started: loaded.started.clone(),
            beside: loaded.beside.clone(),
            holds: holds(loaded)?,
            voters,
            groups,
            attributes: found.map(|found| found.attributes.clone()).unwrap_or_default(),
        })
    }

    /// Asks policy.
    pub(crate) fn judge(&self, settings: &Settings, dossier: &Dossier) -> Result<Verdict, Refusal> {
        let mut verdict = policy::judge(settings.policies_of(dossier), &self.facts(settings, dossier));
        if dossier.unresolved().is_some()
            && let Decision::Hold { paths } = &mut verdict.decision
        {
            // As long as nobody knows who is meant, nothing else can be said of anybody.
            for path in &mut *paths {
                path.missing = vec![Missing::Identity];
            }
            paths.dedup();
        }
        // Whatever the policies say or leave out, what a legal hold keeps is not erased: the run would turn it back.
        let erases = settings
            .actions
            .get(&dossier.submitted().action)
            .is_some_and(|action| action.effect == Effect::Erase);
        if erases && !self.holds.is_empty() && verdict.decision == Decision::Release {
            let held = Missing::LegalHold { policy: "legal_hold".to_owned() };
            let paths = verdict.criteria.policies.iter();
            let paths = paths.map(|policy| Path { policy: policy.clone(), missing: vec![held.clone()] });
            verdict.decision = Decision::Hold { paths: paths.collect() };
        }
        if let Some(paused) = self.paused {
            pause_at(&mut verdict, &dossier.submitted().action, paused);
        }
        Ok(verdict)
    }

    /// A verification made before this no longer counts.
    pub(crate) fn verified_since(&self, settings: &Settings, dossier: &Dossier) -> Timestamp {
        let action = settings.actions.get(&dossier.submitted().action);
        let max_age_ms = action.and_then(|action| action.verification_max_age_ms);
        max_age_ms.map_or(Timestamp::from_millis(i64::MIN), |age| self.aged.plus_ms(-age))
    }

    /// The approvals that count.
    pub(crate) fn tally(&self, dossier: &Dossier) -> Tally {
        dossier.tally(&self.voters)
    }

    /// How the request stands among those that share its subject.
    pub(crate) fn standing(&self, settings: &Settings, dossier: &Dossier) -> Standing {
        let party = |row: &Row| Party {
            id: row.id,
            action: row.action.clone(),
            submitted_at: row.submitted_at,
            holds_place: row.status.holds_place(),
        };
        let me = Party {
            id: dossier.id(),
            action: dossier.submitted().action.clone(),
            submitted_at: dossier.submitted_at(),
            holds_place: false,
        };
        let others: Vec<Party> = self.beside.iter().map(party).collect();
        conflict::standing(&me, &others, &settings.conflicts)
    }

    /// The facts.
    pub(crate) fn facts(&self, settings: &Settings, dossier: &Dossier) -> policy::Facts {
        let submitted = dossier.submitted();
        let tally = self.tally(dossier);
        let methods = settings.policies_of(dossier).methods_named(&submitted.action);
        let count = |count: &i64| u64::try_from(*count).unwrap_or(0);
        let all = |counts: &BTreeMap<String, u64>| {
            settings
                .actions
                .keys()
                .map(|action| (action.clone(), counts.get(action).copied().unwrap_or(0)))
                .collect()
        };
        policy::Facts {
            action: submitted.action.clone(),
            requester: self.requester(dossier),
            resource: self.resource(settings, dossier),
            environment: submitted.environment.clone(),
            channel: submitted.channel.clone(),
            now: self.now,
            waited_ms: self.now.since_ms(dossier.waiting_since(&methods)),
            verified: dossier
                .verified(self.verified_since(settings, dossier))
                .into_iter()
                .map(str::to_owned)
                .collect(),
            attested: submitted.attested.iter().cloned().collect(),
            approvals: tally.by_seat.iter().map(|(seat, votes)| (seat.clone(), count(votes))).collect(),
            approvals_any: count(&tally.any),
            running: all(&self.running),
            started_today: all(&self.started),
            impact: dossier.survey().map(|survey| impact(&survey.counts)),
            conflicts: self.standing(settings, dossier).waits_for.len() as u64,
            survey: self.survey,
            first_judgement: self.first,
        }
    }

    fn requester(&self, dossier: &Dossier) -> policy::Requester {
        let (kind, id) = match &dossier.submitted().asking.requester {
            // Their own data: the same id as the resource has.
            Requester::Subject => (policy::RequesterKind::Subject, dossier.id().to_string()),
            Requester::Agent { person } => (policy::RequesterKind::Agent, person.to_string()),
            Requester::Staff { person } => (policy::RequesterKind::Staff, person.to_string()),
            Requester::Service { name } => (policy::RequesterKind::Service, name.clone()),
            Requester::Schedule { name } => (policy::RequesterKind::Schedule, name.clone()),
        };
        policy::Requester { kind, id, groups: self.groups.clone(), attributes: BTreeMap::new() }
    }

    fn resource(&self, settings: &Settings, dossier: &Dossier) -> policy::Resource {
        let mut attributes: BTreeMap<String, policy::Attribute> = self
            .attributes
            .iter()
            .filter(|(name, _)| settings.vocabulary.subject_attributes.contains_key(*name))
            .map(|(name, value)| (name.clone(), attribute(value)))
            .collect();
        match &dossier.submitted().target {
            Target::Subject { .. } => {
                if self.survey != policy::SurveyState::Absent {
                    let held = policy::Attribute::plain(policy::Value::Bool(!self.holds.is_empty()));
                    attributes.insert("legal_hold".to_owned(), held);
                }
                policy::Resource {
                    kind: policy::ResourceKind::Subject,
                    id: dossier.id().to_string(),
                    attributes,
                }
            }
            Target::Dataset { source, name } => policy::Resource {
                kind: policy::ResourceKind::Dataset,
                id: format!("{source}/{name}"),
                attributes: BTreeMap::new(),
            },
        }
    }
}

/// Whatever else is missing, that the action goes on is missing too.
fn pause_at(verdict: &mut Verdict, action: &str, paused: Pause) {
    let missing = Missing::Paused { action: action.to_owned(), since: paused.since };
    match &mut verdict.decision {
        Decision::Release => {
            let paths = verdict.criteria.policies.iter();
            let paths = paths.map(|policy| Path { policy: policy.clone(), missing: vec![missing.clone()] });
            verdict.decision = Decision::Hold { paths: paths.collect() };
        }
        Decision::Hold { paths } => paths.iter_mut().for_each(|path| path.missing.push(missing.clone())),
        Decision::Deny { .. } => {}
    }
}

/// The blind indexes of the subject, and of everybody on the side that asks: whoever has one of these identities is
/// the same person, by whatever account.
pub(crate) fn blinds(history: &History) -> BTreeSet<Blind> {
    let terms = history.terms("identity").chain(history.terms("asker"));
    terms.filter_map(|value| value.try_into().ok()).map(Blind::from_bytes).collect()
}

/// The blind indexes of the subject alone.
pub(crate) fn subject_blinds(history: &History) -> BTreeSet<Blind> {
    history.terms("identity").filter_map(|value| value.try_into().ok()).map(Blind::from_bytes).collect()
}

/// What to load for everybody who has an identity that the sources hold for the subject.
pub(crate) fn need_people(history: &History) -> Vec<(String, Find)> {
    let blinds = subject_blinds(history).into_iter();
    blinds
        .map(|blind| (person::KIND.to_owned(), Find::Term(record::term("identity", blind.as_bytes()))))
        .collect()
}

/// Names of the loaded legal holds that stand.
pub(crate) fn holds(loaded: &Loaded) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for record in loaded.of_kind(crate::hold::KIND) {
        let hold: Hold = record::read(record)?;
        if hold.lifted_at.is_none() {
            names.push(record.id.clone());
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The value in the open for policy; in the criteria, which enter the ledger, only that it was there.
fn attribute(value: &Attribute) -> policy::Attribute {
    match value {
        Attribute::Bool(value) => policy::Attribute::committed(policy::Value::Bool(*value), "sealed"),
        Attribute::Long(value) => policy::Attribute::committed(policy::Value::Long(*value), "sealed"),
        Attribute::Text(value) => policy::Attribute::committed(policy::Value::Text(value.clone()), "sealed"),
    }
}

fn impact(counts: &Counts) -> policy::Impact {
    policy::Impact { rows: counts.rows(), tables: counts.tables(), sources: counts.sources() }
}
