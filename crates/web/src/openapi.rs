//! The description of the API, made from the code: what every call has in common is added here, once.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, Ref, Required,
    ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::app::WebOptions;
use crate::problem::{MEDIA_TYPE, ProblemView};
use crate::{api, idempotency};

const TAGS: [(&str, &str); 4] = [
    ("requests", "Ask, prove, countersign, follow."),
    ("administration", "Settings, people, tokens, legal holds, limits."),
    ("ledger", "What an auditor checks without trusting the server."),
    ("node", "This node."),
];

/// What a call may be refused with, whatever it is.
const REFUSALS: [(u16, &str); 10] = [
    (400, "A part of the call cannot be read."),
    (401, "The token is missing, unknown, expired or revoked."),
    (403, "This token may not."),
    (404, "There is no such thing, or not for this token."),
    (409, "It does not fit what stands."),
    (413, "The body is too long."),
    (415, "The body is no JSON."),
    (422, "What was sent is wrong."),
    (429, "Too often."),
    (503, "Not now."),
];

/// The description of the API as JSON, as it is checked in.
pub fn document() -> String {
    text(&completed(api::calls(&WebOptions::default()).into_openapi()))
}

/// As JSON, with a line break at its end.
pub(crate) fn text(document: &OpenApi) -> String {
    // The document is made of strings and lists, which always have a JSON form.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// The answer to whoever asks for it.
pub(crate) fn answer(document: String) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], document).into_response()
}

/// Adds to the collected calls what all of them have in common.
pub(crate) fn completed(mut document: OpenApi) -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    document.info = InfoBuilder::new()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Nothing sensitive happens until it is countersigned; then it happens once, and anyone can check who let it."))
        .license(Some(license.build()))
        .build();
    document.tags = Some(
        TAGS.iter()
            .map(|(name, words)| TagBuilder::new().name(*name).description(Some(*words)).build())
            .collect(),
    );
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert("Problem".to_owned(), ProblemView::schema());
    let mut beside = Vec::new();
    ProblemView::schemas(&mut beside);
    components.schemas.extend(beside);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    // A part of a path that may hold slashes has no spelling of its own there.
    if let Some(tile) = document.paths.paths.remove("/ledger/tile/{*path}") {
        document.paths.paths.insert("/ledger/tile/{path}".to_owned(), tile);
    }
    for (path, item) in &mut document.paths.paths {
        let guarded = path.starts_with("/v1/");
        for operation in [&mut item.get, &mut item.put, &mut item.delete].into_iter().flatten() {
            complete(operation, guarded);
        }
        if let Some(operation) = &mut item.post {
            complete(operation, guarded);
            let text = ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(idempotency::KEY_MAX));
            let key = ParameterBuilder::new()
                .name(idempotency::KEY.as_str())
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("The caller's own name for this call: sent again with it, it is answered as before and not done twice."))
                .schema(Some(Schema::Object(text.build())));
            operation.parameters.get_or_insert_default().push(key.build().into());
        }
    }
    document
}

fn complete(operation: &mut Operation, guarded: bool) {
    let takes_body = operation.request_body.is_some();
    for (status, description) in REFUSALS {
        let fits = match status {
            400 | 404 | 503 => true,
            413 | 415 => takes_body,
            _ => guarded,
        };
        if fits {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response =
                ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build();
            operation.responses.responses.insert(status.to_string(), response.into());
        }
    }
    if guarded {
        operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}
