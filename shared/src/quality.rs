//! How participants' connections did, as relays report it: one span of a minute or so after another.
//!
//! Shares are from 0 to 1, scores from 1.0 to 4.5, as LiveKit clients hear them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ParticipantNumber, RelayId, RoomName};

/// Most spans in one report.
pub const LARGEST_QUALITY: usize = 200;
/// The longest span, in milliseconds. They are a minute long; a relay that was held up may be late.
pub const LONGEST_SPAN_MS: u32 = 600_000;

/// How well a participant is connected, as the clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Media is away.
    Lost,
    /// A score up to 3.
    Poor,
    /// A score up to 4.
    Good,
    /// Better than that, or nothing known yet.
    Excellent,
}

impl Grade {
    /// All grades.
    pub const ALL: [Self; 4] = [Self::Lost, Self::Poor, Self::Good, Self::Excellent];

    /// Its name, also in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Poor => "poor",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }
}

/// `POST /relay/quality`: how participants' connections did. In no order, and apart from all else that a relay reports; what is
/// sent again takes the place of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityReport {
    /// The relay.
    pub relay: RelayId,
    /// Its start.
    pub epoch: u64,
    /// The spans, at most [`LARGEST_QUALITY`].
    pub spans: Vec<QualitySpan>,
}

/// The answer to [`QualityReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QualityKept {
    /// How many spans are kept: not those of rooms that the relay has not entered.
    pub kept: u32,
}

/// How one participant's connections did for a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualitySpan {
    /// The room.
    pub room: RoomName,
    /// Who.
    pub participant: ParticipantNumber,
    /// When it began, in Unix milliseconds.
    pub at: i64,
    /// How it was.
    #[serde(flatten)]
    pub quality: Quality,
}

/// How connections did for a while: of those that a participant has, the worse one at each time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// How long, in milliseconds, at most [`LONGEST_SPAN_MS`].
    pub duration_ms: u32,
    /// Share of packets lost on the way to the relay and not repaired: the mean.
    pub loss_up: f64,
    /// The same: the worst five seconds.
    pub worst_loss_up: f64,
    /// Share of packets lost on the way to the client, as it reports: the mean.
    pub loss_down: f64,
    /// The same: the worst five seconds.
    pub worst_loss_down: f64,
    /// Round trip in milliseconds, where one was measured: the mean.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_ms: Option<u32>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub worst_rtt_ms: Option<u32>,
    /// Mean-opinion style score: the mean.
    pub score: f64,
    /// The lowest.
    pub lowest_score: f64,
    /// The worst that clients were told in this time.
    pub grade: Grade,
}

impl Quality {
    /// Whether its numbers are such as can be measured.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let shares = [self.loss_up, self.worst_loss_up, self.loss_down, self.worst_loss_down];
        let scores = [self.score, self.lowest_score];
        self.duration_ms <= LONGEST_SPAN_MS
            && shares.iter().all(|share| (0.0..=1.0).contains(share))
            && scores.iter().all(|score| (1.0..=4.5).contains(score))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_wire_is_this() {
        let span = json!({"room": "1/2/3", "participant": 4, "at": 5, "duration_ms": 60_000, "loss_up": 0.01, "worst_loss_up": 0.05,
            "loss_down": 0.0, "worst_loss_down": 0.0, "rtt_ms": 40, "worst_rtt_ms": 90, "score": 4.2, "lowest_score": 3.5,
            "grade": "good"});
        let read: QualitySpan = serde_json::from_value(span.clone()).expect("a span");
        assert_eq!(serde_json::to_value(read).expect("json"), span);
        let mut bare = span;
        let fields = bare.as_object_mut().expect("an object");
        fields.remove("rtt_ms");
        fields.remove("worst_rtt_ms");
        let read: QualitySpan = serde_json::from_value(bare.clone()).expect("a span");
        assert_eq!(
            (read.quality.rtt_ms, serde_json::to_value(read).expect("json")),
            (None, bare)
        );
    }

    #[test]
    fn what_cannot_be_measured_is_told_from_what_can() {
        let quality = Quality {
            duration_ms: 60_000,
            loss_up: 0.0,
            worst_loss_up: 1.0,
            loss_down: 0.0,
            worst_loss_down: 0.0,
            rtt_ms: None,
            worst_rtt_ms: None,
            score: 4.5,
            lowest_score: 1.0,
            grade: Grade::Poor,
        };
        assert!(quality.is_possible());
        for wrong in [
            Quality {
                loss_up: -0.1,
                ..quality
            },
            Quality {
                worst_loss_down: 1.1,
                ..quality
            },
            Quality { score: 5.0, ..quality },
            Quality {
                lowest_score: 0.0,
                ..quality
            },
            Quality {
                loss_down: f64::NAN,
                ..quality
            },
            Quality {
                duration_ms: LONGEST_SPAN_MS + 1,
                ..quality
            },
        ] {
            assert!(!wrong.is_possible(), "{wrong:?}");
        }
    }
}
