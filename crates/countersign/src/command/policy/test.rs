//! `countersign policy test`: cases for policies as a file: given these facts, this is what policy says.
//!
//! ```toml
//! [[case]]
//! name = "two officers and three days release an erasure"
//! action = "erase"
//! verified = ["email", "totp"]
//! approvals = { privacy = 2 }
//! waited = "72h"
//! expect = "release"          # or "hold", "deny"
//! by = ["erase.self-service"] # the policies that decide, if that is asked
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use countersign_core::time::Timestamp;
use countersign_core::verdict::{Decision, Verdict};
use countersign_policy::{
    Attribute, AttributeType, Facts, Impact, Requester, RequesterKind, Resource, ResourceKind, SurveyState,
    Value, judge,
};
use countersign_service::settings::{Settings, duration};
use serde::Deserialize;
use serde_json::json;

use super::Folder;
use crate::cli::Context;
use crate::exit::Said;

/// Hold policies against cases.
#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    folder: Folder,
    /// The cases
    cases: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// Facts of one case; what is not said is as at the beginning of a request that was surveyed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    action: String,
    expect: Expected,
    #[serde(default)]
    by: Option<BTreeSet<String>>,
    #[serde(default)]
    requester: Kind,
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    attributes: BTreeMap<String, toml::Value>,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default = "api")]
    channel: String,
    #[serde(default)]
    waited: Option<String>,
    #[serde(default)]
    verified: BTreeSet<String>,
    #[serde(default)]
    attested: BTreeSet<String>,
    #[serde(default)]
    approvals: BTreeMap<String, u64>,
    #[serde(default)]
    running: BTreeMap<String, u64>,
    #[serde(default)]
    started_today: BTreeMap<String, u64>,
    #[serde(default)]
    rows: u64,
    #[serde(default)]
    conflicts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Release,
    Hold,
    Deny,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Subject,
    Agent,
    Staff,
    Service,
    Schedule,
}

fn api() -> String {
    "api".to_owned()
}

impl Test {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let settings = self.folder.load(context)?;
        let shown = self.cases.display().to_string();
        let text = std::fs::read_to_string(&self.cases).with_context(|| format!("{shown} cannot be read"))?;
        let file: File = toml::from_str(&text).with_context(|| format!("{shown} has a mistake"))?;
        let mut told = Vec::new();
        for case in &file.case {
            let facts = case.facts(&settings).with_context(|| format!("{shown}, case `{}`", case.name))?;
            let verdict = judge(&settings.policies, &facts);
            told.push((case, case.fault(&verdict)));
        }
        let failed = told.iter().filter(|(_, fault)| fault.is_some()).count();
        let listed: Vec<_> =
            told.iter().map(|(case, fault)| json!({ "name": case.name, "fault": fault })).collect();
        context.output.answer(&json!({ "ok": failed == 0, "cases": listed }), || {
            let line = |(case, fault): &(&Case, Option<String>)| match fault {
                None => format!("  ok   {}", case.name),
                Some(fault) => format!("  BAD  {}: {fault}", case.name),
            };
            let mut lines: Vec<String> = told.iter().map(line).collect();
            lines.push(format!("{} cases, {failed} failed", told.len()));
            lines.join("\n")
        })?;
        if failed == 0 { Ok(()) } else { Err(Said.into()) }
    }
}

impl Case {
    fn facts(&self, settings: &Settings) -> anyhow::Result<Facts> {
        let action = settings.actions.get(&self.action);
        anyhow::ensure!(action.is_some(), "there is no action `{}`", self.action);
        let waited_ms = self.waited.as_deref().map_or(Ok(0), duration::parse)?;
        let all = |said: &BTreeMap<String, u64>| {
            settings.actions.keys().map(|name| (name.clone(), said.get(name).copied().unwrap_or(0))).collect()
        };
        let (kind, types, resource_id) = match &self.dataset {
            Some(name) => (ResourceKind::Dataset, &settings.vocabulary.dataset_attributes, name.clone()),
            None => (ResourceKind::Subject, &settings.vocabulary.subject_attributes, "subject".to_owned()),
        };
        let requester = match self.requester {
            Kind::Subject => RequesterKind::Subject,
            Kind::Agent => RequesterKind::Agent,
            Kind::Staff => RequesterKind::Staff,
            Kind::Service => RequesterKind::Service,
            Kind::Schedule => RequesterKind::Schedule,
        };
        let own = matches!(self.requester, Kind::Subject);
        Ok(Facts {
            action: self.action.clone(),
            requester: Requester {
                kind: requester,
                id: if own { resource_id.clone() } else { "requester".to_owned() },
                groups: self.groups.clone(),
                attributes: BTreeMap::new(),
            },
            resource: Resource { kind, id: resource_id, attributes: self.attributes(types)? },
            environment: self.environment.clone().unwrap_or_else(|| settings.environment.clone()),
            channel: self.channel.clone(),
            now: Timestamp::from_millis(0),
            waited_ms,
            verified: self.verified.clone(),
            attested: self.attested.clone(),
            approvals: self.approvals.clone(),
            approvals_any: self.approvals.values().sum(),
            running: all(&self.running),
            started_today: all(&self.started_today),
            impact: Some(Impact { rows: self.rows, tables: 1, sources: 1 }),
            conflicts: self.conflicts,
            survey: SurveyState::Fresh,
            first_judgement: true,
        })
    }

    /// What is said, and for all else false, zero or nothing: a survey knows every attribute.
    fn attributes(
        &self,
        types: &BTreeMap<String, AttributeType>,
    ) -> anyhow::Result<BTreeMap<String, Attribute>> {
        let mut attributes: BTreeMap<String, Attribute> = BTreeMap::new();
        for (name, kind) in types {
            let value = match (kind, self.attributes.get(name)) {
                (AttributeType::Bool, None) => Value::Bool(false),
                (AttributeType::Long, None) => Value::Long(0),
                (AttributeType::String, None) => Value::Text(String::new()),
                (AttributeType::Bool, Some(toml::Value::Boolean(said))) => Value::Bool(*said),
                (AttributeType::Long, Some(toml::Value::Integer(said))) => Value::Long(*said),
                (AttributeType::String, Some(toml::Value::String(said))) => Value::Text(said.clone()),
                (_, Some(_)) => anyhow::bail!("the attribute `{name}` has another type"),
            };
            attributes.insert(name.clone(), Attribute::plain(value));
        }
        for name in self.attributes.keys() {
            anyhow::ensure!(types.contains_key(name), "there is no attribute `{name}`");
        }
        Ok(attributes)
    }

    fn fault(&self, verdict: &Verdict) -> Option<String> {
        let said = match &verdict.decision {
            Decision::Release => Expected::Release,
            Decision::Hold { .. } => Expected::Hold,
            Decision::Deny { .. } => Expected::Deny,
        };
        let policies: BTreeSet<String> = verdict.criteria.policies.iter().cloned().collect();
        let deciding = policies.iter().cloned().collect::<Vec<_>>().join(", ");
        if said != self.expect {
            return Some(
                format!("expected {:?}, policy says {said:?} ({deciding})", self.expect).to_lowercase(),
            );
        }
        let by = self.by.as_ref().filter(|by| **by != policies)?;
        Some(format!("decided by {deciding}, not by {}", by.iter().cloned().collect::<Vec<_>>().join(", ")))
    }
}
