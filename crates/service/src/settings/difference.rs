//! What a new version of the settings would change, in words, for whoever is about to apply it. It must not know
//! what a change means for the requests that wait.

mod inventory;
mod policy_text;
mod policy_words;
mod stands;
#[cfg(test)]
mod tests;

use inventory::inventory;
use stands::Stands;

use super::Settings;

/// One line a change; empty where nothing changes.
pub fn difference(old: &Settings, new: &Settings) -> Vec<String> {
    let (before, after) = (inventory(old), inventory(new));
    let mut all: Vec<&(u8, String)> = before.keys().chain(after.keys()).collect();
    all.sort();
    all.dedup();
    all.into_iter().flat_map(|key| lines(&key.1, before.get(key), after.get(key))).collect()
}

fn lines(name: &str, before: Option<&Stands>, after: Option<&Stands>) -> Vec<String> {
    let line = match (before, after) {
        (None, None) => return Vec::new(),
        (Some(before), Some(after)) if before == after => return Vec::new(),
        (Some(Stands::Parts(before)), Some(Stands::Parts(after))) => {
            let mut names: Vec<&String> = before.iter().chain(after).map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            let find =
                |all: &'_ [(String, Stands)], part: &String| all.iter().position(|(name, _)| name == part);
            let of = |part: &String| {
                let before = find(before, part).map(|at| &before[at].1);
                let after = find(after, part).map(|at| &after[at].1);
                lines(&format!("{name}: {part}"), before, after)
            };
            return names.into_iter().flat_map(of).collect();
        }
        (Some(Stands::Policy(before)), Some(Stands::Policy(after))) => {
            format!("{name} {}", policy_words::words(Some(before), Some(after)))
        }
        (None, Some(Stands::Policy(after))) => format!("{name} {}", policy_words::words(None, Some(after))),
        (Some(Stands::Policy(before)), None) => format!("{name} {}", policy_words::words(Some(before), None)),
        (Some(Stands::Measured(before)), Some(Stands::Measured(after))) => {
            format!("{name}: {} → {} ({})", before.shown, after.shown, before.way_to(after))
        }
        (Some(Stands::Names(before)), Some(Stands::Names(after))) => {
            format!("{name}: {}", before.way_to(after))
        }
        (Some(before), Some(after)) => match (before.shown(), after.shown()) {
            (Some(before), Some(after)) => format!("{name}: {before} → {after}"),
            (None, _) | (_, None) => format!("{name} is changed"),
        },
        (None, Some(after)) => match after.shown() {
            Some(after) => format!("{name} is added: {after}"),
            None => format!("{name} is added"),
        },
        (Some(_), None) => format!("{name} is removed"),
    };
    vec![line]
}
