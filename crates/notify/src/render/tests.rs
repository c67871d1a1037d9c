use countersign_core::id::RequestId;

use super::*;

/// In English, as all the others that know no better.
fn render(about: &About) -> Text {
    super::render(about, "en")
}

#[test]
fn every_language_has_the_same_texts_with_the_same_places_to_fill() {
    let places = |text: &str| {
        let mut names: Vec<String> =
            text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
        names.sort();
        names
    };
    assert!(ENGLISH.0.keys().eq(GERMAN.0.keys()));
    for key in ENGLISH.0.keys() {
        assert_eq!(places(ENGLISH.0.say(key)), places(GERMAN.0.say(key)), "{key}");
    }
}

#[test]
fn a_mail_of_the_portal_has_a_link_on_a_line_of_its_own_and_speaks_the_readers_language() {
    let About::Code { code, request, action, expires_at, .. } = code("12345678", "erase") else { return };
    let link = "https://shop.example/privacy/requests/7/confirm?key=abc";
    let text =
        super::render(&About::Code { code, request, action, expires_at, link: Some(link.into()) }, "de");
    assert_eq!(text.subject, "Ihr Bestätigungscode");
    assert!(text.body.lines().any(|line| line == link), "{}", text.body);
    assert!(text.body.contains("die Löschung personenbezogener Daten verlangt"), "{}", text.body);
    assert!(text.body.contains("bis 14. November 2023, 22:13 UTC."), "{}", text.body);
    assert_eq!(countersign_testing::mail::code_in(&text.body), Some("12345678"));
}

#[test]
fn a_code_stands_alone_on_its_line_and_never_in_the_subject() {
    let text = render(&code("12345678", "erase"));
    assert!(!text.subject.contains("12345678"));
    assert_eq!(countersign_testing::mail::code_in(&text.body), Some("12345678"));
    assert!(text.body.contains("asked to erase personal data."), "{}", text.body);
    assert!(text.body.contains("until 14 November 2023, 22:13 UTC."), "{}", text.body);
    assert!(text.body.contains("00000000-0000-0000-0000-000000000007"));
}

#[test]
fn an_outcome_says_what_was_kept_and_why_and_until_when_the_package_is_there() {
    let text = render(&About::Outcome {
        request: request(),
        action: "erase".into(),
        status: "completed".into(),
        detail: Some("partial".into()),
        kept: vec![("tax_ten_years".into(), 7), ("shared".into(), 1)],
        package_until: Some(moment()),
        link: None,
    });
    assert_eq!(text.subject, "Your request is done");
    for part in [
        "in part",
        "7 records kept: tax_ten_years",
        "1 record kept: shared",
        "fetch the package until 14 Nov",
    ] {
        assert!(text.body.contains(part), "{part} is not in {}", text.body);
    }
}

#[test]
fn a_denial_says_why() {
    let text = render(&outcome_of("denied", Some("legal_hold")));
    assert_eq!(text.subject, "Your request was denied");
    assert!(text.body.contains("The reason is: legal_hold."));
}

#[test]
fn every_status_has_a_sentence() {
    for status in ["completed", "denied", "expired", "withdrawn", "abandoned", "stuck"] {
        let text = render(&outcome_of(status, None));
        assert!(text.body.contains("\n\nIt"), "{status}: {}", text.body);
    }
}

#[test]
fn a_reviewer_is_told_when_the_votes_were_voided() {
    let call = |again| {
        render(&About::CallToVote {
            request: request(),
            action: "erase".into(),
            seat: "privacy".into(),
            due_at: Some(moment()),
            again,
            reminder: false,
            link: Some("https://countersign.example/console/requests/7".into()),
        })
    };
    assert_eq!(call(false).subject, "A request waits for your vote");
    assert!(call(false).body.contains("a vote of privacy") && !call(false).body.contains("no longer count"));
    assert_eq!(call(true).subject, "A request needs your vote again");
    assert!(call(true).body.contains("no longer count"));
    assert!(call(true).body.contains("answered by 14 November 2023"));
    assert!(call(true).body.contains("\nhttps://countersign.example/console/requests/7\n"));
}

#[test]
fn digest_names_each_request_with_its_date_and_its_page_and_says_how_many_more_there_are() {
    let awaited = |n: u8| Awaited {
        request: RequestId::from_bytes([n; 16]),
        action: "erase".into(),
        seat: "privacy".into(),
        due_at: Some(moment()),
        link: Some(format!("https://countersign.example/console/requests/{n}")),
    };
    let link = Some("https://countersign.example/console".to_owned());
    let text = render(&About::Digest { waiting: vec![awaited(1), awaited(2)], more: 3, link: link.clone() });
    assert_eq!(text.subject, "5 requests wait for your vote");
    for part in [
        "- a request to erase personal data, for privacy\n  to be answered by 14 November 2023, 22:13 UTC",
        "\n  https://countersign.example/console/requests/2\n",
        "And 3 more.",
        "\nhttps://countersign.example/console\n",
    ] {
        assert!(text.body.contains(part), "{part} is not in {}", text.body);
    }
    let one = render(&About::Digest { waiting: vec![awaited(1)], more: 0, link });
    assert_eq!(one.subject, "1 request waits for your vote");
    assert!(!one.body.contains("more."));
}

#[test]
fn a_recipient_outside_hears_its_own_reference_and_nothing_else() {
    let erased = |references: Vec<String>| {
        render(&About::Erased { request: request(), name: "Example Mailer".into(), references })
    };
    let text = erased(vec!["4711".into()]);
    assert!(text.body.contains("Example Mailer") && text.body.contains("\n\n4711\n\n"), "{}", text.body);
    assert!(!text.subject.contains("4711"));
    assert!(!erased(vec![]).body.contains("under:"));
}

#[test]
fn words_from_outside_stay_on_their_line() {
    let text = render(&code("1234\r\nBcc: x", "wipe\r\n\r\n99999999\r\n\u{202e}\u{1b}[2J"));
    assert!(!text.subject.contains(['\r', '\n']));
    assert!(!text.body.contains(['\r', '\u{1b}', '\u{202e}']));
    assert_eq!(countersign_testing::mail::code_in(&text.body), None);
    assert!(render(&code("1", &"x".repeat(10_000))).body.len() < 1_000);
}

#[test]
fn a_moment_beyond_the_calendar_is_left_out() {
    let About::Code { code, request, action, .. } = code("12345678", "export") else { return };
    let expires_at = Timestamp::from_millis(i64::MAX);
    let text = render(&About::Code { code, request, action, expires_at, link: None });
    assert!(!text.body.contains("until"), "{}", text.body);
}

fn request() -> RequestId {
    let mut bytes = [0; 16];
    bytes[15] = 7;
    RequestId::from_bytes(bytes)
}

fn moment() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

fn code(code: &str, action: &str) -> About {
    let (code, action) = (code.into(), action.into());
    About::Code { code, request: request(), action, expires_at: moment(), link: None }
}

fn outcome_of(status: &str, detail: Option<&str>) -> About {
    About::Outcome {
        request: request(),
        action: "erase".into(),
        status: status.into(),
        detail: detail.map(Into::into),
        kept: vec![],
        package_until: None,
        link: None,
    }
}
