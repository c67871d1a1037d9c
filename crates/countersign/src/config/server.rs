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
        section.close();
        Some(Self { listen: listen?, public_url })
    }
}
