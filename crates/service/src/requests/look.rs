//! Looking at the sources: who the proved identities are, and what would be done. Outside any transaction of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_core::plan::{Plan, Sample};
use countersign_core::request::Dossier;
use countersign_core::subject::Target;

use crate::app::Service;
use crate::jobs::keep_until;
use crate::keys::Keys;
use crate::ports::source::Target as Rows;
use crate::ports::source::{Identity, Match, RootKey, Source, SourceError};
use crate::ports::store::IndexTerm;
use crate::record;
use crate::refusal::Refusal;
use crate::requests::field::{self, Attribute, Stated};
use crate::seal::{self, DataKey};
use crate::settings::{Effect, Settings, duration};
use crate::span::at_source;

/// Whom a request names: what was proved, what was merely stated, what a person chose among several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) proved: Vec<Identity>,
    pub(crate) stated: Vec<Identity>,
    pub(crate) choice: Vec<Identity>,
}

/// What a look came to.
pub(crate) enum Looked {
    NoMatch,
    Several(u32),
    Found(Look),
}

/// Whom or what the sources hold.
pub(crate) struct Look {
    pub(crate) roots: Vec<RootKey>,
    pub(crate) identities: Vec<Identity>,
    /// By source, what its root row says of itself.
    pub(crate) held: BTreeMap<String, Stated>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) plan: Plan,
    /// Personal.
    pub(crate) samples: Vec<Sample>,
}

/// The term for a root key.
pub(crate) fn root_term(keys: &Keys, root: &RootKey) -> IndexTerm {
    let value = [&*root.source, &root.table, &root.key].join("\0");
    record::term("root", seal::blind(keys, "root", &value).as_bytes())
}

/// The term for a dataset, which takes the place of a root key.
pub(crate) fn dataset_term(keys: &Keys, source: &str, name: &str) -> IndexTerm {
    record::term("root", seal::blind(keys, "dataset", &format!("{source}/{name}")).as_bytes())
}

impl Service {
    /// Whom a request names, as far as it is proved by now.
    pub(crate) async fn named(&self, dossier: &Dossier, key: &DataKey) -> Result<Named, Refusal> {
        let id = dossier.id();
        let read = async |name: &str| -> Result<Stated, Refusal> {
            let Some(plain) = self.field(key, id, name).await? else { return Ok(Stated::new()) };
            serde_json::from_slice(&plain).map_err(|_| Refusal::Damaged(format!("the field `{name}`")))
        };
        let all = field::identities(&read(field::SUBJECT).await?);
        let choice = match dossier.choice() {
            Some(_) => field::identities(&read(field::CHOICE).await?),
            None => Vec::new(),
        };
        // An attestation speaks for everything that was submitted; a proof for its own identity alone.
        let attested = dossier.submitted().attested.iter().any(|name| name == "identity");
        let is_proved = |identity: &Identity| {
            attested
                || dossier.proofs().iter().any(|proof| {
                    proof.identity.kind == identity.kind
                        && proof.identity.value == key.commit_identity(identity)
                })
        };
        let (proved, stated) = all.into_iter().partition(is_proved);
        Ok(Named { proved, stated, choice })
    }

    /// Looks at every source.
    pub(crate) async fn look(
        &self,
        settings: &Settings,
        dossier: &Dossier,
        named: &Named,
    ) -> Result<Looked, Refusal> {
        match &dossier.submitted().target {
            Target::Dataset { source, name } => {
                let before = self.before(dossier).await?;
                let rows = Rows::Dataset { name: name.clone(), before };
                let (source, map) = self.source(settings, source)?;
                let seen =
                    at_source("survey", &map.source, source.survey(map, &rows)).await.map_err(refused)?;
                let plan = Plan { sources: vec![seen] };
                Ok(Looked::Found(Look {
                    roots: Vec::new(),
                    identities: Vec::new(),
                    held: BTreeMap::new(),
                    attributes: BTreeMap::new(),
                    plan,
                    samples: Vec::new(),
                }))
            }
            Target::Subject { .. } => self.look_for(settings, dossier, named).await,
        }
    }

