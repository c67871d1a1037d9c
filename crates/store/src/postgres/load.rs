//! Loads what a decision needs: a list of statements for one flight, and what their answers say together.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Find, Loaded, Needs, RequestRecord};
use tokio_postgres::Row;

use super::statement::Statement;
use super::value::{Value, bytes, get, uint};
use super::{lock, record, request};
use crate::fault::{Fault, damaged, malformed};

/// For what it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// To look.
    Reading,
    /// To change it: under locks.
    Acting,
}

/// The database's time, the active settings, the entries under a checkpoint.
const MARKS: &str = "select cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint), \
     (select coalesce(max(version), 0) from settings), (select coalesce(max(size), 0) from log_checkpoint)";

/// Which answer is which.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Lock,
    Marks,
    Row,
    Events,
    Terms,
    Running,
    Started,
    Beside,
    Records,
}

/// What will be loaded.
pub(super) struct Look {
    whats: Vec<What>,
    statements: Vec<Statement>,
}

impl Look {
    /// What `needs` names. Locks first, in the order that everybody takes them in, and the time after the locks.
    pub(super) fn new(needs: &Needs, for_what: For) -> Result<Self, Fault> {
        let acting = for_what == For::Acting;
        let mut look = Self { whats: Vec::new(), statements: Vec::new() };
        if let Some(id) = needs.request {
            look.add(What::Row, request::row(id, acting));
        }
        if let Some(gauge) = needs.gauge.as_ref().filter(|_| acting) {
            for statement in lock::of_gauge(gauge, needs.request) {
                look.add(What::Lock, statement);
            }
        }
        // While a decision looks at a gauge, what it loaded does not change either.
        let held = acting && needs.gauge.is_some();
        let mut ids = Vec::new();
        for (kind, find) in &needs.records {
            match find {
                Find::Id(id) => ids.push((kind.clone(), id.clone())),
                Find::ByRoot if needs.request.is_none() => {
                    return Err(malformed("records by root are asked for without a request"));
                }
                Find::Term(_) | Find::ByRoot | Find::All => {
                    look.add(What::Records, record::find(kind, find, needs.request, held));
                }
            }
        }
        if !ids.is_empty() {
            look.add(What::Records, record::by_ids(ids, held));
        }
        look.add(What::Marks, Statement::plain(MARKS, Vec::new()));
        if let Some(id) = needs.request {
            look.add(What::Events, request::events(id));
            look.add(What::Terms, request::terms(id));
        }
        if let Some(gauge) = &needs.gauge {
            let besides = needs.request.map(bytes);
            look.add(What::Running, Statement::plain(request::RUNNING, vec![Box::new(besides.clone())]));
            if let Some(since) = gauge.day_start {
                let values: Vec<Value> = vec![Box::new(besides), Box::new(since.as_millis())];
                look.add(What::Started, Statement::plain(request::STARTED, values));
            }
            if let Some(id) = needs.request {
                look.add(What::Beside, request::beside(id));
            }
        }
        Ok(look)
    }

    fn add(&mut self, what: What, statement: Statement) {
        self.whats.push(what);
        self.statements.push(statement);
    }

    /// The statements, once.
    pub(super) fn statements(&mut self) -> Vec<Statement> {
        std::mem::take(&mut self.statements)
    }

    /// What the answers say together; `now` makes of the database's time the store's.
    pub(super) fn read(
        &self,
        needs: &Needs,
        answers: Vec<Vec<Row>>,
        now: impl Fn(Timestamp) -> Timestamp,
    ) -> Result<Loaded, Fault> {
        let mut loaded = Loaded {
            now: Timestamp::from_millis(0),
            settings_version: 0,
            checkpointed: 0,
            request: None,
            running: BTreeMap::new(),
            started: BTreeMap::new(),
            beside: Vec::new(),
            records: Vec::new(),
        };
        let (mut row, mut events, mut terms) = (None, Vec::new(), Vec::new());
        for (what, rows) in self.whats.iter().zip(answers) {
            match what {
                What::Lock => {}
                What::Marks => {
                    let marks = rows.first().ok_or_else(|| damaged("the database tells no time"))?;
                    loaded.now = now(Timestamp::from_millis(get(marks, 0)?));
                    loaded.settings_version = uint(marks, 1)?;
                    loaded.checkpointed = uint(marks, 2)?;
                }
                What::Row => row = rows.first().map(request::row_of).transpose()?,
                What::Events => events = rows.iter().map(request::event_of).collect::<Result<_, _>>()?,
                What::Terms => terms = rows.iter().map(request::term_of).collect::<Result<_, _>>()?,
                What::Running => loaded.running = request::counts(&rows)?,
                What::Started => loaded.started = request::counts(&rows)?,
                What::Beside => loaded.beside = rows.iter().map(request::row_of).collect::<Result<_, _>>()?,
                What::Records => {
                    for row in &rows {
                        loaded.records.push(record::record_of(row)?);
                    }
                }
            }
        }
        if let Some(row) = row {
            if events.len() as u64 != row.version
                || events.iter().zip(1..).any(|(event, seq)| event.seq != seq)
            {
                return Err(damaged("a request's history has a gap"));
            }
            loaded.request = Some(RequestRecord { row, events, terms });
        }
        in_order(needs, &mut loaded);
        Ok(loaded)
    }
}

/// Records in the order of the questions, each once although two questions may find it.
fn in_order(needs: &Needs, loaded: &mut Loaded) {
    let place = |record: &countersign_service::ports::store::Record| {
        let asked = |(kind, find): &(String, Find)| {
            *kind == record.kind && !matches!(find, Find::Id(id) if *id != record.id)
        };
        needs.records.iter().position(asked)
    };
    loaded.records.sort_by_cached_key(place);
    let mut seen = BTreeSet::new();
    let first: Vec<bool> =
        loaded.records.iter().map(|record| seen.insert((&record.kind, &record.id))).collect();
    let mut first = first.into_iter();
    loaded.records.retain(|_| first.next().unwrap_or(true));
}
