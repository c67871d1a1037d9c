//! From a policy's syntax to the tree of what a release needs of it: and, or, and leaves in negation normal form.
//! It must not know facts. Cedar keeps its own meaning inside a leaf; only and/or/not are ours.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::pst::{
    BinaryOp, Clause, Effect, EntityOrSlot, EntityUID, Expr, Literal, PrincipalConstraint,
    ResourceConstraint, Template, UnaryOp, Var,
};

use super::leaf::{Kind, Leaf, Op, attribute, printed};
use super::need::Number;
use crate::reads::{Fact, reads};
use crate::vocabulary::Vocabulary;

/// What must hold.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Const(bool),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    /// The leaf of this number is true (`want`) or false.
    Leaf {
        leaf: usize,
        want: bool,
    },
}

/// The leaves of all policies of one action, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaves {
    pub(crate) all: Vec<Leaf>,
    by_text: HashMap<String, usize>,
}

/// One policy, as the walk takes it.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) id: String,
    /// The code of `@deny`, on a forbid.
    pub(crate) deny: Option<String>,
    /// What a release needs of it: that a permit applies, or that a forbid does not.
    pub(crate) tree: Tree,
    /// The policy by itself, for the engine.
    pub(crate) alone: cedar_policy::PolicySet,
}

/// Compiles a policy's scope (without its action) and conditions.
///
/// # Errors
/// A condition that Cedar prints and cannot read again.
pub(crate) fn compile(
    policy: &Template,
    vocabulary: &Vocabulary,
    leaves: &mut Leaves,
) -> Result<Tree, String> {
    let want = policy.effect == Effect::Permit;
    let mut compiler = Compiler { vocabulary, leaves };
    let mut parts = vec![];
    for scope in scope(policy) {
        parts.push(compiler.tree(&scope, want)?);
    }
    for clause in policy.clauses() {
        parts.push(match clause {
            Clause::When(condition) => compiler.tree(condition, want)?,
            Clause::Unless(condition) => compiler.tree(condition, !want)?,
        });
    }
    Ok(if want { Tree::All(parts) } else { Tree::Any(parts) })
}

/// Conditions of a tree that the explanation cannot try: opaque ones, and ceilings on what only grows.
pub(crate) fn unexplained(tree: &Tree, leaves: &Leaves, out: &mut Vec<Arc<str>>) {
    match tree {
        Tree::Const(_) => {}
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|it| unexplained(it, leaves, out)),
        Tree::Leaf { leaf, want } => {
            let leaf = &leaves.all[*leaf];
            let shown = match &leaf.kind {
                Kind::Opaque => true,
                Kind::Compare { number: Number::Waited | Number::Now | Number::Approvals(_), op, .. } => {
                    matches!(if *want { *op } else { op.negated() }, Op::Less | Op::LessEq)
                }
                Kind::TimeOfDay { op, .. } => matches!(op, Op::Equal | Op::NotEqual),
                Kind::Contains { .. } => !want,
                _ => false,
            };
            if shown {
                out.push(leaf.text.clone());
            }
        }
    }
}

struct Compiler<'a> {
    vocabulary: &'a Vocabulary,
    leaves: &'a mut Leaves,
}

