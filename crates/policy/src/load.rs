//! From policy files to a set that judges: parsed, checked strictly against the vocabulary, compiled for explanation.
//! It must not know facts. Every mistake is told with its file, line and what to do; nothing loads in part.

mod check;
mod error;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use cedar_policy::pst::{ActionConstraint, Clause, Effect, Template};
use cedar_policy::{Policy, PolicyId, PolicySet as CedarSet, Schema, ValidationMode, Validator};
use sha2::{Digest, Sha256};

use crate::explain::{Compiled, Leaves, compile, scope, unexplained};
use crate::lexicon::{canonical, place, too_deep};
use crate::reads::{Fact, Needs, may_fail};
use crate::schema::cedar_schema;
use crate::vocabulary::Vocabulary;
pub use error::{LoadError, Problem};

/// Policies that judge. Cheap to share, costly to make: load once per version of the settings.
#[derive(Clone, Debug)]
pub struct PolicySet {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) cedar: CedarSet,
    pub(crate) actions: BTreeMap<String, ActionPolicies>,
    pub(crate) hash: String,
    warnings: Vec<Problem>,
}

/// The policies that can apply to one action.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActionPolicies {
    pub(crate) cedar: CedarSet,
    /// The forbids, and the permits whose evaluation can err: what else can stop a permit that applies.
    pub(crate) stops: CedarSet,
    pub(crate) permits: Vec<Compiled>,
    pub(crate) forbids: Vec<Compiled>,
    pub(crate) leaves: Leaves,
    pub(crate) needs: Needs,
}

/// One policy with the place it was read from.
struct Read {
    id: String,
    policy: Policy,
    tree: Template,
    file: usize,
    offset: usize,
}

/// Loads `files` (name and text of each) against `vocabulary`.
///
/// # Errors
/// Every mistake found, by file and line: text that does not parse, templates, a missing or repeated `@id`,
/// names that the vocabulary does not have, types that do not fit.
pub fn load(vocabulary: &Vocabulary, files: &[(String, String)]) -> Result<PolicySet, LoadError> {
    load_own(vocabulary, files, files.len())
}

/// Loads `files`, and of `beside` the forbids alone: what one of those forbids stays forbidden, whatever `files` permit.
///
/// # Errors
/// As [`load`], over all of the files.
pub fn load_under_forbids(
    vocabulary: &Vocabulary,
    files: &[(String, String)],
    beside: &[(String, String)],
) -> Result<PolicySet, LoadError> {
    load_own(vocabulary, &[files, beside].concat(), files.len())
}

/// Of the files from `own` on, only the forbids are taken.
fn load_own(vocabulary: &Vocabulary, files: &[(String, String)], own: usize) -> Result<PolicySet, LoadError> {
    vocabulary.check().map_err(|it| LoadError::of(Problem::whole("vocabulary", it.to_string())))?;
    let (schema, _) = Schema::from_cedarschema_str(&cedar_schema(vocabulary)).map_err(|it| {
        LoadError::of(Problem::whole("vocabulary", format!("the names make no schema: {it}")))
    })?;
    let mut problems = vec![];
    let mut policies = vec![];
    for (file, (name, text)) in files.iter().enumerate() {
        read(file, name, text, &mut policies, &mut problems);
    }
    unique(&policies, files, &mut problems);
    policies.retain(|it| it.file < own || it.tree.effect == Effect::Forbid);
    let mut cedar = CedarSet::new();
    if problems.is_empty() {
        for it in &policies {
            // Ids are unique by now; anything else Cedar refuses is a problem of that policy.
            if let Err(error) = cedar.add(it.policy.clone()) {
                problems.push(it.problem(files, error.to_string()));
            }
        }
        validate(&schema, &cedar, &policies, files, &mut problems);
    }
    let mut warnings = vec![];
    check::names(vocabulary, &policies, files, &mut problems, &mut warnings);
    if !problems.is_empty() {
        return Err(LoadError::new(problems));
    }
    let actions = by_action(vocabulary, &policies, files, &mut warnings)?;
    warnings.sort();
    warnings.dedup();
    Ok(PolicySet { vocabulary: vocabulary.clone(), cedar, actions, hash: hash(&policies), warnings })
}

