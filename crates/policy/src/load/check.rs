//! Names in texts that Cedar's types cannot check: groups, methods, attestations, channels, environments.
//! It must not know types; a name that can never match is an error, with the one that was probably meant.

use std::collections::BTreeSet;

use cedar_policy::pst::{Clause, EntityOrSlot, Expr, Literal, PrincipalConstraint};

use super::{Problem, Read};
use crate::lexicon::{closest, place};
use crate::reads::named;
use crate::vocabulary::{CHANNELS, Vocabulary};

/// Adds a problem for each unknown name, and a warning for each environment that is not ours.
pub(super) fn names(
    vocabulary: &Vocabulary,
    policies: &[Read],
    files: &[(String, String)],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    let channels: BTreeSet<String> = CHANNELS.iter().map(ToString::to_string).collect();
    for read in policies {
        let mut used = Used::default();
        if let PrincipalConstraint::In(EntityOrSlot::Entity(uid))
        | PrincipalConstraint::Eq(EntityOrSlot::Entity(uid))
        | PrincipalConstraint::IsIn(_, EntityOrSlot::Entity(uid)) = &read.tree.principal
        {
            used.entity(&uid.ty.to_string(), &uid.eid);
        }
        for clause in read.tree.clauses() {
            let (Clause::When(expr) | Clause::Unless(expr)) = clause;
            used.expr(expr);
        }
        let unknown = |what: &str,
                       used: &BTreeSet<String>,
                       known: &BTreeSet<String>,
                       out: &mut Vec<Problem>| {
            for name in used.difference(known) {
                let mut problem = read.problem(files, format!("the {what} `{name}` is not configured"));
                let (_, text) = &files[read.file];
                if let Some(offset) = text[read.offset..].find(&format!("\"{name}\"")) {
                    (problem.line, problem.column) = place(text, read.offset + offset);
                }
                out.push(match closest(name, known) {
                    Some(meant) => problem.advice(format!("did you mean `{meant}`?")),
                    None if known.is_empty() => problem.advice(format!("no {what} is configured")),
                    None => problem
                        .advice(format!("known: {}", known.iter().cloned().collect::<Vec<_>>().join(", "))),
                });
            }
        };
        unknown("group", &used.groups, &vocabulary.groups, problems);
        unknown("verification method", &used.methods, &vocabulary.methods, problems);
        unknown("attestation", &used.attestations, &vocabulary.attestations, problems);
        unknown("channel", &used.channels, &channels, problems);
        if !vocabulary.environments.is_empty() {
            unknown("environment", &used.environments, &vocabulary.environments, warnings);
        }
    }
}

#[derive(Default)]
struct Used {
    groups: BTreeSet<String>,
    methods: BTreeSet<String>,
    attestations: BTreeSet<String>,
    channels: BTreeSet<String>,
    environments: BTreeSet<String>,
}

impl Used {
    fn entity(&mut self, kind: &str, id: &str) {
        if kind == "Group" {
            self.groups.insert(id.to_owned());
        }
    }

    fn expr(&mut self, expr: &Expr) {
        named(expr, "verified", &mut self.methods);
        named(expr, "attested", &mut self.attestations);
        named(expr, "channel", &mut self.channels);
        named(expr, "environment", &mut self.environments);
        let groups = expr.reduce(
            &|node| match node {
                Expr::Literal(Literal::EntityUID(uid)) if uid.ty.to_string() == "Group" => {
                    Some(BTreeSet::from([uid.eid.to_string()]))
                }
                _ => None,
            },
            &|mut all: BTreeSet<String>, more| {
                all.extend(more);
                all
            },
            BTreeSet::new(),
        );
        self.groups.extend(groups);
    }
}
