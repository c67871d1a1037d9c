//! How the program ends: what is said of an error, and the code that programs go by.

use std::fmt;
use std::process::ExitCode;

use countersign_client::Error as ClientError;
use serde_json::Value;

use crate::config::mistake::Mistakes;

/// The codes, for the help text.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done
  1  failed, or found not whole
  2  wrong usage, or mistakes in the configuration
  3  refused by the server
  4  server not reachable, or no answer in time
  5  works, and wants attention";

/// Wrong usage that clap cannot see.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// What was looked at is not as it should be, and all of that was said already.
#[derive(Debug)]
pub(crate) struct Said;

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not as it should be")
    }
}

impl std::error::Error for Said {}

/// What was looked at works and wants attention, and all of that was said already.
#[derive(Debug)]
pub(crate) struct Attention;

impl fmt::Display for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wants attention")
    }
}

impl std::error::Error for Attention {}

/// Says what went wrong, on standard error, and gives the code for it.
pub(crate) fn tell(error: &anyhow::Error) -> ExitCode {
    if !error.is::<Said>() && !error.is::<Attention>() {
        // The innermost reasons come after the outer ones, each once.
        let mut said: Vec<String> = Vec::new();
        for cause in error.chain().map(ToString::to_string) {
            if !said.iter().any(|before| before.contains(&cause)) {
                said.push(cause);
            }
        }
        eprintln!("error: {}", said.join(": "));
        for mistake in mistakes(error) {
            eprintln!("{mistake}");
        }
    }
    ExitCode::from(code(error))
}

/// What the server found wrong in settings, each at its line.
fn mistakes(error: &anyhow::Error) -> Vec<String> {
    let problem =
        error.chain().find_map(|cause| cause.downcast_ref::<ClientError>()).and_then(ClientError::problem);
    let Some(Value::Array(mistakes)) = problem.and_then(|problem| problem.more.get("mistakes")) else {
        return Vec::new();
    };
    let mut file = "";
    let mut lines = Vec::new();
    for mistake in mistakes {
        let text = |name: &str| mistake.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("file") != file {
            file = text("file");
            lines.push(file.to_owned());
        }
        let line = mistake
            .get("line")
            .and_then(Value::as_u64)
            .map_or(String::new(), |line| format!("line {line}: "));
        lines.push(format!("  × {line}{}", text("message")));
        if !text("snippet").is_empty() {
            lines.push(text("snippet").to_owned());
        }
    }
    lines
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<ClientError>() {
            return match error {
                ClientError::Refused(_) => 3,
                ClientError::Unreachable { .. } | ClientError::TimedOut { .. } => 4,
                ClientError::Address { .. } => 2,
                ClientError::Unexpected { .. } | ClientError::Write(_) => 1,
            };
        }
        if cause.is::<Attention>() {
            return 5;
        }
        if cause.is::<Mistakes>() || cause.is::<Usage>() {
            return 2;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use countersign_client::Problem;

    use super::*;

    #[test]
    fn codes_tell_refused_from_unreachable_from_wrong_usage() {
        let refused = ClientError::Refused(Box::<Problem>::default());
        assert_eq!(code(&anyhow::Error::from(refused).context("vote")), 3);
        let unreachable = ClientError::Unreachable { url: String::new(), reason: String::new() };
        assert_eq!(code(&anyhow::Error::from(unreachable)), 4);
        let mistakes = Mistakes { file: String::new(), text: String::new(), all: Vec::new() };
        assert_eq!(code(&anyhow::Error::from(mistakes).context("reading")), 2);
        assert_eq!(code(&anyhow!("anything else")), 1);
    }
}
