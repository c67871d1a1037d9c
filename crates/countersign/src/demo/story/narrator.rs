//! Tells the story on standard output, and counts what was checked. It knows nothing of what is told.

use std::fmt::{Debug, Display};
use std::time::Instant;

use countersign_client::view::Request;

use crate::output::print_line;

/// The longest line before it is broken.
const WIDTH: usize = 110;

/// Who tells, and keeps count.
pub(super) struct Narrator {
    began: Instant,
    held: u32,
    failed: u32,
    scene: u32,
}

impl Narrator {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), held: 0, failed: 0, scene: 0 }
    }

    /// A new scene begins.
    pub(super) fn scene(&mut self, title: &str) {
        self.scene += 1;
        let seconds = self.began.elapsed().as_secs();
        line(&format!("\n{}. {title}   [{}:{:02}]", self.scene, seconds / 60, seconds % 60));
    }

    /// Somebody asks for something.
    pub(super) fn asks(&self, text: &str) {
        wrapped("   > ", text);
    }

    /// Something happens.
    pub(super) fn says(&self, text: &str) {
        wrapped("     ", text);
    }

    /// What a request still wants, way by way.
    pub(super) fn missing(&self, request: &Request) {
        let Some(verdict) = request.verdict.as_ref().filter(|verdict| verdict.decision == "hold") else {
            return self.says(&format!("now: {}", request.status));
        };
        for path in &verdict.paths {
            let missing: Vec<String> = path.missing.iter().map(ToString::to_string).collect();
            wrapped("     ", &format!("missing for {}: {}", path.policy, missing.join(" · ")));
        }
        if verdict.paths.is_empty() {
            self.says("nothing known would release it");
        }
    }

    /// A claim that held, or did not.
    pub(super) fn check(&mut self, claim: &str, held: bool) {
        self.equal(claim, held, true);
    }

    /// A claim that two values are the same.
    pub(super) fn equal<T: PartialEq + Debug>(&mut self, claim: &str, seen: T, expected: T) {
        if seen == expected {
            self.held += 1;
            wrapped("   ✓ ", claim);
        } else {
            self.failed += 1;
            wrapped("   ✗ ", &format!("{claim}\nexpected {expected:?}\nseen     {seen:?}"));
        }
    }

    /// A claim that something went well.
    pub(super) fn succeeds<T, E: Display>(&mut self, claim: &str, outcome: Result<T, E>) {
        match outcome {
            Ok(_) => self.check(claim, true),
            Err(error) => {
                self.failed += 1;
                wrapped("   ✗ ", &format!("{claim}\n{error}"));
            }
        }
    }

    /// Checks that held, and that did not.
    pub(super) fn counted(&self) -> (u32, u32) {
        (self.held, self.failed)
    }

    /// Seconds since the story began.
    pub(super) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

/// Breaks `text` between words; what follows stands under its beginning.
fn wrapped(lead: &str, text: &str) {
    let mut lead = lead.to_owned();
    for paragraph in text.lines() {
        let mut said = String::new();
        for word in paragraph.split(' ') {
            if !said.is_empty()
                && lead.chars().count() + said.chars().count() + 1 + word.chars().count() > WIDTH
            {
                line(&format!("{lead}{said}"));
                (lead, said) = ("     ".to_owned(), String::new());
            }
            if !said.is_empty() {
                said.push(' ');
            }
            said.push_str(word);
        }
        line(&format!("{lead}{said}"));
        lead = "     ".to_owned();
    }
}

/// Whoever listened may be gone; the story is played to its end for its exit code all the same.
fn line(text: &str) {
    let _ = print_line(text);
}
