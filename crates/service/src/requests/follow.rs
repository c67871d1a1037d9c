//! Sources without root rows: whoever is meant is clear from the others by then, and is told to them by identities.

use crate::app::Service;
use crate::ports::following;
use crate::ports::source::{Identity, Match};
use crate::refusal::Refusal;
use crate::requests::look::{Named, most_in_one_source, narrowed, refused};
use crate::settings::Settings;

impl Service {
    /// Root rows of whoever is meant, and what sources without root rows call them.
    pub(crate) async fn meant(&self, settings: &Settings, named: &Named) -> Result<Vec<Match>, Refusal> {
        let matches = self.matches(settings, &named.proved).await?;
        let nobody = matches.is_empty();
        let mut found = narrowed(matches, named);
        let mut following = Vec::new();
        for name in settings.maps.keys() {
            if self.source(settings, name)?.0.follows() {
                following.push(name);
            }
        }
        if following.is_empty() || named.proved.is_empty() || most_in_one_source(&found) > 1 {
            return Ok(found);
        }
        if found.is_empty() && nobody {
            // No source has a root row: whoever holds something under what was proved says so.
            for name in following {
                let (source, map) = self.source(settings, name)?;
                found.extend(source.resolve(map, &named.proved).await.map_err(refused)?);
            }
            return Ok(narrowed(found, named));
        }
        let own = self.own(settings, &found).await?;
        for name in following {
            found.extend(following::called(self.source(settings, name)?.1, &own));
        }
        found.sort_by(|a, b| a.root.cmp(&b.root));
        Ok(found)
    }

    /// What these root rows hold and nobody else does: by an address that two people share, neither is looked for in
    /// a place that knows no more than the address.
    async fn own(&self, settings: &Settings, found: &[Match]) -> Result<Vec<Identity>, Refusal> {
        let mut own: Vec<Identity> = found.iter().flat_map(|it| it.identities.clone()).collect();
        own.sort();
        own.dedup();
        let mut shared = Vec::new();
        for name in settings.maps.keys() {
            let (source, map) = self.source(settings, name)?;
            if source.follows() {
                continue;
            }
            for identity in &own {
                let holders = source.resolve(map, std::slice::from_ref(identity)).await.map_err(refused)?;
                if holders.iter().any(|it| !found.iter().any(|found| found.root == it.root)) {
                    shared.push(identity.clone());
                }
            }
        }
        own.retain(|it| !shared.contains(it));
        Ok(own)
    }
}
