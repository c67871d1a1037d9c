//! Limits and floods, on a real server: codes by attempts that outlive a restart, the portal by client and by address, bodies
//! and heads by size, calls and connections by time; and whoever behaves is served meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use countersign_client::view::Submission;
use countersign_testing::mail;

use crate::asked::People;
use crate::node::Node;
use crate::wanderer::{Page, Wanderer};

fn connect(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(node.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream
}

/// What comes until the server hangs up.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A server that hangs up on somebody who still sends resets the connection.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A subject's export, and the token that opens it.
async fn asked(node: &Node, email: &str) -> (String, String) {
    let submission = Submission {
        action: "export".to_owned(),
        requester: Some("subject".to_owned()),
        subject: [("email".to_owned(), email.to_owned())].into(),
        ..Submission::default()
    };
    let request = node.client("portal").submit(&submission, None).await.unwrap();
    let token = request.request_token.as_ref().unwrap().show().to_owned();
    (request.id, token)
}

/// Every mail about a request.
fn mails(node: &Node, id: &str) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(node.folder().join("inbox")) else { return Vec::new() };
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default());
    texts.filter(|text| text.contains(id)).collect()
}

/// The code of a mail about a request, once one is there.
async fn code(node: &Node, id: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        for text in mails(node, id) {
            // A word of its own, not a part of an id.
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let code = |word: &&str| word.len() == 8 && word.bytes().all(|c| c.is_ascii_digit());
            if let Some(code) = words.find(code) {
                return code.to_owned();
            }
        }
        assert!(Instant::now() < deadline, "no mail about {id}: {}", node.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn guesses_and_mails_are_counted_in_the_store_and_a_kill_gives_none_back() {
    let mut node = Node::begin(60);
    node.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let email = countersign_shop::cast::member(9).unwrap().email;
    let prove = |node: &Node, token: &str, id: &str, code: &str| {
        let subject = node.client("portal").with_token(token).unwrap();
        runtime.block_on(subject.prove(id, "email", code)).map_err(|why| why.to_string())
    };
    let (id, token, right) = runtime.block_on(async {
        let (id, token) = asked(&node, email).await;
        let subject = node.client("portal").with_token(&token).unwrap();
        subject.start_verification(&id, "email").await.unwrap();
        let right = code(&node, &id).await;
        (id, token, right)
    });
    let wrong = if right == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..4 {
        prove(&node, &token, &id, wrong).unwrap_err();
    }
    node.kill();
    node.start();
    prove(&node, &token, &id, wrong).unwrap_err();
    prove(&node, &token, &id, &right).unwrap_err();
    assert_eq!(People::at(&node).see(&id).status, "waiting", "the right code came after five guesses");

    // Five mails in a quarter of an hour, whoever asks for them, before and after the kill.
    let subject = node.client("portal").with_token(&token).unwrap();
    let mut refused = String::new();
    for _ in 0..8 {
        if let Err(why) = runtime.block_on(subject.start_verification(&id, "email")) {
            refused = why.to_string();
        }
    }
    assert!(refused.contains("too_many"), "{refused}");
    // Another request for the same address gives none back, nor does another token: the address is what counts.
    let (other, token) = runtime.block_on(asked(&node, email));
    let subject = node.client("portal").with_token(&token).unwrap();
    let refused = runtime.block_on(subject.start_verification(&other, "email")).unwrap_err().to_string();
    assert!(refused.contains("too_many"), "{refused}");
    node.stop();
    assert_eq!(mails(&node, &other).len(), 0);
    assert!(mails(&node, &id).len() <= 5, "{}", mails(&node, &id).len());
}

#[test]
fn bodies_heads_and_patience_have_an_end_and_others_are_served_meanwhile() {
    let mut node = Node::begin(60);
    node.start();
    let people = People::at(&node);
    // Whoever says nothing, or never comes to an end, holds nobody else up.
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(&node)).collect();
    let mut slow = connect(&node);
    slow.write_all(b"POST /v1/requests HTTP/1.1\r\nhost: here\r\nx-slow: ").unwrap();

    let said = |head: &str, body: &[u8]| {
        let mut stream = connect(&node);
        // The answer may come, and the connection go, before all of it is sent.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let answer = rest(stream);
        answer.lines().next().unwrap_or_default().to_owned()
    };
    let secret = std::fs::read_to_string(node.folder().join("tokens/desk")).unwrap();
    let head = |length: usize| {
        format!(
            "POST /v1/requests HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n",
            secret.trim()
        )
    };
    // One that is announced and never comes is waited for, for a while.
    let mut announced = connect(&node);
    announced.write_all(head(1_000).as_bytes()).and_then(|()| announced.write_all(b"{")).unwrap();
    let most = 256 * 1024;
    assert!(said(&head(most + 1), &vec![b' '; most + 1]).contains(" 413 "));
    let wide = format!("GET /readyz HTTP/1.1\r\nhost: here\r\nx-wide: {}\r\n\r\n", "w".repeat(400_000));
    // What was not read may cost whoever sent it the answer.
    let answer = said(&wide, b"");
    assert!(answer.is_empty() || answer.contains(" 431 "), "{answer}");
    let lines = "x-one: 1\r\n".repeat(80);
    assert!(said(&format!("GET /readyz HTTP/1.1\r\nhost: here\r\n{lines}\r\n"), b"").contains(" 431 "));

    let id = people.ask("erase", 20);
    people.approve(&id);
    people.until(&id, "it is carried out beside them", |seen| seen.status == "completed");
    let began = Instant::now();
    // It is hung up on, whatever it was about to say.
    assert!(!rest(slow).contains("201"));
    let late = rest(announced);
    assert!(late.contains("timed_out"), "{late}");
    assert!(began.elapsed() < Duration::from_secs(80), "{:?}", began.elapsed());
    drop(idle);
    assert!(!node.log().contains("panicked"), "{}", node.log());
    node.stop();
}

#[test]
fn application_that_is_made_to_ask_for_strangers_without_end_is_bounded_and_a_kill_gives_none_back() {
    let mut node = Node::prepare(60, |node| {
        let settings = node.folder().join("settings/settings.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, text + "\n[floods]\nfor_identity = 4\nof_token = 20\n").unwrap();
    });
    node.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let submit = |node: &Node, token: &str, email: &str| {
        let submission = Submission {
            action: "export".to_owned(),
            requester: Some("subject".to_owned()),
            subject: [("email".to_owned(), email.to_owned())].into(),
            ..Submission::default()
        };
        let sent = runtime.block_on(node.client(token).submit(&submission, None));
        sent.map(|_| ()).map_err(|why| why.to_string())
    };
    for n in 0..6 {
        if n == 2 {
            node.kill();
            node.start();
        }
        let taken = submit(&node, "portal", "somebody@example.test");
        assert_eq!(taken.is_ok(), n < 4, "{n}: {taken:?}");
    }
    for n in 0..20 {
        let taken = submit(&node, "portal", &format!("guess{n}@example.test"));
        assert_eq!(taken.is_ok(), n < 16, "{n}: {taken:?}");
    }
    // Whoever attests goes on, and so does everybody who was let in.
    let people = People::at(&node);
    let id = people.ask("erase", 20);
    people.approve(&id);
    people.until(&id, "it is carried out beside them", |seen| seen.status == "completed");
    node.stop();
    let log = node.log();
    for cap in ["identity", "token"] {
        let line = log.lines().any(|line| line.contains("a cap against floods") && line.contains(cap));
        assert!(line, "{cap}: {log}");
    }
    assert!(!log.contains("@example.test"), "{log}");
}

/// Somebody in a new browser asks at the portal, from behind the proxy.
fn asks(node: &Node, from: &str, email: &str) -> Page {
    let mut browser = Wanderer::default();
    browser.forwarded_for = Some(from.to_owned());
    let page = browser.open(&format!("{}/privacy", node.url()));
    browser.send(&page, "/privacy", &[("action", "erase"), ("email", email)])
}

fn mailed(node: &Node, email: &str) -> usize {
    let mails = mail::read_folder(&node.folder().join("inbox")).unwrap_or_default();
    mails.iter().filter(|mail| mail.header("to").is_some_and(|to| to.contains(email))).count()
}

#[test]
fn portal_takes_so_much_of_a_client_and_mails_an_address_so_often_and_no_restart_gives_any_back() {
    let mut node = Node::prepare(60, |node| {
        let config = node.folder().join("countersign.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text + "[portal]\nname = \"Example Shop\"\nproxies = 1\n").unwrap();
    });
    node.start();
    let is_taken = |page: &Page| {
        assert_eq!((page.status, page.text.contains("Look into your mail")), (200, true), "{}", page.text);
    };
    let flooder = "198.51.100.7";
    for n in 0..60 {
        if n == 40 {
            node.kill();
            node.start();
        }
        is_taken(&asks(&node, flooder, &format!("guess{n}@example.test")));
    }
    // The sixty-first of an hour, whatever is typed, and whoever else they say to be.
    for from in [flooder, "203.0.113.9, 198.51.100.7"] {
        for email in ["guess61@example.test", "guess1@example.test"] {
            let page = asks(&node, from, email);
            assert_eq!((page.status, page.text.contains("from your network")), (429, true), "{}", page.text);
        }
    }
    // Many clients on one address: its owner gets five mails, and nobody is told that there are no more.
    let (known, unknown) = (countersign_shop::cast::member(9).unwrap().email, "nobody-here@example.test");
    for n in 0..8 {
        if n == 4 {
            node.stop();
            node.start();
        }
        for email in [known, unknown] {
            is_taken(&asks(&node, &format!("203.0.113.{n}"), email));
        }
    }
    // None of all that holds anybody up: nothing was proved.
    let people = People::at(&node);
    let id = people.ask("erase", 9);
    people.approve(&id);
    people.until(&id, "it is carried out beside them", |seen| seen.status == "completed");
    let deadline = Instant::now() + Duration::from_secs(60);
    while mailed(&node, known) + mailed(&node, unknown) < 10 {
        assert!(Instant::now() < deadline, "the mails did not come: {}", node.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    node.stop();
    assert_eq!((mailed(&node, known), mailed(&node, unknown)), (5, 5));
    let log = node.log();
    for cap in ["client", "address"] {
        let line = log.lines().any(|line| line.contains("a cap against floods") && line.contains(cap));
        assert!(line, "{cap}: {log}");
    }
    assert!(!log.contains("@example.test") && !log.contains(flooder), "{log}");
}
