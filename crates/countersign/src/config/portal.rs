//! `[portal]`: the pages for people whose data it is. Without the section there are none.

use std::path::PathBuf;

use anyhow::Context;
use countersign_web::{Colour, Logo};

use super::Folder;
use super::section::{Located, Section};
use super::server;

/// The largest logo, in bytes: a page is meant to weigh less than 100 KB in all.
const LOGO_MAX: u64 = 48 * 1024;

/// A portal, as far as the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portal {
    /// Whose it is.
    pub(crate) name: String,
    /// Where its name leads back to.
    pub(crate) home: Option<String>,
    /// Where questions go.
    pub(crate) contact: Option<String>,
    /// A picture, and its media type.
    pub(crate) logo: Option<(PathBuf, &'static str)>,
    /// The colour of what is to be pressed.
    pub(crate) colour: Colour,
    /// How many proxies stand in front of this node, if that is said here.
    pub(super) proxies: Option<usize>,
}

impl Portal {
    /// `proxies`: how many [server] says that there are, if it does.
    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>, proxies: Option<usize>) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        let name = section.required("name", "\"Example Shop\"");
        let home = address(&mut section, "home");
        let contact = section.text("contact").map(|contact| contact.value);
        let logo = logo(&mut section, folder);
        let colour = section.text("colour").and_then(|written| {
            let colour = Colour::parse(&written.value);
            if colour.is_none() {
                section.note(written.span, "`colour` is no colour", "write it as in `#1d4ed8`");
            }
            colour
        });
        let here = server::proxies(&mut section);
        // One number counts for all pages: of two, one is wrong, and nobody but the operator knows which.
        if let (Some(here), Some(there), Some(span)) = (here, proxies, section.place("proxies"))
            && here != there
        {
            let what = format!("`proxies` is {here} here and {there} in [server]");
            section.note(span, what, "take this line out: what [server] says counts for the portal too");
        }
        section.close();
        Some(Self {
            name: name?.value,
            home,
            contact,
            logo,
            colour: colour.unwrap_or_default(),
            proxies: here,
        })
    }

    /// The portal as the web serves it, at this server's address, behind so many proxies.
    ///
    /// # Errors
    /// When its logo cannot be read.
    pub(crate) fn open(&self, server: &str, proxies: usize) -> anyhow::Result<countersign_web::Portal> {
        let logo = self.logo.as_ref().map(|(path, media_type)| {
            let shown = path.display();
            let bytes =
                std::fs::read(path).with_context(|| format!("the portal's logo {shown} cannot be read"))?;
            anyhow::ensure!(
                bytes.len() as u64 <= LOGO_MAX,
                "the portal's logo {shown} has {} bytes; it may have {LOGO_MAX}",
                bytes.len()
            );
            Ok(Logo { media_type, bytes: bytes.into() })
        });
        Ok(countersign_web::Portal {
            url: format!("{}/privacy", server.trim_end_matches('/')),
            name: self.name.clone(),
            home: self.home.clone(),
            contact: self.contact.clone(),
            logo: logo.transpose()?,
            colour: self.colour,
            proxies,
        })
    }
}

fn address(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let Located { value, span } = section.text(key)?;
    let fits = value.starts_with("https://") || value.starts_with("http://");
    if !fits {
        section.note(span, format!("`{key}` is no web address"), "begin it with `https://`");
    }
    fits.then_some(value)
}

fn logo(section: &mut Section<'_>, folder: Folder<'_>) -> Option<(PathBuf, &'static str)> {
    let Located { value, span } = section.text("logo")?;
    let ending = value.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let media_type = match ending.as_deref() {
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => {
            section.note(span, "`logo` is no picture that is known", "take an SVG, PNG, WebP or JPEG file");
            return None;
        }
    };
    Some((folder.join(&value), media_type))
}
