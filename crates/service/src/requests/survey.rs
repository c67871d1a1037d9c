//! The survey: what a look at the sources means for a request. Made after proof, and again when it grew old.

use std::collections::BTreeSet;

use countersign_core::digest::Shape;
use countersign_core::id::{Commitment, RequestId};
use countersign_core::plan::Plan;
use countersign_core::request::{Command, Dossier, State};
use countersign_core::subject::{Committed, Target};
use countersign_core::survey::{Survey, Surveyed};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::jobs::keep_until;
use crate::ports::source::RootKey;
use crate::ports::store::{Change, Find, Loaded, Needs, SealedChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::field::{self, Found};
use crate::requests::judge;
use crate::requests::look::{Look, Looked, dataset_term, root_term};
use crate::seal::{self, DataKey};
use crate::settings::Settings;
use crate::settings::datamap::DataMap;

/// The kind of record that keeps the latest survey.
pub(crate) const KIND: &str = "survey";

/// The latest survey, as far as it is not personal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Latest {
    /// The same as an event would have it; `at` is when the sources were read last.
    pub(crate) survey: Survey,
    /// What would be done.
    pub(crate) plan: Plan,
}

/// What to load for it.
pub(crate) fn need(request: RequestId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(request.to_string()))
}

/// The latest survey that was loaded.
pub(crate) fn latest(loaded: &Loaded) -> Result<Option<Latest>, Refusal> {
    loaded.of_kind(KIND).next().map(record::read).transpose()
}

/// Whether the latest survey was made by the data maps of `settings` that are for this request.
pub(crate) fn mapped_by(loaded: &Loaded, settings: &Settings, dossier: &Dossier) -> Result<bool, Refusal> {
    let maps = settings.maps_for(keep_until::term(dossier));
    let of = |source: &str| maps?.get(source).map(DataMap::version);
    let latest = latest(loaded)?;
    Ok(latest.is_none_or(|latest| {
        latest.plan.sources.iter().all(|plan| of(&plan.source) == Some(&*plan.map_version))
    }))
}

impl Service {
    /// Looks at the sources and records what was found, if the request still waits.
    pub(crate) async fn survey(&self, settings: &Settings, history: &History) -> Result<(), Refusal> {
        let dossier = history.state().dossier().clone();
        let id = dossier.id();
        let key = self.data_key(id).await?.ok_or(Refusal::NotFound("request"))?;
        let named = self.named(&dossier, &key).await?;
        // The time before the look: whatever was written meanwhile counts as not seen.
        let at = self.store.load(Needs::default()).await?.now;
        let work = match self.look(settings, &dossier, &named).await? {
            Looked::NoMatch => Work::plain(Surveyed::NoMatch),
            Looked::Several(matches) => Work::plain(Surveyed::Several { matches }),
            Looked::Found(look) => self.found(&dossier, &key, at, look)?,
        };
        let version = history.version();
        let needs = Needs { request: Some(id), ..Needs::default() };
        self.act(needs, move |loaded| {
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            // Something was proved or chosen meanwhile: what was looked for is not what should be.
            if history.version() != version {
                return Err(Refusal::Again);
            }
            if !matches!(history.state(), State::Waiting(_)) {
                return Ok((Change::default(), ()));
            }
            work.decide(&mut history, loaded.now)
        })
        .await?;
        Ok(())
    }

    fn found(&self, dossier: &Dossier, key: &DataKey, at: Timestamp, look: Look) -> Result<Work, Refusal> {
        let roots = commit_roots(key, dossier, &look.roots);
        let submitted = dossier.submitted();
        let digest = Shape {
            request: dossier.id(),
            nonce: submitted.nonce,
            action: &submitted.action,
            parameters: submitted.parameters,
            requester: &submitted.asking.requester,
            environment: &submitted.environment,
            target: &submitted.target,
            roots,
            plan: &look.plan,
        }
        .digest();
        let commit = |identity: &crate::ports::source::Identity| Committed {
            kind: identity.kind.clone(),
            value: key.commit_identity(identity),
        };
        let identities: BTreeSet<Committed> = look.identities.iter().map(commit).collect();
        let survey = Survey {
            at,
            digest,
            roots,
            identities: identities.into_iter().collect(),
            counts: look.plan.counts(),
        };
        let found = Found {
            at,
            roots: look
                .roots
                .iter()
                .map(|root| (root.source.clone(), root.table.clone(), root.key.clone()))
                .collect(),
            held: look.held,
            attributes: look.attributes,
            samples: look.samples,
        };
        let sealed = key.seal(field::FOUND, &record::bytes(&found)?, &*self.chance);
        let mut root_terms: Vec<Vec<u8>> =
            look.roots.iter().map(|root| root_term(&self.keys, root).value).collect();
        if let Target::Dataset { source, name } = &submitted.target {
            root_terms.push(dataset_term(&self.keys, source, name).value);
        }
        let identity_terms = look
            .identities
            .iter()
            .map(|identity| seal::blind(&self.keys, &identity.kind, &identity.value).as_bytes().to_vec())
            .collect();
        Ok(Work {
            surveyed: Surveyed::Found(survey.clone()),
            latest: Some(Latest { survey, plan: look.plan }),
            sealed: Some(SealedChange::Field {
                request: dossier.id(),
                field: field::FOUND.to_owned(),
                sealed,
            }),
            terms: vec![("root".to_owned(), root_terms), ("identity".to_owned(), identity_terms)],
        })
    }
}

/// A commitment to the root keys, whatever their order.
pub(crate) fn commit_roots(key: &DataKey, dossier: &Dossier, roots: &[RootKey]) -> Commitment {
    let mut names: Vec<String> = match &dossier.submitted().target {
        Target::Dataset { source, name } => vec![format!("{source}/{name}")],
        Target::Subject { .. } => {
            roots.iter().map(|root| [&*root.source, &root.table, &root.key].join("\0")).collect()
        }
    };
    names.sort();
    key.commit("roots", names.join("\n").as_bytes())
}

struct Work {
    surveyed: Surveyed,
    latest: Option<Latest>,
    sealed: Option<SealedChange>,
    terms: Vec<(String, Vec<Vec<u8>>)>,
}

impl Work {
    fn plain(surveyed: Surveyed) -> Self {
        Self { surveyed, latest: None, sealed: None, terms: Vec::new() }
    }

    fn decide(&self, history: &mut History, now: Timestamp) -> Result<(Change, ()), Refusal> {
        let id = history.state().dossier().id();
        history.decide(Command::Survey(self.surveyed.clone()), now)?;
        for (name, values) in &self.terms {
            history.find_under(name, values.clone());
        }
        let mut change = Change { sealed: self.sealed.iter().cloned().collect(), ..Change::default() };
        match &self.latest {
            Some(latest) => change.records.push(record::put(KIND, id.to_string(), latest, Vec::new(), None)?),
            None => {
                let word = if matches!(self.surveyed, Surveyed::Several { .. }) {
                    vec![b"identity".to_vec()]
                } else {
                    vec![]
                };
                history.find_under("waiting", word);
            }
        }
        if matches!(self.surveyed, Surveyed::NoMatch) {
            // Somebody may have waited for it, as long as an earlier look had found whom it concerns.
            change.jobs = judge::ended(history, now).jobs;
        }
        change.request = Some(history.clone().into_change());
        Ok((change, ()))
    }
}
