//! The routes, in files that stand as their paths do, and the layers around them.

mod clock;
mod feed;
mod health;
mod ledger;
mod legal_holds;
mod limits;
mod metrics;
mod people;
mod policies;
mod requests;
mod settings;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use countersign_service::Service;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::app::{App, WebOptions};
use crate::problem::Problem;
use crate::{answer, console, idempotency, limit, openapi, portal, sign};

/// The API over `service`, and the portal if there is one.
pub fn router(service: Arc<Service>, options: WebOptions) -> Router {
    let app = App::new(service, options);
    let once = from_fn_with_state(app.clone(), idempotency::once);
    let (routes, document) = calls(&app.options).split_for_parts();
    let document = openapi::text(&openapi::completed(document));
    routes
        .route("/openapi.json", get(move || std::future::ready(openapi::answer(document.clone()))))
        .route_layer(once)
        .merge(portal::routes(&app))
        .merge(sign::routes())
        .merge(console::routes())
        .layer(DefaultBodyLimit::max(app.options.body_max))
        .fallback(|| std::future::ready(Problem::no_such_path()))
        .method_not_allowed_fallback(|| std::future::ready(Problem::wrong_method()))
        .layer(from_fn_with_state(app.clone(), limit::time))
        .layer(CatchPanicLayer::custom(limit::panicked))
        .layer(from_fn_with_state(app.clone(), answer::only_https))
        .layer(from_fn(answer::dress))
        .with_state(app)
}

/// Every documented call.
pub(crate) fn calls(options: &WebOptions) -> OpenApiRouter<App> {
    let settings_max = DefaultBodyLimit::max(options.settings_max);
    OpenApiRouter::default()
        .routes(routes!(requests::submit, requests::list))
        .routes(routes!(requests::one::read))
        .routes(routes!(requests::verifications::start))
        .routes(routes!(requests::verifications::prove))
        .routes(routes!(requests::votes::vote))
        .routes(routes!(requests::withdraw::withdraw))
        .routes(routes!(requests::resolve::resolve))
        .routes(routes!(requests::extend::extend))
        .routes(routes!(requests::retry::retry))
        .routes(routes!(requests::glass::break_it))
        .routes(routes!(requests::glass::review))
        .routes(routes!(requests::accept::accept))
        .routes(routes!(requests::abandon::abandon))
        .routes(routes!(requests::comments::comment))
        .routes(routes!(requests::evidence::evidence))
        .routes(routes!(requests::package::package))
        .routes(routes!(legal_holds::place, legal_holds::lift))
        .routes(routes!(settings::read, settings::apply).layer(settings_max))
        .routes(routes!(policies::try_out).layer(settings_max))
        .routes(routes!(limits::limits))
        .routes(routes!(limits::resume))
        .routes(routes!(clock::read))
        .routes(routes!(clock::confirm))
        .routes(routes!(people::add, people::list))
        .routes(routes!(people::one::remove))
        .routes(routes!(people::one::roles))
        .routes(routes!(people::invitations::invite))
        .routes(routes!(people::sessions::list, people::sessions::end_all))
        .routes(routes!(people::sessions::end))
        .routes(routes!(people::seats::give, people::seats::take))
        .routes(routes!(people::totp::enroll))
        .routes(routes!(tokens::mint, tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(feed::feed))
        .routes(routes!(ledger::checkpoint))
        .routes(routes!(ledger::tile))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
}
