//! The door for people who work here: pages at `/console`, which can be read without a script. A page asks the service what
//! its reader may know, and shows what their roles allow; whatever they send is asked of the service, which refuses for
//! itself. It decides nothing.

mod act;
mod assets;
mod break_glass;
mod bulk;
mod chart;
mod decide;
mod desk;
mod evidence;
mod files;
mod form;
mod glass;
mod history;
mod holds;
mod inbox;
mod layout;
mod ledger;
mod limits;
mod list;
mod live;
mod mail;
mod numbers;
mod people;
mod person;
mod plan;
mod policies;
mod proposed;
mod request;
mod respond;
mod show;
mod sources;
mod tokens;
mod verdict;
mod words;

use axum::Router;
use axum::routing::{any, get, post};

use crate::app::App;

/// Where every page is.
pub(crate) const ROOT: &str = "/console";

/// The pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/console", get(inbox::show))
        .route("/console/waiting", get(inbox::count))
        .route("/console/deny", post(bulk::deny))
        .route("/console/feed", get(live::listen))
        .route("/console/requests", get(list::show))
        .route("/console/requests/search", post(list::search))
        .route("/console/requests/{id}", get(request::show))
        .route("/console/requests/{id}/vote", post(act::vote))
        .route("/console/requests/{id}/comment", post(act::comment))
        .route("/console/requests/{id}/resolve", post(act::resolve))
        .route("/console/requests/{id}/extend", post(act::extend))
        .route("/console/requests/{id}/settle", post(act::settle))
        .route("/console/requests/{id}/withdraw", post(act::withdraw))
        .route("/console/requests/{id}/break", get(break_glass::ask).post(break_glass::smash))
        .route("/console/requests/{id}/review", post(glass::close))
        .route("/console/requests/{id}/evidence", get(evidence::show))
        .route("/console/requests/{id}/evidence.json", get(evidence::download))
        .route("/console/mail", get(mail::show).post(mail::choose))
        .route("/console/limits", get(limits::show))
        .route("/console/policies", get(policies::show))
        .route("/console/policies/try", get(policies::tried).post(policies::try_out))
        .route("/console/ledger", get(ledger::show).post(ledger::find))
        .route("/console/numbers", get(numbers::show))
        .route("/console/sources", get(sources::show))
        .route("/console/file", get(files::download))
        .route("/console/people", get(people::show).post(people::add))
        .route("/console/people/{id}", get(person::show))
        .route("/console/people/{id}/seat", post(people::seat))
        .route("/console/people/{id}/invite", post(people::invite))
        .route("/console/people/{id}/roles", post(person::roles))
        .route("/console/people/{id}/sessions", post(person::end_sessions))
        .route("/console/people/{id}/remove", post(person::remove))
        .route("/console/tokens", get(tokens::show).post(tokens::mint))
        .route("/console/tokens/revoke", post(tokens::revoke))
        .route("/console/holds", get(holds::show).post(holds::place))
        .route("/console/holds/lift", post(holds::lift))
        .route("/console/style.css", get(assets::style))
        .route("/console/console.js", get(assets::script))
        .route("/console/verify.js", get(assets::verify))
        .route("/console/{*rest}", any(respond::not_found))
}