    async fn look_for(
        &self,
        settings: &Settings,
        dossier: &Dossier,
        named: &Named,
    ) -> Result<Looked, Refusal> {
        let matches = self.meant(settings, named).await?;
        if matches.is_empty() {
            return self.nobody_or_several(settings, named).await;
        }
        let most = most_in_one_source(&matches);
        if most > 1 {
            return Ok(Looked::Several(most));
        }
        let roots: BTreeSet<RootKey> = matches.iter().map(|found| found.root.clone()).collect();
        let identities: BTreeSet<Identity> =
            matches.iter().flat_map(|found| found.identities.clone()).collect();
        // Of each source there is one by now.
        let held = |found: &Match| {
            let held = found.identities.iter().map(|it| (it.kind.clone(), it.value.clone()));
            (found.root.source.clone(), held.collect())
        };
        let held = matches.iter().map(held).collect();
        let mut attributes: BTreeMap<String, Attribute> = matches
            .iter()
            .flat_map(|found| {
                found.attributes.iter().map(|(name, value)| (name.clone(), Attribute::from(value)))
            })
            .collect();
        attributes.extend(self.drift(settings).await?);
        let (mut plan, mut samples) = (Plan::default(), Vec::new());
        let acts = settings.actions.get(&dossier.submitted().action).map(|action| action.effect);
        for name in roots.iter().map(|root| &root.source).collect::<BTreeSet<_>>() {
            let (source, map) = self.source_for(settings, name, dossier)?;
            let rows = Rows::Subject(of_source(&roots, name));
            if acts != Some(Effect::Declared) {
                let seen = at_source("survey", name, source.survey(map, &rows)).await;
                plan.sources.push(seen.map_err(refused)?);
                // What goes because its time is over was shown, or not, when it was kept.
                if map.asks_for_samples() && keep_until::term(dossier).is_none() {
                    let some = at_source("sample", name, source.samples(map, &rows)).await;
                    samples.extend(some.map_err(refused)?);
                }
            }
        }
        Ok(Looked::Found(Look {
            roots: roots.into_iter().collect(),
            identities: identities.into_iter().collect(),
            held,
            attributes,
            plan,
            samples,
        }))
    }

    /// Nobody, unless it is only the choice that fits nobody: whoever mistyped it has not spoken for whoever asks.
    async fn nobody_or_several(&self, settings: &Settings, named: &Named) -> Result<Looked, Refusal> {
        if named.choice.is_empty() {
            return Ok(Looked::NoMatch);
        }
        let unchosen = Named { choice: Vec::new(), ..named.clone() };
        let most = most_in_one_source(&self.meant(settings, &unchosen).await?);
        Ok(if most > 1 { Looked::Several(most) } else { Looked::NoMatch })
    }

    /// Of each source whose map has an attribute for it, whether there is something that nobody looked at: also where
    /// the source holds nobody, for what is new may be the subject's.
    async fn drift(&self, settings: &Settings) -> Result<Vec<(String, Attribute)>, Refusal> {
        let mut told = Vec::new();
        for (source, map) in &settings.maps {
            let names: BTreeSet<&str> = map.roots.iter().filter_map(|root| root.drift.as_deref()).collect();
            if names.is_empty() {
                continue;
            }
            let (source, map) = self.source(settings, source)?;
            let drifted = !map.drift(&source.tables().await.map_err(refused)?).is_empty();
            told.extend(names.into_iter().map(|name| (name.to_owned(), Attribute::Bool(drifted))));
        }
        Ok(told)
    }

    /// The root keys as they are now, without counting.
    pub(crate) async fn roots_now(
        &self,
        settings: &Settings,
        named: &Named,
    ) -> Result<Vec<RootKey>, Refusal> {
        let matches = self.meant(settings, named).await?;
        Ok(matches.into_iter().map(|found| found.root).collect())
    }

    /// Root rows that hold all the proved identities, and those that a source links to them.
    pub(crate) async fn matches(
        &self,
        settings: &Settings,
        proved: &[Identity],
    ) -> Result<Vec<Match>, Refusal> {
        if let Some(kept) = proved.iter().find(|identity| identity.kind == keep_until::IDENTITY) {
            return self.matches_kept(settings, &kept.value).await;
        }
        let mut found: Vec<Match> = Vec::new();
        let mut silent = Vec::new();
        for name in settings.maps.keys() {
            let (source, map) = self.source(settings, name)?;
            if source.follows() {
                continue;
            }
            let matches = if proved.is_empty() {
                Vec::new()
            } else {
                at_source("resolve", name, source.resolve(map, proved)).await.map_err(refused)?
            };
            if matches.is_empty() {
                silent.push(name);
            }
            found.extend(matches);
        }
        // A source that does not know the proved identity may know one that another source links to it,
        // as long as it is clear whose that is.
        if most_in_one_source(&found) == 1 {
            let linked: BTreeSet<Identity> =
                found.iter().flat_map(|found| found.identities.clone()).collect();
            for name in silent {
                let (source, map) = self.source(settings, name)?;
                for identity in &linked {
                    found.extend(source.resolve(map, std::slice::from_ref(identity)).await.map_err(refused)?);
                }
            }
        }
        found.sort_by(|a, b| a.root.cmp(&b.root));
        found.dedup_by(|a, b| a.root == b.root);
        Ok(found)
    }

    /// The root rows of whom an erasure kept rows: nothing else names them any more.
    async fn matches_kept(&self, settings: &Settings, erasure: &str) -> Result<Vec<Match>, Refusal> {
        let roots: BTreeSet<RootKey> = self.kept_roots(erasure).await?.into_iter().collect();
        let mut found = Vec::new();
        for name in roots.iter().map(|root| &root.source).collect::<BTreeSet<_>>() {
            let (source, map) = self.source(settings, name)?;
            found.extend(source.look(map, &of_source(&roots, name)).await.map_err(refused)?);
        }
        Ok(found)
    }

