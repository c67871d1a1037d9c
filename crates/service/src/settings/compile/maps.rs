//! The data maps of a bundle beside each other: one a source, and what they tell policies of subjects agrees.

use std::collections::BTreeMap;

use countersign_policy::{AttributeType, Vocabulary};

use super::names;
use crate::settings::bundle::Bundle;
use crate::settings::datamap::{AttributeKind, DataMap};
use crate::settings::mistake::Mistake;

/// The maps that a bundle has.
pub(super) struct Maps {
    /// By source, as the file is called; `None` for one that is there and could not be read.
    by_source: BTreeMap<String, Option<DataMap>>,
    /// What all of them tell of subjects.
    pub(super) attributes: BTreeMap<String, AttributeType>,
    /// Whether all of that could be read.
    pub(super) are_sound: bool,
}

impl Maps {
    pub(super) fn read(bundle: &Bundle, mistakes: &mut Vec<Mistake>) -> Self {
        let before = mistakes.len();
        let mut by_source = BTreeMap::new();
        let mut attributes = BTreeMap::new();
        let mut drifts = BTreeMap::new();
        for (path, text) in bundle.maps() {
            let source = path.trim_start_matches("maps/").trim_end_matches(".toml");
            let map = match DataMap::read(path, text) {
                Ok(map) => map,
                Err(found) => {
                    mistakes.extend(found);
                    by_source.insert(source.to_owned(), None);
                    continue;
                }
            };
            if let Err(reason) = names::check(&map.source) {
                mistakes.push(Mistake::whole(
                    path,
                    format!("`{}` cannot name a source: it {reason}", map.source),
                ));
            } else if map.source != source {
                let message = format!("is the map of `{0}`: call the file maps/{0}.toml", map.source);
                mistakes.push(Mistake::whole(path, message));
            }
            agree(path, &map, &mut attributes, mistakes);
            one_drift_each(path, &map, &mut drifts, mistakes);
            by_source.insert(source.to_owned(), Some(map));
        }
        let attributes = attributes.into_iter().map(|(name, (kind, _))| (name, kind)).collect();
        Self { by_source, attributes, are_sound: mistakes.len() == before }
    }

    /// Names of the sources.
    pub(super) fn sources(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_source.keys().map(String::as_str)
    }

    /// The map of `source`, if it is there and could be read.
    pub(super) fn get(&self, source: &str) -> Option<&DataMap> {
        self.by_source.get(source)?.as_ref()
    }

    /// Those that could be read.
    pub(super) fn into_whole(self) -> BTreeMap<String, DataMap> {
        self.by_source.into_iter().filter_map(|(source, map)| Some((source, map?))).collect()
    }
}

/// Adds what `map` tells of subjects; an attribute means the same wherever it is told.
fn agree(
    path: &str,
    map: &DataMap,
    known: &mut BTreeMap<String, (AttributeType, String)>,
    mistakes: &mut Vec<Mistake>,
) {
    let built_in = Vocabulary::standard().subject_attributes;
    for (name, kind) in map.attributes() {
        if let Err(reason) = names::check(name) {
            mistakes.push(Mistake::whole(path, format!("`{name}` cannot name an attribute: it {reason}")));
        } else if built_in.contains_key(name) {
            let message = format!("the attribute `{name}` is built in: choose another name");
            mistakes.push(Mistake::whole(path, message));
        } else {
            let kind = match kind {
                AttributeKind::Bool => AttributeType::Bool,
                AttributeKind::Long => AttributeType::Long,
                AttributeKind::Text => AttributeType::String,
            };
            let (first, there) = known.entry(name.to_owned()).or_insert_with(|| (kind, path.to_owned()));
            if *first != kind {
                let message = format!("the attribute `{name}` has another type in {there}");
                mistakes.push(Mistake::whole(path, message));
            }
        }
    }
}

/// A name that tells of drift in one map stands in no other: one source's drift would hide another's. `seen` has every
/// attribute so far, with the file that told it first and whether it tells of drift there.
fn one_drift_each(
    path: &str,
    map: &DataMap,
    seen: &mut BTreeMap<String, (String, bool)>,
    mistakes: &mut Vec<Mistake>,
) {
    for name in map.attributes().into_keys() {
        let drifts = map.roots.iter().any(|it| it.drift.as_deref() == Some(name));
        let (there, drifts_there) = seen.entry(name.to_owned()).or_insert_with(|| (path.to_owned(), drifts));
        if there != path && (drifts || *drifts_there) {
            let message =
                format!("the attribute `{name}` tells of one source's drift and stands in {there} too");
            mistakes.push(Mistake::whole(path, message));
        }
    }
}
