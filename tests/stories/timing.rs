//! How long a node takes to answer whoever types an address: as long for one that somebody is known by as for any other. At
//! the portal, and at the door of those who work here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::node::Node;

/// Samples of each kind.
const ROUNDS: usize = 240;
/// People who sign in by mail; an address is mailed five links an hour at most.
const PEOPLE: usize = 60;
/// What two samples of the same kind may be apart beside what was measured of that: a median moves on a busy machine.
const BESIDE: Duration = Duration::from_millis(2);

/// A connection that is kept.
struct Line {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Line {
    fn to(node: &Node) -> Self {
        let host = node.url().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream: BufReader::new(stream), host }
    }

    /// Head and body of the answer.
    fn call(&mut self, method: &str, path: &str, heads: &str, body: &str) -> (String, String) {
        let host = &self.host;
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{heads}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "hung up: {head}");
            if line == "\r\n" {
                break;
            }
            if let Some(rest) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }
}

/// A door as one browser has it open: where its form goes, the cookies, and what the form holds.
struct Door {
    path: &'static str,
    cookies: String,
    hidden: String,
}

fn part<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before)
        .unwrap_or_else(|| panic!("no `{before}` in {text}"))
        .1
        .split_once(after)
        .unwrap()
        .0
}

impl Door {
    fn open(line: &mut Line, page: &str, path: &'static str, action: Option<&str>) -> Self {
        let (head, text) = line.call("GET", page, "", "");
        let cookies = head
            .lines()
            .filter_map(|it| it.split_once(": "))
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let cookies: Vec<_> = cookies.map(|(_, set)| set.split(';').next().unwrap().to_owned()).collect();
        let form =
            text.split("<form ").find(|form| form.contains(&format!("action=\"{path}\""))).expect(&text);
        let value =
            |name: &str| part(part(form, &format!("name=\"{name}\""), ">"), "value=\"", "\"").to_owned();
        let action = action.map_or(String::new(), |action| format!("&action={action}"));
        let hidden = format!("form={}&token={}{action}", value("form"), value("token"));
        Self { path, cookies: cookies.join("; "), hidden }
    }

    /// How long the answer took to an address, typed by a client of its own.
    fn ask(&self, line: &mut Line, client: usize, email: &str) -> Duration {
        let heads = format!(
            "Cookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Forwarded-For: 10.9.{}.{}\r\n",
            self.cookies,
            client / 250,
            client % 250
        );
        let body = format!("{}&email={}", self.hidden, email.replace('@', "%40"));
        let began = Instant::now();
        let (head, text) = line.call("POST", self.path, &heads, &body);
        let took = began.elapsed();
        assert!(head.starts_with("HTTP/1.1 303"), "{head}{text}");
        took
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Asks with known and unknown addresses in turns, each round in another order, and compares.
fn compare(what: &str, line: &mut Line, door: &Door, known: &[String]) {
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..3 {
            // One kind is known, and two are not: what lies between those two is chance.
            let kind = (round + turn * (1 + round % 2)) % 3;
            let email = match kind {
                0 => known[round % known.len()].clone(),
                kind => format!("somebody{kind}.{round}@example.test"),
            };
            times[kind].push(door.ask(line, round, &email));
        }
    }
    let [mut known, mut one, mut other] = times;
    let apart = |a: Duration, b: Duration| a.max(b) - a.min(b);
    let mut unknown = [&one[..], &other].concat();
    let (difference, scatter) =
        (apart(median(&mut known), median(&mut unknown)), apart(median(&mut one), median(&mut other)));
    let (known, one, other) = (median(&mut known), median(&mut one), median(&mut other));
    eprintln!("{what}: known {known:?}, unknown {one:?} and {other:?}");
    assert!(difference <= scatter + BESIDE, "{what}: known {known:?}, unknown {one:?} and {other:?}");
}

#[test]
fn whether_somebody_is_known_by_an_address_is_not_told_by_the_time_of_an_answer() {
    let mut node = Node::prepare(ROUNDS as u32 + 20, |node| {
        let config = node.folder().join("countersign.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text + "[portal]\nname = \"Example Shop\"\nproxies = 1\n").unwrap();
    });
    node.start();
    let shop = rusqlite::Connection::open(node.shop()).unwrap();
    let mut read =
        shop.prepare("select email from customer where email is not null order by id limit ?").unwrap();
    let customers: Vec<String> =
        read.query_map([ROUNDS as u32], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(customers.len(), ROUNDS);
    let mut line = Line::to(&node);
    let token = std::fs::read_to_string(node.folder().join("tokens/ada-admin")).unwrap();
    let heads = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", token.trim());
    let people: Vec<String> = (0..PEOPLE).map(|n| format!("clerk{n}@example.test")).collect();
    for email in &people {
        let body =
            json!({"name": "Clara Clerk", "identities": {"email": email}, "roles": ["auditor"]}).to_string();
        let (head, person) = line.call("POST", "/v1/people", &heads, &body);
        assert!(head.starts_with("HTTP/1.1 201"), "{head}{person}");
        let id = serde_json::from_str::<Value>(&person).unwrap()["id"].as_str().unwrap().to_owned();
        // They sign in with a device, so that a mail really goes out.
        let (head, why) = line.call("POST", &format!("/v1/people/{id}/totp"), &heads, "");
        assert!(head.starts_with("HTTP/1.1 201"), "{head}{why}");
    }
    let portal = Door::open(&mut line, "/privacy", "/privacy", Some("erase"));
    compare("the portal", &mut line, &portal, &customers);
    let staff = Door::open(&mut line, "/sign-in", "/sign-in/mail", None);
    compare("the door of those who work here", &mut line, &staff, &people);
    node.stop();
}