impl PolicySet {
    /// SHA-256 over the policies in canonical form, in lower-case hex: the same for other files, layout or comments.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What a person should know: conditions that are enforced and cannot be explained, names that look misspelt,
    /// actions that no policy permits.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The vocabulary it was loaded with.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Ids of all policies, sorted.
    pub fn policy_ids(&self) -> BTreeSet<String> {
        self.cedar.policies().map(|it| it.id().to_string()).collect()
    }

    /// Whether a policy permits `action`, under whatever conditions.
    pub fn permits(&self, action: &str) -> bool {
        self.actions.get(action).is_some_and(|it| !it.permits.is_empty())
    }

    /// What the policies of `action` read; `None` for an action that is not configured.
    pub fn needs(&self, action: &str) -> Option<&Needs> {
        self.actions.get(action).map(|it| &it.needs)
    }

    /// Verification methods that any policy of `action` names: the waiting counts from the latest first proof of one.
    pub fn methods_named(&self, action: &str) -> BTreeSet<String> {
        self.needs(action).map(|it| it.methods.clone()).unwrap_or_default()
    }

    /// Whether a policy of `action` reads the time of day or the date.
    pub fn reads_clock(&self, action: &str) -> bool {
        self.needs(action).is_some_and(|it| it.facts.contains(&Fact::Now))
    }

    /// Whether a verdict on `action` can change by time alone.
    pub fn depends_on_time(&self, action: &str) -> bool {
        self.needs(action).is_some_and(|it| it.time)
    }
}

impl Read {
    fn problem(&self, files: &[(String, String)], message: String) -> Problem {
        let (name, text) = &files[self.file];
        Problem::at(name, place(text, self.offset), message).of_policy(&self.id)
    }
}

/// Parses one file and finds each policy's place in it.
fn read(file: usize, name: &str, text: &str, policies: &mut Vec<Read>, problems: &mut Vec<Problem>) {
    if let Some((offset, reason)) = too_deep(text) {
        return problems.push(Problem::at(name, place(text, offset), reason.to_owned()));
    }
    let set = match CedarSet::from_str(text) {
        Ok(set) => set,
        Err(error) => return problems.extend(error::parsing(name, text, &error)),
    };
    if let Some(template) = set.templates().next() {
        let offset = text.find(&template.to_string()).unwrap_or(0);
        let problem = Problem::at(
            name,
            place(text, offset),
            "templates are refused: `?principal` and `?resource`".into(),
        );
        return problems.push(problem.advice("write the condition out, once per case"));
    }
    // Cedar numbers policies in the order of the text, and prints each as it was written.
    let mut all: Vec<(usize, &Policy)> = set.policies().map(|it| (ordinal(it), it)).collect();
    all.sort_by_key(|(ordinal, _)| *ordinal);
    let mut from = 0;
    for (_, policy) in all {
        let written = policy.to_string();
        let offset = text[from..].find(&written).map_or(from, |it| from + it);
        from = offset;
        if text[offset..].starts_with(&written) {
            from += written.len();
        }
        let Some(id) = policy.annotation("id").filter(|it| !it.trim().is_empty()) else {
            let problem = Problem::at(name, place(text, offset), "a policy without `@id(\"…\")`".into());
            problems
                .push(problem.advice("write a name for people before it, such as @id(\"erase.production\")"));
            continue;
        };
        let policy = policy.new_id(PolicyId::new(id));
        match policy.to_pst() {
            Ok(tree) => {
                let read = Read { id: id.to_owned(), policy, tree: tree.body().clone(), file, offset };
                if let Some(reason) = misplaced_deny(&read) {
                    problems.push(Problem::at(name, place(text, offset), reason.to_owned()).of_policy(id));
                }
                policies.push(read);
            }
            Err(error) => {
                problems.push(Problem::at(name, place(text, offset), error.to_string()).of_policy(id))
            }
        }
    }
}

fn ordinal(policy: &Policy) -> usize {
    let id: &str = policy.id().as_ref();
    id.trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

fn misplaced_deny(read: &Read) -> Option<&'static str> {
    let code = read.policy.annotation("deny")?;
    if read.tree.effect == Effect::Permit {
        return Some("`@deny` belongs to a forbid; a permit cannot deny");
    }
    let plain = code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (code.is_empty() || !plain)
        .then_some("`@deny` takes a code of a-z, 0-9 and _, such as @deny(\"legal_hold\")")
}

