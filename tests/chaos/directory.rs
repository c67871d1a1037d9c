//! Where the nodes answer just now, with which tokens they are called, and every checkpoint that any of them ever showed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use countersign_client::{Client, Options};

/// A call that takes longer is given up; what it asked for may have happened.
const PATIENCE: Duration = Duration::from_secs(6);

/// The nodes as their callers know them.
pub(crate) struct Directory {
    nodes: RwLock<Vec<Option<Client>>>,
    tokens: BTreeMap<String, String>,
    /// Notes, byte for byte.
    notes: Mutex<BTreeSet<Vec<u8>>>,
}

impl Directory {
    /// A directory of so many nodes, none of which answers yet, with the tokens in a folder.
    pub(crate) fn new(nodes: usize, tokens: &Path) -> Self {
        let files = std::fs::read_dir(tokens).unwrap().map(|file| file.unwrap());
        let secret = |path: &Path| std::fs::read_to_string(path).unwrap().trim().to_owned();
        let tokens = files.map(|file| (file.file_name().into_string().unwrap(), secret(&file.path())));
        Self { nodes: RwLock::new(vec![None; nodes]), tokens: tokens.collect(), notes: Mutex::default() }
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// From now on the node answers there, or nowhere.
    pub(crate) fn enter(&self, node: usize, url: Option<&str>) {
        let options = Options { timeout: PATIENCE, connect_timeout: Duration::from_secs(2) };
        let client = url.map(|url| Client::new(url, &options).unwrap());
        self.nodes.write().unwrap_or_else(PoisonError::into_inner)[node] = client;
    }

    /// The node as anybody reaches it.
    pub(crate) fn anybody(&self, node: usize) -> Option<Client> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner)[node].clone()
    }

    /// The node in somebody's name: that of a token, or the secret itself.
    pub(crate) fn client(&self, node: usize, who: &str) -> Option<Client> {
        let secret = self.tokens.get(who).map_or(who, String::as_str);
        self.anybody(node).map(|client| client.with_token(secret).unwrap())
    }
    /// Keeps what a node shows as its newest checkpoint, if it shows any now.
    pub(crate) async fn look_at_checkpoint(&self, node: usize) {
        let Some(client) = self.anybody(node) else { return };
        let mut note = Vec::new();
        if client.download("ledger/checkpoint", &mut note, |_, _| {}).await.is_ok() {
            self.keep_note(note);
        }
    }

    /// Keeps a checkpoint that a node showed.
    pub(crate) fn keep_note(&self, note: Vec<u8>) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(note);
    }

    /// Every checkpoint that was shown.
    pub(crate) fn notes(&self) -> BTreeSet<Vec<u8>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
