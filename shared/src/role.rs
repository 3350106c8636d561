//! What an account may do in its reseller.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account's role, ordered by rank: nobody reads secrets of, or changes, an account ranked above its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Its own account, contacts and conferences.
    #[default]
    Host,
    /// Everything in its company.
    CompanyAdmin,
    /// Everything under its reseller.
    ResellerAdmin,
}

impl Role {
    /// The word on the wire, such as `COMPANY_ADMIN`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "HOST",
            Self::CompanyAdmin => "COMPANY_ADMIN",
            Self::ResellerAdmin => "RESELLER_ADMIN",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_rise_and_words_are_those_of_the_contract() {
        assert!(Role::Host < Role::CompanyAdmin && Role::CompanyAdmin < Role::ResellerAdmin);
        for role in [Role::Host, Role::CompanyAdmin, Role::ResellerAdmin] {
            assert_eq!(serde_json::to_value(role).expect("json"), role.word());
        }
    }
}
