//! Who calls: what a token names, and what its roles allow.

use std::collections::BTreeSet;

use countersign_core::id::{PersonId, RequestId};
use serde::{Deserialize, Serialize};

use crate::ports::store::{Find, Loaded};
use crate::record;
use crate::refusal::Refusal;
use crate::sign::session;
use crate::token::{self, Token};

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Submits requests, and follows its own.
    Submitter,
    /// Reads what waits for its seats, and votes.
    Reviewer,
    /// Reads all, and settles what is stuck.
    Operator,
    /// Reads all, changes nothing.
    Auditor,
    /// Settings, people, tokens, legal holds; holds no seat.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] =
        [Role::Submitter, Role::Reviewer, Role::Operator, Role::Auditor, Role::Administrator];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Submitter => "submitter",
            Role::Reviewer => "reviewer",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
            Role::Administrator => "administrator",
        }
    }
}

/// What somebody may want to do, as far as roles decide about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Act {
    Submit,
    ReadOwn,
    ReadAny,
    List,
    Vote,
    Resolve,
    Extend,
    Settle,
    Comment,
    ReadEvidence,
    PlaceHold,
    ReadSettings,
    ApplySettings,
    TryPolicies,
    ReadLimits,
    ManagePeople,
    ManageTokens,
    ReadFeed,
    ConfirmClock,
    Resume,
    BreakGlass,
    ReviewGlass,
}

impl Act {
    /// Every act.
    pub const ALL: [Act; 22] = [
        Act::Submit,
        Act::ReadOwn,
        Act::ReadAny,
        Act::List,
        Act::Vote,
        Act::Resolve,
        Act::Extend,
        Act::Settle,
        Act::Comment,
        Act::ReadEvidence,
        Act::PlaceHold,
        Act::ReadSettings,
        Act::ApplySettings,
        Act::TryPolicies,
        Act::ReadLimits,
        Act::ManagePeople,
        Act::ManageTokens,
        Act::ReadFeed,
        Act::ConfirmClock,
        Act::Resume,
        Act::BreakGlass,
        Act::ReviewGlass,
    ];

    /// What it is, after "may not".
    pub const fn words(self) -> &'static str {
        match self {
            Act::Submit => "submit requests",
            Act::ReadOwn => "read its own requests",
            Act::ReadAny => "read this request",
            Act::List => "list requests",
            Act::Vote => "vote",
            Act::Resolve => "settle who is meant",
            Act::Extend => "move the law's date",
            Act::Settle => "settle what is stuck",
            Act::Comment => "comment",
            Act::ReadEvidence => "read evidence",
            Act::PlaceHold => "place or lift legal holds",
            Act::ReadSettings => "read the settings",
            Act::ApplySettings => "change the settings",
            Act::TryPolicies => "try policies",
            Act::ReadLimits => "read limits",
            Act::ManagePeople => "manage people",
            Act::ManageTokens => "manage tokens",
            Act::ReadFeed => "read the feed",
            Act::ConfirmClock => "confirm the clock",
            Act::Resume => "resume a paused action",
            Act::BreakGlass => "break the glass",
            Act::ReviewGlass => "review a broken glass",
        }
    }

    /// Whether `role` allows it.
    pub const fn allowed_to(self, role: Role) -> bool {
        use Role::{Administrator, Auditor, Operator, Reviewer, Submitter};
        match self {
            Act::Submit => matches!(role, Submitter),
            Act::ReadOwn => matches!(role, Submitter | Reviewer | Operator | Auditor | Administrator),
            Act::ReadAny | Act::List => matches!(role, Reviewer | Operator | Auditor),
            Act::Vote | Act::ReviewGlass => matches!(role, Reviewer),
            Act::BreakGlass => matches!(role, Submitter | Reviewer | Operator),
            Act::Resolve => matches!(role, Reviewer | Operator),
            Act::Extend | Act::Settle | Act::ConfirmClock => matches!(role, Operator),
            Act::Comment => matches!(role, Reviewer | Operator),
            Act::ReadEvidence => matches!(role, Auditor | Operator | Reviewer),
            Act::PlaceHold | Act::ApplySettings | Act::ManagePeople | Act::ManageTokens | Act::Resume => {
                matches!(role, Administrator)
            }
            Act::ReadSettings => matches!(role, Administrator | Auditor | Operator | Reviewer),
            Act::TryPolicies => matches!(role, Administrator | Operator | Auditor),
            Act::ReadLimits => matches!(role, Administrator | Operator | Auditor | Reviewer),
            Act::ReadFeed => matches!(role, Operator | Auditor | Reviewer),
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The holder of a subject's token: of one request, and of nothing else.
    Subject(RequestId),
    /// The holder of a token of ours.
    Token(Holder),
}

/// What a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Under what the token is kept, so that a transaction can look again.
    pub key: String,
    /// The token's public name.
    pub label: String,
    /// The person; for a service, who minted it.
    pub person: PersonId,
    /// The service, if it is one.
    pub service: Option<String>,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Where its requests come in.
    pub channel: String,
    /// What it may attest.
    pub attests: BTreeSet<String>,
    /// Whether it is no token but the session of somebody who signed in.
    pub session: bool,
}

