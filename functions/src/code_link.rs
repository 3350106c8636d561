//! Access codes in links that hide them: `/conf/call/<sealed>?encrypted_pin=true`.
//!
//! The same code of the same company always makes the same link. Its nonce is an HMAC of what is sealed, so that it
//! never meets another plain text and tells nothing of this one.

use domain::code::AccessCode;
use domain::id::CompanyId;
use domain::sealed::{Sealed, SealingKey};
use ring::hmac;

/// The key that hides access codes.
pub struct CodeKey {
    sealing: SealingKey,
    nonces: hmac::Key,
}

impl std::fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeKey(***)")
    }
}

impl CodeKey {
    /// Derived from the installation's key.
    #[must_use]
    pub fn derive(installation_key: &[u8; 32]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, installation_key);
        let nonces = hmac::sign(&master, b"codes/nonces");
        Self {
            sealing: SealingKey::derive(installation_key, "codes"),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, nonces.as_ref()),
        }
    }

    /// The code as it stands in a link of this company.
    #[must_use]
    pub fn hide(&self, company: CompanyId, code: AccessCode) -> String {
        let (place, code) = (place(company), code.to_string());
        let tag = hmac::sign(&self.nonces, format!("{place}/{code}").as_bytes());
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&tag.as_ref()[..12]);
        self.sealing.seal(&place, code.as_bytes(), nonce).as_str().to_owned()
    }

    /// The code in a link of this company; `None` for anything that we did not make.
    #[must_use]
    pub fn reveal(&self, company: CompanyId, hidden: &str) -> Option<AccessCode> {
        if hidden.len() > 128 {
            return None;
        }
        let sealed: Sealed = serde_json::from_value(serde_json::Value::from(hidden)).ok()?;
        let code = self.sealing.open(&place(company), &sealed).ok()?;
        std::str::from_utf8(&code).ok()?.parse().ok()
    }
}

fn place(company: CompanyId) -> String {
    format!("code/{company}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn company(number: u64) -> CompanyId {
        CompanyId::new(number).expect("an id")
    }

    proptest! {
        #[test]
        fn a_hidden_code_is_found_in_its_company_only(number in 1_000_000_u32..=999_999_999) {
            let key = CodeKey::derive(&[3; 32]);
            let code = AccessCode::new(number).expect("a code");
            let hidden = key.hide(company(5), code);
            prop_assert!(!hidden.contains(&code.to_string()));
            prop_assert_eq!(&hidden, &key.hide(company(5), code));
            prop_assert_eq!(key.reveal(company(5), &hidden), Some(code));
            prop_assert_eq!(key.reveal(company(6), &hidden), None);
        }

        #[test]
        fn any_text_reveals_nothing(text: String) {
            prop_assert_eq!(CodeKey::derive(&[3; 32]).reveal(company(5), &text), None);
        }
    }
}
