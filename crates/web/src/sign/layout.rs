//! What every page has around it, and its words: a file for each language.

use std::sync::LazyLock;

use countersign_service::words::Words;
use maud::{DOCTYPE, Markup, html};

use super::style;
use super::visit::Visit;
use crate::portal::language::Language;

static ENGLISH: LazyLock<Words> = LazyLock::new(|| Words::read(include_str!("words/en.txt")));
static GERMAN: LazyLock<Words> = LazyLock::new(|| Words::read(include_str!("words/de.txt")));

/// The words of a language.
pub(super) struct Text;

impl Text {
    pub(super) fn of(language: Language) -> &'static Words {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }
}

/// A whole page.
pub(super) fn page(visit: &Visit, title: &str, content: &Markup) -> Markup {
    let other = Language::ALL.into_iter().find(|language| *language != visit.language);
    html! {
        (DOCTYPE)
        html lang=(visit.language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Countersign" }
                link rel="stylesheet" href={ (visit.to("/sign-in/style.css")) "?v=" (style::version()) };
                script src={ (visit.to("/sign-in/sign.js")) "?v=" (style::script_version()) } defer {}
            }
            body {
                a.skip href="#content" { (visit.say("skip")) }
                header {
                    div.bar {
                        a.brand href=(visit.to(super::HOME)) { span { "Countersign" } }
                        div.who {
                            @if let Some(other) = other {
                                a.language href={ (visit.to(&visit.path)) "?lang=" (other.code()) }
                                    lang=(other.code()) hreflang=(other.code()) { (visit.say("other")) }
                            }
                            @if visit.signed_in.is_some() {
                                form method="post" action=(visit.to("/sign-out")) {
                                    (visit.fields())
                                    button.link type="submit" { (visit.say("out")) }
                                }
                            }
                        }
                    }
                }
                main id="content" tabindex="-1" { (content) }
            }
        }
    }
}

/// Something that came of the last form, above everything else.
pub(super) fn note(visit: &Visit) -> Markup {
    let name = visit.query.get("note").map(String::as_str).unwrap_or_default();
    let good = matches!(name, "out" | "out_here" | "ended" | "set_up" | "removed" | "mailed");
    // The script of a page that stayed open found out.
    let told = name == "over";
    html! {
        @if let Some(text) = Text::of(visit.language).find(&format!("note.{name}")) {
            p.note.good[good].bad[!good && !told] role=(if good { "status" } else { "alert" }) { (text) }
        }
    }
}

#[cfg(test)]
mod tests;
