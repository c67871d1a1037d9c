//! The policies of a bundle, and what is wrong or worth knowing about them. It must not know Cedar.

use countersign_policy::{PolicySet, Problem, Vocabulary};

use super::settings_file::SettingsFile;
use crate::settings::BreakGlass;
use crate::settings::bundle::{Bundle, SETTINGS_FILE};
use crate::settings::mistake::Mistake;

pub(super) fn load(
    bundle: &Bundle,
    vocabulary: &Vocabulary,
    except: Option<&str>,
    mistakes: &mut Vec<Mistake>,
    warnings: &mut Vec<String>,
) -> Option<PolicySet> {
    let files = files(bundle, |path| Some(path) != except);
    match countersign_policy::load(vocabulary, &files) {
        Ok(policies) => {
            warnings.extend(policies.warnings().iter().map(ToString::to_string));
            Some(policies)
        }
        Err(error) => {
            mistakes.extend(error.problems.iter().map(|it| mistake(bundle, it)));
            None
        }
    }
}

/// Of the policies for broken glass, under every forbid of the others.
pub(super) fn load_glass(
    bundle: &Bundle,
    file: &SettingsFile,
    mistakes: &mut Vec<Mistake>,
    warnings: &mut Vec<String>,
) -> Option<BreakGlass> {
    let written = file.glass.as_ref()?;
    let own = files(bundle, |path| path == written.file);
    let others = files(bundle, |path| path != written.file);
    match countersign_policy::load_under_forbids(&file.vocabulary, &own, &others) {
        Ok(policies) => {
            // That it permits little is what it is for.
            let own = policies.warnings().iter().filter(|it| it.file == written.file);
            warnings.extend(own.map(ToString::to_string));
            let (file, who, seats) = (written.file.clone(), written.who.clone(), written.seats.clone());
            Some(BreakGlass { file, policies, who, seats, review_within_ms: written.review_within_ms })
        }
        Err(error) => {
            mistakes.extend(error.problems.iter().map(|it| mistake(bundle, it)));
            None
        }
    }
}

fn files(bundle: &Bundle, which: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let files = bundle.policies().filter(|(path, _)| which(path));
    files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

fn mistake(bundle: &Bundle, problem: &Problem) -> Mistake {
    let message = match &problem.policy {
        Some(policy) => format!("policy `{policy}`: {}", problem.message),
        None => problem.message.clone(),
    };
    let advice = problem.advice.as_deref().unwrap_or_default();
    match bundle.files.get(&problem.file) {
        Some(text) if problem.line > 0 => {
            Mistake::on_line(&problem.file, text, (problem.line, problem.column), message, advice)
        }
        found => {
            // The names that a policy may use come from the settings file.
            let file = if found.is_some() { problem.file.as_str() } else { SETTINGS_FILE };
            let advice = if advice.is_empty() { String::new() } else { format!(" ({advice})") };
            Mistake::whole(file, format!("{message}{advice}"))
        }
    }
}
