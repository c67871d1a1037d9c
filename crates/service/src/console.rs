//! What people see at the console beside what the API tells programs: names, reasons and remarks, and numbers over many
//! requests. It only reads; whatever people do there is done by the calls that programs have too.

mod entries;
mod numbers;
mod sources;
mod standing;
mod told;
pub(crate) mod versions;

pub use entries::Found;
pub use numbers::{AUTOMATIC_MOST, Answered, Numbers, Quarters};
pub use sources::Reach;
pub use standing::Standing;
pub use told::{Telling, Told};
pub use versions::Version;
