use domain::jws::SigningKey;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: i64 = 1_780_315_200;

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example",
        client_id: "convoke",
        nonce: "n1",
        now: Timestamp::from_second(NOW).expect("a time"),
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "sub": "ann", "aud": "convoke", "exp": NOW + 300, "iat": NOW, "nonce": "n1"})
}

/// What comes of a token with these in place of its honest claims; null takes one away.
fn read(changed: &Value) -> Result<String, Untrue> {
    let key = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
    let mut claims = claims();
    let fields = claims.as_object_mut().expect("an object");
    for (name, value) in changed.as_object().expect("an object") {
        fields.insert(name.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    let keys = Keys::of(vec![serde_json::to_value(key.verifying_key().to_jwk()).expect("JSON")]);
    keys.subject(&key.sign(&claims), &expected())
}

#[test]
fn an_honest_token_names_somebody() {
    for honest in [
        json!({}),
        json!({"aud": ["convoke"]}),
        json!({"aud": ["convoke", "other"], "azp": "convoke"}),
        json!({"azp": "convoke", "email": "ann@acme.test", "amr": ["pwd"]}),
        // Clocks differ by up to a minute.
        json!({"exp": NOW - 59}),
        json!({"iat": NOW + 60, "nbf": NOW + 60}),
        json!({"exp": NOW as f64 + 0.5}),
    ] {
        assert_eq!(read(&honest).as_deref(), Ok("ann"), "{honest}");
    }
}

#[test]
fn a_token_for_others_or_of_another_time_names_nobody() {
    for (changed, why) in [
        (json!({"iss": "https://id.example/"}), Untrue::Issuer),
        (json!({"iss": "https://ID.example"}), Untrue::Issuer),
        (json!({"iss": null}), Untrue::Malformed),
        (json!({"aud": "other"}), Untrue::Audience),
        (json!({"aud": []}), Untrue::Audience),
        (json!({"aud": ["convoke", "other"]}), Untrue::Audience),
        (json!({"aud": ["convoke", "other"], "azp": "other"}), Untrue::Audience),
        (json!({"azp": "other"}), Untrue::Audience),
        (json!({"aud": null}), Untrue::Malformed),
        (json!({"exp": NOW - 60}), Untrue::Time),
        (json!({"iat": NOW + 61}), Untrue::Time),
        (json!({"nbf": NOW + 61}), Untrue::Time),
        (json!({"exp": null}), Untrue::Malformed),
        (json!({"exp": "never"}), Untrue::Malformed),
        (json!({"iat": null}), Untrue::Malformed),
        (json!({"nonce": "n2"}), Untrue::Nonce),
        (json!({"nonce": null}), Untrue::Nonce),
        (json!({"sub": ""}), Untrue::Subject),
        (json!({"sub": "s".repeat(256)}), Untrue::Subject),
        (json!({"sub": 7}), Untrue::Malformed),
        (json!({"filler": "f".repeat(20_000)}), Untrue::Malformed),
    ] {
        assert_eq!(read(&changed), Err(why), "{changed}");
    }
}

#[test]
fn a_key_signs_what_it_is_for_alone() {
    let pair = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
    let token = pair.sign(&claims());
    let jwk = serde_json::to_value(pair.verifying_key().to_jwk()).expect("JSON");
    let with = |name: &str, value: Value| {
        let mut key = jwk.clone();
        key[name] = value;
        Keys::of(vec![json!("no key"), json!({"kty": 7}), key]).subject(&token, &expected())
    };
    assert_eq!(with("use", json!("sig")).as_deref(), Ok("ann"));
    assert_eq!(with("alg", json!("ES256")).as_deref(), Ok("ann"));
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("kty", json!("oct")),
        ("kty", json!("RSA")),
        ("crv", json!("P-384")),
        ("kid", json!("other")),
        ("kid", json!(null)),
    ] {
        assert_eq!(with(name, value.clone()), Err(Untrue::UnknownKey), "{name} {value}");
    }
    for (name, value) in [("x", json!("AAAA")), ("y", json!(null)), ("x", jwk["y"].clone())] {
        assert_eq!(with(name, value), Err(Untrue::Signature), "{name}");
    }
}

proptest! {
    #[test]
    fn any_text_names_nobody(text in "[A-Za-z0-9._-]{0,200}|\\PC{0,100}", key in "[A-Za-z0-9_-]{0,60}") {
        let keys = Keys::of(vec![
            json!({"kty": "EC", "crv": "P-256", "x": key, "y": key}),
            json!({"kty": "RSA", "n": key, "e": key}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": key}),
        ]);
        prop_assert!(keys.subject(&text, &expected()).is_err());
        for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg}).to_string());
            let token = format!("{header}.e30.{key}");
            prop_assert!(keys.subject(&token, &expected()).is_err());
        }
    }
}
