//! From files to [`Settings`]: reads, checks names against each other, loads the policies. Tells every mistake
//! that can be told at once; what rests on something broken is not checked, so that no mistake is told twice.

mod glass;
mod maps;
mod names;
mod policies;
mod settings_file;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use super::bundle::{Bundle, SETTINGS_FILE};
use super::mistake::Mistake;
use super::section::Page;
use maps::Maps;
use settings_file::SettingsFile;

impl Settings {
    /// Checks `bundle` and makes it ready to judge by, as `version`.
    ///
    /// # Errors
    /// Every mistake that was found, sorted by file and line; never empty.
    pub fn compile(version: u64, bundle: &Bundle) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = bundle.faults();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let maps = Maps::read(bundle, &mut mistakes);
        let page = Page::new(SETTINGS_FILE, bundle.files.get(SETTINGS_FILE).map_or("", String::as_str));
        let file = SettingsFile::read(&page, &maps, bundle);
        mistakes.extend(page.into_mistakes());
        let mut warnings = vec![];
        let policies = file.as_ref().filter(|it| it.names_are_sound).and_then(|it| {
            policies::load(bundle, &it.vocabulary, it.glass_file(), &mut mistakes, &mut warnings)
        });
        // Only beside policies that load: what is wrong with those is not to be told twice.
        let written = file.as_ref().filter(|_| policies.is_some());
        let break_glass =
            written.and_then(|it| policies::load_glass(bundle, it, &mut mistakes, &mut warnings));
        let (Some(file), Some(policies), true) = (file, policies, mistakes.is_empty()) else {
            mistakes.sort();
            return Err(mistakes);
        };
        let maps = maps.into_whole();
        let terms: BTreeSet<i64> = maps.values().flat_map(|map| map.terms(None)).collect();
        let after = |term: i64| {
            maps.iter().map(|(source, map)| (source.clone(), map.after(term))).collect::<BTreeMap<_, _>>()
        };
        let maps_after = terms.into_iter().map(|term| (term, after(term))).collect();
        Ok(Self {
            version,
            hash: bundle.hash(),
            environment: file.environment,
            time_zone: file.time_zone,
            time_zone_name: file.time_zone_name,
            groups: file.vocabulary.groups.clone(),
            actions: file.actions,
            conflicts: file.conflicts,
            survey_max_age_ms: file.survey_max_age_ms,
            own_data_after_ms: file.own_data_after_ms,
            package_days: file.package_days,
            sessions: file.sessions,
            floods: file.floods,
            statements: file.statements,
            language: file.language,
            reviewers: file.reviewers,
            oidc: file.oidc,
            package_fetches: file.package_fetches,
            package_proof_max_age_ms: file.package_proof_max_age_ms,
            calendar: file.calendar,
            maps,
            maps_after,
            schedules: file.schedules,
            vocabulary: file.vocabulary,
            policies,
            break_glass,
            warnings,
            bundle: bundle.clone(),
        })
    }
}
