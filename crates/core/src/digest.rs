//! What a vote is bound to: SHA-256 over the canonical form (RFC 8785) of a request and its plan's shape.
//! Row counts and the policy set are not in it: each vote keeps the counts that its voter saw. Bytes are in neither: a
//! row of which a value grew longer is the row that was signed, and nothing is done to it by how long it is.

mod canonical;

pub use canonical::Json;

use sha2::{Digest as _, Sha256};

use crate::id::{Commitment, Digest, RequestId};
use crate::plan::Plan;
use crate::subject::{Committed, Requester, Target};

/// Everything that the digest covers.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// The request's id.
    pub request: RequestId,
    /// 32 random bytes, made at submission.
    pub nonce: Commitment,
    /// What is asked for.
    pub action: &'a str,
    /// Of the parameters.
    pub parameters: Option<Commitment>,
    /// Who asks.
    pub requester: &'a Requester,
    /// Where: `production`, …
    pub environment: &'a str,
    /// About whom or what.
    pub target: &'a Target,
    /// Of the resolved root keys, sorted.
    pub roots: Commitment,
    /// What would be done.
    pub plan: &'a Plan,
}

const DOMAIN: &[u8] = b"countersign/request/v1\0";

impl Shape<'_> {
    /// The digest.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.canonical().to_string());
        Digest::from_bytes(hash.finalize().into())
    }

    /// The canonical form itself, for whoever wants to recompute the digest.
    pub fn canonical(&self) -> Json {
        Json::object([
            ("action", Json::text(self.action)),
            ("environment", Json::text(self.environment)),
            ("nonce", Json::text(self.nonce)),
            ("parameters", self.parameters.map_or(Json::Null, Json::text)),
            ("plan", plan(self.plan)),
            ("request", Json::text(self.request)),
            ("requester", requester(self.requester)),
            ("roots", Json::text(self.roots)),
            ("target", target(self.target)),
        ])
    }
}

fn requester(requester: &Requester) -> Json {
    let who = match requester {
        Requester::Subject => Json::Null,
        Requester::Agent { person } | Requester::Staff { person } => Json::text(person),
        Requester::Service { name } | Requester::Schedule { name } => Json::text(name),
    };
    Json::object([("kind", Json::text(requester.kind())), ("who", who)])
}

fn target(target: &Target) -> Json {
    match target {
        Target::Subject { stated } => {
            let mut stated: Vec<&Committed> = stated.iter().collect();
            stated.sort();
            let each = |identity: &Committed| {
                Json::object([("kind", Json::text(&identity.kind)), ("value", Json::text(identity.value))])
            };
            Json::object([("subject", Json::List(stated.into_iter().map(each).collect()))])
        }
        Target::Dataset { source, name } => {
            Json::object([("dataset", Json::text(name)), ("source", Json::text(source))])
        }
    }
}

fn plan(plan: &Plan) -> Json {
    let source = |source: &crate::plan::SourcePlan| {
        let lines = source.lines.iter().map(|line| {
            Json::object([
                ("basis", line.basis.as_ref().map_or(Json::Null, Json::text)),
                ("table", Json::text(&line.table)),
                ("treatment", Json::text(line.treatment.name())),
                ("way", Json::text(&line.way)),
            ])
        });
        Json::object([
            ("fingerprint", Json::text(&source.fingerprint)),
            ("map", Json::text(&source.map_version)),
            ("source", Json::text(&source.source)),
            ("tables", Json::List(lines.collect())),
        ])
    };
    Json::List(plan.sources.iter().map(source).collect())
}

#[cfg(test)]
mod tests;
