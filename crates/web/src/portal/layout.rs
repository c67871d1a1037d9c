//! What every page has around it.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::language::Language;
use super::visit::Visit;

/// A whole page.
pub(super) fn page(visit: &Visit, title: &str, content: &Markup) -> Markup {
    let portal = &visit.portal;
    let root = &visit.root;
    let other = Language::ALL.into_iter().find(|language| *language != visit.language);
    html! {
        (DOCTYPE)
        html lang=(visit.language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · " (portal.name) }
                link rel="stylesheet" href={ (root) "/style.css?v=" (assets::version(assets::STYLE.as_bytes())) };
                link rel="stylesheet" href={ (root) "/theme.css?v=" (assets::version(assets::colours(portal).as_bytes())) };
                @if let Some(logo) = &portal.logo {
                    link rel="icon" type=(logo.media_type) href={ (root) "/logo?v=" (assets::version(&logo.bytes)) };
                }
                script src={ (root) "/portal.js?v=" (assets::version(assets::SCRIPT.as_bytes())) } defer {}
            }
            body {
                a.skip href="#content" { (visit.say("skip")) }
                header {
                    div.bar {
                        a.brand href=(portal.home.as_deref().unwrap_or(root))
                            title=[portal.home.as_ref().map(|_| visit.fill("home", &[("name", &portal.name)]))] {
                            @if let Some(logo) = &portal.logo {
                                img src={ (root) "/logo?v=" (assets::version(&logo.bytes)) } alt="" height="32";
                            }
                            span { (portal.name) }
                        }
                        @if let Some(other) = other {
                            a.language href=(visit.in_language(other)) lang=(other.code()) hreflang=(other.code()) {
                                (visit.say("other"))
                            }
                        }
                    }
                }
                main id="content" tabindex="-1" { (content) }
                @if let Some(contact) = &portal.contact {
                    footer { p { (written_to(visit, contact)) } }
                }
            }
        }
    }
}

/// Where questions go, to be pressed where that is an address.
fn written_to(visit: &Visit, contact: &str) -> Markup {
    let text = visit.say("contact");
    let (before, after) = text.split_once("{contact}").unwrap_or((text, ""));
    let mail =
        contact.contains('@') && contact.chars().all(|c| c.is_ascii_alphanumeric() || "@.+-_".contains(c));
    html! {
        (before)
        @if mail {
            a href={ "mailto:" (contact) } { (contact) }
        } @else if contact.starts_with("https://") {
            a href=(contact) { (contact) }
        } @else {
            (contact)
        }
        (after)
    }
}

/// Something that came of the last form, above everything else.
pub(super) fn note(visit: &Visit) -> Markup {
    let name = visit.query.get("note").map(String::as_str).unwrap_or_default();
    let good = matches!(name, "sent" | "confirmed" | "withdrawn");
    html! {
        @if let Some(text) = visit.language.find("note", name) {
            p.note.good[good].bad[!good] role=(if good { "status" } else { "alert" }) { (text) }
        }
    }
}
