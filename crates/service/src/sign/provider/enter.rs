//! Back from the provider: the code is exchanged for a token that says who it is. It lets them in with what their groups
//! give now, or notes that whoever is signed in proved anew to be there.

use serde::Deserialize;

use super::begin::Asked;
use super::claims::{self, Expected, Vouched};
use super::known::refused;
use super::person::{self as whose, Settled};
use crate::app::Service;
use crate::jobs::wish;
use crate::jws::Flaw;
use crate::person::{self, Entry};
use crate::ports::provider::Unreached;
use crate::ports::store::{Change, Loaded, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::Oidc;
use crate::sign::joined;
use crate::sign::session::{self, Entered, FromProvider, Means, SignedIn};

/// The longest code, or name of an issuer, that is looked at.
const LONGEST: usize = 4096;

/// What a browser brings back from the provider.
pub struct Returned<'a> {
    /// What ties it to what was asked.
    pub state: &'a str,
    /// What is exchanged for a token; none where the provider refused.
    pub code: Option<&'a str>,
    /// Who says so (RFC 9207).
    pub issuer: Option<&'a str>,
    /// What the browser's forms are tied to.
    pub word: &'a str,
    /// The browser, in a few words.
    pub device: &'a str,
}

/// What came of it, and the page that its user wanted to go to.
pub enum Came {
    /// They are in.
    In(Entered, Option<String>),
    /// They proved anew to be there.
    Proved(Option<String>),
}

#[derive(Deserialize)]
struct Exchanged {
    id_token: String,
    access_token: Option<String>,
}

impl Service {
    /// Takes what the provider sent along with a browser, once.
    ///
    /// # Errors
    /// `NoChallenge` when nothing of the kind was asked from this browser; `NotProved` when the provider refused or what it
    /// sent proves nothing; `NotLetIn` when it is clear who they are, and they have nothing to do here.
    pub async fn return_from_provider(
        &self,
        returned: Returned<'_>,
        signed: Option<&SignedIn>,
    ) -> Result<Came, Refusal> {
        // Used up before anything else is looked at: no answer is tried twice.
        let asked = self.take_asked(returned.word, returned.state).await?;
        let (oidc, _) = self.provider().await?;
        if oidc.issuer != asked.issuer {
            return Err(Refusal::NoChallenge);
        }
        let vouched = self.exchange(&oidc, &asked, &returned).await?;
        let return_to = asked.return_to.clone();
        match (asked.again, signed) {
            (true, Some(signed)) => {
                self.prove_again_by_provider(&oidc, signed, &vouched).await?;
                Ok(Came::Proved(return_to))
            }
            (true, None) => Err(Refusal::NoChallenge),
            (false, _) => {
                let entered = self.enter_by_provider(&oidc, vouched, returned.device).await?;
                Ok(Came::In(entered, return_to))
            }
        }
    }

