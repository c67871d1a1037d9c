//! The SMTP sink, spoken to by hand. TLS and logins are proved with a real client, where mail is sent.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use countersign_testing::smtp::{At, Encryption, Sink};

#[test]
fn a_mail_is_kept_with_its_envelope_and_dots_unstuffed() {
    let sink = Sink::start().unwrap();
    let mut client = Client::of(&sink);
    assert!(client.says("EHLO me").starts_with("250"));
    client.expects("MAIL FROM:<a@example.test> BODY=8BITMIME", "250");
    client.expects("RCPT TO:<b@example.test>", "250");
    client.expects("RCPT TO:<c@example.test>", "250");
    client.expects("DATA", "354");
    client.expects("Subject: dots\r\n\r\n..\r\n..two\r\nthree\r\n.", "250");
    client.expects("QUIT", "221");
    let [mail] = sink.received().try_into().unwrap();
    assert_eq!(mail.from, "a@example.test");
    assert_eq!(mail.to, ["b@example.test", "c@example.test"]);
    assert_eq!(mail.data, b"Subject: dots\r\n\r\n.\r\n.two\r\nthree\r\n");
    assert_eq!(mail.mail().subject, "dots");
    assert!(!mail.encrypted);
}

#[test]
fn commands_out_of_order_are_refused() {
    let sink = Sink::start().unwrap();
    let mut client = Client::of(&sink);
    client.expects("RCPT TO:<b@example.test>", "503");
    client.expects("DATA", "503");
    client.expects("MAIL to nobody", "501");
    client.expects("MAIL FROM:<>", "250");
    client.expects("RSET", "250");
    client.expects("RCPT TO:<b@example.test>", "503");
    client.expects("HELP", "502");
    client.expects("STARTTLS", "502");
    client.expects("AUTH PLAIN AGEAYg==", "502");
}

#[test]
fn the_sink_refuses_where_it_is_told_to_until_it_is_told_otherwise() {
    for (at, answer) in
        [(At::Mail, "451 later"), (At::Rcpt, "550 nobody"), (At::Data, "452 full"), (At::Text, "554 no")]
    {
        let sink = Sink::start().unwrap();
        sink.refuse(at, answer);
        let mut client = Client::of(&sink);
        let mut last = String::new();
        for command in ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "text\r\n."] {
            last = client.says(command);
            if last == answer {
                break;
            }
        }
        assert_eq!(last, answer);
        assert!(sink.received().is_empty());
        sink.accept();
        client.expects("RSET", "250");
        for command in ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "text\r\n."] {
            client.says(command);
        }
        assert_eq!(sink.wait_for(1, Duration::from_secs(5)).len(), 1);
    }
}

#[test]
fn a_client_that_goes_away_in_the_middle_leaves_no_mail() {
    let sink = Sink::start().unwrap();
    let mut client = Client::of(&sink);
    client.expects("MAIL FROM:<a@b>", "250");
    client.expects("RCPT TO:<c@d>", "250");
    client.expects("DATA", "354");
    drop(client);
    assert!(sink.wait_for(1, Duration::from_millis(50)).is_empty());
}

#[test]
fn mail_is_refused_before_starttls_and_before_the_login() {
    let sink = Sink::start_with(Encryption::StartTls).unwrap();
    let mut client = Client::of(&sink);
    client.expects("MAIL FROM:<a@b>", "530");
    let sink = Sink::start().unwrap();
    sink.require_login("u", "p");
    let mut client = Client::of(&sink);
    client.expects("MAIL FROM:<a@b>", "530");
    client.expects("AUTH PLAIN AHUAeA==", "535");
    client.expects("AUTH PLAIN AHUAcA==", "235");
    client.expects("MAIL FROM:<a@b>", "250");
}

#[test]
fn a_stopped_sink_takes_no_connection() {
    let sink = Sink::start().unwrap();
    let port = sink.port();
    drop(sink);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn of(sink: &Sink) -> Client {
        let mut client = Client(BufReader::new(TcpStream::connect(("127.0.0.1", sink.port())).unwrap()));
        assert!(client.hears().starts_with("220"));
        client
    }

    /// Says one thing and returns the last line of the answer.
    fn says(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.hears()
    }

    fn expects(&mut self, command: &str, code: &str) {
        let answer = self.says(command);
        assert!(answer.starts_with(code), "{command}: {answer}");
    }

    fn hears(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }
}
