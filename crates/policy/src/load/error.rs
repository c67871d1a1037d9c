//! What is wrong with a policy file, where, and what to do. It must not know how policies are checked.

use std::fmt;

use cedar_policy::{ParseErrors, ValidationError};
use miette::Diagnostic;

use crate::lexicon::place;

/// One thing that is wrong, or worth knowing, with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name as it was handed in; `vocabulary` or `policies` where no file is to blame.
    pub file: String,
    /// From 1; 0 where there is no place.
    pub line: usize,
    /// In characters, from 1; 0 where there is no place.
    pub column: usize,
    /// The policy's id, where it is known.
    pub policy: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: Option<String>,
}

/// All that is wrong; nothing was loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    /// In the order of files and lines; never empty.
    pub problems: Vec<Problem>,
}

impl LoadError {
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self { problems }
    }

    pub(crate) fn of(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl Problem {
    pub(crate) fn at(file: &str, (line, column): (usize, usize), message: String) -> Self {
        Self { file: file.to_owned(), line, column, policy: None, message, advice: None }
    }

    pub(crate) fn whole(file: &str, message: String) -> Self {
        Self::at(file, (0, 0), message)
    }

    pub(crate) fn of_policy(mut self, id: &str) -> Self {
        self.policy = Some(id.to_owned());
        self
    }

    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": ")?;
        if let Some(policy) = &self.policy {
            write!(f, "policy `{policy}`: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(advice) = &self.advice {
            write!(f, " ({advice})")?;
        }
        Ok(())
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Cedar's complaints about text that does not parse.
pub(crate) fn parsing(file: &str, text: &str, errors: &ParseErrors) -> Vec<Problem> {
    errors.iter().map(|error| located(Problem::at(file, (1, 1), error.to_string()), text, error)).collect()
}

/// Cedar's complaint about a policy that does not fit the schema. `start` is where the policy begins.
pub(crate) fn validation(
    file: &(String, String),
    start: usize,
    id: &str,
    error: &ValidationError,
) -> Problem {
    let (name, text) = file;
    let message = error.to_string();
    // Cedar begins with the policy's id, which stands before the message already.
    let plain = message.strip_prefix(&format!("for policy `{id}`, ")).unwrap_or(&message);
    located(Problem::at(name, place(text, start), plain.to_owned()).of_policy(id), text, error)
}

fn located(mut problem: Problem, text: &str, error: &dyn Diagnostic) -> Problem {
    if let Some(label) = error.labels().and_then(|mut labels| labels.next()) {
        (problem.line, problem.column) = place(text, label.offset());
        if let Some(label) = label.label() {
            problem.message = format!("{}: {label}", problem.message);
        }
    }
    problem.advice = error.help().map(|it| it.to_string());
    problem
}
