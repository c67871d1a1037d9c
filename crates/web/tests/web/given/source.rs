//! A shop with one customer, Ana. Nothing is ever carried out in it.

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, Masked, PlanLine, Sample, SourcePlan, Treatment};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, RootKey, Severity, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::DataMap;
use tokio::sync::mpsc;

/// What must never become part of a page.
pub(crate) const MARK: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

pub(crate) struct Shop;

fn ana() -> Match {
    let identity = |kind: &str, value: &str| Identity { kind: kind.to_owned(), value: value.to_owned() };
    Match {
        root: RootKey { source: "shop".to_owned(), table: "customer".to_owned(), key: "[\"1\"]".to_owned() },
        identities: vec![identity("email", "ana@example.test"), identity("account", "1")],
        attributes: Vec::new(),
    }
}

fn not_here<T>() -> Result<T, SourceError> {
    Err(SourceError::Refused {
        source_name: "shop".to_owned(),
        reason: "nothing is done in a test".to_owned(),
    })
}

#[async_trait]
impl Source for Shop {
    fn name(&self) -> &str {
        "shop"
    }

    async fn check(&self, _: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let message = format!("finding{MARK}");
        Ok(vec![Finding { severity: Severity::Warning, message }])
    }

    async fn discover(&self, _: Option<&str>) -> Result<String, SourceError> {
        not_here()
    }

    async fn resolve(&self, _: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        let known =
            !identities.is_empty() && identities.iter().all(|identity| ana().identities.contains(identity));
        Ok(known.then(ana).into_iter().collect())
    }

    async fn look(&self, _: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        Ok(roots.iter().filter(|root| **root == ana().root).map(|_| ana()).collect())
    }

    async fn survey(&self, map: &DataMap, _: &Target) -> Result<SourcePlan, SourceError> {
        Ok(SourcePlan {
            source: "shop".to_owned(),
            fingerprint: "f".repeat(64),
            map_version: map.version().to_owned(),
            lines: vec![
                PlanLine {
                    table: "customer".to_owned(),
                    way: "root".to_owned(),
                    treatment: Treatment::Delete,
                    basis: None,
                    until: None,
                    rows: 1,
                    bytes: Some(2_048),
                },
                PlanLine {
                    table: format!("table{MARK}"),
                    way: format!("way{MARK}"),
                    treatment: Treatment::Keep,
                    basis: Some(format!("basis{MARK}")),
                    until: Some(format!("until{MARK}")),
                    rows: 2,
                    bytes: None,
                },
            ],
        })
    }

    async fn samples(&self, _: &DataMap, _: &Target) -> Result<Vec<Sample>, SourceError> {
        Ok(vec![Sample {
            source: "shop".to_owned(),
            table: format!("table{MARK}"),
            columns: vec!["name".to_owned(), format!("column{MARK}")],
            rows: vec![vec![Masked::text("Ana Sunny"), Masked::nothing()]],
        }])
    }

    async fn export(
        &self,
        _: &Permit,
        _: &DataMap,
        _: &Target,
        _: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        not_here()
    }

    async fn erase(
        &self,
        _: &Permit,
        _: &ReceiptKey,
        _: &DataMap,
        _: &Target,
    ) -> Result<Stepped, SourceError> {
        not_here()
    }

    async fn receipt(&self, _: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        Ok(None)
    }

    async fn void(&self, _: &ReceiptKey) -> Result<Receipt, SourceError> {
        not_here()
    }

    async fn left(&self, _: &DataMap, _: &Target) -> Result<Counts, SourceError> {
        Ok(Counts::default())
    }
}
