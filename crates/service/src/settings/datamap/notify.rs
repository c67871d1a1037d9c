//! Who outside holds what came from a source, and is told when it is erased (GDPR, Art. 19). It must not know how a
//! message travels.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Root;
use crate::settings::section::{Section, brief};

/// Somebody outside who is told of erasures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// Its name, for people.
    pub name: String,
    /// What it holds, for people.
    pub holds: String,
    /// The address to which the message goes.
    pub mail: String,
    /// A column of a root's key, by which the recipient knows the subject; `None`: it is told the request alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Reads `[[notify]]`.
pub(super) fn recipients(top: &Section<'_>, roots: &[Root]) -> Vec<Recipient> {
    let mut names = BTreeSet::new();
    let mut all = vec![];
    for section in top.list("notify") {
        let page = section.page();
        let name = section.needed("name", "\"Example Mailer\"");
        let holds = section.needed("holds", "\"addresses, and what was sent there\"");
        let mail = section.needed("mail", "\"privacy@mailer.example\"");
        let reference = section.text("reference");
        section.finish();
        if let Some(mail) = mail.as_ref().filter(|it| !is_address(it.value)) {
            page.wrong(
                mail.span.clone(),
                format!("`{}` is no address", brief(mail.value)),
                "one address, a@b.example",
            );
        }
        if let Some(column) = &reference
            && !roots.iter().any(|it| it.key.iter().any(|key| key == column.value))
        {
            let message = format!("`{}` is in no root's key", brief(column.value));
            let advice =
                "a recipient is told a value of the key alone; leave it out to tell the request alone";
            page.wrong(column.span.clone(), message, advice);
        }
        if let Some(twice) = name.as_ref().filter(|it| !names.insert(it.value)) {
            let message = format!("two recipients are named `{}`", brief(twice.value));
            page.wrong(twice.span.clone(), message, "give one another name");
        }
        if let (Some(name), Some(holds), Some(mail)) = (name, holds, mail) {
            let [name, holds, mail] = [name, holds, mail].map(|it| it.value.to_owned());
            let reference = reference.map(|it| it.value.to_owned());
            all.push(Recipient { name, holds, mail, reference });
        }
    }
    all
}

fn is_address(text: &str) -> bool {
    let sign = |it: char| it.is_ascii_graphic() && !"<>,;:\"()[]\\".contains(it);
    text.split_once('@').is_some_and(|(who, host)| {
        !who.is_empty() && host.contains('.') && !host.contains('@') && text.chars().all(sign)
    })
}
