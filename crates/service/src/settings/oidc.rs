//! `[oidc]`: the identity provider by which people of ours sign in, and which of its groups hold which seats. It is part
//! of what decides: whoever may change it could seat anybody.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::mistake::did_you_mean;
use super::section::Section;
use crate::caller::Role;

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// What it is called on the button.
    pub name: String,
    /// Its address, exactly as it writes it in its tokens.
    pub issuer: String,
    /// How it knows us.
    pub client_id: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that lists somebody's groups.
    pub groups_claim: String,
    /// Whether an address counts as verified although the provider does not say so of it.
    pub trusts_email: bool,
    /// What each group gives, by its name there.
    pub groups: BTreeMap<String, Given>,
}

/// What a group gives to whoever is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Seats.
    pub seats: BTreeSet<String>,
    /// Roles beside those that follow from seats; nobody administers by a group.
    pub roles: BTreeSet<Role>,
}

impl Given {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.roles.is_empty()
    }
}

const ROLES: [(&str, Role); 3] =
    [("submitter", Role::Submitter), ("operator", Role::Operator), ("auditor", Role::Auditor)];

impl Oidc {
    /// Reads the section, if it is there. `seats`: the groups that there are here.
    pub(super) fn read(top: &Section<'_>, seats: &BTreeSet<String>) -> Option<Self> {
        let section = top.section("oidc")?;
        let text = |key, usual: &str| section.text(key).map_or(usual.to_owned(), |it| it.value.to_owned());
        let issuer = section.needed("issuer", "\"https://login.example.com\"").and_then(|it| {
            let sound = Url::parse(it.value).is_ok_and(|url| {
                matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none()
            });
            if !sound {
                let advice = "write it as the provider does, with `https://` and neither `?` nor `#`";
                section.page().wrong(it.span, "`issuer` is no address of a provider", advice);
            }
            sound.then(|| it.value.to_owned())
        });
        let client_id = section.needed("client_id", "\"countersign\"").map(|it| it.value.to_owned());
        let usual = ["profile", "email"].map(str::to_owned).to_vec();
        let scopes = if section.has("scopes") {
            section.texts("scopes").into_iter().map(|it| it.value.to_owned()).collect()
        } else {
            let _ = section.texts("scopes");
            usual
        };
        let mut groups = BTreeMap::new();
        for (name, group) in section.named("groups") {
            groups.insert(name.value.to_owned(), given(&group, seats));
            group.finish();
        }
        let (name, groups_claim) = (text("name", "your company"), text("groups_claim", "groups"));
        let trusts_email = section.flag("trusts_email").unwrap_or(false);
        section.finish();
        Some(Self {
            name,
            issuer: issuer?,
            client_id: client_id?,
            scopes,
            groups_claim,
            trusts_email,
            groups,
        })
    }

    /// What somebody has who is in these groups.
    pub fn given<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> Given {
        let mut all = Given::default();
        for given in groups.into_iter().filter_map(|name| self.groups.get(name)) {
            all.seats.extend(given.seats.iter().cloned());
            all.roles.extend(&given.roles);
        }
        all
    }
}

fn given(group: &Section<'_>, seats: &BTreeSet<String>) -> Given {
    let mut given = Given::default();
    for seat in group.texts("seats") {
        if seats.contains(seat.value) {
            given.seats.insert(seat.value.to_owned());
            continue;
        }
        let mut advice = did_you_mean(seat.value, seats.iter().map(String::as_str));
        if advice.is_empty() {
            advice = "seats are named in `groups` at the top".to_owned();
        }
        group.page().wrong(seat.span, format!("there is no seat `{}`", seat.value), &advice);
    }
    for role in group.texts("roles") {
        given.roles.extend(group.choose("roles", &role, &ROLES));
    }
    given
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::section::Page;

    fn read(text: &str) -> (Option<Oidc>, Vec<String>) {
        let page = Page::new("settings.toml", text);
        let table = page.parse();
        let oidc = Oidc::read(&Section::top(&page, &table), &["privacy".to_owned()].into());
        (oidc, page.into_mistakes().into_iter().map(|it| it.message).collect())
    }

    #[test]
    fn groups_give_seats_and_roles_and_never_administering() {
        let text = "[oidc]\nissuer = \"https://login.example\"\nclient_id = \"countersign\"\n\
            [oidc.groups.\"Privacy Team\"]\nseats = [\"privacy\"]\n[oidc.groups.it]\nroles = [\"operator\"]\n";
        let (oidc, mistakes) = read(text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let oidc = oidc.unwrap();
        let given = oidc.given(["it", "Privacy Team", "football"]);
        assert_eq!(given.seats, ["privacy".to_owned()].into());
        assert_eq!(given.roles, [Role::Operator].into());
        assert!(oidc.given(["football", "privacy team"]).is_empty());
        assert_eq!(oidc.scopes, ["profile", "email"]);
        for wrong in
            ["seats = [\"privcy\"]", "roles = [\"administrator\"]", "roles = [\"reviewer\"]", "x = 1"]
        {
            let (_, mistakes) = read(&format!("{text}[oidc.groups.wrong]\n{wrong}\n"));
            assert_eq!(mistakes.len(), 1, "{wrong}: {mistakes:?}");
        }
        for wrong in ["login.example", "https://login.example/?x", "ftp://login.example"] {
            let (oidc, mistakes) = read(&text.replace("https://login.example", wrong));
            assert!(oidc.is_none() && mistakes.len() == 1, "{wrong}: {mistakes:?}");
        }
    }
}
