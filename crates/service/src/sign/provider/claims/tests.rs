#![allow(clippy::unwrap_used)]
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use super::*;
use crate::jws::{NoKey, SigningKeys};

const ISSUER: &str = "https://login.example";
const CLIENT: &str = "countersign";
const NOW: i64 = 1_770_022_800;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key_set() -> Value {
    let x = encoded(key().verifying_key().as_bytes());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig", "x": x}]})
}

fn keys() -> SigningKeys {
    SigningKeys::read(key_set().to_string().as_bytes()).unwrap()
}

fn token(head: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
    let signature = key().sign(signed.as_bytes());
    format!("{signed}.{}", encoded(signature.to_bytes()))
}

fn head() -> Value {
    json!({"alg": "EdDSA", "kid": "one"})
}

fn flaw(checked: Result<Signed, NoKey>) -> &'static str {
    match checked {
        Ok(_) => "none",
        Err(NoKey::Unknown) => "unknown",
        Err(NoKey::Flawed(flaw)) => flaw.0,
    }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "sub": "olga", "nonce": "n", "iat": NOW, "exp": NOW + 300})
}

/// What becomes of an ID token with these claims changed; null takes one away.
fn worth(changed: Value) -> Result<Vouched, Flaw> {
    worth_of(&head(), changed, false)
}

fn worth_of(head: &Value, changed: Value, anew: bool) -> Result<Vouched, Flaw> {
    let signed = keys().check(&token(head, &with(claims(), changed))).ok().unwrap();
    let expected = Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: "n",
        access_token: Some("access"),
        begun_at: Timestamp::from_millis((NOW - 20) * 1000),
        anew,
        now: Timestamp::from_millis(NOW * 1000),
    };
    vouched(&signed, "groups", &expected)
}

