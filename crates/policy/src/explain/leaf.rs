//! The conditions that the explanation can take apart, recognised by their syntax at load.
//! It must not know facts' values; whatever it does not recognise is `Opaque`, still enforced exactly.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, Expr, Literal, UnaryOp, Var};
use cedar_policy::{Context, Entities, EvalResult, Expression, Request, eval_expression};

use super::need::Number;
use crate::reads::{Fact, context_path, reads};
use crate::vocabulary::{AttributeType, Vocabulary};

/// A condition that is asked of the engine as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) text: Arc<str>,
    pub(crate) ask: Expression,
    pub(crate) reads: BTreeSet<Fact>,
    pub(crate) kind: Kind,
}

/// What the explanation knows to do about a leaf that does not hold.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Reads nothing that can change.
    Settled,
    /// `context.verified` or `context.attested` against a set.
    Contains { attested: bool, any: bool, items: Items },
    /// A number against a bound; `unit` turns the number's own unit into that of the comparison.
    Compare { number: Number, unit: i64, op: Op, bound: Bound },
    /// `context.now[.offset(…)].toTime()` against a bound; `value` asks for its milliseconds.
    TimeOfDay { value: Expression, op: Op, bound: Bound },
    /// `context has impact`.
    HasImpact,
    /// A Boolean attribute.
    Flag { of_resource: bool, name: String },
    /// An attribute against a text.
    Equal { of_resource: bool, name: String, value: Expression },
    /// `principal in Group::"…"`.
    Member(String),
    /// Enforced, not explained.
    Opaque,
}

/// A comparison, as written with the fact on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Equal,
    NotEqual,
}

/// The other side of a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Known(i64),
    Ask(Expression),
}

/// The texts that a set is compared with.
#[derive(Clone, Debug)]
pub(crate) enum Items {
    Known(Vec<String>),
    Ask(Expression),
}

impl Op {
    fn of(op: BinaryOp) -> Option<Self> {
        Some(match op {
            BinaryOp::Less => Self::Less,
            BinaryOp::LessEq => Self::LessEq,
            BinaryOp::Greater => Self::Greater,
            BinaryOp::GreaterEq => Self::GreaterEq,
            BinaryOp::Eq => Self::Equal,
            BinaryOp::NotEq => Self::NotEqual,
            _ => return None,
        })
    }

    /// The same comparison with its sides exchanged.
    const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEq => Self::GreaterEq,
            Self::Greater => Self::Less,
            Self::GreaterEq => Self::LessEq,
            Self::Equal | Self::NotEqual => self,
        }
    }

    /// The comparison that holds exactly when this one does not.
    pub(crate) const fn negated(self) -> Self {
        match self {
            Self::Less => Self::GreaterEq,
            Self::LessEq => Self::Greater,
            Self::Greater => Self::LessEq,
            Self::GreaterEq => Self::Less,
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
        }
    }
}

impl Leaf {
    /// The leaf of `expr`.
    ///
    /// # Errors
    /// The text of an expression that Cedar prints and cannot read again.
    pub(crate) fn of(expr: &Expr, vocabulary: &Vocabulary) -> Result<Self, String> {
        let (text, reads) = (printed(expr), reads(expr, vocabulary));
        let kind =
            if reads.iter().all(Fact::is_settled) { Kind::Settled } else { recognise(expr, vocabulary)? };
        Ok(Self { ask: parsed(&text)?, text: text.into(), reads, kind })
    }
}

/// `expr` as Cedar text on one line.
pub(crate) fn printed(expr: &Expr) -> String {
    expr.to_string()
}

fn parsed(text: &str) -> Result<Expression, String> {
    Expression::from_str(text).map_err(|_| text.to_owned())
}

fn recognise(expr: &Expr, vocabulary: &Vocabulary) -> Result<Kind, String> {
    match expr {
        Expr::HasAttr { expr: inner, attrs }
            if matches!(inner.as_ref(), Expr::Var(Var::Context))
                && attrs.head == "impact"
                && attrs.tail.is_empty() =>
        {
            Ok(Kind::HasImpact)
        }
        Expr::GetAttr { .. } => Ok(match attribute(expr) {
            Some((of_resource, name)) => Kind::Flag { of_resource, name },
            None => Kind::Opaque,
        }),
        Expr::BinaryOp { op, left, right } => binary(*op, left, right, vocabulary),
        _ => Ok(Kind::Opaque),
    }
}

fn binary(op: BinaryOp, left: &Expr, right: &Expr, vocabulary: &Vocabulary) -> Result<Kind, String> {
    if let BinaryOp::In = op {
        return Ok(match (left, right) {
            (Expr::Var(Var::Principal), Expr::Literal(Literal::EntityUID(group)))
                if group.ty.to_string() == "Group" =>
            {
                Kind::Member(group.eid.to_string())
            }
            _ => Kind::Opaque,
        });
    }
    if let BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny = op {
        let attested = match context_path(left) {
            Some(("verified", None)) => false,
            Some(("attested", None)) => true,
            _ => return Ok(Kind::Opaque),
        };
        if is_live(right, vocabulary) {
            return Ok(Kind::Opaque);
        }
        let ask = parsed(&printed(right))?;
        let items = constant(right, &ask).and_then(|it| texts(&it)).map_or(Items::Ask(ask), Items::Known);
        return Ok(Kind::Contains { attested, any: matches!(op, BinaryOp::ContainsAny), items });
    }
    let Some(op) = Op::of(op) else { return Ok(Kind::Opaque) };
    // The side that moves on its own is the one to explain; an attribute only where nothing else moves.
    let moves = (is_live(left, vocabulary), is_live(right, vocabulary));
    match moves {
        (true, true) => Ok(Kind::Opaque),
        (true, false) => compare(left, op, right, vocabulary),
        (false, true) => compare(right, op.mirrored(), left, vocabulary),
        (false, false) => match compare(left, op, right, vocabulary)? {
            Kind::Opaque => compare(right, op.mirrored(), left, vocabulary),
            known => Ok(known),
        },
    }
}

