//! What a plan shows of rows: their shape, and only where the map asks for it.

use countersign_core::time::Timestamp;
use countersign_service::ports::source::Target;

use super::given::{Given, MAP, map, subject};

const ANA: i64 = 1;

/// The map with a sample of customers and of messages, which have two ends.
fn asking() -> String {
    let with = |text: String, at: &str, line: &str| {
        assert!(text.contains(at), "{at}");
        text.replacen(at, &format!("{at}{line}\n"), 1)
    };
    let text = with(MAP.to_owned(), "never_disclose = [\"secret\"]\n", "samples = 2");
    with(text, "name = \"message\"\n", "samples = 1")
}

pub async fn a_plan_shows_a_few_rows_and_no_value(given: Given) {
    given.run(
        "UPDATE customer SET name = 'Marked Mallow 1984-03', secret = 'marked-secret' WHERE id = 1; \
         UPDATE message SET body = 'Marked words that somebody wrote'",
    );
    let asking = map(&asking());
    let samples = given.source.samples(&asking, &subject(ANA)).await.unwrap();
    let of = |table: &str| samples.iter().filter(|it| it.table == table).collect::<Vec<_>>();
    let [customer] = of("customer")[..] else { panic!("one root row") };
    assert!(!customer.columns.iter().any(|it| it == "secret"), "never disclosed, never sampled");
    let shown = |column: &str| {
        let at = customer.columns.iter().position(|it| it == column).unwrap();
        customer.rows[0][at].as_str()
    };
    assert_eq!(customer.rows.len(), 1);
    assert_eq!(shown("name"), "M*** M*** ####-##");
    assert_eq!(shown("email"), "A***@e***.test");
    assert_eq!(shown("id"), "#");
    assert_eq!(shown("referred_by"), "", "NULL");
    assert_eq!(of("message").iter().map(|it| it.rows.len()).sum::<usize>(), 1, "at most so many of a table");
    let [message] = of("message")[..] else { panic!("rows of the first of both ends") };
    assert!(!message.columns.iter().any(|it| it == "recipient_id"), "about another person");
    assert_eq!(samples.len(), 2, "nothing of a table that does not ask");
    let all: String = samples.iter().flat_map(|it| it.rows.iter().flatten()).map(|it| it.as_str()).collect();
    for word in ["arked", "allow", "1984", "na@", "xample", "words", "hash"] {
        assert!(!all.contains(word), "{word} in {all}");
    }

    let findings = given.source.check(&asking).await.unwrap();
    let told = |what: &str| findings.iter().any(|it| it.message.contains(what));
    assert!(told("`customer`: each plan holds up to 2 rows of it, masked: one more copy"), "{findings:?}");
    assert!(told("`message`: each plan holds a row of it, masked: one more copy"), "{findings:?}");

    let nothing = given.source.samples(&given.map, &subject(ANA)).await.unwrap();
    assert!(nothing.is_empty(), "nobody asked");
    assert!(given.source.samples(&asking, &subject(99)).await.unwrap().is_empty(), "nobody is there");
    let old =
        Target::Dataset { name: "app_log".to_owned(), before: Timestamp::from_millis(1_782_864_000_000) };
    assert!(given.source.samples(&asking, &old).await.unwrap().is_empty(), "a dataset is many people's");
}
