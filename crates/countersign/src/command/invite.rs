//! `countersign invite`: makes the link by which a person signs in for the first time.

use clap::Args;
use countersign_client::Client;
use countersign_client::view::PersonInfo;

use super::remote::Remote;
use crate::cli::Context;

/// Make the link by which a person signs in for the first time, or again when they lost what they signed in with. It works
/// once, for three days, and an earlier one works no longer.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// Whom: their id, name, or an identity of theirs such as an e-mail address
    person: String,
    #[command(flatten)]
    remote: Remote,
}

impl Invite {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self { person, remote } = self;
        let invited = remote.call(context, |client: Client| async move {
            let found = find(&client, &person).await?;
            Ok(client.invite(&found.id).await?)
        })?;
        context.output.answer(&invited, || {
            format!(
                "{}\nworks once, until {}; whoever opens it is that person, so hand it over yourself. This is the only \
                 time that it is shown",
                invited.link.show(),
                invited.expires_at
            )
        })
    }
}

/// The one person who is meant.
async fn find(client: &Client, named: &str) -> anyhow::Result<PersonInfo> {
    let (mut meant, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = client.people(cursor.as_deref()).await?;
        meant.extend(page.items.into_iter().filter(|person| {
            let identity = person.identities.values().any(|value| value.eq_ignore_ascii_case(named));
            person.id == named || person.name == named || identity
        }));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    match (meant.pop(), meant.len()) {
        (Some(person), 0) => Ok(person),
        (None, _) => anyhow::bail!("nobody is known by that; add them with POST /v1/people first"),
        (Some(_), _) => anyhow::bail!("several people are known by that: say which by their id"),
    }
}
