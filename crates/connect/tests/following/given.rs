//! A source with Ana's things and other people's.

use std::any::Any;
use std::collections::BTreeMap;

use countersign_core::plan::Counts;
use countersign_core::receipt::Outcome;
use countersign_core::time::Timestamp;
use countersign_service::ports::following;
use countersign_service::ports::source::{Exported, Identity, Source, SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;

use crate::permit::{key, permit};

/// What there is, by place: everything that is not Ana's, and the number of Ana's things.
pub struct Picture {
    pub others: BTreeMap<String, String>,
    pub own: u64,
}

pub struct Given {
    pub source: Box<dyn Source>,
    pub map: DataMap,
    /// How many of Ana's things there are, as the plan counts them.
    pub own: u64,
    /// What is there now.
    pub picture: Box<dyn Fn() -> Picture + Send + Sync>,
    /// Something of Ana's comes back.
    pub comes_back: Box<dyn Fn() + Send + Sync>,
    /// A dataset, a moment, and how many things of it are older; nothing where there are none.
    pub older: Option<(&'static str, Timestamp, u64)>,
    /// Whatever has to stay while the source is there.
    pub kept: Box<dyn Any + Send + Sync>,
}

pub fn identity(kind: &str, value: &str) -> Identity {
    Identity { kind: kind.to_owned(), value: value.to_owned() }
}

impl Given {
    /// What the source calls somebody.
    pub fn subject(&self, email: &str, account: &str) -> Target {
        let called = following::called(&self.map, &[identity("email", email), identity("account", account)]);
        Target::Subject(vec![called.unwrap().root])
    }

    pub fn ana(&self) -> Target {
        self.subject("ana@x.test", "42")
    }

    pub async fn erase(&self, number: u8, ceiling: Option<Counts>) -> Result<Stepped, SourceError> {
        let permit = permit(number, "erase", ceiling);
        self.source.erase(&permit, &key(number), &self.map, &self.ana()).await
    }

    /// Rows of the plan that an erasure would touch.
    pub async fn planned(&self, target: &Target) -> u64 {
        let plan = self.source.survey(&self.map, target).await.unwrap();
        plan.lines.iter().filter(|it| it.basis.is_none()).map(|it| it.rows).sum()
    }

    pub async fn exported(&self, number: u8) -> (String, Counts) {
        let (out, mut pieces) = tokio::sync::mpsc::channel(4);
        let permit = permit(number, "export", None);
        let target = self.ana();
        let sending = self.source.export(&permit, &self.map, &target, out);
        let gathering = async {
            let mut all: Vec<Exported> = vec![];
            while let Some(piece) = pieces.recv().await {
                all.push(piece);
            }
            all
        };
        let (sent, all) = tokio::join!(sending, gathering);
        let mut text = String::new();
        for piece in all {
            use countersign_service::ports::source::Value;
            match piece {
                Exported::Table { table, columns, left_out, .. } => {
                    text += &format!("# {table} {columns:?} {left_out:?}\n");
                }
                Exported::Row(values) => {
                    for value in values {
                        match value {
                            Value::Text(it) | Value::Json(it) => text += &it,
                            Value::Bytes(it) => text += &String::from_utf8_lossy(&it),
                            Value::Int(it) => text += &it.to_string(),
                            Value::Null | Value::Bool(_) | Value::Real(_) => {}
                        }
                        text.push('|');
                    }
                    text.push('\n');
                }
            }
        }
        (text, sent.unwrap())
    }
}

pub fn touched(stepped: Result<Stepped, SourceError>) -> u64 {
    let Ok(Stepped::Done(receipt)) = stepped else { panic!("it is done: {stepped:?}") };
    let Outcome::Done { touched } = receipt.outcome else { panic!("it is done") };
    touched.rows()
}
