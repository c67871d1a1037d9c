//! How reviewers learn that a request waits for them: at once or once a day, as each chooses, and again before its time runs
//! out. What was said to whom is a record, so that nothing is said twice; whether there is still something to say is
//! looked at again at the moment of saying it. It knows no mail.

mod choice;
mod notice;

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::request::{Dossier, State};
use countersign_core::time::Timestamp;

use crate::keys::{Keys, mac};
use crate::person::Person;
use crate::record::History;
use crate::requests::{facts, waiting};
use crate::settings::Settings;

pub use choice::{Choice, Chosen};
pub(crate) use choice::{choices, need as need_choice, reads};
pub(crate) use notice::{Notice, need as need_notice, need_waiting, notice_of, waiting};

/// What a vote would be given for now: it is asked for anew when what would be done changes, and after a run.
pub(crate) fn round(dossier: &Dossier) -> Option<String> {
    dossier.survey().map(|survey| format!("{}/{}", survey.digest, dossier.runs()))
}

/// For which seat a request waits for this person; `None` where it does not, or their vote would not count.
pub(crate) fn waits_for(keys: &Keys, history: &History, person: &Person) -> Option<String> {
    let State::Waiting(dossier) = history.state() else { return None };
    let barred = dossier.submitted().asking.persons.contains(&person.id)
        || person.voter(keys, &facts::blinds(history)).is_subject
        || history.terms(waiting::NOT_FOR).any(|id| id == person.id.as_bytes());
    if !person.active || person.administers || barred {
        return None;
    }
    let asked: BTreeSet<&[u8]> =
        history.terms("waiting").filter_map(|it| it.strip_prefix(b"vote:")).collect();
    let any = asked.contains(&b"any"[..]);
    person.seats.iter().find(|seat| any || asked.contains(seat.as_bytes())).cloned()
}

/// Seats that a request waits for; all of them where any would do.
pub(crate) fn seats_asked(settings: &Settings, history: &History) -> BTreeSet<String> {
    let words = history.terms("waiting").filter_map(|it| std::str::from_utf8(it).ok()?.strip_prefix("vote:"));
    let words: BTreeSet<&str> = words.collect();
    let asked = |seat: &&String| words.contains("any") || words.contains(seat.as_str());
    settings.groups.iter().filter(asked).cloned().collect()
}

/// When those who have not voted are reminded: at the settings' share of the time until an answer is due, or until the
/// request runs out if that is sooner.
pub(crate) fn remind_at(settings: &Settings, dossier: &Dossier) -> Option<Timestamp> {
    let percent = i64::from(settings.reviewers.remind_percent);
    let end = dossier.due_at().map_or(dossier.expires_at(), |due| due.min(dossier.expires_at()));
    let whole = end.since_ms(dossier.submitted_at());
    (percent > 0 && whole > 0).then(|| dossier.submitted_at().plus_ms(whole / 100 * percent))
}

/// The name of a message, the same however often it is tried: whoever gets it twice because an answer was lost can tell.
pub(crate) fn name_of(keys: &Keys, person: PersonId, parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = [&b"message"[..], person.as_bytes()]
        .into_iter()
        .chain(parts.iter().map(|it| it.as_bytes()))
        .collect();
    hex::encode(&mac(&keys.index, &parts)[..16])
}
