//! Where an export goes on: a place in each list that has not come to its end, as one text.

use domain::id::{ConferenceId, ContactId, Occurrence, ParticipantNumber};
use jiff::Timestamp;
use store::MeetingPlace;

use super::audit_fetch_all::is_name;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Start<T> {
    /// At its beginning.
    #[default]
    First,
    /// Behind this.
    Behind(T),
    /// It is at its end.
    Done,
}

impl<T: Clone> Start<T> {
    /// What it goes on behind.
    pub(super) fn after(&self) -> Option<T> {
        match self {
            Self::Behind(last) => Some(last.clone()),
            Self::First | Self::Done => None,
        }
    }

    /// Behind the last of a page, where there is more.
    pub(super) fn behind(last: Option<T>, more: bool) -> Self {
        last.filter(|_| more).map_or(Self::Done, Self::Behind)
    }
}

/// Where a list of meetings goes on: behind a meeting, or in one, behind somebody who was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) meeting: MeetingPlace,
    pub(super) person: Option<(Occurrence, ParticipantNumber)>,
}

/// Where each list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) contacts: Start<ContactId>,
    pub(super) held: Start<Reached>,
    pub(super) cancelled: Start<Reached>,
    pub(super) changes: Start<String>,
}

impl Place {
    /// Whether nothing was read yet.
    pub(super) fn is_first(&self) -> bool {
        *self == Self::default()
    }

    /// The text of a place behind a page; none where every list is at its end.
    pub(super) fn to_text(&self) -> Option<String> {
        let meeting = |Reached { meeting, person }: Reached| {
            let place = format!("{}-{}", meeting.created.as_millisecond(), meeting.id);
            match person {
                Some((occurrence, number)) => format!("{place}-{}-{number}", occurrence.value()),
                None => place,
            }
        };
        let parts = [
            self.contacts.after().map(|id| format!("c{id}")),
            self.held.after().map(|place| format!("m{}", meeting(place))),
            self.cancelled.after().map(|place| format!("x{}", meeting(place))),
            self.changes.after().map(|name| format!("a{name}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("."))
    }

    /// Reads what [`Place::to_text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut place = Self {
            contacts: Start::Done,
            held: Start::Done,
            cancelled: Start::Done,
            changes: Start::Done,
        };
        if text.len() > 200 {
            return None;
        }
        for part in text.split('.') {
            let kind = part.chars().next()?;
            let rest = &part[kind.len_utf8()..];
            match kind {
                'c' => place.contacts = Start::Behind(rest.parse().ok()?),
                'm' => place.held = Start::Behind(meeting(rest)?),
                'x' => place.cancelled = Start::Behind(meeting(rest)?),
                'a' if is_name(rest) => place.changes = Start::Behind(rest.to_owned()),
                _ => return None,
            }
        }
        Some(place)
    }
}

fn meeting(text: &str) -> Option<Reached> {
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Option<Vec<i64>> = text
        .split('-')
        .map(|part| part.parse().ok().filter(|_| plain(part)))
        .collect();
    let (created, id, person) = match *parts? {
        [created, id] => (created, id, None),
        [created, id, occurrence, number] => {
            let number = ParticipantNumber::new(u32::try_from(number).ok()?)?;
            (created, id, Some((Occurrence::new(occurrence), number)))
        }
        _ => return None,
    };
    let meeting = MeetingPlace {
        created: Timestamp::from_millisecond(created).ok()?,
        id: ConferenceId::new(u64::try_from(id).ok()?)?,
    };
    Some(Reached { meeting, person })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_reads_back_and_none_is_left_at_the_end() {
        let place = MeetingPlace {
            created: Timestamp::from_second(1_780_315_200).expect("a time"),
            id: "7".parse().expect("an id"),
        };
        let behind = Reached {
            meeting: place,
            person: None,
        };
        let within = Reached {
            person: ParticipantNumber::new(9).map(|number| (Occurrence::new(1_780_315_500), number)),
            ..behind
        };
        let all = Place {
            contacts: Start::Behind("5".parse().expect("an id")),
            held: Start::Behind(behind),
            cancelled: Start::Behind(within),
            changes: Start::Behind("01780315200000-0123456789abcdef".to_owned()),
        };
        let text = all.to_text().expect("more");
        assert_eq!(Place::parse(&text), Some(all));
        let done = Place {
            contacts: Start::Done,
            held: Start::behind(None, true),
            cancelled: Start::behind(Some(within), false),
            changes: Start::Done,
        };
        assert_eq!(done.to_text(), None);
        for wrong in [
            "",
            "c0",
            "c5.",
            "m5",
            "m-1-5",
            "m1-5-6",
            "m1-5-6-0",
            "m1-5-6-7-8",
            "m1-5-",
            "m1-5-x",
            "z1",
            "a1",
            "é",
        ] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_read(text in "\\PC{0,60}") {
            let _ = Place::parse(&text);
        }
    }
}
