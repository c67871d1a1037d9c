//! One-time passwords of whoever is signed in: the secret is shown once, and counts when a code of it was entered.

use axum::extract::State;
use axum::response::Response;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::{Markup, html};
use qrcode::{Color, QrCode};

use super::filled::Filled;
use super::inside::Inside;
use super::{layout, mail, passkey, respond};
use crate::app::App;

/// How wide the light edge of the picture is, in its squares.
const QUIET: usize = 4;

/// Shows a new secret.
pub(super) async fn begin(inside: Inside, State(app): State<App>, _sent: Filled) -> Response {
    let visit = &inside.visit;
    let shown = match app.service.begin_device(&inside.signed, &visit.word).await {
        Ok(shown) => shown,
        Err(refusal) => return passkey::changed(visit, Err(refusal), ""),
    };
    let title = visit.say("totp.title");
    let content = html! {
        (layout::note(visit))
        h1 { (title) }
        p.lead { (visit.say("totp.lead")) }
        (picture(&shown.url, visit.say("totp.picture")))
        p { (visit.say("totp.typed")) " " code.secret { (shown.secret) } }
        form method="post" action=(visit.to("/account/totp/confirm")) {
            (visit.fields())
            (mail::code_field(visit))
            button type="submit" { (visit.say("totp.confirm")) }
        }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

/// Keeps it.
pub(super) async fn confirm(inside: Inside, State(app): State<App>, sent: Filled) -> Response {
    let visit = &inside.visit;
    match app.service.keep_device(&inside.signed, &visit.word, &sent.digits("code")).await {
        Err(Refusal::WrongCode { .. } | Refusal::Invalid { .. }) => {
            respond::on_to(visit, &format!("{}?note=wrong_device", visit.to("/account")), Vec::new())
        }
        kept => passkey::changed(visit, kept, "set_up"),
    }
}

/// Drawn here: the secret goes to nobody who draws pictures for others.
fn picture(url: &str, title: &str) -> Markup {
    let code = QrCode::new(url.as_bytes());
    html! {
        @if let Ok(code) = code {
            @let wide = code.width() + 2 * QUIET;
            div.drawn {
                svg viewBox={ "0 0 " (wide) " " (wide) } role="img" aria-label=(title) shape-rendering="crispEdges" {
                    path d=(path(&code)) {}
                }
            }
        }
    }
}

/// The dark squares, line by line, each run of them as one.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    let wide = code.width();
    for (y, line) in code.to_colors().chunks(wide).enumerate() {
        let mut x = 0;
        while x < wide {
            let run = line[x..].iter().take_while(|color| **color == Color::Dark).count();
            if run > 0 {
                path += &format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_has_a_corner_in_each_corner_but_one() {
        let code = QrCode::new(b"otpauth://totp/x").unwrap_or_else(|_| unreachable!());
        let path = path(&code);
        let (first, right) = (QUIET, QUIET + code.width() - 7);
        // The upper edges of the corners are seven squares long.
        for (x, y, there) in
            [(first, first, true), (right, first, true), (first, right, true), (right, right, false)]
        {
            assert_eq!(path.contains(&format!("M{x} {y}h7v1h-7z")), there, "{x} {y}: {path}");
        }
    }
}
