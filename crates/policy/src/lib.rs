//! The mezzanine: Cedar answers "may this happen now?", and a walk over the same policies says what is missing.
//! Pure: no I/O, no async, no clock, no randomness. It must not know requests, stores or the configuration;
//! it is handed a [`Vocabulary`], texts and [`Facts`], and returns core's `Verdict`.

mod evaluate;
mod explain;
mod facts;
mod lexicon;
mod load;
mod reads;
mod schema;
mod vocabulary;
mod world;

pub use evaluate::{Bare, judge, try_policies};
pub use facts::{
    Attribute, Facts, Impact, Requester, RequesterKind, Resource, ResourceKind, SurveyState, Value,
};
pub use load::{LoadError, PolicySet, Problem, load, load_under_forbids};
pub use reads::Needs;
pub use schema::cedar_schema;
pub use vocabulary::{AttributeType, CHANNELS, Vocabulary, VocabularyError};
