//! The verdict: released exactly when Cedar says Allow with no evaluation error, on a fresh survey.
//! It must not know who asks it or what a request is; the explanation it carries never takes part in the decision.

use std::collections::BTreeMap;

use cedar_policy::{
    AuthorizationError, Authorizer, Decision as Answer, Entities, PolicySet as CedarSet, Request,
};
use countersign_core::verdict::{Criteria, Decision, Missing, Path, Verdict};

use crate::explain::{Compiled, Walk, open_facts, paths};
use crate::facts::{Facts, SurveyState};
use crate::load::{ActionPolicies, LoadError, PolicySet, load};
use crate::reads::Fact;
use crate::vocabulary::Vocabulary;
use crate::world::World;

/// The code of a denial where no permit can ever apply.
const NO_POLICY: &str = "no_policy";
/// The code of a denial by a forbid over settled facts that names none.
const FORBIDDEN: &str = "forbidden";

/// What the policies say of `facts`. A fault among the facts holds: `criteria.errors` names the fact or the policy.
pub fn judge(set: &PolicySet, facts: &Facts) -> Verdict {
    let verdict =
        |decision, policies: Vec<String>, errors: Vec<String>, read: BTreeMap<String, String>| Verdict {
            decision,
            criteria: Criteria { policy_set: set.hash.clone(), policies, errors, facts: read, at: facts.now },
        };
    let Some(action) = set.actions.get(&facts.action) else {
        let fault = format!("fact action: `{}` is not configured", facts.action);
        return verdict(Decision::Hold { paths: vec![] }, vec![], vec![fault], BTreeMap::new());
    };
    let read = told(facts, action);
    let world = match World::of(facts, &action.needs, &set.vocabulary) {
        Ok(world) => world,
        Err(faults) => return verdict(Decision::Hold { paths: vec![] }, vec![], faults, read),
    };
    let unknown = open_facts(set, facts);
    let mut walk = Walk::new(&action.leaves, &world, facts, &unknown);
    let mut determining = vec![];
    if facts.survey != SurveyState::Absent {
        let answer = Authorizer::new().is_authorized(&world.request, &action.cedar, &world.entities);
        let mut errors: Vec<String> = answer.diagnostics().errors().map(failed).collect();
        errors.sort();
        determining = answer.diagnostics().reason().map(name).collect();
        determining.sort();
        // INVARIANT: an evaluation error holds, whatever else was said.
        if !errors.is_empty() {
            let paths = paths(set, action, facts, &mut walk);
            return verdict(Decision::Hold { paths }, determining, errors, read);
        }
        if answer.decision() == Answer::Allow {
            let decision = match facts.survey {
                SurveyState::Fresh => Decision::Release,
                SurveyState::Stale | SurveyState::Absent => Decision::Hold {
                    paths: determining
                        .iter()
                        .map(|policy| Path { policy: policy.clone(), missing: vec![Missing::Survey] })
                        .collect(),
                },
            };
            return verdict(decision, determining, vec![], read);
        }
    }
    if let Some((code, policies)) = denied(action, facts, &mut walk, &determining) {
        return verdict(Decision::Deny { code }, policies, vec![], read);
    }
    let paths = paths(set, action, facts, &mut walk);
    verdict(Decision::Hold { paths }, determining, vec![], read)
}

/// What other policies would say of the same facts.
///
/// # Errors
/// When the files do not load.
pub fn try_policies(
    vocabulary: &Vocabulary,
    files: &[(String, String)],
    facts: &Facts,
) -> Result<Verdict, LoadError> {
    Ok(judge(&load(vocabulary, files)?, facts))
}

/// Whether the engine would say Allow with no evaluation error by this permit. Asked in two parts, of the permit and of
/// all that could stop it, which is the same answer as of the whole set and much cheaper for each of many alternatives.
pub(crate) fn would_release(world: &World, action: &ActionPolicies, permit: &Compiled) -> bool {
    let engine = Authorizer::new();
    let ask = |policies: &CedarSet| engine.is_authorized(&world.request, policies, &world.entities);
    let by_permit = ask(&permit.alone);
    if by_permit.decision() != Answer::Allow {
        return false;
    }
    let stops = ask(&action.stops);
    let forbidden = stops.decision() == Answer::Deny && stops.diagnostics().reason().next().is_some();
    !forbidden && stops.diagnostics().errors().next().is_none()
}

