//! Facts as Cedar sees them: one request and the entities of it. It must not know policies beyond what they read.
//! Nothing here is left out in silence: a fact that is read and not there is a fault, and a fault holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, EvalResult, Expression, Request,
    RestrictedExpression, eval_expression,
};

use crate::facts::{Attribute, COUNT_MAX, Facts, RequesterKind, ResourceKind, Value, WAITED_MAX_MS};
use crate::reads::{Fact, Needs};
use crate::vocabulary::{AttributeType, Vocabulary};

/// A request and its entities, ready for the engine.
/// It has no `Debug`: the engine's would show identifiers.
pub(crate) struct World {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

impl World {
    /// Builds the world of `facts`. What a survey would tell and has not yet is filled with the mildest value;
    /// the caller knows it by [`unknown`] and releases nothing.
    ///
    /// # Errors
    /// The names of facts that are read or required and are missing, or have the wrong type.
    pub(crate) fn of(facts: &Facts, needs: &Needs, vocabulary: &Vocabulary) -> Result<Self, Vec<String>> {
        Self::over(facts, needs, vocabulary, None)
    }

    /// The same, over entities that are known to be as `facts` have them.
    ///
    /// # Errors
    /// As [`World::of`].
    pub(crate) fn over(
        facts: &Facts,
        needs: &Needs,
        vocabulary: &Vocabulary,
        known: Option<&Entities>,
    ) -> Result<Self, Vec<String>> {
        let mut faults = vec![];
        let context = context(facts, needs, vocabulary, &mut faults);
        let entities = known.cloned().map_or_else(|| entities(facts, vocabulary, &mut faults), Ok);
        if !faults.is_empty() {
            return Err(faults);
        }
        let request = Request::new(
            uid(type_name(facts.requester.kind.type_name()), &facts.requester.id),
            uid(type_name("Action"), &facts.action),
            uid(type_name(facts.resource.kind.type_name()), &facts.resource.id),
            context.map_err(|()| vec!["fact context".to_owned()])?,
            None,
        )
        .map_err(|_| vec!["fact request".to_owned()])?;
        Ok(Self { request, entities: entities.map_err(|()| vec!["fact entities".to_owned()])? })
    }

    /// What the engine makes of one expression; `None` where it errs.
    pub(crate) fn ask(&self, expression: &Expression) -> Option<EvalResult> {
        eval_expression(&self.request, &self.entities, expression).ok()
    }
}

/// Facts that are not known before a survey.
pub(crate) fn unknown(facts: &Facts, vocabulary: &Vocabulary) -> BTreeSet<Fact> {
    let mut missing = BTreeSet::new();
    if facts.survey != crate::facts::SurveyState::Absent {
        return missing;
    }
    if facts.impact.is_none() {
        missing.insert(Fact::Impact);
    }
    for name in declared(facts.resource.kind, vocabulary).keys() {
        if !facts.resource.attributes.contains_key(name) {
            missing.insert(Fact::Resource(name.clone()));
            if facts.is_own() {
                missing.insert(Fact::Requester(name.clone()));
            }
        }
    }
    missing
}

/// The attributes that a resource of `kind` has.
pub(crate) fn declared(kind: ResourceKind, vocabulary: &Vocabulary) -> &BTreeMap<String, AttributeType> {
    match kind {
        ResourceKind::Subject => &vocabulary.subject_attributes,
        ResourceKind::Dataset => &vocabulary.dataset_attributes,
    }
}

fn type_name(name: &'static str) -> EntityTypeName {
    // Parsing a type name costs more than a whole decision, so each is parsed once.
    static NAMES: LazyLock<HashMap<&'static str, EntityTypeName>> = LazyLock::new(|| {
        let known = ["Action", "Group", "Subject", "Dataset", "Agent", "Staff", "Service", "Schedule"];
        known.into_iter().filter_map(|it| Some((it, EntityTypeName::from_str(it).ok()?))).collect()
    });
    // The table holds every name that this crate writes; a test goes through them.
    NAMES[name].clone()
}

fn uid(type_name: EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name, EntityId::new(id))
}

fn count(value: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(value).unwrap_or(COUNT_MAX).min(COUNT_MAX))
}

fn texts(items: &BTreeSet<String>) -> RestrictedExpression {
    RestrictedExpression::new_set(items.iter().cloned().map(RestrictedExpression::new_string))
}

