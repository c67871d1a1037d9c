//! Reads the mail that the nodes send, and keeps each request's newest code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_testing::mail::Mail;

/// How long a code may be on its way.
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of the inbox.
#[derive(Clone)]
pub(crate) struct Postman(Arc<Mutex<Post>>, PathBuf);

#[derive(Default)]
struct Post {
    read: BTreeSet<PathBuf>,
    codes: BTreeMap<String, String>,
}

impl Postman {
    /// A reader of this folder.
    pub(crate) fn of(inbox: &Path) -> Self {
        Self(Arc::default(), inbox.to_owned())
    }

    /// The newest code of a request, other than one that is known to be wrong.
    pub(crate) async fn code(&self, request: &str, wrong: Option<&str>) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(code) = self.look(request).filter(|code| Some(code.as_str()) != wrong) {
                return Some(code);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        None
    }

    fn look(&self, request: &str) -> Option<String> {
        let mut post = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let files = std::fs::read_dir(&self.1).into_iter().flatten();
        let mails = files.filter_map(|file| Some(file.ok()?.path()));
        // Named by their time; read in that order, a later code takes the place of an earlier one.
        let new: BTreeSet<PathBuf> = mails
            .filter(|path| path.extension().is_some_and(|it| it == "eml") && !post.read.contains(path))
            .collect();
        for path in new {
            if let Ok(raw) = std::fs::read(&path) {
                let mail = Mail::parse(&raw);
                let about = mail.body.lines().find_map(|line| line.trim().strip_prefix("Request "));
                if let (Some(about), Some(code)) = (about, mail.code()) {
                    post.codes.insert(about.trim().to_owned(), code.to_owned());
                }
                post.read.insert(path);
            }
        }
        post.codes.get(request).cloned()
    }
}