fn with(mut claims: Value, changed: Value) -> Value {
    for (name, value) in changed.as_object().unwrap() {
        let all = claims.as_object_mut().unwrap();
        match value {
            Value::Null => drop(all.remove(name)),
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    claims
}

#[test]
fn signature_of_each_allowed_way_is_checked() {
    let pairs = [
        (include_str!("rs256.jwk"), include_str!("rs256.jwt")),
        (include_str!("es256.jwk"), include_str!("es256.jwt")),
    ];
    for (key, token) in pairs {
        let keys = SigningKeys::read(format!("{{\"keys\":[{key}]}}").as_bytes()).unwrap();
        let token = token.trim();
        assert_eq!(keys.check(token).ok().unwrap().claims["sub"], "olga");
        // Another subject under the same signature.
        let parts: Vec<_> = token.split('.').collect();
        let altered = format!("{}.{}.{}", parts[0], encoded("{\"sub\":\"ada\"}"), parts[2]);
        assert_eq!(flaw(keys.check(&altered)), "its signature is wrong");
    }
    assert_eq!(flaw(keys().check(&token(&head(), &claims()))), "none");
}

#[test]
fn token_without_a_signature_or_signed_with_what_everybody_knows_is_none() {
    let not_allowed = "it is signed in a way that is not allowed";
    let unsigned =
        format!("{}.{}.", encoded(json!({"alg": "none"}).to_string()), encoded(claims().to_string()));
    assert_eq!(flaw(keys().check(&unsigned)), not_allowed);
    // HS256 with the public key as its secret, in each form in which somebody may have it.
    let public = key().verifying_key();
    let jwk = key_set()["keys"][0].to_string();
    for secret in [&public.as_bytes()[..], encoded(public.as_bytes()).as_bytes(), jwk.as_bytes(), b""] {
        let head = json!({"alg": "HS256", "kid": "one"});
        let signed = format!("{}.{}", encoded(head.to_string()), encoded(claims().to_string()));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        let forged = format!("{signed}.{}", encoded(mac.finalize().into_bytes()));
        assert_eq!(flaw(keys().check(&forged)), not_allowed);
    }
    for alg in ["HS384", "RS1", "PS256", "ES384", "eddsa", ""] {
        let token = token(&json!({"alg": alg, "kid": "one"}), &claims());
        assert_eq!(flaw(keys().check(&token)), not_allowed, "{alg}");
    }
    // A key serves the way that it was made for.
    let crossed = token(&json!({"alg": "RS256", "kid": "one"}), &claims());
    assert_eq!(flaw(keys().check(&crossed)), "unknown");
}

#[test]
fn key_that_is_not_known_is_looked_for_again_and_one_that_is_not_named_must_be_the_only_one() {
    assert_eq!(flaw(keys().check(&token(&json!({"alg": "EdDSA", "kid": "two"}), &claims()))), "unknown");
    assert_eq!(flaw(keys().check(&token(&json!({"alg": "EdDSA"}), &claims()))), "none");
    let mut two = key_set();
    let mut second = two["keys"][0].clone();
    second["kid"] = "two".into();
    two["keys"].as_array_mut().unwrap().push(second);
    let two = SigningKeys::read(two.to_string().as_bytes()).unwrap();
    let unnamed = two.check(&token(&json!({"alg": "EdDSA"}), &claims()));
    assert_eq!(flaw(unnamed), "it does not say by which key it is signed");
    // A key for encryption signs nothing; keys that are secrets are none of a provider's.
    let mut set = key_set();
    set["keys"][0]["use"] = "enc".into();
    set["keys"].as_array_mut().unwrap().push(json!({"kty": "oct", "kid": "one", "k": "AAAA"}));
    let none = SigningKeys::read(set.to_string().as_bytes()).unwrap();
    assert_eq!(flaw(none.check(&token(&head(), &claims()))), "unknown");
}

#[test]
fn short_rsa_keys_prove_nothing() {
    let short = json!({"keys": [{"kty": "RSA", "kid": "one", "n": encoded([0xff; 128]), "e": "AQAB"}]});
    let keys = SigningKeys::read(short.to_string().as_bytes()).unwrap();
    assert_eq!(flaw(keys.check(&token(&json!({"alg": "RS256", "kid": "one"}), &claims()))), "unknown");
}

#[test]
fn what_is_no_token_is_refused_in_words() {
    let mut critical = head();
    critical["crit"] = json!(["b64"]);
    for (sent, why) in [
        (String::new(), "it is no signed token"),
        ("a.b".to_owned(), "it is no signed token"),
        ("a.b.c.d.e".to_owned(), "it is no signed token"),
        ("e30.e30.e30".to_owned(), "its head is not readable"),
        ("a".repeat(70_000), "it is too long"),
        (token(&critical, &claims()), "it demands something that is not known"),
        (token(&head(), &json!([1])), "its claims are not readable"),
    ] {
        assert_eq!(flaw(keys().check(&sent)), why);
    }
}

#[test]
fn id_token_counts_for_what_was_begun_here_and_for_nothing_else() {
    let good = worth(
        json!({"groups": ["privacy", 1, "it"], "sid": "s", "email": "o@e.test", "email_verified": true}),
    );
    let good = good.unwrap();
    assert_eq!((&*good.sub, good.sid.as_deref(), good.email_verified), ("olga", Some("s"), true));
    assert_eq!(good.groups, ["it".to_owned(), "privacy".to_owned()].into());
    for (changed, why) in [
        (json!({"iss": "https://evil.example"}), "it is from another issuer"),
        (json!({"iss": format!("{ISSUER}/")}), "it is from another issuer"),
        (json!({"iss": null}), "it is from another issuer"),
        (json!({"aud": "another"}), "it is meant for somebody else"),
        (json!({"aud": ["another"]}), "it is meant for somebody else"),
        (json!({"aud": null}), "it is meant for somebody else"),
        (json!({"aud": [CLIENT, "another"]}), "it was asked for by somebody else"),
        (json!({"aud": [CLIENT, "another"], "azp": "another"}), "it was asked for by somebody else"),
        (json!({"azp": "another"}), "it was asked for by somebody else"),
        (json!({"exp": NOW - 61}), "it is over"),
        (json!({"exp": null}), "a time in it is missing or none"),
        (json!({"exp": "soon"}), "a time in it is missing or none"),
        (json!({"iat": NOW - 100}), "it was not issued for what was begun here"),
        (json!({"iat": NOW + 100, "exp": NOW + 200}), "it was not issued for what was begun here"),
        (json!({"iat": null}), "a time in it is missing or none"),
        (json!({"nonce": "m"}), "its nonce is another one"),
        (json!({"nonce": null}), "its nonce is another one"),
        (json!({"at_hash": "AAAA"}), "it was issued with another access token"),
        (json!({"sub": null}), "it says not whom it is about"),
        (json!({"sub": ""}), "a name in it is none"),
        (json!({"sub": 7}), "a name in it is none"),
        (json!({"sub": "a".repeat(256)}), "a name in it is none"),
    ] {
        assert_eq!(worth(changed.clone()).unwrap_err().0, why, "{changed}");
    }
    assert!(worth(json!({"aud": [CLIENT, "another"], "azp": CLIENT})).is_ok());
    assert!(worth(json!({"at_hash": half_hash(Algorithm::EdDSA, "access")})).is_ok());
    // What is said of an address is said clearly, or it is not verified.
    assert!(!worth(json!({"email": "o@e.test", "email_verified": 1})).unwrap().email_verified);
    // A logout token is no ID token, whatever it claims.
    let kind = worth_of(&json!({"alg": "EdDSA", "kid": "one", "typ": "logout+jwt"}), json!({}), false);
    assert_eq!(kind.unwrap_err().0, "it is of another kind");
}

/// The one of OpenID Connect's own specification (Core 1.0, appendix A.3).
#[test]
fn hash_of_an_access_token_is_as_the_specification_shows_it() {
    assert_eq!(
        half_hash(Algorithm::RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
        "77QmUPtjPfzWtF2AnpK9RQ"
    );
}

#[test]
fn proof_that_was_asked_for_anew_must_be_new() {
    let anew = |changed| worth_of(&head(), changed, true);
    assert!(anew(json!({"auth_time": NOW - 5})).is_ok());
    let old = "its holder did not prove themselves anew";
    assert_eq!(anew(json!({"auth_time": NOW - 200})).unwrap_err().0, old);
    assert_eq!(anew(json!({"auth_time": NOW + 200})).unwrap_err().0, old);
    assert_eq!(anew(json!({})).unwrap_err().0, "a time in it is missing or none");
}

#[test]
fn logout_token_is_what_the_specification_says_and_nothing_like_it() {
    let events = json!({ LOGOUT_EVENT: {} });
    let claims = json!({
        "iss": ISSUER, "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": "j", "sub": "olga", "sid": "s", "events": events
    });
    let out = |head: &Value, changed: Value| {
        let signed = keys().check(&token(head, &with(claims.clone(), changed))).ok().unwrap();
        left(&signed, ISSUER, CLIENT, Timestamp::from_millis(NOW * 1000))
    };
    let typed = |typ: &str| json!({"alg": "EdDSA", "kid": "one", "typ": typ});
    for head in [head(), typed("logout+jwt"), typed("JWT")] {
        let left = out(&head, json!({})).unwrap();
        assert_eq!((&*left.jti, left.sub.as_deref(), left.sid.as_deref()), ("j", Some("olga"), Some("s")));
    }
    assert!(out(&head(), json!({"sub": null})).is_ok() && out(&head(), json!({"sid": null})).is_ok());
    assert_eq!(out(&typed("at+jwt"), json!({})).unwrap_err().0, "it is of another kind");
    for (changed, why) in [
        (json!({"nonce": "n"}), "it has a nonce"),
        (json!({"nonce": ""}), "it has a nonce"),
        (json!({"events": null}), "it is not about signing out"),
        (json!({"events": {}}), "it is not about signing out"),
        (json!({"events": { LOGOUT_EVENT: true }}), "it is not about signing out"),
        (json!({"events": [LOGOUT_EVENT]}), "it is not about signing out"),
        (json!({"jti": null}), "it has no name of its own"),
        (json!({"sub": null, "sid": null}), "it says not who signed out"),
        (json!({"sid": 7}), "a name in it is none"),
        (json!({"iat": NOW - 601}), "it was not issued just now"),
        (json!({"iat": NOW + 61}), "it was not issued just now"),
        (json!({"exp": NOW + 90_000}), "it was not issued just now"),
        (json!({"exp": NOW - 61}), "it is over"),
        (json!({"exp": null}), "a time in it is missing or none"),
        (json!({"iss": "https://evil.example"}), "it is from another issuer"),
        (json!({"aud": "another"}), "it is meant for somebody else"),
    ] {
        assert_eq!(out(&head(), changed.clone()).unwrap_err().0, why, "{changed}");
    }
}
