//! An inbox that is a folder: every message becomes one `.eml` file. For the demo, and where mail is picked up by others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use countersign_service::ports::notifier::{Message, Notifier, NotifyError};
use uuid::Uuid;

use crate::letter::{BadSender, Sender};

/// A folder for mail. Files are named so that their order is that of sending; a file is whole once it ends in `.eml`.
/// Only our own user may read them (codes are in them).
#[derive(Clone)]
pub struct Inbox {
    folder: Arc<Path>,
    sender: Sender,
}

/// Why the folder cannot be an inbox.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The sender is no address.
    #[error(transparent)]
    Sender(#[from] BadSender),
    /// The folder cannot be made.
    #[error("the inbox folder {0} cannot be made")]
    Folder(PathBuf, #[source] io::Error),
}

impl Inbox {
    /// An inbox in this folder, which is made when it is absent; mails say that they come from `from`.
    ///
    /// # Errors
    /// See [`InboxError`].
    pub fn open(folder: &Path, from: &str) -> Result<Inbox, InboxError> {
        let sender = Sender::parse(from)?;
        fs::create_dir_all(folder).map_err(|error| InboxError::Folder(folder.to_owned(), error))?;
        Ok(Inbox { folder: folder.into(), sender })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[async_trait]
impl Notifier for Inbox {
    async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        // Version 7: names sort by time, also within a millisecond.
        let id = Uuid::now_v7();
        let mail = self.sender.letter(message, id)?.formatted();
        let folder = Arc::clone(&self.folder);
        let written = tokio::task::spawn_blocking(move || put(&folder, id, &mail)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(NotifyError::Retry(format!("the inbox folder: {}", error.kind()))),
            Err(_) => Err(NotifyError::Retry("the writing was broken off".to_owned())),
        }
    }
}

/// Writes aside, then renames: a reader sees the whole file or none.
fn put(folder: &Path, id: Uuid, mail: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let (part, whole) = (folder.join(format!("{id}.part")), folder.join(format!("{id}.eml")));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let written =
        file.write_all(mail).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&part, &whole));
    if written.is_err() {
        // What is half written is in nobody's way; the error that counts is the first.
        drop(fs::remove_file(&part));
    }
    written
}
