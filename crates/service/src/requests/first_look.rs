//! What policy says of a request before anything was looked at. Only facts that are settled by then are in it, and few
//! of those: requests that are alike in them are told the same, so it is asked once for each kind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use countersign_core::request::Dossier;
use countersign_core::subject::{Requester, Target};
use countersign_core::time::Timestamp;
use countersign_core::verdict::Verdict;

use crate::refusal::Refusal;
use crate::requests::facts::World;
use crate::settings::Settings;

/// Kinds that are remembered; beyond that, all are forgotten.
const MOST: usize = 256;

/// Verdicts by kind of request, of one version of the settings.
#[derive(Default)]
pub(crate) struct FirstLooks(Mutex<(u64, BTreeMap<Alike, Verdict>)>);

/// Everything that a judgement before the survey reads of a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    action: String,
    channel: String,
    environment: String,
    attested: Vec<String>,
    requester: (&'static str, String),
    dataset: Option<(String, String)>,
}

impl FirstLooks {
    /// What policy says at `now`.
    pub(crate) fn judge(
        &self,
        settings: &Settings,
        dossier: &Dossier,
        now: Timestamp,
    ) -> Result<Verdict, Refusal> {
        let judge = || World::before_survey(now).judge(settings, dossier);
        let alike = Alike::of(dossier);
        if settings.policies.reads_clock(&alike.action) {
            return judge();
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != settings.version || known.1.len() >= MOST {
            *known = (settings.version, BTreeMap::new());
        }
        if let Some(verdict) = known.1.get(&alike) {
            let mut verdict = verdict.clone();
            verdict.criteria.at = now;
            return Ok(verdict);
        }
        let verdict = judge()?;
        known.1.insert(alike, verdict.clone());
        Ok(verdict)
    }
}

impl Alike {
    fn of(dossier: &Dossier) -> Self {
        let submitted = dossier.submitted();
        let who = match &submitted.asking.requester {
            // Each is the subject of their own request: which subject, no policy can say.
            Requester::Subject => String::new(),
            Requester::Agent { person } | Requester::Staff { person } => person.to_string(),
            Requester::Service { name } | Requester::Schedule { name } => name.clone(),
        };
        Self {
            action: submitted.action.clone(),
            channel: submitted.channel.clone(),
            environment: submitted.environment.clone(),
            attested: submitted.attested.clone(),
            requester: (submitted.asking.requester.kind(), who),
            dataset: match &submitted.target {
                Target::Subject { .. } => None,
                Target::Dataset { source, name } => Some((source.clone(), name.clone())),
            },
        }
    }
}
