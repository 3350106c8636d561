//! How a meeting's connections did, gathered for the control plane: what the shards tell every five seconds becomes one span of a
//! minute for each participant. Those of a room end together, and earlier for who goes.

use domain::{
    id::RoomName,
    quality::{Grade, Quality, QualitySpan},
};
use livekit_protocol::participant_info::State;

use super::{
    api::{Now, Output, RoomKey},
    context::Context,
    participant::Participant,
    state::Room,
    view::Sample,
};

/// A span ends when connection quality was told so often: after a minute.
const TICKS: u32 = 12;

/// What is known of one participant's span so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathered {
    since: Now,
    /// The worse of what its connections told since it was counted last.
    fresh: Option<Sample>,
    counted: u32,
    loss_up: Extent,
    loss_down: Extent,
    rtt_ms: Extent,
    /// How many of those counted had a round trip.
    rtts: u32,
    score: f64,
    lowest_score: f64,
    grade: Grade,
}

/// A sum and the largest of what was summed up.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    sum: f64,
    most: f64,
}

impl Extent {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.most = self.most.max(value);
    }
}

impl Gathered {
    /// Nothing yet, from now on.
    pub(super) fn from(now: Now) -> Self {
        Self {
            since: now,
            fresh: None,
            counted: 0,
            loss_up: Extent::default(),
            loss_down: Extent::default(),
            rtt_ms: Extent::default(),
            rtts: 0,
            score: 0.0,
            lowest_score: f64::INFINITY,
            grade: Grade::Excellent,
        }
    }

    /// A connection told how it did.
    pub(super) fn sample(&mut self, sample: Sample) {
        self.fresh = Some(match self.fresh {
            None => sample,
            Some(fresh) => Sample {
                loss_up: fresh.loss_up.max(sample.loss_up),
                loss_down: fresh.loss_down.max(sample.loss_down),
                rtt_ms: fresh.rtt_ms.max(sample.rtt_ms),
                score: fresh.score.min(sample.score),
            },
        });
    }

    /// Counts what was told since the last time; clients were told this grade, if they were.
    fn count(&mut self, told: Option<Grade>) {
        self.grade = told.map_or(self.grade, |told| told.min(self.grade));
        let Some(sample) = self.fresh.take() else {
            return;
        };
        self.counted += 1;
        self.loss_up.add(sample.loss_up.into());
        self.loss_down.add(sample.loss_down.into());
        if let Some(rtt_ms) = sample.rtt_ms {
            self.rtts += 1;
            self.rtt_ms.add(rtt_ms.into());
        }
        self.score += f64::from(sample.score);
        self.lowest_score = self.lowest_score.min(sample.score.into());
    }

    /// How it was; `None` where nothing was told.
    fn quality(&self, now: Now) -> Option<Quality> {
        let counted = f64::from(self.counted);
        let duration_ms = now.at.saturating_duration_since(self.since.at).as_millis();
        (self.counted > 0).then(|| Quality {
            duration_ms: u32::try_from(duration_ms).unwrap_or(u32::MAX),
            loss_up: rounded(self.loss_up.sum / counted),
            worst_loss_up: rounded(self.loss_up.most),
            loss_down: rounded(self.loss_down.sum / counted),
            worst_loss_down: rounded(self.loss_down.most),
            rtt_ms: (self.rtts > 0).then(|| whole(self.rtt_ms.sum / f64::from(self.rtts))),
            worst_rtt_ms: (self.rtts > 0).then(|| whole(self.rtt_ms.most)),
            score: rounded(self.score / counted),
            lowest_score: rounded(self.lowest_score),
            grade: self.grade,
        })
    }
}

/// To four digits behind the point: more was not measured.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between numbers of this type"
)]
fn whole(value: f64) -> u32 {
    value.round() as u32
}

impl Participant {
    /// Counts how its connections did since the last time.
    fn count_quality(&mut self) {
        let told = (self.state == State::Active).then(|| self.grade());
        self.gathered.count(told);
    }

    /// Reports how its connections did, and begins anew.
    fn report_quality(&mut self, ctx: &mut Context<'_>, room: RoomName) {
        let quality = self.gathered.quality(ctx.now);
        if let (Some(participant), Some(quality)) = (self.ticket.number, quality) {
            ctx.out.push_back(Output::Quality(QualitySpan {
                room,
                participant,
                at: self.gathered.since.unix_ms,
                quality,
            }));
        }
        self.gathered = Gathered::from(ctx.now);
    }
}

impl Room {
    /// Counts how everybody's connections did since the last time; once a minute it is reported.
    pub(super) fn gather_quality(&mut self, ctx: &mut Context<'_>) {
        let RoomKey::Meeting(room) = self.key else {
            return;
        };
        self.quality_ticks = if self.participants.is_empty() {
            0
        } else {
            self.quality_ticks + 1
        };
        let due = self.quality_ticks >= TICKS;
        for participant in self.participants.values_mut().filter(|one| !one.waits) {
            participant.count_quality();
            if due {
                participant.report_quality(ctx, room);
            }
        }
        if due {
            self.quality_ticks = 0;
        }
    }

    /// Reports what is left of somebody who goes. That media went before signalling tells nothing.
    pub(super) fn report_last_quality(&self, ctx: &mut Context<'_>, participant: &mut Participant) {
        if let RoomKey::Meeting(room) = self.key
            && !participant.waits
        {
            let told = participant.is_connected().then(|| participant.grade());
            participant.gathered.count(told);
            participant.report_quality(ctx, room);
        }
    }
}
