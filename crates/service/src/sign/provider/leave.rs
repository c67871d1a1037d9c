//! Signing out: at the provider, which tells us by a token of its own (OpenID Connect Back-Channel Logout 1.0); and here,
//! for whoever wants to sign out there too.

use url::Url;

use super::begin::page;
use super::claims::{self, Left};
use super::known::refused;
use super::person as whose;
use crate::app::Service;
use crate::jws::Flaw;
use crate::keys::mac;
use crate::person;
use crate::portal::Door;
use crate::ports::store::{Change, Find, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::sign::session::{self, Session};

/// Words that were taken, so that none is taken twice.
const KIND: &str = "logout_token";

impl Service {
    /// Ends the sessions that a logout token of the provider names; answers how many there were.
    ///
    /// # Errors
    /// `NotProved` when it is none, or was taken before.
    pub async fn signed_out_at_provider(&self, token: &str) -> Result<usize, Refusal> {
        let (oidc, provider) = self.provider().await?;
        let now = self.store.load(Needs::default()).await?.now;
        let signed = provider.check(&oidc.issuer, token, now).await?;
        let left = claims::left(&signed, &oidc.issuer, &oidc.client_id, now).map_err(refused)?;
        let Left { jti, sub, sid, until } = left;
        let known_by =
            hex::encode(mac(&self.keys.index, &[b"logout_token", oidc.issuer.as_bytes(), jti.as_bytes()]));
        let mut records = vec![(KIND.to_owned(), Find::Id(known_by.clone()))];
        let mut whose_sessions = None;
        if let Some(sub) = &sub {
            let need = person::need_by_identity(&self.keys, &whose::identity(&oidc.issuer, sub));
            let loaded = self.store.load(Needs { records: vec![need], ..Needs::default() }).await?;
            whose_sessions = person::loaded(&self.keys, &loaded)?.into_keys().next();
            records.extend(whose_sessions.map(session::need_of));
        }
        let sid = sid.map(|sid| session::sid_of(&self.keys, &oidc.issuer, &sid));
        if let Some(sid) = &sid {
            records.push((session::KIND.to_owned(), Find::Term(record::term("sid", sid))));
        }
        let (issuer, named) = (oidc.issuer, sub.is_some());
        let (_, ended) = self
            .act(Needs { records, ..Needs::default() }, move |loaded| {
                if loaded.of_kind(KIND).next().is_some() {
                    return Err(refused(Flaw("it was taken before")));
                }
                let mut change = vec![RecordChange::Put {
                    kind: KIND.to_owned(),
                    id: known_by.clone(),
                    body: record::bytes(&loaded.now)?,
                    terms: Vec::new(),
                    expires_at: Some(until),
                    expect: Some(0),
                }];
                for found in loaded.of_kind(session::KIND) {
                    let session: Session = record::read(found)?;
                    let Some(from) = session.provider.as_ref().filter(|from| from.issuer == issuer) else {
                        continue;
                    };
                    let this_one = sid.is_none() || from.sid == sid;
                    let theirs = !named || whose_sessions == Some(session.person);
                    if this_one && theirs {
                        change.push(session::end(found));
                    }
                }
                let ended = change.len() - 1;
                Ok((Change { records: change, ..Change::default() }, ended))
            })
            .await?;
        tracing::info!(ended, "somebody signed out at the identity provider");
        Ok(ended)
    }

    /// Where somebody signs out at the provider too, and its name; `None` where it offers nothing of the kind.
    pub async fn way_out_at_provider(&self, door: &Door) -> Option<(String, String)> {
        let (oidc, provider) = self.provider().await.ok()?;
        let now = self.store.load(Needs::default()).await.ok()?.now;
        let (published, _) = provider.known(&oidc.issuer, now).await.ok()?;
        let mut url = Url::parse(published.end_session_endpoint.as_ref()?).ok()?;
        url.query_pairs_mut()
            .append_pair("client_id", &oidc.client_id)
            .append_pair("post_logout_redirect_uri", &page(door, "/sign-in"));
        Some((oidc.name, url.into()))
    }
}
