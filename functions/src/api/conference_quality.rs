//! `conference/quality`: how participants' connections did in a meeting.

use std::fmt::{self, Display};
use std::str::FromStr;

use domain::Role;
use domain::conference::Conference;
use domain::id::{ConferenceId, ParticipantNumber};
use domain::quality::{Grade, Quality};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{QualityAsked, QualityHistory, QualityPlace};

use super::conference_participants::occurrence_asked;
use super::digits::Digits;
use super::list::{self, Entry, Limit, List};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;

/// Lists how connections did.
#[derive(Debug)]
pub struct ConferenceQuality;

/// Of which meeting, and of whom.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceQualityParameters {
    /// Its id.
    pub conference_id: ConferenceId,
    /// Only of this occurrence, by its original start.
    pub occurrence: Option<String>,
    /// Only of this participant, by its number.
    pub participant: Option<ParticipantNumber>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// What `X-Next-After` said of the page before.
    #[schemars(with = "Option<String>")]
    pub after: Option<Digits<Place>>,
}

/// A place in the list: `occurrence-time-participant`.
#[derive(Clone, Copy, Debug)]
pub struct Place(QualityPlace);

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = || {
            let (rest, participant) = text.rsplit_once('-')?;
            let (occurrence, at) = rest.rsplit_once('-')?;
            Some(Self(QualityPlace {
                occurrence: occurrence.parse().ok()?,
                at: Timestamp::from_millisecond(at.parse().ok()?).ok()?,
                participant: participant.parse().ok()?,
            }))
        };
        place().ok_or("is not in this list")
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(QualityPlace {
            occurrence,
            at,
            participant,
        }) = self;
        write!(f, "{occurrence}-{}-{participant}", at.as_millisecond())
    }
}

/// How somebody's connections did for about a minute. Shares are from 0 to 1, scores from 1.0 to 4.5, times wall clock in the
/// meeting's zone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConferenceQualityAnswer {
    /// Its number in the conference.
    pub participant: ParticipantNumber,
    /// What clients call it.
    pub identity: String,
    /// The original start of the occurrence.
    pub occurrence: String,
    /// When it began.
    pub start_time: String,
    /// How long, in milliseconds.
    pub duration_ms: u32,
    /// Share of packets lost on the way to the relay and not repaired: the mean.
    pub loss_up: f64,
    /// The same: the worst five seconds.
    pub worst_loss_up: f64,
    /// Share of packets lost on the way to the client, as it reports: the mean.
    pub loss_down: f64,
    /// The same: the worst five seconds.
    pub worst_loss_down: f64,
    /// Round trip in milliseconds: the mean; null where none was measured.
    pub rtt_ms: Option<u32>,
    /// The longest.
    pub worst_rtt_ms: Option<u32>,
    /// Mean-opinion style score: the mean.
    pub score: f64,
    /// The lowest.
    pub lowest_score: f64,
    /// The worst that clients were told in this time.
    pub grade: Grade,
    #[serde(skip)]
    place: Place,
}

impl Entry for ConferenceQualityAnswer {
    fn id(&self) -> String {
        self.place.to_string()
    }
}

impl Endpoint for ConferenceQuality {
    const ID: &'static str = "conference_quality";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/quality";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str =
        "Answers how participants' connections did in the last 30 days, minute by minute, the first one first.";
    type Input = Parameters<ConferenceQualityParameters>;
    type Output = List<ConferenceQualityAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = list::limit(asked.limit);
        let (caller, store) = (context.caller()?, context.store());
        let state = context.conference(asked.conference_id).await?;
        let only = QualityAsked {
            occurrence: occurrence_asked(&state, asked.occurrence.as_deref())?,
            participant: asked.participant,
            after: asked.after.map(|Digits(Place(place))| place),
        };
        let of = (caller.reseller, asked.conference_id);
        let (found, next) = store.quality(of, only, limit as usize, context.now).await?;
        let shown = found.iter().map(|span| Ok(shown(span, &state.conference)));
        List::before(shown, next.map(|place| Place(place).to_string()))
    }
}

fn shown(span: &QualityHistory, conference: &Conference) -> ConferenceQualityAnswer {
    let zone = &conference.zone;
    let QualityHistory { place, quality } = *span;
    let Quality {
        duration_ms,
        loss_up,
        worst_loss_up,
        loss_down,
        worst_loss_down,
        rtt_ms,
        worst_rtt_ms,
        score,
        lowest_score,
        grade,
    } = quality;
    ConferenceQualityAnswer {
        participant: place.participant,
        identity: place.participant.identity(),
        occurrence: zone.wall_clock(place.occurrence.start()),
        start_time: zone.wall_clock(place.at),
        duration_ms,
        loss_up,
        worst_loss_up,
        loss_down,
        worst_loss_down,
        rtt_ms,
        worst_rtt_ms,
        score,
        lowest_score,
        grade,
        place: Place(place),
    }
}