fn unique(policies: &[Read], files: &[(String, String)], problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, &Read> = HashMap::new();
    for read in policies {
        if let Some(earlier) = first.insert(&read.id, read) {
            let (name, text) = &files[earlier.file];
            let (line, _) = place(text, earlier.offset);
            let message = format!("the id `{}` is taken by {name} line {line}", read.id);
            problems.push(read.problem(files, message).advice("give one of them another @id"));
        }
    }
}

fn validate(
    schema: &Schema,
    set: &CedarSet,
    policies: &[Read],
    files: &[(String, String)],
    problems: &mut Vec<Problem>,
) {
    let report = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    for error in report.validation_errors() {
        let id: &str = error.policy_id().as_ref();
        match policies.iter().find(|it| it.id == id) {
            Some(read) => problems.push(error::validation(&files[read.file], read.offset, id, error)),
            None => problems.push(Problem::whole("policies", error.to_string())),
        }
    }
}

fn by_action(
    vocabulary: &Vocabulary,
    policies: &[Read],
    files: &[(String, String)],
    warnings: &mut Vec<Problem>,
) -> Result<BTreeMap<String, ActionPolicies>, LoadError> {
    let mut actions = BTreeMap::new();
    for action in &vocabulary.actions {
        let mut own = ActionPolicies::default();
        for read in policies.iter().filter(|it| applies(&it.tree, action)) {
            // Each policy is in the whole set under its id already, so this cannot fail; were it to, loading does.
            own.cedar
                .add(read.policy.clone())
                .map_err(|it| LoadError::of(read.problem(files, it.to_string())))?;
            if read.tree.effect == Effect::Forbid || can_err(&read.tree, vocabulary) {
                own.stops
                    .add(read.policy.clone())
                    .map_err(|it| LoadError::of(read.problem(files, it.to_string())))?;
            }
            let mut alone = CedarSet::new();
            alone
                .add(read.policy.clone())
                .map_err(|it| LoadError::of(read.problem(files, it.to_string())))?;
            let tree = compile(&read.tree, vocabulary, &mut own.leaves).map_err(|condition| {
                LoadError::of(read.problem(files, format!("a condition cannot be read again: {condition}")))
            })?;
            for expr in scope(&read.tree) {
                own.needs.add(&expr, vocabulary);
            }
            for clause in read.tree.clauses() {
                let (Clause::When(expr) | Clause::Unless(expr)) = clause;
                own.needs.add(expr, vocabulary);
            }
            let mut dark = vec![];
            unexplained(&tree, &own.leaves, &mut dark);
            warnings.extend(dark.iter().map(|condition| {
                read.problem(files, format!("enforced, but not explained while a request waits: {condition}"))
            }));
            let deny = read.policy.annotation("deny").map(str::to_owned);
            let compiled = Compiled { id: read.id.clone(), deny, tree, alone };
            match read.tree.effect {
                Effect::Permit => own.permits.push(compiled),
                Effect::Forbid => own.forbids.push(compiled),
            }
        }
        own.permits.sort_by(|a, b| a.id.cmp(&b.id));
        own.forbids.sort_by(|a, b| a.id.cmp(&b.id));
        if own.permits.is_empty() {
            warnings.push(Problem::whole(
                "policies",
                format!("no policy permits `{action}`: every request for it is denied"),
            ));
        }
        actions.insert(action.clone(), own);
    }
    Ok(actions)
}

/// Whether the policy's evaluation can fail although it is valid: by arithmetic, or on an entity that is not ours.
fn can_err(policy: &Template, vocabulary: &Vocabulary) -> bool {
    policy.clauses().iter().any(|clause| {
        let (Clause::When(expr) | Clause::Unless(expr)) = clause;
        may_fail(expr, vocabulary)
    })
}

fn applies(policy: &Template, action: &str) -> bool {
    match &policy.action {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => uid.eid == action,
        ActionConstraint::In(uids) => uids.iter().any(|it| it.eid == action),
    }
}

fn hash(policies: &[Read]) -> String {
    let mut texts: Vec<(&str, String)> =
        policies.iter().map(|it| (it.id.as_str(), canonical(&it.policy.to_string()))).collect();
    texts.sort();
    let mut hasher = Sha256::new();
    hasher.update(b"countersign/policies/v1\0");
    for (_, text) in texts {
        hasher.update(text.as_bytes());
        hasher.update(b"\0");
    }
    hex::encode(hasher.finalize())
}