    async fn exchange(
        &self,
        oidc: &Oidc,
        asked: &Asked,
        returned: &Returned<'_>,
    ) -> Result<Vouched, Refusal> {
        let (_, provider) = self.provider().await?;
        let now = self.store.load(Needs::default()).await?.now;
        let (published, _) = provider.known(&oidc.issuer, now).await?;
        // Else another provider could hand us an answer of this one.
        let says_who = published.authorization_response_iss_parameter_supported;
        if returned.issuer.map_or(says_who, |issuer| issuer != oidc.issuer) {
            return Err(refused(Flaw("an answer came from another issuer")));
        }
        let code = returned.code.filter(|code| (1..=LONGEST).contains(&code.len()));
        let code = code.ok_or(Refusal::NotProved)?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &*asked.redirect_uri),
            ("code_verifier", &*asked.verifier),
        ];
        let basic = published.by_basic().unwrap_or(true);
        if !basic {
            fields.extend([("client_id", &*oidc.client_id), ("client_secret", &**provider.secret)]);
        }
        let login = basic.then_some((&*oidc.client_id, &**provider.secret));
        let answer = provider.wire.form(&published.token_endpoint, &fields, login).await?;
        let odd = |_| Unreached("answered a code with something that cannot be read".to_owned());
        let exchanged: Exchanged = serde_json::from_slice(&answer).map_err(odd)?;
        let signed = provider.check(&oidc.issuer, &exchanged.id_token, now).await?;
        let expected = Expected {
            issuer: &oidc.issuer,
            client_id: &oidc.client_id,
            nonce: &asked.nonce,
            access_token: exchanged.access_token.as_deref(),
            begun_at: asked.begun_at,
            anew: asked.again,
            now: self.store.load(Needs::default()).await?.now,
        };
        claims::vouched(&signed, &oidc.groups_claim, &expected).map_err(refused)
    }

    /// Lets somebody in as who they are here, with what their groups give; what these give no longer is taken at once, also
    /// from their other sessions.
    async fn enter_by_provider(
        &self,
        oidc: &Oidc,
        vouched: Vouched,
        device: &str,
    ) -> Result<Entered, Refusal> {
        let identity = whose::identity(&oidc.issuer, &vouched.sub);
        let mut records = vec![person::need_by_identity(&self.keys, &identity)];
        if let Some(address) = whose::address(&vouched, oidc) {
            records.push(person::need_by_identity(&self.keys, &address));
        }
        let loaded = self.store.load(Needs { records: records.clone(), ..Needs::default() }).await?;
        let people = person::loaded(&self.keys, &loaded)?;
        let new = self.new_person_id();
        let id = whose::settle(&people, &vouched, oidc, new).map_err(Refusal::NotLetIn)?.next.id;
        records.push(session::need_of(id));
        let from = FromProvider {
            issuer: oidc.issuer.clone(),
            sid: vouched.sid.as_deref().map(|sid| session::sid_of(&self.keys, &oidc.issuer, sid)),
        };
        let fresh = self.fresh_session(device).await?.begun_at(from);
        let (keys, random, entered) =
            (self.keys.clone(), std::sync::Arc::clone(&self.chance), fresh.secret.clone());
        let oidc = oidc.clone();
        let (_, unlet) = self
            .act(Needs { records, ..Needs::default() }, move |loaded| {
                let people = person::loaded(&keys, loaded)?;
                let settled = whose::settle(&people, &vouched, &oidc, new).map_err(Refusal::NotLetIn)?;
                if settled.next.id != id {
                    return Err(Refusal::Stale);
                }
                let version = people.get(&id).map_or(0, |(_, version)| *version);
                let Settled { next, did, taken, unlet } = settled;
                let mut change = written(&next, did, loaded)?;
                change.records.push(next.put(&keys, &*random, Some(version))?);
                if taken {
                    // A call that is on its way with what was taken must not come through.
                    change.records.extend(session::end_of(id, loaded)?);
                }
                if unlet.is_none() {
                    change.records.push(fresh.begin(id, Means::Provider, false, loaded.now)?);
                    change.records.push(joined::put(&next, loaded.now)?);
                }
                Ok((change, unlet))
            })
            .await?;
        match unlet {
            Some(unlet) => Err(Refusal::NotLetIn(unlet)),
            None => Ok(Entered { secret: entered, person: id }),
        }
    }

    async fn prove_again_by_provider(
        &self,
        oidc: &Oidc,
        signed: &SignedIn,
        vouched: &Vouched,
    ) -> Result<(), Refusal> {
        let identity = whose::identity(&oidc.issuer, &vouched.sub);
        let id = signed.person.id;
        let records = vec![signed.holder().need(), person::need_by_identity(&self.keys, &identity)];
        let (keys, signed) = (self.keys.clone(), signed.clone());
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            // Somebody else who proved themselves at this browser proves nothing for its session.
            let people = person::loaded(&keys, loaded)?;
            if !people.get(&id).is_some_and(|(person, _)| person.active) {
                return Err(Refusal::NotProved);
            }
            let records = vec![session::proved(&signed, loaded)?];
            Ok((Change { records, ..Change::default() }, ()))
        })
        .await
        .map(drop)
    }
}

/// The entries, and what is judged again.
fn written(
    next: &person::Person,
    did: Vec<(&'static str, Option<String>)>,
    loaded: &Loaded,
) -> Result<Change, Refusal> {
    let seats = did.iter().any(|(did, _)| did.ends_with("seated_by_groups"));
    let entry = |(did, what)| record::bytes(&Entry::new(loaded.now, next.id, did, what, next.id));
    Ok(Change {
        entries: did.into_iter().map(entry).collect::<Result<_, _>>()?,
        jobs: if seats { vec![wish("voter", next.id.to_string(), loaded.now)] } else { Vec::new() },
        ..Change::default()
    })
}
