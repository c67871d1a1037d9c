//! Which facts an expression reads, and which of them can change while a request waits.
//! It must not know values; it looks at the syntax alone and errs to "can change".

use std::collections::BTreeSet;

use cedar_policy::pst::{BinaryOp, Expr, Literal, UnaryOp, Var};

use crate::vocabulary::Vocabulary;

/// One fact that policy can read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    Environment,
    Channel,
    Now,
    Waited,
    Verified,
    Attested,
    /// By group; `any` among them.
    Approvals(String),
    /// By action.
    Running(String),
    /// By action.
    StartedToday(String),
    Impact,
    Conflicts,
    /// An attribute of the subject or dataset.
    Resource(String),
    /// An attribute of the requester.
    Requester(String),
    /// Whether the requester is in a group.
    Membership,
    /// An attribute of an entity that only the policy names: we have none of it.
    Foreign,
}

impl Fact {
    /// Whether it stays as it is for the life of a request.
    pub(crate) const fn is_settled(&self) -> bool {
        matches!(self, Self::Environment | Self::Channel)
    }

    /// Whether it is one of those that move on their own: what another such fact is compared with is not explained.
    pub(crate) const fn is_live(&self) -> bool {
        !self.is_settled() && !matches!(self, Self::Resource(_) | Self::Requester(_))
    }
}

/// What the policies of one action read, so that the service loads no more than that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Verification methods that a policy names; the waiting starts from the latest first proof of one of them.
    pub methods: BTreeSet<String>,
    /// Attestations that a policy names.
    pub attestations: BTreeSet<String>,
    /// Groups whose approvals are read; `any` among them.
    pub approvals: BTreeSet<String>,
    /// Actions whose running requests are read: these must be among the facts.
    pub running: BTreeSet<String>,
    /// Actions whose starts of today are read: these must be among the facts.
    pub started_today: BTreeSet<String>,
    /// Whether the clock or the waiting is read.
    pub time: bool,
    /// Whether the plan's size is read.
    pub impact: bool,
    /// Whether conflicts are read.
    pub conflicts: bool,
    /// Attributes of the subject or dataset that are read.
    pub resource_attributes: BTreeSet<String>,
    /// Attributes of the requester that are read.
    pub requester_attributes: BTreeSet<String>,
    pub(crate) facts: BTreeSet<Fact>,
}

impl Needs {
    /// Takes note of one more expression.
    pub(crate) fn add(&mut self, expr: &Expr, vocabulary: &Vocabulary) {
        named(expr, "verified", &mut self.methods);
        named(expr, "attested", &mut self.attestations);
        for fact in reads(expr, vocabulary) {
            match &fact {
                Fact::Approvals(group) => {
                    self.approvals.insert(group.clone());
                }
                Fact::Running(action) => {
                    self.running.insert(action.clone());
                }
                Fact::StartedToday(action) => {
                    self.started_today.insert(action.clone());
                }
                Fact::Now | Fact::Waited => self.time = true,
                Fact::Impact => self.impact = true,
                Fact::Conflicts => self.conflicts = true,
                Fact::Resource(name) => {
                    self.resource_attributes.insert(name.clone());
                }
                Fact::Requester(name) => {
                    self.requester_attributes.insert(name.clone());
                }
                Fact::Environment
                | Fact::Channel
                | Fact::Verified
                | Fact::Attested
                | Fact::Membership
                | Fact::Foreign => {}
            }
            self.facts.insert(fact);
        }
    }
}

/// The facts that `expr` reads.
pub(crate) fn reads(expr: &Expr, vocabulary: &Vocabulary) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    visit(expr, vocabulary, &mut facts);
    facts
}

/// `context.a` or `context.a.b` as its names.
pub(crate) fn context_path(expr: &Expr) -> Option<(&str, Option<&str>)> {
    let Expr::GetAttr { expr: inner, attr } = expr else { return None };
    match inner.as_ref() {
        Expr::Var(Var::Context) => Some((attr.as_str(), None)),
        Expr::GetAttr { expr: root, attr: record } if matches!(root.as_ref(), Expr::Var(Var::Context)) => {
            Some((record.as_str(), Some(attr.as_str())))
        }
        _ => None,
    }
}

