//! A secret, or where it is: in a variable, in a file, or what a command prints.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::Folder;
use super::section::Section;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many bytes of what a command prints are read: more is no secret.
const MOST: u64 = 64 * 1024;

/// A secret, or where it is. Debug shows the place alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Written in the configuration itself.
    Here(String),
    /// In an environment variable.
    Env(String),
    /// In a file.
    File(PathBuf),
    /// What a program prints, with its arguments; no shell reads them.
    Command {
        /// The program.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(_) => f.write_str("Secret(…)"),
            Self::Env(name) => write!(f, "Secret(${name})"),
            Self::File(path) => write!(f, "Secret({})", path.display()),
            Self::Command { program, .. } => write!(f, "Secret({program} …)"),
        }
    }
}

impl Secret {
    /// Reads at most one of three keys: the name of a variable, of a file, or a command.
    pub(super) fn read(
        section: &mut Section<'_>,
        keys: [&'static str; 3],
        folder: Folder<'_>,
    ) -> Option<Self> {
        let there: Vec<&'static str> = keys.into_iter().filter(|key| section.has(key)).collect();
        let (env, file) = (section.text(keys[0]), section.text(keys[1]));
        let mut words = section.texts(keys[2]).into_iter();
        if let [one, other, ..] = *there {
            let span = section.place(other).unwrap_or_else(|| section.span());
            section.note(span, format!("`{one}` and `{other}` are both there"), "take one out");
            return None;
        }
        let command = words.next().map(|program| Self::Command { program, arguments: words.collect() });
        let file = file.map(|file| Self::File(folder.join(&file.value)));
        env.map(|env| Self::Env(env.value)).or(file).or(command)
    }

    /// The secret itself.
    ///
    /// # Errors
    /// When the variable is not set, the file cannot be read, or the command fails, prints nothing or takes longer than
    /// ten seconds. What it printed is never part of the error.
    pub(crate) fn fetch(&self) -> anyhow::Result<String> {
        match self {
            Self::Here(text) => Ok(text.clone()),
            Self::Env(name) => {
                std::env::var(name).with_context(|| format!("the environment variable {name} is not set"))
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .with_context(|| format!("{} cannot be read", path.display())),
            Self::Command { program, arguments } => {
                printed(program, arguments).with_context(|| format!("the command `{program}`"))
            }
        }
    }
}

/// What a program prints, without white space around it.
fn printed(program: &str, arguments: &[String]) -> anyhow::Result<String> {
    // Its complaints may hold what it was about to print.
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot be started")?;
    let stdout = child.stdout.take();
    let (send, read) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let whole = stdout.map_or(Ok(0), |it| it.take(MOST).read_to_string(&mut text)).map(|_| text);
        // Whoever waited for it may have given up.
        let _ = send.send(whole);
    });
    let ended = wait(&mut child);
    if ended.is_err() {
        // It may have ended meanwhile; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
    ended?;
    // A program that it left behind may still hold the pipe.
    let whole = read.recv_timeout(PATIENCE).context("printed to no end")?;
    let Ok(text) = whole else { bail!("printed what is no text") };
    match text.trim() {
        "" => bail!("printed nothing"),
        text => Ok(text.to_owned()),
    }
}

fn wait(child: &mut Child) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        match child.try_wait().context("cannot be waited for")? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("failed ({status})"),
            None if begun.elapsed() > PATIENCE => bail!("took longer than {} seconds", PATIENCE.as_secs()),
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shell(script: &str) -> Secret {
        Secret::Command { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), script.to_owned()] }
    }

    #[test]
    fn a_command_prints_the_secret() {
        assert_eq!(shell("echo ' s3cret'; echo").fetch().unwrap(), "s3cret");
    }

    #[test]
    fn what_a_command_printed_is_in_no_error_and_no_debug() {
        for (script, why) in [
            ("echo s3cret; exit 3", "failed (exit status: 3)"),
            ("printf ' '", "printed nothing"),
            ("echo s3cret >&2; exit 1", "failed"),
            ("printf '\\377s3cret'", "printed what is no text"),
        ] {
            let error = format!("{:#}", shell(script).fetch().unwrap_err());
            assert!(error.contains(why), "{script}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let missing = Secret::Command { program: "/nowhere/vault".to_owned(), arguments: vec![] };
        let error = format!("{:#}", missing.fetch().unwrap_err());
        assert!(error.contains("`/nowhere/vault`: cannot be started"), "{error}");
        assert_eq!(format!("{:?}", shell("echo s3cret")), "Secret(sh …)");
    }

    #[test]
    fn no_shell_reads_the_arguments() {
        let secret = Secret::Command { program: "echo".to_owned(), arguments: vec!["$HOME; id".to_owned()] };
        assert_eq!(secret.fetch().unwrap(), "$HOME; id");
    }
}
