//! What ties a form to the browser that it was made for: a token under the installation's key, the same on every node.

use subtle::ConstantTimeEq;

use crate::app::Service;
use crate::keys::mac;
use crate::ports::chance;

impl Service {
    /// A random word that nobody can guess: for a browser's cookie, and for one form.
    pub fn random_word(&self) -> String {
        hex::encode(chance::bytes::<24>(&*self.chance))
    }

    /// The token of a form: of the browser that has this cookie, and of this form alone.
    pub fn form_token(&self, cookie: &str, form: &str) -> String {
        hex::encode(mac(&self.keys.token, &[b"form", cookie.as_bytes(), form.as_bytes()]))
    }

    /// Whether a token is that of the form.
    pub fn is_form_token(&self, cookie: &str, form: &str, token: &str) -> bool {
        bool::from(self.form_token(cookie, form).as_bytes().ct_eq(token.as_bytes()))
    }
}
