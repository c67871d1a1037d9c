//! The Cedar schema that a vocabulary makes. It must not know policies or facts, only how both are typed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::vocabulary::{AttributeType, Vocabulary};

/// The schema as Cedar text, for people (`countersign policy schema`) and for the loader.
/// Requester attributes are optional, so that a policy tests with `has`; the survey's attributes are required.
pub fn cedar_schema(vocabulary: &Vocabulary) -> String {
    let subject = record(&vocabulary.subject_attributes, "");
    let dataset = record(&vocabulary.dataset_attributes, "");
    let requester = record(&vocabulary.requester_attributes, "?");
    let counts = |names: &mut dyn Iterator<Item = &String>| {
        names.fold(String::new(), |mut text, name| {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "    {name}: Long,");
            text
        })
    };
    let groups = counts(&mut vocabulary.groups.iter());
    let actions = counts(&mut vocabulary.actions.iter());
    let mut text = format!(
        "// Made from the settings: names in it are theirs.\n\
         entity Group;\n\
         entity Subject {subject};\n\
         entity Dataset {dataset};\n\
         entity Agent {requester};\n\
         entity Staff in [Group] {requester};\n\
         entity Service in [Group] {requester};\n\
         entity Schedule {requester};\n\
         \n\
         type Approvals = {{\n    any: Long,\n{groups}}};\n\
         type PerAction = {{\n{actions}}};\n\
         type Impact = {{\n    rows: Long,\n    tables: Long,\n    sources: Long,\n}};\n\
         type Facts = {{\n\
         \x20   environment: String,\n\
         \x20   channel: String,\n\
         \x20   now: datetime,\n\
         \x20   waited: duration,\n\
         \x20   verified: Set<String>,\n\
         \x20   attested: Set<String>,\n\
         \x20   approvals: Approvals,\n\
         \x20   running: PerAction,\n\
         \x20   started_today: PerAction,\n\
         \x20   impact?: Impact,\n\
         \x20   conflicts: Long,\n\
         }};\n"
    );
    for action in &vocabulary.actions {
        let _ = write!(
            text,
            "\naction \"{action}\" appliesTo {{\n    principal: [Subject, Agent, Staff, Service, Schedule],\n    \
             resource: [Subject, Dataset],\n    context: Facts,\n}};\n"
        );
    }
    text
}

fn record(attributes: &BTreeMap<String, AttributeType>, optional: &str) -> String {
    let fields: Vec<String> =
        attributes.iter().map(|(name, kind)| format!("{name}{optional}: {}", kind.cedar_name())).collect();
    format!("{{ {} }}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_schema_of_any_sound_vocabulary_is_valid_cedar() {
        let mut vocabulary = Vocabulary::standard();
        assert!(cedar_policy::Schema::from_cedarschema_str(&cedar_schema(&vocabulary)).is_ok());
        vocabulary.groups = ["privacy", "data_owner"].map(str::to_owned).into();
        vocabulary.dataset_attributes = [("owner".to_owned(), AttributeType::String)].into();
        vocabulary.requester_attributes = [("level".to_owned(), AttributeType::Long)].into();
        assert!(cedar_policy::Schema::from_cedarschema_str(&cedar_schema(&vocabulary)).is_ok());
    }
}
