//! The policies of a bundle, and what is wrong or worth knowing about them. It must not know Cedar.

use countersign_policy::{PolicySet, Problem, Vocabulary};

use crate::settings::bundle::{Bundle, SETTINGS_FILE};
use crate::settings::mistake::Mistake;

pub(super) fn load(
    bundle: &Bundle,
    vocabulary: &Vocabulary,
    mistakes: &mut Vec<Mistake>,
    warnings: &mut Vec<String>,
) -> Option<PolicySet> {
    let files: Vec<_> = bundle.policies().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
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