/// Why this is denied, if it is: only by what cannot change for this request, or by a forbid that says so.
fn denied(
    action: &ActionPolicies,
    facts: &Facts,
    walk: &mut Walk,
    determining: &[String],
) -> Option<(String, Vec<String>)> {
    for forbid in &action.forbids {
        let matches = facts.first_judgement && determining.contains(&forbid.id);
        if let (Some(code), true) = (&forbid.deny, matches) {
            return Some((code.clone(), vec![forbid.id.clone()]));
        }
    }
    for forbid in &action.forbids {
        if walk.settled(&forbid.tree) == Some(false) {
            let code = forbid.deny.clone().unwrap_or_else(|| FORBIDDEN.to_owned());
            return Some((code, vec![forbid.id.clone()]));
        }
    }
    let hopeless = action.permits.iter().all(|permit| walk.settled(&permit.tree) == Some(false));
    hopeless.then(|| (NO_POLICY.to_owned(), vec![]))
}

fn name(id: &cedar_policy::PolicyId) -> String {
    let id: &str = id.as_ref();
    id.to_owned()
}

/// The policy that failed; never the engine's message, which may quote a value.
fn failed(error: &AuthorizationError) -> String {
    match error {
        AuthorizationError::PolicyEvaluationError(error) => name(error.policy_id()),
    }
}

/// The facts that the action's policies read, for the criteria. Attributes stand as their owner chose to show them.
fn told(facts: &Facts, action: &ActionPolicies) -> BTreeMap<String, String> {
    let joined =
        |items: &std::collections::BTreeSet<String>| items.iter().cloned().collect::<Vec<_>>().join(",");
    let mut told = BTreeMap::from([
        ("action".to_owned(), facts.action.clone()),
        ("requester".to_owned(), facts.requester.kind.type_name().to_lowercase()),
        ("resource".to_owned(), facts.resource.kind.type_name().to_lowercase()),
        ("own".to_owned(), facts.is_own().to_string()),
        ("survey".to_owned(), format!("{:?}", facts.survey).to_lowercase()),
    ]);
    for fact in &action.needs.facts {
        let (name, value) = match fact {
            Fact::Environment => ("environment".to_owned(), facts.environment.clone()),
            Fact::Channel => ("channel".to_owned(), facts.channel.clone()),
            Fact::Now => ("now_ms".to_owned(), facts.now.as_millis().to_string()),
            Fact::Waited => ("waited_ms".to_owned(), facts.waited_ms.to_string()),
            Fact::Verified => ("verified".to_owned(), joined(&facts.verified)),
            Fact::Attested => ("attested".to_owned(), joined(&facts.attested)),
            Fact::Conflicts => ("conflicts".to_owned(), facts.conflicts.to_string()),
            Fact::Membership => ("groups".to_owned(), joined(&facts.requester.groups)),
            Fact::Approvals(group) if group == "any" => {
                ("approvals.any".to_owned(), facts.approvals_any.to_string())
            }
            Fact::Approvals(group) => {
                (format!("approvals.{group}"), facts.approvals.get(group).copied().unwrap_or(0).to_string())
            }
            Fact::Running(of) => match facts.running.get(of) {
                Some(count) => (format!("running.{of}"), count.to_string()),
                None => continue,
            },
            Fact::StartedToday(of) => match facts.started_today.get(of) {
                Some(count) => (format!("started_today.{of}"), count.to_string()),
                None => continue,
            },
            Fact::Impact => {
                if let Some(impact) = facts.impact {
                    told.insert("impact.rows".to_owned(), impact.rows.to_string());
                    told.insert("impact.tables".to_owned(), impact.tables.to_string());
                    told.insert("impact.sources".to_owned(), impact.sources.to_string());
                }
                continue;
            }
            Fact::Resource(name) => match facts.resource.attributes.get(name) {
                Some(attribute) => (format!("resource.{name}"), attribute.shown.clone()),
                None => continue,
            },
            Fact::Requester(name) => match facts.requester.attributes.get(name) {
                Some(attribute) => (format!("requester.{name}"), attribute.shown.clone()),
                None => continue,
            },
            Fact::Foreign => continue,
        };
        told.insert(name, value);
    }
    told
}

/// A prepared question to the bare engine, over all policies: what the bench compares [`judge`] with.
/// It has no `Debug`: the engine's would show identifiers.
pub struct Bare {
    request: Request,
    entities: Entities,
    policies: CedarSet,
}

impl Bare {
    /// Prepares the question; `None` where the facts have a fault.
    pub fn of(set: &PolicySet, facts: &Facts) -> Option<Self> {
        let action = set.actions.get(&facts.action)?;
        let World { request, entities } = World::of(facts, &action.needs, &set.vocabulary).ok()?;
        Some(Self { request, entities, policies: set.cedar.clone() })
    }

    /// Asks the engine and nothing else: whether it says Allow without an error.
    pub fn is_authorized(&self) -> bool {
        let answer = Authorizer::new().is_authorized(&self.request, &self.policies, &self.entities);
        answer.decision() == Answer::Allow && answer.diagnostics().errors().next().is_none()
    }
}