impl Compiler<'_> {
    fn tree(&mut self, expr: &Expr, want: bool) -> Result<Tree, String> {
        if let Expr::Literal(Literal::Bool(value)) = expr {
            return Ok(Tree::Const(*value == want));
        }
        if reads(expr, self.vocabulary).iter().all(Fact::is_settled) {
            return self.leaf(expr, want);
        }
        match expr {
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.tree(expr, !want),
            Expr::BinaryOp { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
                let parts = vec![self.tree(left, want)?, self.tree(right, want)?];
                Ok(if (*op == BinaryOp::And) == want { Tree::All(parts) } else { Tree::Any(parts) })
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => Ok(Tree::Any(vec![
                Tree::All(vec![self.tree(cond, true)?, self.tree(then_expr, want)?]),
                Tree::All(vec![self.tree(cond, false)?, self.tree(else_expr, want)?]),
            ])),
            Expr::Is { expr, entity_type, in_expr: Some(group) } => {
                let is = Expr::Is { expr: expr.clone(), entity_type: entity_type.clone(), in_expr: None };
                let within = Expr::BinaryOp { op: BinaryOp::In, left: expr.clone(), right: group.clone() };
                let parts = vec![self.tree(&is, want)?, self.tree(&within, want)?];
                Ok(if want { Tree::All(parts) } else { Tree::Any(parts) })
            }
            Expr::BinaryOp { op: BinaryOp::In, left, right } => match right.as_ref() {
                Expr::Set(groups) if !groups.is_empty() => {
                    let each = |group: &Arc<Expr>| {
                        let one =
                            Expr::BinaryOp { op: BinaryOp::In, left: left.clone(), right: group.clone() };
                        self.tree(&one, want)
                    };
                    let parts = groups.iter().map(each).collect::<Result<_, _>>()?;
                    Ok(if want { Tree::Any(parts) } else { Tree::All(parts) })
                }
                _ => self.leaf(expr, want),
            },
            Expr::BinaryOp { op: BinaryOp::NotEq, left, right } => {
                let same = Expr::BinaryOp { op: BinaryOp::Eq, left: left.clone(), right: right.clone() };
                self.tree(&same, !want)
            }
            Expr::BinaryOp { op: BinaryOp::Eq, left, right } => {
                // `flag == true` is the flag itself.
                let flag = |a: &Arc<Expr>, b: &Arc<Expr>| match (attribute(a), b.as_ref()) {
                    (Some(_), Expr::Literal(Literal::Bool(value))) => Some((a.clone(), *value)),
                    _ => None,
                };
                match flag(left, right).or_else(|| flag(right, left)) {
                    Some((flag, value)) => self.leaf(&flag, want == value),
                    None => self.leaf(expr, want),
                }
            }
            _ => self.leaf(expr, want),
        }
    }

    fn leaf(&mut self, expr: &Expr, want: bool) -> Result<Tree, String> {
        let text = printed(expr);
        if let Some(leaf) = self.leaves.by_text.get(&text) {
            return Ok(Tree::Leaf { leaf: *leaf, want });
        }
        let leaf = self.leaves.all.len();
        self.leaves.all.push(Leaf::of(expr, self.vocabulary)?);
        self.leaves.by_text.insert(text, leaf);
        Ok(Tree::Leaf { leaf, want })
    }
}

/// The scope as conditions. The action is left out: policies are sorted by action at load.
pub(crate) fn scope(policy: &Template) -> Vec<Expr> {
    let mut parts = vec![];
    let principal = Arc::new(Expr::Var(Var::Principal));
    match &policy.principal {
        PrincipalConstraint::Any => {}
        PrincipalConstraint::Eq(it) => parts.extend(relation(BinaryOp::Eq, &principal, it)),
        PrincipalConstraint::In(it) => parts.extend(relation(BinaryOp::In, &principal, it)),
        PrincipalConstraint::Is(kind) => {
            parts.push(Expr::Is { expr: principal, entity_type: kind.clone(), in_expr: None });
        }
        PrincipalConstraint::IsIn(kind, it) => {
            parts.push(Expr::Is { expr: principal.clone(), entity_type: kind.clone(), in_expr: None });
            parts.extend(relation(BinaryOp::In, &principal, it));
        }
    }
    let resource = Arc::new(Expr::Var(Var::Resource));
    match &policy.resource {
        ResourceConstraint::Any => {}
        ResourceConstraint::Eq(it) => parts.extend(relation(BinaryOp::Eq, &resource, it)),
        ResourceConstraint::In(it) => parts.extend(relation(BinaryOp::In, &resource, it)),
        ResourceConstraint::Is(kind) => {
            parts.push(Expr::Is { expr: resource, entity_type: kind.clone(), in_expr: None });
        }
        ResourceConstraint::IsIn(kind, it) => {
            parts.push(Expr::Is { expr: resource.clone(), entity_type: kind.clone(), in_expr: None });
            parts.extend(relation(BinaryOp::In, &resource, it));
        }
    }
    parts
}

fn relation(op: BinaryOp, left: &Arc<Expr>, right: &EntityOrSlot) -> Option<Expr> {
    match right {
        EntityOrSlot::Entity(uid) => Some(Expr::BinaryOp { op, left: left.clone(), right: literal(uid) }),
        // Templates are refused before anything is compiled.
        EntityOrSlot::Slot(_) => None,
    }
}

fn literal(uid: &EntityUID) -> Arc<Expr> {
    Arc::new(Expr::Literal(Literal::EntityUID(uid.clone())))
}
