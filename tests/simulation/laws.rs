//! The settings of a run: the policies of this repository with other numbers in them. The reference model reads the
//! numbers from here and what they mean from the design; the service reads the texts.

use std::path::Path;

use countersign_service::settings::Bundle;

use crate::fixture::MAPS;

pub(crate) const ACTIONS: [&str; 4] = ["access", "export", "erase", "purge"];

/// What does not change in a run, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    /// The cooling-off before an erasure that the subject asked for.
    pub(crate) cooling: i64,
    /// How old a survey may be.
    pub(crate) survey: i64,
    /// When a request runs out, and when it does without proof.
    pub(crate) expires: i64,
    pub(crate) unproven: i64,
    /// How long a claimed job is nobody else's.
    pub(crate) lease: i64,
    /// How long our own copies about an ended request live.
    pub(crate) copies: i64,
    /// For how many days a package can be fetched, if the copies live as long.
    pub(crate) package_days: i64,
}

/// How often a package is fetched at most, and how old the proof may be with which it is.
pub(crate) const FETCHES: u64 = 5;
pub(crate) const YOUNG: i64 = 15 * 60_000;

/// What `apply` changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Erasures that may run beside each other.
    pub(crate) limit: u64,
    /// Officers for an erasure that the desk asked for, and for one that the subject asked for.
    pub(crate) desk: i64,
    pub(crate) own: i64,
}

pub(crate) const NUMBERS: [Numbers; 5] = [
    Numbers { limit: 1, desk: 1, own: 1 },
    Numbers { limit: 2, desk: 1, own: 2 },
    Numbers { limit: 1, desk: 2, own: 1 },
    Numbers { limit: 1, desk: 2, own: 2 },
    Numbers { limit: 0, desk: 1, own: 1 },
];

/// With time in the hand.
pub(crate) const BY_HAND: Spans = Spans {
    cooling: 72 * 3_600_000,
    survey: 60_000,
    expires: 30 * 86_400_000,
    unproven: 24 * 3_600_000,
    lease: 30_000,
    copies: 5 * 86_400_000,
    package_days: 3,
};

/// With the machine's time, which is waited for: long enough that a busy machine gets something done in it.
pub(crate) const BY_MACHINE: Spans = Spans {
    cooling: 150,
    survey: 400,
    expires: 8_000,
    unproven: 1_500,
    lease: 60,
    copies: 30 * 86_400_000,
    package_days: 7,
};

pub(crate) fn bundle(spans: &Spans, numbers: &Numbers) -> Bundle {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let mut settings = read("settings.toml");
    settings.truncate(settings.find("[schedules.").unwrap());
    // The model counts no floods, nor runs that get stuck, and does in seconds what takes strangers a day.
    settings.push_str("\n[floods]\nmails_to_address = 1000000\nfor_identity = 1000000\nof_token = 1000000\n");
    swap(&mut settings, "survey_max_age = \"60s\"", &format!("survey_max_age = \"{}ms\"", spans.survey));
    swap(&mut settings, "own_data_after = \"30d\"", &format!("own_data_after = \"{}ms\"", spans.copies));
    swap(&mut settings, "package_days = 7", &format!("package_days = {}", spans.package_days));
    swap(&mut settings, "package_fetches = 5", &format!("package_fetches = {FETCHES}"));
    swap(&mut settings, "package_proof_max_age = \"15m\"", &format!("package_proof_max_age = \"{YOUNG}ms\""));
    swap(&mut settings, "expires_after = \"60d\" #", "#");
    swap(&mut settings, "expires_after = \"2d\"  #", "#");
    for action in ACTIONS {
        let head = format!("[actions.{action}]");
        let ends = format!(
            "{head}\npause_after = 0\nexpires_after = \"{}ms\"\nexpires_unproven_after = \"{}ms\"",
            spans.expires, spans.unproven
        );
        swap(&mut settings, &head, &ends);
    }
    let mut erase = read("erase.cedar");
    swap(&mut erase, "context.running.erase >= 100", &format!("context.running.erase >= {}", numbers.limit));
    swap(&mut erase, "privacy >= 1", "privacy >= DESK");
    swap(&mut erase, "privacy >= 2", &format!("privacy >= {}", numbers.own));
    swap(&mut erase, "privacy >= DESK", &format!("privacy >= {}", numbers.desk));
    swap(&mut erase, "duration(\"72h\")", &format!("duration(\"{}ms\")", spans.cooling));
    let mut files = vec![
        ("settings.toml".to_owned(), settings),
        ("policies/erase.cedar".to_owned(), erase),
        ("policies/export.cedar".to_owned(), read("export.cedar")),
        ("policies/purge.cedar".to_owned(), read("purge.cedar")),
    ];
    files.extend(MAPS.map(|(path, text)| (path.to_owned(), text.to_owned())));
    Bundle::read(&files).unwrap()
}

fn swap(text: &mut String, from: &str, to: &str) {
    assert_eq!(text.matches(from).count(), 1, "there is one `{from}`");
    *text = text.replace(from, to);
}
