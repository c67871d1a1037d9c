//! `/ledger/checkpoint` and `/ledger/tile/…`: the log as C2SP tlog-tiles has it. Only what stands under a published
//! checkpoint is served, so that nobody sees an entry that the log could still disown.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_ledger::{Bundle, Entry, Tile};
use countersign_service::Refusal;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;
use crate::extract::{At, Name};
use crate::problem::Problem;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Reads the newest checkpoint
///
/// A signed note.
#[utoipa::path(
    get, path = "/ledger/checkpoint", tag = "ledger", operation_id = "readCheckpoint",
    responses((status = 200, description = "The note.", content_type = "text/plain", body = String))
)]
pub(super) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let newest = app.service.store().checkpoint(None).await.map_err(Refusal::from)?;
    let (_, note) = newest.ok_or(Refusal::NotFound("checkpoint"))?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, note).into_response())
}

/// Reads a tile or a bundle of entries
///
/// Paths as in C2SP tlog-tiles: `0/x001/234`, `0/000.p/5`, `entries/000`.
#[utoipa::path(
    get, path = "/ledger/tile/{*path}", tag = "ledger", operation_id = "readTile",
    params(("path" = String, Path, description = "Level or `entries`, number, and width if it is partial.")),
    responses((status = 200, description = "Hashes, or entries.", content_type = "application/octet-stream", body = Vec<u8>))
)]
pub(super) async fn tile(State(app): State<App>, At(Name(path)): At<Name>) -> Result<Response, Problem> {
    let published =
        app.service.store().checkpoint(None).await.map_err(Refusal::from)?.map_or(0, |(size, _)| size);
    let path = format!("tile/{path}");
    let bytes = match (Tile::at_path(&path), Bundle::at_path(&path)) {
        (Some(tile), _) => hashes(&app, tile, published).await?,
        (None, Some(bundle)) => entries(&app, bundle, published).await?,
        (None, None) => None,
    };
    let bytes = bytes.ok_or(Refusal::NotFound("tile under the newest checkpoint"))?;
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, FOR_EVER)];
    Ok((headers, bytes).into_response())
}

async fn hashes(app: &App, tile: Tile, published: u64) -> Result<Option<Vec<u8>>, Problem> {
    let there = Tile::in_tree(tile.level(), tile.n(), published);
    if there.is_none_or(|there| there.width() < tile.width()) {
        return Ok(None);
    }
    let hashes = app.service.store().tile(tile.level(), tile.n(), u32::from(tile.width())).await;
    Ok(hashes.map_err(Refusal::from)?.filter(|hashes| hashes.len() == tile.byte_len()))
}

async fn entries(app: &App, bundle: Bundle, published: u64) -> Result<Option<Vec<u8>>, Problem> {
    let there = Bundle::in_tree(bundle.n(), published);
    if there.is_none_or(|there| there.width() < bundle.width()) {
        return Ok(None);
    }
    let width = bundle.width();
    let entries = app.service.store().entries(bundle.first_entry(), u32::from(width)).await;
    let entries = entries.map_err(Refusal::from)?;
    if entries.len() != usize::from(width) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    for entry in &entries {
        let entry = Entry::new(entry)
            .map_err(|_| Refusal::Damaged("an entry of the ledger is too long".to_owned()))?;
        entry.append_to(&mut bytes);
    }
    Ok(Some(bytes))
}