fn context(
    facts: &Facts,
    needs: &Needs,
    vocabulary: &Vocabulary,
    faults: &mut Vec<String>,
) -> Result<Context, ()> {
    let mut gauge = |name: &str, read: &BTreeSet<String>, have: &BTreeMap<String, u64>| {
        faults.extend(read.iter().filter(|it| !have.contains_key(*it)).map(|it| format!("fact {name}.{it}")));
        record(vocabulary.actions.iter().map(|it| (it.clone(), count(have.get(it).copied().unwrap_or(0)))))
    };
    let running = gauge("running", &needs.running, &facts.running);
    let started_today = gauge("started_today", &needs.started_today, &facts.started_today);
    let approvals = record(
        vocabulary
            .groups
            .iter()
            .map(|it| (it.clone(), count(facts.approvals.get(it).copied().unwrap_or(0))))
            .chain([("any".to_owned(), count(facts.approvals_any))]),
    );
    let mut pairs = vec![
        ("environment".to_owned(), RestrictedExpression::new_string(facts.environment.clone())),
        ("channel".to_owned(), RestrictedExpression::new_string(facts.channel.clone())),
        ("verified".to_owned(), texts(&facts.verified)),
        ("attested".to_owned(), texts(&facts.attested)),
        ("approvals".to_owned(), approvals),
        ("running".to_owned(), running),
        ("started_today".to_owned(), started_today),
        ("conflicts".to_owned(), count(facts.conflicts)),
    ];
    // Dates are parsed from text by the engine, which is dear: only those that a policy reads go in.
    if needs.facts.contains(&Fact::Now) {
        pairs.push(("now".to_owned(), RestrictedExpression::new_datetime(iso(facts.now.as_millis()))));
    }
    if needs.facts.contains(&Fact::Waited) {
        let waited = facts.waited_ms.clamp(0, WAITED_MAX_MS);
        pairs.push(("waited".to_owned(), RestrictedExpression::new_duration(format!("{waited}ms"))));
    }
    if let Some(impact) = facts.impact {
        let fields = [("rows", impact.rows), ("tables", impact.tables), ("sources", impact.sources)];
        pairs.push((
            "impact".to_owned(),
            record(fields.map(|(name, it)| (name.to_owned(), count(it))).into_iter()),
        ));
    }
    Context::from_pairs(pairs).map_err(|_| ())
}

fn record(fields: impl Iterator<Item = (String, RestrictedExpression)>) -> RestrictedExpression {
    // Keys come from sets and maps plus names that the vocabulary refuses, so none stands twice; were one to,
    // the empty record makes every policy that reads it err, and an error holds.
    RestrictedExpression::new_record(fields)
        .or_else(|_| RestrictedExpression::new_record([]))
        .unwrap_or_else(|_| RestrictedExpression::new_bool(false))
}

fn entities(facts: &Facts, vocabulary: &Vocabulary, faults: &mut Vec<String>) -> Result<Entities, ()> {
    let known = facts.survey != crate::facts::SurveyState::Absent;
    let mut attributes = HashMap::new();
    for (name, kind) in declared(facts.resource.kind, vocabulary) {
        match facts.resource.attributes.get(name) {
            Some(Attribute { value, .. }) if fits(value, *kind) => {
                attributes.insert(name.clone(), wire(value));
            }
            None if !known => {
                attributes.insert(name.clone(), mildest(*kind));
            }
            Some(_) | None => faults.push(format!("fact resource.{name}")),
        }
    }
    let resource = uid(type_name(facts.resource.kind.type_name()), &facts.resource.id);
    let mut all = vec![Entity::new(resource, attributes, HashSet::new()).map_err(|_| ())?];
    if !facts.is_own() {
        let mut own = HashMap::new();
        if facts.requester.kind != RequesterKind::Subject {
            for (name, kind) in &vocabulary.requester_attributes {
                match facts.requester.attributes.get(name) {
                    Some(Attribute { value, .. }) if fits(value, *kind) => {
                        own.insert(name.clone(), wire(value));
                    }
                    Some(_) => faults.push(format!("fact requester.{name}")),
                    None => {}
                }
            }
        }
        let groups = match facts.requester.kind {
            RequesterKind::Staff | RequesterKind::Service => {
                facts.requester.groups.iter().map(|it| uid(type_name("Group"), it)).collect()
            }
            RequesterKind::Subject | RequesterKind::Agent | RequesterKind::Schedule => HashSet::new(),
        };
        let requester = uid(type_name(facts.requester.kind.type_name()), &facts.requester.id);
        all.push(Entity::new(requester, own, groups).map_err(|_| ())?);
    }
    Entities::from_entities(all, None).map_err(|_| ())
}

fn fits(value: &Value, kind: AttributeType) -> bool {
    matches!(
        (value, kind),
        (Value::Bool(_), AttributeType::Bool)
            | (Value::Long(_), AttributeType::Long)
            | (Value::Text(_), AttributeType::String)
    )
}

fn wire(value: &Value) -> RestrictedExpression {
    match value {
        Value::Bool(it) => RestrictedExpression::new_bool(*it),
        Value::Long(it) => RestrictedExpression::new_long(*it),
        Value::Text(it) => RestrictedExpression::new_string(it.clone()),
    }
}

fn mildest(kind: AttributeType) -> RestrictedExpression {
    match kind {
        AttributeType::Bool => RestrictedExpression::new_bool(false),
        AttributeType::Long => RestrictedExpression::new_long(0),
        AttributeType::String => RestrictedExpression::new_string(String::new()),
    }
}

/// Milliseconds since the epoch as `YYYY-MM-DDThh:mm:ss.sssZ`, kept within the years that Cedar can read.
fn iso(ms: i64) -> String {
    const DAY: i64 = 86_400_000;
    let ms = ms.clamp(-62_135_596_800_000, 253_402_300_799_999);
    let (day, rest) = (ms.div_euclid(DAY), ms.rem_euclid(DAY));
    // Days to a civil date, counting in eras of 400 years that begin on 1 March.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_type_that_facts_can_name_is_in_the_table() {
        for kind in ["Action", "Group", "Subject", "Dataset", "Agent", "Staff", "Service", "Schedule"] {
            assert_eq!(type_name(kind).to_string(), kind);
        }
    }

    #[test]
    fn moments_become_civil_dates() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(1_767_225_599_999), "2025-12-31T23:59:59.999Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(iso(i64::MIN), "0001-01-01T00:00:00.000Z");
    }
}
