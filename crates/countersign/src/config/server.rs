//! `[server]`: where the doors are.

use std::net::SocketAddr;

use super::section::Section;

/// Where the server listens, and how others call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Address and port; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// The address that people reach it by, for links in messages; else made of `listen`.
    pub(crate) public_url: Option<String>,
    /// What this node is called among its like, where several share a store; else made of the machine's name.
    pub(crate) name: Option<String>,
    /// How long a node that stops goes on answering while `/readyz` says that it stops, so that whoever spreads the
    /// calls sends them elsewhere. Else none for a store in a file, three seconds for one that is shared.
    pub(crate) stop_pause_ms: Option<u64>,
    /// How many proxies stand in front of this node, if that is said here.
    pub(super) proxies: Option<usize>,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let listen = match section.text("listen") {
            None => Some(SocketAddr::from(([127, 0, 0, 1], 7300))),
            Some(written) => {
                let address = written.value.parse().ok();
                if address.is_none() {
                    let advice = "write it as in `127.0.0.1:7300`";
                    section.note(written.span, "`listen` is no address with a port", advice);
                }
                address
            }
        };
        let public_url = section.text("public_url").and_then(|written| {
            let fits = written.value.starts_with("http://") || written.value.starts_with("https://");
            if !fits {
                section.note(
                    written.span.clone(),
                    "`public_url` is no web address",
                    "begin it with `https://`",
                );
            }
            fits.then(|| written.value.trim_end_matches('/').to_owned())
        });
        let name = section.text("name").and_then(|written| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let fits = written.value.len() <= 64 && written.value.chars().all(plain);
            if !fits {
                let advice = "at most 64 of a-z, A-Z, 0-9, `-`, `_` and `.`";
                section.note(written.span.clone(), "a node cannot have this `name`", advice);
            }
            fits.then_some(written.value)
        });
        let stop_pause_ms = section.number("stop_pause_ms", 0..=60_000);
        let proxies = proxies(&mut section);
        section.close();
        Some(Self { listen: listen?, public_url, name, stop_pause_ms, proxies })
    }
}

/// Proxies that each add whom they heard to `X-Forwarded-For`.
pub(super) fn proxies(section: &mut Section<'_>) -> Option<usize> {
    section.number("proxies", 0..=8).and_then(|proxies| usize::try_from(proxies).ok())
}
