//! A support desk that lets Countersign plan, export and erase: what a service of yours has to do, in one small file over
//! SQLite. `openapi.json` beside it says the same in general.
//!
//! ```sh
//! COUNTERSIGN_KEY='at least thirty-two bytes, the same as there' cargo run -p countersign-connect --example http-source -- desk.sqlite 127.0.0.1:7400
//! ```
//!
//! Three things are not to be left out: the signature is checked before anything else; the receipt is inserted in the same
//! transaction as the effect; and a key that has a receipt is answered with it, whatever else is asked.
#![allow(missing_docs)]

mod desk;
mod signature;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

struct App {
    desk: Mutex<desk::Desk>,
    signature: signature::Checked,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, listen] = &*arguments else {
        return Err("say: http-source DATABASE ADDRESS, with the key in $COUNTERSIGN_KEY".into());
    };
    let key = std::env::var("COUNTERSIGN_KEY").map_err(|_| "$COUNTERSIGN_KEY is not set")?;
    serve(database, listen, key.into_bytes()).await
}

/// Answers until the process ends.
pub(crate) async fn serve(
    database: &str,
    listen: &str,
    key: Vec<u8>,
) -> Result<(), Box<dyn std::error::Error>> {
    let app = App { desk: Mutex::new(desk::Desk::open(database)?), signature: signature::Checked::new(key) };
    let routes = Router::new().route("/{call}", post(answer)).with_state(Arc::new(app));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

/// Bodies are at most 2 MB, which axum sees to.
async fn answer(
    State(app): State<Arc<App>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(why) = app.signature.check(&headers, &format!("/{call}"), &body) {
        return (StatusCode::UNAUTHORIZED, why).into_response();
    }
    let Ok(ask) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answered = tokio::task::spawn_blocking(move || {
        let mut desk = app.desk.lock().unwrap_or_else(PoisonError::into_inner);
        match &*call {
            "describe" => Ok(desk::describe()),
            "plan" => desk.plan(&ask),
            "export" => desk.export(&ask).map(Value::String),
            "erase" => desk.erase(&ask),
            "status" => desk.status(&ask),
            "void" => desk.void(&ask),
            _ => Err(desk::Failed::Ask("there is no such call")),
        }
    });
    match answered.await {
        Ok(Ok(Value::String(lines))) => ([("content-type", "application/x-ndjson")], lines).into_response(),
        Ok(Ok(said)) => axum::Json(said).into_response(),
        Ok(Err(desk::Failed::Ask(why))) => {
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "detail": why }))).into_response()
        }
        Ok(Err(desk::Failed::Database(_))) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
