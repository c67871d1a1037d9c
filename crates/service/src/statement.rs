//! A signed statement of the customer's own application: this session belongs to account 42, who signed in at such a time.
//! It proves one identity for one request, once, and never another than the request names
//! (`docs/decisions/029-an-application-states-who-is-signed-in.md`).

mod claims;
mod keys;

use countersign_core::id::RequestId;
use countersign_core::subject::{Committed, Proof};
use subtle::ConstantTimeEq;

use crate::app::Service;
use crate::fetch::fresh;
use crate::jobs::unpack;
use crate::jws::{self, Flaw};
use crate::keys::mac;
use crate::ports::source::Identity;
use crate::ports::store::{Change, Find, Needs, RecordChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::ask;
use crate::requests::verify::Checked;

pub(crate) use keys::KeySets;

/// The kind of record by which a statement that was used is known again.
const KIND: &str = "statement";
/// The method, as policies name it.
const METHOD: &str = "statement";

impl Service {
    /// Takes a statement as a proof for a request. What is wrong with one is for the log; whoever sent it is told nothing.
    pub(crate) async fn check_statement(&self, id: RequestId, token: &str) -> Result<Checked, Refusal> {
        match self.check_statement_once(id, token).await {
            // Other settings were entered meanwhile, maybe on another node: by those, then.
            Err(Refusal::Again) => {
                self.reload().await?;
                self.check_statement_once(id, token).await
            }
            checked => checked,
        }
    }

    async fn check_statement_once(&self, id: RequestId, token: &str) -> Result<Checked, Refusal> {
        let settings = self.settings().await?;
        let issuer = jws::claimed(token).map_err(refused)?;
        let issuer = issuer.get("iss").and_then(|it| it.as_str()).unwrap_or_default();
        let known = settings.statements.iter().find(|it| it.issuer == issuer);
        let application = known.ok_or_else(|| refused(Flaw("its issuer is none of the settings")))?.clone();
        let now = self.store.load(Needs::default()).await?.now;
        let signed = self.key_sets.check(&application, token, now).await?;
        let stated = claims::stated(&signed, &application, now).map_err(refused)?;
        if stated.request.as_ref().is_some_and(|about| *about != id.to_string()) {
            return Err(refused(Flaw("it is about another request")));
        }
        let key = self.key_to_prove(id).await?;
        // INVARIANT: an application speaks for the one whom its claim names, and the request must name the same.
        let named = self.stated(&key, id, &application.identity).await?;
        let claimed = ask::normalise(&application.identity, &stated.value);
        if !bool::from(claimed.as_bytes().ct_eq(named.value.as_bytes())) {
            return Err(refused(Flaw("it is about somebody else than the request names")));
        }
        let identity = Identity { kind: application.identity.clone(), value: claimed };
        let identity = Committed { value: key.commit_identity(&identity), kind: identity.kind };
        let used = hex::encode(mac(
            &self.keys.index,
            &[b"statement", application.issuer.as_bytes(), stated.jti.as_bytes()],
        ));
        let records = vec![(KIND.to_owned(), Find::Id(used.clone())), unpack::need(id)];
        let version = settings.version;
        let (_, checked) = self
            .act(Needs { request: Some(id), records, ..Needs::default() }, move |loaded| {
                // An application that was taken out meanwhile states nothing any more.
                if loaded.settings_version != version {
                    return Err(Refusal::Again);
                }
                if loaded.of_kind(KIND).next().is_some() || loaded.now >= stated.until {
                    return Ok((Change::default(), Checked::Gone));
                }
                let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                let proof = Proof { method: METHOD.to_owned(), identity: identity.clone(), at: loaded.now };
                // Of two nodes that are shown the same at the same moment, one finds that it is there.
                let put = RecordChange::Put {
                    kind: KIND.to_owned(),
                    id: used.clone(),
                    body: record::bytes(&())?,
                    terms: Vec::new(),
                    expires_at: Some(stated.until),
                    expect: Some(0),
                };
                Ok((fresh::proved(history, proof, loaded, vec![put])?, Checked::Right))
            })
            .await?;
        match checked {
            Checked::Gone => Err(refused(Flaw("it was used before, or is over"))),
            checked => Ok(checked),
        }
    }
}

fn refused(flaw: Flaw) -> Refusal {
    tracing::warn!(%flaw, "a statement of an application was refused");
    Refusal::NotProved
}