    /// Root keys of identities that an administrator names.
    pub(crate) async fn roots_of(
        &self,
        settings: &Settings,
        identities: &[Identity],
    ) -> Result<Vec<RootKey>, Refusal> {
        let matches = self.matches(settings, identities).await?;
        if matches.is_empty() {
            let named = Named { proved: identities.to_vec(), ..Named::default() };
            return self.roots_now(settings, &named).await;
        }
        Ok(matches.into_iter().map(|found| found.root).collect())
    }

    /// A source with its map.
    pub(crate) fn source<'a>(
        &self,
        settings: &'a Settings,
        name: &str,
    ) -> Result<(Arc<dyn Source>, &'a crate::settings::datamap::DataMap), Refusal> {
        let source = self.sources.get(name);
        let map = settings.maps.get(name);
        match (source, map) {
            (Some(source), Some(map)) => Ok((Arc::clone(source), map)),
            _ => Err(Refusal::Source(format!(
                "source `{name}` has a data map in the settings but is not configured on this node"
            ))),
        }
    }

    /// A source with the map by which a request is carried out: if it removes what had to stay for a time, the map as it
    /// is after that.
    pub(crate) fn source_for<'a>(
        &self,
        settings: &'a Settings,
        name: &str,
        dossier: &Dossier,
    ) -> Result<(Arc<dyn Source>, &'a crate::settings::datamap::DataMap), Refusal> {
        let (source, map) = self.source(settings, name)?;
        let term = keep_until::term(dossier);
        let gone = || Refusal::Standing("no data map keeps anything for so long any more".to_owned());
        let map = match term {
            None => map,
            Some(_) => settings.maps_for(term).and_then(|maps| maps.get(name)).ok_or_else(gone)?,
        };
        Ok((source, map))
    }

    /// Rows of a dataset older than this go: fixed by the submission, so that every try means the same rows.
    pub(crate) async fn before(
        &self,
        dossier: &Dossier,
    ) -> Result<countersign_core::time::Timestamp, Refusal> {
        let key = self.data_key(dossier.id()).await?.ok_or(Refusal::NotFound("request"))?;
        let parameters = self.field(&key, dossier.id(), field::PARAMETERS).await?;
        let parameters: BTreeMap<String, String> =
            parameters.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
        let older_than = parameters.get("older_than").and_then(|text| duration::parse(text).ok());
        let age = older_than.filter(|age| *age > 0).ok_or_else(|| {
            Refusal::invalid("parameters.older_than", "is needed for a purge: a duration such as `90d`")
        })?;
        Ok(dossier.submitted_at().plus_ms(-age))
    }
}

/// The roots of one source.
pub(crate) fn of_source(roots: &BTreeSet<RootKey>, name: &str) -> Vec<RootKey> {
    roots.iter().filter(|root| root.source == name).cloned().collect()
}

/// Stated identities only ever take matches away: each must be held by somebody, and whoever holds another
/// value of that kind instead is not meant.
pub(crate) fn narrowed(matches: Vec<Match>, named: &Named) -> Vec<Match> {
    let mut left = matches;
    for wanted in named.stated.iter().chain(&named.choice) {
        if !left.iter().any(|found| found.identities.contains(wanted)) {
            return Vec::new();
        }
        left.retain(|found| {
            let knows_kind = found.identities.iter().any(|held| held.kind == wanted.kind);
            !knows_kind || found.identities.contains(wanted)
        });
    }
    left
}

pub(crate) fn most_in_one_source(matches: &[Match]) -> u32 {
    let mut by_source: BTreeMap<&str, BTreeSet<&RootKey>> = BTreeMap::new();
    for found in matches {
        by_source.entry(&found.root.source).or_default().insert(&found.root);
    }
    by_source.values().map(BTreeSet::len).max().unwrap_or(0) as u32
}

pub(crate) fn refused(error: SourceError) -> Refusal {
    Refusal::Source(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: &str, value: &str) -> Identity {
        Identity { kind: kind.to_owned(), value: value.to_owned() }
    }

    fn holder(key: &str, identities: Vec<Identity>) -> Match {
        let root = RootKey { source: "shop".into(), table: "customer".into(), key: key.into() };
        Match { root, identities, attributes: vec![] }
    }

    #[test]
    fn stated_account_of_somebody_else_leaves_nobody() {
        let mine = holder("1", vec![identity("email", "a@x"), identity("account", "1")]);
        let named = Named { stated: vec![identity("account", "2")], ..Named::default() };
        assert!(narrowed(vec![mine], &named).is_empty());
    }

    #[test]
    fn stated_account_settles_which_of_two_is_meant() {
        let one = holder("1", vec![identity("email", "a@x"), identity("account", "1")]);
        let two = holder("2", vec![identity("email", "a@x"), identity("account", "2")]);
        let named = Named { stated: vec![identity("account", "2")], ..Named::default() };
        assert_eq!(narrowed(vec![one, two.clone()], &named), vec![two]);
    }
}
