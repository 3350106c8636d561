//! Passes: what a guest's own link holds where a meeting asks for registration. A pass names the guest and proves that we
//! made it; it is worth something as long as its guest is invited.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::conference::{Conference, Invited};
use domain::id::{ConferenceId, ContactId};
use domain::sealed::same_secret;
use ring::hmac;

use crate::app::App;

/// The bytes of a pass: a contact's id, then the first half of an HMAC-SHA256.
const CONTACT: usize = 8;
const TAG: usize = 16;

/// The key that makes passes.
pub(crate) struct PassKey(hmac::Key);

impl std::fmt::Debug for PassKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassKey(***)")
    }
}

impl PassKey {
    /// Derived from the installation's key.
    pub(crate) fn derive(installation_key: &[u8; 32]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, installation_key);
        let key = hmac::sign(&master, b"registration/passes");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// The pass of somebody invited to a meeting; always the same.
    pub(crate) fn pass(&self, conference: ConferenceId, contact: ContactId) -> String {
        let mut pass = [0; CONTACT + TAG];
        pass[..CONTACT].copy_from_slice(&contact.value().to_be_bytes());
        pass[CONTACT..].copy_from_slice(&self.tag(conference, contact));
        URL_SAFE_NO_PAD.encode(pass)
    }

    /// Whose pass for this meeting this is; `None` for anything that we did not make.
    fn holder(&self, conference: ConferenceId, pass: &str) -> Option<ContactId> {
        let mut bytes = [0; CONTACT + TAG];
        if URL_SAFE_NO_PAD.decode_slice(pass, &mut bytes) != Ok(bytes.len()) {
            return None;
        }
        let (contact, tag) = bytes.split_first_chunk::<CONTACT>()?;
        let contact = ContactId::new(u64::from_be_bytes(*contact))?;
        same_secret(&self.tag(conference, contact), tag).then_some(contact)
    }

    fn tag(&self, conference: ConferenceId, contact: ContactId) -> [u8; TAG] {
        let signed = hmac::sign(&self.0, format!("{conference}/{contact}").as_bytes());
        let mut tag = [0; TAG];
        tag.copy_from_slice(&signed.as_ref()[..TAG]);
        tag
    }
}

/// Who of those invited shows this pass.
pub(crate) fn guest<'a>(app: &App, conference: &'a Conference, pass: Option<&str>) -> Option<&'a Invited> {
    let contact = app.keys.passes.holder(conference.id, pass?)?;
    conference.invited.iter().find(|person| person.contact == contact)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pass_is_its_holders_in_its_meeting_only(meeting in 1_u64..1 << 53, contact in 1_u64..1 << 53, bit in 0_usize..192) {
            let key = PassKey::derive(&[3; 32]);
            let id = |number| ConferenceId::new(number).expect("an id");
            let contact = ContactId::new(contact).expect("an id");
            let pass = key.pass(id(meeting), contact);
            prop_assert_eq!(key.holder(id(meeting), &pass), Some(contact));
            prop_assert_eq!(key.holder(id(meeting + 1), &pass), None);
            prop_assert_eq!(PassKey::derive(&[4; 32]).holder(id(meeting), &pass), None);
            let mut forged = URL_SAFE_NO_PAD.decode(&pass).expect("our own");
            forged[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.holder(id(meeting), &URL_SAFE_NO_PAD.encode(forged)), None);
        }

        #[test]
        fn any_text_is_nobodys_pass(text: String) {
            let meeting = ConferenceId::new(7).expect("an id");
            prop_assert_eq!(PassKey::derive(&[3; 32]).holder(meeting, &text), None);
        }
    }
}
