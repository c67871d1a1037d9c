//! The plans of lists: no question reads the table through, and none but those for the few that expire sorts.
#![allow(clippy::unwrap_used)]

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::IndexTerm;

use super::*;
use crate::sqlite::migrate::migrate;
use crate::sqlite::request::BESIDE;

fn plan(db: &Connection, question: &Question) -> Vec<String> {
    let mut explain = db.prepare(&format!("explain query plan {}", question.sql)).unwrap();
    explain
        .query_map(params_from_iter(&question.values), |row| row.get(3))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn every_list_is_read_from_an_index_in_its_order() {
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db, Timestamp::from_millis(0)).unwrap();
    let term = |name: &str| IndexTerm { name: name.to_owned(), value: vec![1] };
    let after = Some((Timestamp::from_millis(9), RequestId::from_bytes([9; 16])));
    let mut seen = 0;
    for statuses in [vec![], vec![Status::Waiting], vec![Status::Waiting, Status::Stuck]] {
        for action in [None, Some("erase".to_owned())] {
            for terms in [vec![], vec![term("root")], vec![term("waiting"), term("voter")]] {
                for expires_by in [None, Some(Timestamp::from_millis(5))] {
                    for (oldest_first, after) in [(true, None), (false, None), (true, after), (false, after)]
                    {
                        let query = Query {
                            statuses: statuses.clone(),
                            action: action.clone(),
                            terms: terms.clone(),
                            expires_by,
                            oldest_first,
                            after,
                            limit: 50,
                            ..Query::default()
                        };
                        let any = vec![term("waiting"), term("waiting")];
                        let mine = Query { any, without: vec![term("not_for")], ..query.clone() };
                        for query in [query, mine] {
                            let plan = plan(&db, &question(&query));
                            // A part's own rows are handed on as they come; they are as many as are shown.
                            let through =
                                |line: &&String| line.starts_with("SCAN") && !line.contains("(subquery-");
                            assert_eq!(plan.iter().find(through), None, "{query:?}\n{}", plan.join("\n"));
                            let led = !terms.is_empty() || !query.any.is_empty();
                            let few = !led && expires_by.is_some();
                            let sorts = plan.iter().any(|line| line.contains("TEMP B-TREE"));
                            assert!(few || !sorts, "{query:?}\n{}", plan.join("\n"));
                            seen += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(seen, 3 * 2 * 3 * 2 * 4 * 2);
}

#[test]
fn what_is_beside_a_request_is_found_by_its_root_however_many_wait() {
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db, Timestamp::from_millis(0)).unwrap();
    let question = Question { sql: BESIDE.to_owned(), values: vec![vec![1; 16].into()], before: 0 };
    let plan = plan(&db, &question).join("\n");
    assert!(plan.contains("SEARCH r USING PRIMARY KEY (id=?)"), "{plan}");
    assert!(!plan.contains("request_by_status"), "{plan}");
}
