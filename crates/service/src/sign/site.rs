//! Where passkeys are for: they are bound to the name that people reach this node by.

use url::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// A name that passkeys can be bound to.
#[derive(Clone)]
pub struct Site(pub(super) Webauthn);

impl Site {
    /// The site at an address; `None` where browsers know no passkeys: at a bare network address, or over plain HTTP
    /// anywhere but at `localhost`.
    pub fn at(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let name = url.domain()?;
        let local = name == "localhost" || name.ends_with(".localhost");
        if url.scheme() != "https" && !local {
            return None;
        }
        let builder = WebauthnBuilder::new(name, &url).ok()?.rp_name("Countersign");
        builder.build().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_name_and_a_safe_way_to_it() {
        for (url, there) in [
            ("https://countersign.example", true),
            ("https://countersign.example:8443/below", true),
            ("http://localhost:7300", true),
            ("http://127.0.0.1:7300", false),
            ("http://countersign.example", false),
            ("https://192.0.2.1", false),
            ("nowhere", false),
        ] {
            assert_eq!(Site::at(url).is_some(), there, "{url}");
        }
    }
}
