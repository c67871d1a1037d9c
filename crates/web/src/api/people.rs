//! `/v1/people`: who they are.

pub(super) mod invitations;
pub(super) mod one;
pub(super) mod seats;
pub(super) mod sessions;
pub(super) mod totp;

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::NewPerson;
use countersign_service::caller::Caller;
use countersign_service::person::Person;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::tokens::RoleWord;
use crate::app::App;
use crate::extract::{Asked, Sent, Unique};
use crate::problem::Problem;
use crate::view::page::{self, Page};

/// A person to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPersonBody {
    /// For people to read; kept sealed.
    name: String,
    /// Verified identities by kind; kept sealed.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"email": "bo@example.test"}))]
    identities: Unique<String>,
    /// Whether they administer; then they never hold a seat.
    #[serde(default)]
    administers: bool,
    /// What they may do when they sign in: `submitter`, `operator`, `auditor`. A seat makes a reviewer.
    #[serde(default)]
    roles: BTreeSet<RoleWord>,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonView {
    /// Their id.
    id: String,
    /// For people to read.
    name: String,
    /// Verified identities by kind.
    identities: BTreeMap<String, String>,
    /// Seats that they hold.
    seats: BTreeSet<String>,
    /// Whether they may act at all.
    active: bool,
    /// Whether they administer.
    administers: bool,
    /// What they may do when they sign in.
    roles: BTreeSet<RoleWord>,
    /// Whether they have enrolled one-time passwords.
    totp: bool,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleParams {
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many: 1 to 200, 50 if nobody says.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Adds a person
///
/// Where there are two administrators, both have to ask for somebody who administers or has roles.
#[utoipa::path(
    post, path = "/v1/people", tag = "administration", operation_id = "addPerson", request_body = NewPersonBody,
    responses((status = 201, description = "They were added.", body = PersonView))
)]
pub(super) async fn add(
    caller: Caller,
    State(app): State<App>,
    Sent(body): Sent<NewPersonBody>,
) -> Result<(StatusCode, Json<PersonView>), Problem> {
    let NewPersonBody { name, identities, administers, roles } = body;
    let roles = roles.into_iter().map(Into::into).collect();
    let person = NewPerson { name, identities: identities.0, administers, roles };
    let person = app.service.put_person(&caller, person).await?;
    Ok((StatusCode::CREATED, Json(person.into())))
}

/// Lists people
#[utoipa::path(
    get, path = "/v1/people", tag = "administration", operation_id = "listPeople", params(PeopleParams),
    responses((status = 200, description = "A page of them.", body = Page<PersonView>))
)]
pub(super) async fn list(
    caller: Caller,
    State(app): State<App>,
    Asked(params): Asked<PeopleParams>,
) -> Result<Json<Page<PersonView>>, Problem> {
    let after = params.cursor.as_deref().map(page::id_after).transpose()?.map(PersonId::from_bytes);
    let limit = page::length(params.limit)?;
    let people = app.service.people(&caller, after, limit).await?;
    let cursor = people.last().filter(|_| people.len() >= limit as usize);
    let cursor = cursor.map(|person| page::after_id(person.id.as_bytes()));
    Ok(Json(Page { items: people.into_iter().map(Into::into).collect(), cursor }))
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        let roles = person.may_as().into_iter().map(Into::into).collect();
        Self {
            id: person.id.to_string(),
            roles,
            name: person.name,
            identities: person.identities.into_iter().collect(),
            seats: person.seats,
            active: person.active,
            administers: person.administers,
            totp: person.totp.is_some(),
        }
    }
}
