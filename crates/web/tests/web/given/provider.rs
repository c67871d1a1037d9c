//! An identity provider in the hand: it signs whatever a test wants it to sign.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_service::ports::provider::{IdentityProvider, Unreached};
use countersign_service::sign::Provider;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::NOW_MS;

pub(crate) const ISSUER: &str = "https://login.test";
pub(crate) const CLIENT: &str = "countersign at the desk";
const SECRET: &str = "a secret";
/// What the settings say of it.
pub(crate) const SETTINGS: &str = "[oidc]\nname = \"Example Login\"\nissuer = \"https://login.test\"\n\
    client_id = \"countersign at the desk\"\n[oidc.groups.dpo]\nseats = [\"privacy\"]\n\
    [oidc.groups.it]\nroles = [\"operator\"]\n";

/// How a token is signed.
#[derive(Clone, Copy)]
pub(crate) enum Sign {
    Well,
    Not,
    WithThePublicKey,
    ByAStranger,
    /// By a stranger who names the provider's own key.
    Forged,
}

#[derive(Default)]
struct State {
    /// By code: what it was bound to, and what it is exchanged for.
    codes: BTreeMap<String, (String, String)>,
    counted: u32,
    key: u8,
    asked_for_keys: u32,
    down: bool,
}

/// A provider.
#[derive(Clone, Default)]
pub(crate) struct Idp(Arc<Mutex<State>>);

/// What somebody was sent to the provider with.
pub(crate) struct Asked(pub(crate) BTreeMap<String, String>);

impl Asked {
    pub(crate) fn of(location: &str) -> Self {
        let (place, query) = location.split_once('?').unwrap();
        assert_eq!(place, "https://login.test/authorize");
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), decoded(value))
        };
        Self(query.split('&').map(pair).collect())
    }
}

impl Idp {
    /// This node's way to it.
    pub(crate) fn provider(&self) -> Provider {
        Provider::new(Arc::new(self.clone()), SECRET.to_owned())
    }

    /// Signs by another key from now on.
    pub(crate) fn change_key(&self) {
        self.0.lock().unwrap().key += 1;
    }

    pub(crate) fn goes_down(&self) {
        self.0.lock().unwrap().down = true;
    }

    /// How often its keys were asked for.
    pub(crate) fn asked_for_keys(&self) -> u32 {
        self.0.lock().unwrap().asked_for_keys
    }

    /// Codes that nobody exchanged.
    pub(crate) fn codes_left(&self) -> usize {
        self.0.lock().unwrap().codes.len()
    }

    fn key(&self) -> (String, SigningKey) {
        let n = self.0.lock().unwrap().key;
        (format!("key-{n}"), SigningKey::from_bytes(&[n + 1; 32]))
    }

    /// A token of these claims; null takes one of the usual ones away.
    pub(crate) fn token(&self, usual: Value, claims: &Value, sign: Sign) -> String {
        let mut all = usual;
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let (kid, key) = self.key();
        let (alg, key, kid) = match sign {
            Sign::Well => ("EdDSA", key, kid),
            Sign::Not => ("none", key, kid),
            Sign::WithThePublicKey => ("HS256", key, kid),
            Sign::Forged => ("EdDSA", SigningKey::from_bytes(&[99; 32]), kid),
            Sign::ByAStranger => ("EdDSA", SigningKey::from_bytes(&[99; 32]), "stranger".to_owned()),
        };
        let head = json!({"alg": alg, "kid": kid}).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(all.to_string()));
        let signature = match sign {
            Sign::Not => Vec::new(),
            Sign::WithThePublicKey => {
                let mut mac =
                    <Hmac<Sha256> as KeyInit>::new_from_slice(key.verifying_key().as_bytes()).unwrap();
                mac.update(signed.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Sign::Well | Sign::ByAStranger | Sign::Forged => key.sign(signed.as_bytes()).to_bytes().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The address that a browser comes back to after somebody signed in, with a token of these claims to be had.
    pub(crate) fn back(&self, asked: &Asked, claims: &Value, sign: Sign) -> String {
        let now = NOW_MS / 1000;
        let usual = json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "olga", "iat": now, "exp": now + 300, "nonce": asked.0["nonce"],
            "email": "olga@staff.example", "email_verified": true, "name": "Olga", "groups": ["dpo"], "sid": "sid-1",
        });
        let token = self.token(usual, claims, sign);
        let mut state = self.0.lock().unwrap();
        state.counted += 1;
        let code = format!("code-{}", state.counted);
        state.codes.insert(code.clone(), (asked.0["code_challenge"].clone(), token));
        format!("/sign-in/oidc/back?code={code}&state={}&iss=https%3A%2F%2Flogin.test", asked.0["state"])
    }

    /// A word about signing out.
    pub(crate) fn logout(&self, claims: &Value) -> String {
        self.logout_signed(claims, Sign::Well)
    }

    /// The same, signed in another way.
    pub(crate) fn logout_signed(&self, claims: &Value, sign: Sign) -> String {
        let now = NOW_MS / 1000;
        let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        let usual = json!({"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "one", "events": events});
        self.token(usual, claims, sign)
    }
}

#[async_trait]
impl IdentityProvider for Idp {
    async fn document(&self, url: &str) -> Result<Vec<u8>, Unreached> {
        if self.0.lock().unwrap().down {
            return Err(Unreached("cannot be reached".to_owned()));
        }
        match url {
            "https://login.test/.well-known/openid-configuration" => Ok(json!({
                "issuer": ISSUER,
                "authorization_endpoint": "https://login.test/authorize",
                "token_endpoint": "https://login.test/token",
                "jwks_uri": "https://login.test/keys",
                "end_session_endpoint": "https://login.test/out",
                "authorization_response_iss_parameter_supported": true,
            })
            .to_string()
            .into_bytes()),
            "https://login.test/keys" => {
                self.0.lock().unwrap().asked_for_keys += 1;
                let (kid, key) = self.key();
                let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
                let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]});
                Ok(keys.to_string().into_bytes())
            }
            _ => Err(Unreached("knows no such document".to_owned())),
        }
    }

    async fn form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        login: Option<(&str, &str)>,
    ) -> Result<Vec<u8>, Unreached> {
        assert_eq!((url, login), ("https://login.test/token", Some((CLIENT, SECRET))));
        let field = |name: &str| fields.iter().find(|(it, _)| *it == name).unwrap().1;
        assert_eq!(field("grant_type"), "authorization_code");
        assert_eq!(field("redirect_uri"), "http://127.0.0.1:7300/sign-in/oidc/back");
        let granted = self.0.lock().unwrap().codes.remove(field("code"));
        let (challenge, token) = granted.ok_or(Unreached("knows no such code".to_owned()))?;
        let fits = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier"))) == challenge;
        assert!(fits, "PKCE: this code was asked for with another challenge");
        Ok(json!({"id_token": token, "access_token": "access", "token_type": "Bearer"})
            .to_string()
            .into_bytes())
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            b => b,
        });
    }
    String::from_utf8(bytes).unwrap()
}
