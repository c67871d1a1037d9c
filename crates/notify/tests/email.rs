//! E-mail against a real SMTP server.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_notify::email::{Email, EmailConfig, EmailConfigError, Login, Tls};
use countersign_service::ports::notifier::{About, Message, Notifier, NotifyError};
use countersign_testing::smtp::{At, Encryption, Sink};

#[tokio::test]
async fn a_message_arrives_as_a_plain_mail() {
    let sink = Sink::start().unwrap();
    email(&sink, Tls::None).send(&code("ana@example.test")).await.unwrap();
    let [received] = sink.received().try_into().unwrap();
    assert_eq!(received.from, "privacy@shop.example.test");
    assert_eq!(received.to, ["ana@example.test"]);
    let mail = received.mail();
    assert_eq!(mail.to, ["ana@example.test"]);
    assert_eq!(mail.from, "privacy@shop.example.test");
    assert_eq!(mail.code(), Some("12345678"));
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.header("Message-ID").unwrap().ends_with("@shop.example.test>"));
    assert!(mail.header("Date").is_some());
}

#[tokio::test]
async fn several_messages_go_over_open_connections() {
    let sink = Sink::start().unwrap();
    let email = email(&sink, Tls::None);
    for n in 0..5 {
        email.send(&code(&format!("p{n}@example.test"))).await.unwrap();
    }
    assert_eq!(sink.received().len(), 5);
}

#[tokio::test]
async fn starttls_and_tls_encrypt_and_log_in() {
    for (tls, encryption) in [(Tls::StartTls, Encryption::StartTls), (Tls::Tls, Encryption::Tls)] {
        let sink = Sink::start_with(encryption).unwrap();
        sink.require_login("mailer", "s3cret");
        let config = EmailConfig { login: login("s3cret"), ..config(&sink, tls) };
        Email::new(&config).unwrap().send(&code("ana@example.test")).await.unwrap();
        let [received] = sink.received().try_into().unwrap();
        assert!(received.encrypted, "{tls:?}");
        assert_eq!(received.user.as_deref(), Some("mailer"));
    }
}

#[tokio::test]
async fn where_starttls_is_wanted_and_not_offered_nothing_is_sent() {
    let sink = Sink::start().unwrap();
    retries(&email(&sink, Tls::StartTls), "does not offer").await;
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let stranger = Sink::start_with(Encryption::Tls).unwrap();
    for (tls, encryption) in [(Tls::StartTls, Encryption::StartTls), (Tls::Tls, Encryption::Tls)] {
        let sink = Sink::start_with(encryption).unwrap();
        let authority_pem = stranger.certificate().map(Into::into);
        let email = Email::new(&EmailConfig { authority_pem, ..config(&sink, tls) }).unwrap();
        retries(&email, "could not be spoken to").await;
        assert!(sink.received().is_empty());
    }
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_and_one_for_good_is_given_up() {
    let sink = Sink::start().unwrap();
    let email = email(&sink, Tls::None);
    for at in [At::Connect, At::Mail, At::Rcpt, At::Data, At::Text] {
        sink.accept();
        sink.refuse(at, "451 4.3.0 later for ana@example.test");
        retries(&email, "answered 451").await;
    }
    for at in [At::Mail, At::Rcpt, At::Data, At::Text] {
        sink.accept();
        sink.refuse(at, "550 5.1.1 no mailbox ana@example.test here");
        match email.send(&code("ana@example.test")).await {
            Err(NotifyError::GiveUp(text)) => assert_eq!(text, "the mail server answered 550"),
            other => panic!("{at:?}: {other:?}"),
        }
    }
    assert!(sink.received().is_empty());
    sink.accept();
    email.send(&code("ana@example.test")).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_tried_again_for_somebody_can_mend_it() {
    let sink = Sink::start().unwrap();
    sink.require_login("mailer", "right");
    let config = EmailConfig { login: login("wrong"), ..config(&sink, Tls::None) };
    retries(&Email::new(&config).unwrap(), "answered 535").await;
}

#[tokio::test]
async fn a_server_that_is_away_or_slow_is_tried_again() {
    let sink = Sink::start().unwrap();
    sink.delay(Duration::from_secs(5));
    let slow =
        Email::new(&EmailConfig { timeout: Duration::from_millis(100), ..config(&sink, Tls::None) }).unwrap();
    retries(&slow, "too long").await;
    let away = email(&sink, Tls::None);
    drop(sink);
    retries(&away, "connection refused").await;
}

#[tokio::test]
async fn no_address_can_add_a_header_or_a_recipient() {
    let sink = Sink::start().unwrap();
    let email = email(&sink, Tls::None);
    for to in [
        "a@example.test\r\nBcc: b@example.test",
        "a@example.test, b@example.test",
        "A <a@example.test>",
        "a@example.test>\r\nRCPT TO:<b@example.test",
        "a@exa\nmple.test",
        "nobody",
        "",
    ] {
        match email.send(&code(to)).await {
            Err(NotifyError::GiveUp(text)) => assert!(!text.contains("example"), "{text}"),
            other => panic!("{to:?}: {other:?}"),
        }
    }
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_password_never_crosses_the_network_in_clear_or_shows_in_debug() {
    let sink = Sink::start().unwrap();
    let config =
        EmailConfig { host: "mail.example.test".into(), login: login("s3cret"), ..config(&sink, Tls::None) };
    assert_eq!(Email::new(&config).err(), Some(EmailConfigError::PasswordInClear));
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_at_once() {
    let sink = Sink::start().unwrap();
    let from = EmailConfig { from: "nobody".into(), ..config(&sink, Tls::None) };
    assert!(matches!(Email::new(&from).err(), Some(EmailConfigError::Sender(_))));
    let authority = EmailConfig { authority_pem: Some(b"no pem".to_vec()), ..config(&sink, Tls::Tls) };
    assert_eq!(Email::new(&authority).err(), Some(EmailConfigError::Authority));
}

async fn retries(email: &Email, why: &str) {
    match email.send(&code("ana@example.test")).await {
        Err(NotifyError::Retry(text)) => {
            assert!(text.contains(why), "{text}");
            assert!(!text.contains("ana"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

fn config(sink: &Sink, tls: Tls) -> EmailConfig {
    EmailConfig {
        host: sink.host().to_owned(),
        port: sink.port(),
        tls,
        login: None,
        from: "Privacy team <privacy@shop.example.test>".to_owned(),
        timeout: Duration::from_secs(10),
        authority_pem: sink.certificate().map(Into::into),
    }
}

fn email(sink: &Sink, tls: Tls) -> Email {
    Email::new(&config(sink, tls)).unwrap()
}

fn login(password: &str) -> Option<Login> {
    Some(Login { user: "mailer".to_owned(), password: password.to_owned() })
}

fn code(to: &str) -> Message {
    Message::new(
        to.to_owned(),
        About::Code {
            code: "12345678".to_owned(),
            request: RequestId::from_bytes([7; 16]),
            action: "export".to_owned(),
            expires_at: Timestamp::from_millis(1_700_000_000_000),
            link: None,
        },
        "en".to_owned(),
    )
}
