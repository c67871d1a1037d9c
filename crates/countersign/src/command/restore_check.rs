//! `countersign restore-check`: a source was put back from a backup, and with it people who were erased since. Finds
//! them by their keyed hashes, and asks to erase them again: as anybody's program would, by a token that attests.

use clap::Args;
use countersign_client::view::Submission;
use countersign_service::{Back, Restored};
use serde_json::{Value, json};

use super::remote::Remote;
use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::Said;
use crate::output::progress;
use crate::wiring;

/// Look for people who are back.
#[derive(Debug, Args)]
pub(crate) struct RestoreCheck {
    /// The source's name in the configuration
    source: String,
    /// Only say how many are back, and by which requests they were erased
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

/// What became of one who is back.
struct Found {
    back: Back,
    /// The request that erases them again, and where it stands.
    asked: Option<(String, String)>,
    /// Whether it was asked for now.
    now: bool,
}

impl RestoreCheck {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let mut restored = runtime()?.block_on(self.look(&config))?;
        let back = std::mem::take(&mut restored.back);
        let mut found: Vec<Found> = back.into_iter().map(before).collect();
        let open = |it: &Found| it.asked.is_none() && !it.back.stuck && !it.back.identities.is_empty();
        if !self.dry_run && found.iter().any(open) {
            found = self.remote.call(context, |client| async move {
                for it in found.iter_mut().filter(|it| open(it)) {
                    let submission = submission(&self.source, &it.back);
                    let request = client.submit(&submission, Some(&it.back.idempotency_key)).await?;
                    it.asked = Some((request.id, request.status));
                    it.now = true;
                }
                Ok(found)
            })?;
        }
        let listed: Vec<Value> = found.iter().map(value).collect();
        let left = found.iter().filter(|it| it.asked.is_none()).count();
        let answer =
            json!({ "rows": restored.rows, "erased": restored.erased, "back": listed, "not_asked": left });
        context.output.answer(&answer, || text(&restored, &found, left))?;
        if left == 0 { Ok(()) } else { Err(Said.into()) }
    }

    async fn look(&self, config: &Config) -> anyhow::Result<Restored> {
        // Read beside the servers that run: only they store anything.
        let service = wiring::over(config, wiring::store::read_only(config).await?)?;
        service.keys_fit().await?;
        let bar = progress("root rows");
        let restored = service
            .restored(&self.source, &mut |rows| {
                bar.set_length(rows);
                bar.set_position(rows);
            })
            .await;
        bar.finish_and_clear();
        Ok(restored?)
    }
}

fn before(back: Back) -> Found {
    let asked = back.asked.map(|(id, status)| (id.to_string(), status.name().to_owned()));
    Found { back, asked, now: false }
}

fn submission(source: &str, back: &Back) -> Submission {
    Submission {
        action: back.action.clone(),
        subject: back.identities.clone(),
        reason: Some(format!("`{source}` was restored from a backup; erased before by {}", back.erasure)),
        ..Submission::default()
    }
}

/// Without anything personal.
fn value(it: &Found) -> Value {
    json!({
        "table": it.back.table,
        "erased_by": it.back.erasure.to_string(),
        "stuck": it.back.stuck,
        "request": it.asked.as_ref().map(|(id, _)| id),
        "status": it.asked.as_ref().map(|(_, status)| status),
        "asked_now": it.now,
    })
}

fn text(restored: &Restored, found: &[Found], left: usize) -> String {
    let Restored { rows, erased, .. } = restored;
    let mut lines = vec![format!("{rows} root rows looked at, {erased} that were erased are known")];
    if found.is_empty() {
        lines.push("nobody is back who was erased".to_owned());
        return lines.join("\n");
    }
    lines.push(format!("{} back who were erased:", found.len()));
    lines.extend(found.iter().map(|it| {
        let Back { table, erasure, .. } = &it.back;
        let what = match &it.asked {
            Some((id, _)) if it.now => format!("asked for again now as {id}"),
            Some((id, status)) => format!("asked for again before as {id}, which is {status}"),
            None if it.back.stuck => format!(
                "that one is stuck elsewhere: end it (`countersign request retry {erasure}` or `abandon`), and check again"
            ),
            None if it.back.identities.is_empty() => {
                "the source holds no identity of theirs to ask by: see to it by hand".to_owned()
            }
            None => "not asked for again".to_owned(),
        };
        format!("  {table}: erased by {erasure}; {what}")
    }));
    if left > 0 {
        lines.push(format!("{left} not asked for again"));
    }
    lines.join("\n")
}