fn visit(expr: &Expr, vocabulary: &Vocabulary, out: &mut BTreeSet<Fact>) {
    if let Some((name, field)) = context_path(expr) {
        return context(name, field, vocabulary, out);
    }
    match expr {
        Expr::Var(Var::Context) => {
            for name in ["environment", "channel", "now", "waited", "verified", "attested"] {
                context(name, None, vocabulary, out);
            }
            for name in ["approvals", "running", "started_today", "impact", "conflicts"] {
                context(name, None, vocabulary, out);
            }
        }
        Expr::GetAttr { expr: inner, attr } => attribute(inner, attr, vocabulary, out),
        Expr::HasAttr { expr: inner, attrs } => match inner.as_ref() {
            Expr::Var(Var::Context) => {
                context(attrs.head.as_str(), attrs.tail.first().map(|it| it.as_str()), vocabulary, out);
            }
            _ => attribute(inner, &attrs.head, vocabulary, out),
        },
        Expr::BinaryOp { op, left, right } => {
            match op {
                // `action in […]` is settled, and the loader has split policies by action already.
                BinaryOp::In if !matches!(left.as_ref(), Expr::Var(Var::Action)) => {
                    out.insert(Fact::Membership);
                }
                BinaryOp::GetTag | BinaryOp::HasTag => {
                    out.insert(Fact::Foreign);
                }
                _ => {}
            }
            visit(left, vocabulary, out);
            visit(right, vocabulary, out);
        }
        Expr::Is { expr, in_expr, .. } => {
            visit(expr, vocabulary, out);
            if let Some(group) = in_expr {
                out.insert(Fact::Membership);
                visit(group, vocabulary, out);
            }
        }
        Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => visit(expr, vocabulary, out),
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            for part in [cond, then_expr, else_expr] {
                visit(part, vocabulary, out);
            }
        }
        Expr::Set(items) => items.iter().for_each(|it| visit(it, vocabulary, out)),
        Expr::Record(fields) => fields.values().for_each(|it| visit(it, vocabulary, out)),
        Expr::Literal(_) | Expr::Var(_) => {}
        // Slots are refused at load; whatever Cedar adds later is taken as able to change.
        _ => {
            out.insert(Fact::Foreign);
        }
    }
}

fn attribute(inner: &Expr, name: &str, vocabulary: &Vocabulary, out: &mut BTreeSet<Fact>) {
    match inner {
        Expr::Var(Var::Resource) => {
            out.insert(Fact::Resource(name.to_owned()));
        }
        Expr::Var(Var::Principal) => {
            out.insert(Fact::Requester(name.to_owned()));
        }
        Expr::HasAttr { .. } | Expr::GetAttr { .. } => visit(inner, vocabulary, out),
        other => {
            // A branch such as `(if … then principal else resource).x` reads one of ours, a literal reads none.
            out.insert(Fact::Foreign);
            for attributes in [&vocabulary.subject_attributes, &vocabulary.dataset_attributes] {
                out.extend(attributes.keys().map(|it| Fact::Resource(it.clone())));
            }
            out.extend(vocabulary.requester_attributes.keys().map(|it| Fact::Requester(it.clone())));
            visit(other, vocabulary, out);
        }
    }
}

fn context(name: &str, field: Option<&str>, vocabulary: &Vocabulary, out: &mut BTreeSet<Fact>) {
    let mut each = |fact: fn(String) -> Fact, all: &BTreeSet<String>, more: Option<&str>| match field {
        Some(field) => {
            out.insert(fact(field.to_owned()));
        }
        None => out.extend(all.iter().cloned().chain(more.map(str::to_owned)).map(fact)),
    };
    match name {
        "approvals" => each(Fact::Approvals, &vocabulary.groups, Some("any")),
        "running" => each(Fact::Running, &vocabulary.actions, None),
        "started_today" => each(Fact::StartedToday, &vocabulary.actions, None),
        "environment" => {
            out.insert(Fact::Environment);
        }
        "channel" => {
            out.insert(Fact::Channel);
        }
        "now" => {
            out.insert(Fact::Now);
        }
        "waited" => {
            out.insert(Fact::Waited);
        }
        "verified" => {
            out.insert(Fact::Verified);
        }
        "attested" => {
            out.insert(Fact::Attested);
        }
        "impact" => {
            out.insert(Fact::Impact);
        }
        "conflicts" => {
            out.insert(Fact::Conflicts);
        }
        // The validator lets no other name through.
        _ => {
            out.insert(Fact::Foreign);
        }
    }
}

/// Whether evaluating `expr`, valid as it is, can fail: arithmetic overflows, foreign entities are not there, and a
/// requester who is a subject other than the resource has no attributes.
pub(crate) fn may_fail(expr: &Expr, vocabulary: &Vocabulary) -> bool {
    let arithmetic = expr.reduce(
        &|node| match node {
            Expr::UnaryOp { op: UnaryOp::Neg | UnaryOp::ToDate, .. } => Some(true),
            Expr::BinaryOp {
                op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Offset | BinaryOp::DurationSince,
                ..
            } => Some(true),
            _ => None,
        },
        &|a, b| a || b,
        false,
    );
    arithmetic || reads(expr, vocabulary).iter().any(|it| matches!(it, Fact::Foreign | Fact::Requester(_)))
}

/// Text literals that stand opposite `context.<name>` in any operation.
pub(crate) fn named(expr: &Expr, name: &str, out: &mut BTreeSet<String>) {
    let is_it = |e: &Expr| context_path(e) == Some((name, None));
    let found = expr.reduce(
        &|node| match node {
            Expr::BinaryOp { left, right, .. } if is_it(left) => Some(literals(right)),
            Expr::BinaryOp { left, right, .. } if is_it(right) => Some(literals(left)),
            _ => None,
        },
        &|mut all: BTreeSet<String>, more| {
            all.extend(more);
            all
        },
        BTreeSet::new(),
    );
    out.extend(found);
}

/// All text literals in `expr`.
pub(crate) fn literals(expr: &Expr) -> BTreeSet<String> {
    expr.reduce(
        &|node| match node {
            Expr::Literal(Literal::String(text)) => Some(BTreeSet::from([text.to_string()])),
            _ => None,
        },
        &|mut all: BTreeSet<String>, more| {
            all.extend(more);
            all
        },
        BTreeSet::new(),
    )
}
