//! The inbox that is a folder.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use countersign_core::id::RequestId;
use countersign_notify::inbox::{Inbox, InboxError};
use countersign_service::ports::notifier::{About, Message, Notifier, NotifyError};
use countersign_testing::mail::read_folder;

#[tokio::test]
async fn messages_stand_in_the_folder_in_the_order_of_their_sending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made").join("inbox");
    let inbox = Inbox::open(&path, "privacy@shop.example.test").unwrap();
    for n in 0..20 {
        inbox.send(&call(&format!("r{n}@example.test"))).await.unwrap();
    }
    let readers: Vec<_> = read_folder(&path).unwrap().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(readers, (0..20).map(|n| format!("r{n}@example.test")).collect::<Vec<_>>());
    assert_eq!(read_folder(&path).unwrap()[0].subject, "A request waits for your vote");
}

#[tokio::test]
async fn only_whole_files_for_our_eyes_are_left() {
    let folder = tempfile::tempdir().unwrap();
    Inbox::open(folder.path(), "a@example.test").unwrap().send(&call("b@example.test")).await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].file_name().to_str().unwrap().ends_with(".eml"));
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_bad_address_is_given_up_and_a_folder_that_went_away_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(folder.path(), "a@example.test").unwrap();
    assert!(matches!(inbox.send(&call("b@x\r\nBcc: c@x")).await, Err(NotifyError::GiveUp(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(folder);
    assert!(matches!(inbox.send(&call("b@example.test")).await, Err(NotifyError::Retry(_))));
}

#[test]
fn what_cannot_be_an_inbox_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Inbox::open(folder.path(), "nobody").err(), Some(InboxError::Sender(_))));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Inbox::open(&file.join("inbox"), "a@example.test").err(), Some(InboxError::Folder(..))));
}

fn call(to: &str) -> Message {
    Message::new(
        to.to_owned(),
        About::CallToVote {
            request: RequestId::from_bytes([7; 16]),
            action: "erase".to_owned(),
            seat: "privacy".to_owned(),
            due_at: None,
            again: false,
            reminder: false,
            link: None,
        },
        "en".to_owned(),
    )
}
