//! What state the sources are in at this moment, as this node reaches them. A source that hangs holds no page up.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::ports::source::{Finding, SourceError};
use crate::refusal::Refusal;

/// How long a source has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of looking at a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answered; this was found beside its map.
    Reached(Vec<Finding>),
    /// It did not answer, or not in time.
    NotReached,
    /// It answered that the map cannot be used with it.
    Refused,
    /// This node's configuration says no way to it.
    Unknown,
}

impl Service {
    /// Looks at every source that has a map, at all of them at once.
    ///
    /// # Errors
    /// When the caller may not read the settings.
    pub async fn reached(&self, caller: &Caller) -> Result<BTreeMap<String, Reach>, Refusal> {
        caller.may(Act::ReadSettings)?;
        let settings = self.settings().await?;
        let mut looks = tokio::task::JoinSet::new();
        let mut reached: BTreeMap<String, Reach> =
            settings.maps.keys().map(|name| (name.clone(), Reach::Unknown)).collect();
        for (name, map) in &settings.maps {
            let Some(source) = self.sources.get(name) else { continue };
            // Whatever becomes of the look: it was not reached until it says so.
            reached.insert(name.clone(), Reach::NotReached);
            let (name, map, source) = (name.clone(), map.clone(), std::sync::Arc::clone(source));
            looks.spawn(async move {
                let reach = match tokio::time::timeout(PATIENCE, source.check(&map)).await {
                    Ok(Ok(findings)) => Reach::Reached(findings),
                    Ok(Err(SourceError::Refused { .. })) => Reach::Refused,
                    Ok(Err(SourceError::Unavailable { .. } | SourceError::Unknown { .. })) | Err(_) => {
                        Reach::NotReached
                    }
                };
                (name, reach)
            });
        }
        while let Some(looked) = looks.join_next().await {
            if let Ok((name, reach)) = looked {
                reached.insert(name, reach);
            }
        }
        Ok(reached)
    }
}
