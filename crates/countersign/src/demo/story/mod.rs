//! The whole tale, played against a real server over its API, and checked claim by claim against mail and shop.
//! It has no back door: once the folder is made, nothing here touches the server's store, keys or code.

mod crowd;
mod erasure;
mod export;
mod grown;
mod in_turn;
mod inbox;
mod killed;
mod ledger;
mod legal_hold;
mod narrator;
mod other_account;
mod purge;
mod server;
mod shop;
mod tale;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign_shop::Scale;

use self::inbox::Inbox;
use self::narrator::Narrator;
use self::server::Server;
use self::shop::Shop;
use self::tale::Tale;
use super::folder::{Shape, make};
use crate::command::serve::runtime;
use crate::exit::Said;
use crate::installation::private_folder;

/// Long enough that officers sign and rows come meanwhile.
const COOLING_OFF: Duration = Duration::from_secs(6);

/// Plays it in `dir`, which must not exist or be empty; without, in a folder of its own, which goes again if all
/// held. Exits well only if every claim held.
///
/// # Errors
/// When a claim did not hold, or the story could not be played to its end.
pub(crate) fn play(dir: Option<&Path>) -> anyhow::Result<()> {
    let folder = match dir {
        Some(dir) => {
            let empty = std::fs::read_dir(dir).map_or(true, |mut files| files.next().is_none());
            ensure!(empty, "{} is not empty; the story is played in a fresh folder", dir.display());
            dir.to_owned()
        }
        None => std::env::temp_dir().join(format!("countersign-story-{}", std::process::id())),
    };
    private_folder(&folder)?;
    let folder = folder.canonicalize()?;
    let narrator = Narrator::new();
    narrator.says(&format!(
        "Countersign {}: the whole tale, in {}",
        env!("CARGO_PKG_VERSION"),
        folder.display()
    ));
    let (mut narrator, played) = runtime()?.block_on(tell(narrator, &folder));
    if let Err(error) = &played {
        narrator.succeeds::<(), _>("the story is played to its end", Err(format!("{error:#}")));
    }
    let (held, failed) = narrator.counted();
    narrator.says("");
    if failed == 0 {
        narrator.says(&format!("{held} claims, all held, in {} s.", narrator.seconds()));
        if dir.is_none() {
            std::fs::remove_dir_all(&folder).context("the story's folder cannot be removed")?;
        }
        return Ok(());
    }
    narrator.says(&format!(
        "{failed} of {} claims did NOT hold. What there is to look at is in {}",
        held + failed,
        folder.display()
    ));
    Err(Said.into())
}

/// The server has stopped when this returns, whatever happened.
async fn tell(narrator: Narrator, folder: &Path) -> (Narrator, anyhow::Result<()>) {
    let shape = Shape {
        scale: Scale::FULL,
        cooling_off: format!("{}s", COOLING_OFF.as_secs()),
        listen: "127.0.0.1:0".to_owned(),
    };
    let made = match make(folder, &shape).await {
        Ok(made) => made,
        Err(error) => return (narrator, Err(error.context("the folder cannot be made"))),
    };
    let mut tale = Tale {
        narrator,
        server: Server::new(&made.config, &folder.join("server.log")),
        shop: Shop::new(&folder.join("shop.sqlite")),
        inbox: Inbox::new(&folder.join("inbox")),
        folder: PathBuf::from(folder),
        tokens: made.tokens,
    };
    let played = scenes(&mut tale).await;
    (tale.narrator, played)
}

async fn scenes(tale: &mut Tale) -> anyhow::Result<()> {
    let rows = tale.shop.rows()?;
    tale.narrator.says(&format!(
        "a shop with {} customers and {} rows in {} tables",
        rows.get("customer").copied().unwrap_or(0),
        rows.values().sum::<u64>(),
        rows.len()
    ));
    tale.server.start().await.context("the server")?;
    let url = tale.server.url().to_owned();
    tale.narrator.says(&format!("a server of its own at {url}; everything below goes through its API"));

    let log = purge::set(tale).await.context("setting the timer")?;
    let stale = export::play(tale).await.context("the export")?;
    erasure::play(tale, stale, COOLING_OFF).await.context("the erasure")?;
    other_account::play(tale).await.context("somebody else's account")?;
    grown::play(tale).await.context("rows after the vote")?;
    in_turn::play(tale).await.context("two requests on one subject")?;
    legal_hold::play(tale).await.context("legal holds")?;
    crowd::play(tale).await.context("the limit")?;
    killed::play(tale).await.context("the kill")?;
    purge::look(tale, &log).await.context("the timer")?;
    ledger::play(tale).await.context("the ledger")
}