fn compare(fact: &Expr, op: Op, other: &Expr, vocabulary: &Vocabulary) -> Result<Kind, String> {
    let other_text = printed(other);
    if let Some((number, unit, conversion)) = number(fact, vocabulary) {
        let ask = parsed(&match conversion {
            Conversion::None => other_text,
            Conversion::Duration => format!("({other_text}).toMilliseconds()"),
            Conversion::Moment => {
                format!("({other_text}).durationSince(datetime(\"1970-01-01\")).toMilliseconds()")
            }
        })?;
        return Ok(Kind::Compare { number, unit, op, bound: bound(other, ask) });
    }
    if time_of_day(fact) {
        let value = parsed(&format!("({}).toMilliseconds()", printed(fact)))?;
        let ask = parsed(&format!("({other_text}).toMilliseconds()"))?;
        return Ok(Kind::TimeOfDay { value, op, bound: bound(other, ask) });
    }
    if let (Some((of_resource, name)), Op::Equal) = (attribute(fact), op) {
        return Ok(Kind::Equal { of_resource, name, value: parsed(&other_text)? });
    }
    Ok(Kind::Opaque)
}

enum Conversion {
    None,
    Duration,
    Moment,
}

/// The number that `expr` is, the length of its unit in that of [`Number`], and how the other side is read.
fn number(expr: &Expr, vocabulary: &Vocabulary) -> Option<(Number, i64, Conversion)> {
    if let Expr::UnaryOp { op, expr: inner } = expr {
        let unit = match op {
            UnaryOp::ToMilliseconds => 1,
            UnaryOp::ToSeconds => 1_000,
            UnaryOp::ToMinutes => 60_000,
            UnaryOp::ToHours => 3_600_000,
            UnaryOp::ToDays => 86_400_000,
            _ => return None,
        };
        let waited = context_path(inner) == Some(("waited", None));
        return waited.then_some((Number::Waited, unit, Conversion::None));
    }
    if let Some((of_resource, name)) = attribute(expr) {
        let long = |all: &std::collections::BTreeMap<String, AttributeType>| {
            all.get(&name) == Some(&AttributeType::Long)
        };
        let is_long = if of_resource {
            long(&vocabulary.subject_attributes) || long(&vocabulary.dataset_attributes)
        } else {
            long(&vocabulary.requester_attributes) || long(&vocabulary.subject_attributes)
        };
        let number = if of_resource { Number::Resource(name) } else { Number::Requester(name) };
        return is_long.then_some((number, 1, Conversion::None));
    }
    let number = match context_path(expr)? {
        ("approvals", Some(group)) => Number::Approvals(group.to_owned()),
        ("running", Some(action)) => Number::Running(action.to_owned()),
        ("started_today", Some(action)) => Number::StartedToday(action.to_owned()),
        ("conflicts", None) => Number::Conflicts,
        ("impact", Some("rows")) => Number::Rows,
        ("impact", Some("tables")) => Number::Tables,
        ("impact", Some("sources")) => Number::Sources,
        ("waited", None) => return Some((Number::Waited, 1, Conversion::Duration)),
        ("now", None) => return Some((Number::Now, 1, Conversion::Moment)),
        _ => return None,
    };
    Some((number, 1, Conversion::None))
}

/// `resource.name` or `principal.name`; whether it is the resource's.
pub(crate) fn attribute(expr: &Expr) -> Option<(bool, String)> {
    let Expr::GetAttr { expr: inner, attr } = expr else { return None };
    match inner.as_ref() {
        Expr::Var(Var::Resource) => Some((true, attr.to_string())),
        Expr::Var(Var::Principal) => Some((false, attr.to_string())),
        _ => None,
    }
}

/// `context.now.toTime()`, also after `.offset(duration("…"))` for a place with another time.
fn time_of_day(expr: &Expr) -> bool {
    let Expr::UnaryOp { op: UnaryOp::ToTime, expr: inner } = expr else { return false };
    let is_now = |e: &Expr| context_path(e) == Some(("now", None));
    match inner.as_ref() {
        Expr::BinaryOp { op: BinaryOp::Offset, left, right } => is_now(left) && is_constant(right),
        other => is_now(other),
    }
}

fn is_live(expr: &Expr, vocabulary: &Vocabulary) -> bool {
    reads(expr, vocabulary).iter().any(Fact::is_live)
}

fn is_constant(expr: &Expr) -> bool {
    !expr.reduce(&|node| matches!(node, Expr::Var(_)).then_some(true), &|a, b| a || b, false)
}

fn bound(other: &Expr, ask: Expression) -> Bound {
    match constant(other, &ask) {
        Some(EvalResult::Long(value)) => Bound::Known(value),
        _ => Bound::Ask(ask),
    }
}

/// The value of `ask` where `expr` reads nothing at all.
fn constant(expr: &Expr, ask: &Expression) -> Option<EvalResult> {
    if !is_constant(expr) {
        return None;
    }
    let nobody = || cedar_policy::EntityUid::from_str("Nobody::\"\"").ok();
    let request = Request::new(nobody()?, nobody()?, nobody()?, Context::empty(), None).ok()?;
    eval_expression(&request, &Entities::empty(), ask).ok()
}

/// One text, or a set of texts.
pub(crate) fn texts(value: &EvalResult) -> Option<Vec<String>> {
    match value {
        EvalResult::String(text) => Some(vec![text.clone()]),
        EvalResult::Set(set) => set
            .iter()
            .map(|it| match it {
                EvalResult::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}
