//! One fresh database on a server.

use super::{Server, USER, Unavailable};

/// A database that a test has for itself. It goes with its server.
#[derive(Debug)]
pub struct Database<'a> {
    server: &'a Server,
    name: String,
}

impl<'a> Database<'a> {
    pub(super) fn new(server: &'a Server, name: String) -> Database<'a> {
        Database { server, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it stands on.
    #[must_use]
    pub fn server(&self) -> &'a Server {
        self.server
    }

    /// Where to connect: `mysql://countersign@127.0.0.1:PORT/NAME`. No password, no TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mysql://{USER}@127.0.0.1:{}/{}", self.server.port(), self.name)
    }

    /// Runs SQL; returns what it printed, one row a line, columns parted by a tabulator.
    ///
    /// # Errors
    /// What the server says.
    pub fn run(&self, sql: &str) -> Result<String, Unavailable> {
        self.server.client(&self.name, sql)
    }
}
