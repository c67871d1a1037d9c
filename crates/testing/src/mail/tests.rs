#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn a_plain_mail_is_taken_apart() {
    let mail = Mail::parse(b"From: Shop <shop@example.test>\r\nTo: \"Ana\" <ana@example.test>, bo@example.test\r\nSubject: Hello\r\n\r\nLine one\r\nLine two\r\n");
    assert_eq!(mail.to, ["ana@example.test", "bo@example.test"]);
    assert_eq!(mail.from, "shop@example.test");
    assert_eq!(mail.subject, "Hello");
    assert_eq!(mail.body, "Line one\nLine two\n");
    assert_eq!(mail.header_names(), ["from", "to", "subject"]);
}

#[test]
fn folded_headers_and_encoded_words_are_read() {
    let mail = Mail::parse(
        b"Subject: =?utf-8?b?w4Q=?= =?utf-8?q?pfel_?=\r\n =?utf-8?Q?f=C3=BCr?= two =? three\r\n\r\n",
    );
    assert_eq!(mail.subject, "Äpfel für two =? three");
}

#[test]
fn bodies_are_decoded() {
    let mail = Mail::parse(b"Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=\r\n=C3=9Fe =3D 1\n");
    assert_eq!(mail.body, "Grüße = 1\n");
    let mail = Mail::parse(b"Content-Transfer-Encoding: base64\n\nR3LDvMOf\nZQ==\n");
    assert_eq!(mail.body, "Grüße");
}

#[test]
fn a_code_stands_on_a_line_of_its_own() {
    assert_eq!(code_in("Your code is 111111, here:\n\n    12345678\n\nThank you"), Some("12345678"));
    assert_eq!(code_in("123456"), Some("123456"));
    assert_eq!(code_in("12345\n123456789\n1234 5678\n12345a"), None);
}

#[test]
fn only_finished_mails_of_a_folder_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for (name, subject) in [("2.eml", "two"), ("1.eml", "one"), ("3.eml.part", "three")] {
        fs::write(folder.path().join(name), format!("Subject: {subject}\n\n")).unwrap();
    }
    let subjects: Vec<_> = read_folder(folder.path()).unwrap().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["one", "two"]);
}
