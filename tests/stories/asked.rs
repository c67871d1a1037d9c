//! One request as the people of a story deal with it: asked for, approved, waited for.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use countersign_client::Settle;
use countersign_client::view::{Ballot, Choice, Request, Submission};
use tokio::runtime::Runtime;

use crate::node::Node;

/// What people do at a node.
pub(crate) struct People<'a> {
    node: &'a Node,
    runtime: Runtime,
}

impl<'a> People<'a> {
    pub(crate) fn at(node: &'a Node) -> Self {
        Self { node, runtime: Runtime::new().unwrap() }
    }

    /// The support desk asks to do `action` for a customer of the shop.
    pub(crate) fn ask(&self, action: &str, customer: i64) -> String {
        let submission = Submission {
            action: action.to_owned(),
            subject: BTreeMap::from([("account".to_owned(), countersign_shop::cast::account_of(customer))]),
            ..Submission::default()
        };
        self.runtime.block_on(self.node.client("desk").submit(&submission, None)).unwrap().id
    }

    /// The support desk takes it back.
    pub(crate) fn take_back(&self, id: &str) {
        self.runtime.block_on(self.node.client("desk").settle(id, Settle::Withdraw, None)).unwrap();
    }

    /// Olga approves, once there is something to approve.
    pub(crate) fn approve(&self, id: &str) {
        let seen = self.until(id, "something to vote on", |seen| seen.digest.is_some());
        let ballot = Ballot {
            vote: Choice::Approve,
            seat: "privacy".to_owned(),
            digest: seen.digest,
            ceiling: None,
            reason: None,
        };
        self.runtime.block_on(self.node.client("olga-officer").vote(id, &ballot)).unwrap();
    }

    /// The request as the operator sees it.
    pub(crate) fn see(&self, id: &str) -> Request {
        self.runtime.block_on(self.node.client("opal-operator").request(id)).unwrap()
    }

    /// The request once it is as it should be.
    pub(crate) fn until(&self, id: &str, what: &str, is: impl Fn(&Request) -> bool) -> Request {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let seen = self.see(id);
            if is(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "{what}: {seen:?}\n{}", self.node.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The words of what is missing, over all ways.
    pub(crate) fn missing(&self, id: &str) -> Vec<String> {
        let verdict = self.see(id).verdict.unwrap_or_default();
        verdict.paths.iter().flat_map(|path| &path.missing).map(ToString::to_string).collect()
    }

    /// A page that needs no token.
    pub(crate) fn page(&self, path: &str) -> String {
        let address = self.node.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
