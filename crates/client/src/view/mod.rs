//! What the API says and takes, as values. Members that this client does not know are ignored, so that a newer
//! server can be spoken to.

mod administration;
mod request;
mod secret;
mod verdict;

pub use administration::{
    Applied, HoldAnswer, Invitation, Limit, MintToken, MintedToken, PersonInfo, SettingsFiles, TokenInfo,
};
pub use request::{
    Ballot, Choice, Happened, LastTime, Outcome, Page, Plan, Query, Request, Rows, SourcePlan, Submission,
    TablePlan, Verification, Vote,
};
pub use secret::Secret;
pub use verdict::{Missing, Path, Verdict};
