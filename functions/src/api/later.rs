//! Fields of the contract whose features come later: the default is taken, anything else is refused, so that nobody
//! relies on what does not happen.

use domain::Error as Refusal;

const WHY: &str = "is not available on this installation";

/// Refuses a value that is not the default.
///
/// # Errors
///
/// `invalid_field` that names the field.
pub(super) fn only_default<T: PartialEq + Default>(field: &'static str, value: Option<&T>) -> Result<(), Refusal> {
    match value {
        Some(value) if *value != T::default() => Err(Refusal::invalid(field, WHY)),
        _ => Ok(()),
    }
}

/// Refuses any value.
///
/// # Errors
///
/// `invalid_field` that names the field.
pub(super) fn absent<T>(field: &'static str, value: Option<&T>) -> Result<(), Refusal> {
    value.map_or(Ok(()), |_| Err(Refusal::invalid(field, WHY)))
}