impl Caller {
    /// The token's holder, if its roles allow the act.
    pub fn may(&self, act: Act) -> Result<&Holder, Refusal> {
        match self {
            Caller::Token(holder) if holder.may(act) => Ok(holder),
            Caller::Token(_) | Caller::Subject(_) => Err(Refusal::NotAllowed(act.words())),
        }
    }
}

impl Holder {
    /// What to load so that a transaction can look at the token, or the session, again.
    pub fn need(&self) -> (String, Find) {
        let kind = if self.session { session::KIND } else { token::KIND };
        (kind.to_owned(), Find::Id(self.key.clone()))
    }

    /// Looks again, inside a transaction: the token may have been taken back since the call came in.
    pub fn recheck(&self, loaded: &Loaded) -> Result<(), Refusal> {
        if self.session {
            return session::recheck(&self.key, self.person, loaded);
        }
        let record = loaded.of_kind(token::KIND).find(|record| record.id == self.key);
        let stands = match record {
            Some(record) => record::read::<Token>(record)?.holder(&self.key, loaded.now),
            None => None,
        };
        stands.filter(|holder| holder == self).map(|_| ()).ok_or(Refusal::Unauthenticated)
    }

    /// Whether one of the roles allows the act.
    pub fn may(&self, act: Act) -> bool {
        self.roles.iter().any(|role| act.allowed_to(*role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture is checked in: whoever widens a role sees it in the change.
    #[test]
    fn roles_allow_what_the_picture_shows() {
        let mut picture = format!("{:32}", "");
        for role in Role::ALL {
            picture.push_str(&format!("{:15}", role.name()));
        }
        for act in Act::ALL {
            picture = format!("{}\n{:32}", picture.trim_end(), act.words());
            for role in Role::ALL {
                picture.push_str(&format!("{:15}", if act.allowed_to(role) { "may" } else { "·" }));
            }
        }
        let picture = format!("{}\n", picture.trim_end());
        if std::env::var_os("COUNTERSIGN_UPDATE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/caller/roles.txt");
            assert!(std::fs::write(path, &picture).is_ok());
        }
        assert_eq!(picture, include_str!("caller/roles.txt"));
    }

    #[test]
    fn nobody_who_administers_may_vote_and_nobody_who_votes_administers() {
        for act in [Act::ApplySettings, Act::ManagePeople, Act::ManageTokens, Act::PlaceHold] {
            assert!(!act.allowed_to(Role::Reviewer) && act.allowed_to(Role::Administrator));
        }
        assert!(!Act::Vote.allowed_to(Role::Administrator));
    }
}
