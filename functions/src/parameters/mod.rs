//! The parameters of a method by contract §1, and reading a type out of them.
//!
//! Serde drives: a type's own `Deserialize` says which type each field has, and the reader converts what the contract
//! lets through (booleans as `"true"`, integers as decimal strings), names the field that is to blame, and never puts
//! a value into a message, since any value may be a secret.

mod fault;
mod read;
#[cfg(test)]
mod tests;

use domain::{Code, Error as Refusal};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use fault::Fault;
pub use read::from_value;

/// The parameters of one request.
#[derive(Clone, Default)]
pub struct Parameters {
    fields: Map<String, Value>,
    /// Names of `fields` that came in the query, where everything is text.
    from_query: Vec<String>,
}

impl std::fmt::Debug for Parameters {
    /// Names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fields.keys()).finish()
    }
}

impl Parameters {
    /// Reads a query and a JSON body; the body wins where both name a parameter.
    ///
    /// # Errors
    ///
    /// Malformed JSON (also when nested deeper than 128 levels) and a body that is no object.
    pub fn read(query: &str, body: &[u8]) -> Result<Self, Refusal> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            read.add(&name, value.into_owned());
        }
        if !body.is_empty() {
            let body: Value = serde_json::from_slice(body)
                .map_err(|_| Refusal::new(Code::InvalidField, "the body is not valid JSON"))?;
            let Value::Object(body) = body else {
                return Err(Refusal::new(Code::InvalidField, "the body must be a JSON object"));
            };
            for (name, value) in body {
                read.from_query.retain(|known| *known != name);
                read.fields.insert(name, value);
            }
        }
        Ok(read)
    }

    /// Lets the parameters of a form win over those that are there.
    pub(crate) fn overlay(&mut self, form: &str) {
        let mut over = Self::default();
        for (name, value) in url::form_urlencoded::parse(form.as_bytes()) {
            over.add(&name, value.into_owned());
        }
        self.from_query.retain(|known| !over.fields.contains_key(known));
        self.from_query.append(&mut over.from_query);
        self.fields.append(&mut over.fields);
    }

    /// A parameter named twice in the query is a list.
    fn add(&mut self, name: &str, value: String) {
        match self.fields.get_mut(name) {
            Some(Value::Array(list)) => list.push(Value::String(value)),
            Some(first) => {
                let first = first.take();
                self.fields
                    .insert(name.to_owned(), Value::Array(vec![first, Value::String(value)]));
            }
            None => {
                self.fields.insert(name.to_owned(), Value::String(value));
                self.from_query.push(name.to_owned());
            }
        }
    }

    /// A parameter that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// Whether the parameter is there, whatever its type.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Whether the parameter says anything: null says as much as nothing.
    #[must_use]
    pub fn given(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether the parameter was sent as null: that says as much as nothing, but where a change takes something away.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(Value::is_null)
    }

    /// Reads a type; parameters that it does not know are ignored.
    ///
    /// # Errors
    ///
    /// `missing_field` or `invalid_field` with the field to blame, by its path: `participant_emails[2].email`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let reader = read::Fields::new(&self.fields, &self.from_query);
        T::deserialize(reader).map_err(Fault::into_refusal)
    }

    /// What was asked, apart from `auth_token` and `idempotency_key`: the same bytes for the same request.
    #[must_use]
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut fields: Vec<_> = self
            .fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "auth_token" | "idempotency_key"))
            .collect();
        fields.sort_by_key(|(name, _)| *name);
        serde_json::to_vec(&fields).unwrap_or_default()
    }
}
