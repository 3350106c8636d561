//! How an occurrence lives: scheduled → active → ended, and back to scheduled while its window is open (ruling 2).

use jiff::Timestamp;

use super::{HARD_STOP, Kind, UNATTENDED, Window, later};
use crate::reason::Reason;
use crate::relay::OccurrenceState;

/// What decides how an occurrence goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// How the meeting came about.
    pub kind: Kind,
    /// When it starts.
    pub start: Timestamp,
    /// When it can be entered.
    pub window: Window,
    /// Where it is.
    pub state: OccurrenceState,
    /// When somebody was in it first.
    pub first_join: Option<Timestamp>,
    /// Until when its room is held for somebody on the way.
    pub lease: Option<Timestamp>,
}

/// What time alone does to an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing before this time.
    Wait(Timestamp),
    /// It is over.
    End(Reason),
    /// It has ended: nothing more.
    Nothing,
}

impl Life {
    /// When it closes for good, once somebody has been in.
    pub fn hard_stop(&self) -> Option<Timestamp> {
        self.first_join.map(|first| later(first, HARD_STOP))
    }

    /// What becomes of it when it is empty.
    pub fn emptied(&self, now: Timestamp) -> OccurrenceState {
        let stopped = self.hard_stop().is_some_and(|stop| now >= stop);
        if self.state == OccurrenceState::Ended || stopped || now >= self.window.closes {
            OccurrenceState::Ended
        } else {
            OccurrenceState::Scheduled
        }
    }

    /// What time has done to it, or when it will.
    pub fn next_step(&self, now: Timestamp) -> NextStep {
        if self.state == OccurrenceState::Ended {
            return NextStep::Nothing;
        }
        let due = self.due();
        if now < due {
            NextStep::Wait(due)
        } else {
            NextStep::End(Reason::Expired)
        }
    }

    /// When time ends it, as things stand.
    fn due(&self) -> Timestamp {
        let stop = self.hard_stop().unwrap_or(Timestamp::MAX);
        if self.state == OccurrenceState::Active {
            return stop;
        }
        let unattended = match (self.kind, self.first_join) {
            (Kind::Reservationless, None) => later(self.start, UNATTENDED),
            _ => self.window.closes,
        };
        // Somebody on the way is waited for.
        unattended.max(self.lease.unwrap_or(Timestamp::MIN)).min(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conference::{CodeKind, Minutes};

    fn at(text: &str) -> Timestamp {
        format!("2026-01-01T{text}:00Z").parse().expect("a time")
    }

    fn life(kind: Kind) -> Life {
        let start = at("12:00");
        Life {
            kind,
            start,
            window: Window::new(kind, CodeKind::Host, start, Minutes::new(60).expect("minutes")),
            state: OccurrenceState::Scheduled,
            first_join: None,
            lease: None,
        }
    }

    #[test]
    fn emptied_inside_its_window_it_can_begin_again() {
        let scheduled = Life {
            state: OccurrenceState::Active,
            first_join: Some(at("12:00")),
            ..life(Kind::Scheduled)
        };
        assert_eq!(scheduled.emptied(at("12:30")), OccurrenceState::Scheduled);
        assert_eq!(scheduled.emptied(at("13:00")), OccurrenceState::Ended);
        let ad_hoc = Life {
            state: OccurrenceState::Active,
            first_join: Some(at("12:00")),
            ..life(Kind::AdHoc)
        };
        assert_eq!(ad_hoc.emptied(at("12:01")), OccurrenceState::Ended);
    }

    #[test]
    fn a_running_meeting_may_run_over_and_stops_after_a_day() {
        let running = Life {
            state: OccurrenceState::Active,
            first_join: Some(at("12:00")),
            ..life(Kind::Scheduled)
        };
        let stop = "2026-01-02T12:00:00Z".parse().expect("a time");
        assert_eq!(running.next_step(at("23:00")), NextStep::Wait(stop));
        assert_eq!(running.next_step(stop), NextStep::End(Reason::Expired));
    }

    #[test]
    fn nobody_came() {
        assert_eq!(
            life(Kind::Reservationless).next_step(at("12:14")),
            NextStep::Wait(at("12:15"))
        );
        assert_eq!(
            life(Kind::Reservationless).next_step(at("12:15")),
            NextStep::End(Reason::Expired)
        );
        assert_eq!(
            life(Kind::Scheduled).next_step(at("12:59")),
            NextStep::Wait(at("13:00"))
        );
        let on_the_way = Life {
            lease: Some(at("13:02")),
            ..life(Kind::Scheduled)
        };
        assert_eq!(on_the_way.next_step(at("13:00")), NextStep::Wait(at("13:02")));
        let ended = Life {
            state: OccurrenceState::Ended,
            ..life(Kind::Scheduled)
        };
        assert_eq!(ended.next_step(at("14:00")), NextStep::Nothing);
    }
}
