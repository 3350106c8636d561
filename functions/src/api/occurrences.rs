//! Which occurrences of a meeting a method means: all, one by its original start, or that one and those after it.

use domain::Error as Refusal;
use domain::id::Occurrence;
use schemars::JsonSchema;
use serde::Deserialize;
use store::ConferenceState;

/// How much of a meeting that repeats is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OccurrenceScope {
    /// The one that is named.
    This,
    /// The one that is named and those after it.
    Following,
    /// All.
    #[default]
    All,
}

/// What is meant of a meeting that repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// All of it.
    All,
    /// One occurrence.
    This(Occurrence),
    /// One and those that were first planned after it.
    Following(Occurrence),
}

impl Meant {
    /// Reads it. A meeting that does not repeat has one occurrence, which is all of it.
    pub(super) fn read(
        state: &ConferenceState,
        occurrence: Option<&str>,
        scope: Option<OccurrenceScope>,
    ) -> Result<Self, Refusal> {
        let scope = scope.unwrap_or_default();
        let Some(text) = occurrence else {
            return match scope {
                OccurrenceScope::All => Ok(Self::All),
                _ => Err(Refusal::missing("occurrence")),
            };
        };
        let start = state.conference.zone.read(text);
        let start = start.map_err(|why| Refusal::invalid("occurrence", why))?;
        let meant = Occurrence::new(start.as_second());
        if state.occurrence(meant).is_none() {
            return Err(Refusal::not_found("occurrence"));
        }
        Ok(match scope {
            _ if state.conference.series.is_none() => Self::All,
            OccurrenceScope::All => Self::All,
            OccurrenceScope::This => Self::This(meant),
            OccurrenceScope::Following => Self::Following(meant),
        })
    }

    /// Whether it means this occurrence.
    pub(super) fn holds(self, occurrence: Occurrence) -> bool {
        match self {
            Self::All => true,
            Self::This(this) => occurrence == this,
            Self::Following(first) => occurrence >= first,
        }
    }
}
