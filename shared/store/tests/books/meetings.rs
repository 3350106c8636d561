//! Conferences with their occurrences, codes, entries and marks.

use domain::conference::{CodeKind, Conference, Kind};
use domain::id::{ConferenceId, RoomName};
use jiff::Timestamp;
use serde_json::Value;
use store::keys::{self, Key};

use super::Books;

impl Books {
    pub(super) fn meetings(&mut self) {
        self.conferences_have_what_is_theirs();
        self.occurrences_have_their_entries();
        self.entries_have_their_occurrences();
        self.series_have_their_conferences();
        self.codes_have_their_conferences();
        self.marks_have_their_occurrences();
    }

    fn occurrence(&self, room: &RoomName) -> Option<&Value> {
        self.get(&keys::occurrence(room))
    }

    fn conferences_have_what_is_theirs(&mut self) {
        for conference in self.conferences.clone().into_values() {
            let Conference {
                id,
                reseller,
                host,
                created,
                ..
            } = conference;
            let known = self.hosts.contains_key(&host) || self.get(&keys::host_gone(reseller, host)).is_some();
            self.expect(known, || format!("conference {id} is of no host"));
            let listed = match conference.deleted {
                true => keys::conference_cancelled(reseller, host, created, id),
                false => keys::conference_list(reseller, host, created, id),
            };
            self.expect_listed(&keys::conference(reseller, id), Some(&listed));
            if conference.deleted {
                continue;
            }
            if conference.code_kind == CodeKind::OneTime {
                self.expect_points(&keys::room(conference.code), "conference", id.value());
            }
            let is_there = self.occurrence(&conference.room_of(conference.occurrence)).is_some();
            self.expect(is_there || conference.series.is_some(), || {
                format!("conference {id} has no occurrence")
            });
            if let Some(series) = conference
                .series
                .as_ref()
                .filter(|series| series.until(conference.duration).is_some())
            {
                let key = keys::series(conference.code, conference.closes(), id);
                let version = self.get(&key).and_then(|item| item["version"].as_u64());
                self.expect(version == Some(conference.version), || {
                    format!(
                        "conference {id}, {}, lies on its code with version {version:?}",
                        series.rule
                    )
                });
            }
        }
    }

    fn occurrences_have_their_entries(&mut self) {
        for (key, item) in self.all("CONFERENCE#") {
            let room: RoomName = serde_json::from_value(item["room"].clone()).expect("a room");
            self.expect(keys::occurrence(&room) == key, || {
                format!("{key:?} says that it is {room}")
            });
            let Some(conference) = self.conferences.get(&room.conference).cloned() else {
                self.faults.push(format!("{key:?} is of no conference"));
                continue;
            };
            let ended = item["state"] == "ended";
            let due = item.get(keys::INDEX_PK).is_some();
            self.expect(due != ended, || {
                format!("{key:?}: over {ended}, the sweeper looks at it {due}")
            });
            let marked = item["marked"].as_bool().unwrap_or_default();
            let mark = self.get(&keys::active(room.reseller, conference.host, &room)).is_some();
            self.expect(marked == mark, || format!("{key:?}: active {marked}, its mark {mark}"));
            if conference.deleted {
                self.expect(ended, || format!("{key:?} goes on though its conference is deleted"));
                continue;
            }
            let kind: Kind = serde_json::from_value(item["kind"].clone()).expect("a kind");
            if !ended && kind != Kind::AdHoc {
                let start = Timestamp::from_millisecond(item["start"].as_i64().expect("a time")).expect("a time");
                let code = serde_json::from_value(item["code"].clone()).expect("a code");
                let entry = keys::planned(code, start, room.conference);
                let is_there = self.get(&entry).is_some();
                self.expect(is_there, || format!("{key:?} does not lie on its code at {entry:?}"));
            }
        }
    }

    fn entries_have_their_occurrences(&mut self) {
        for (key, item) in self.all("AT#") {
            let id = item["conference"].as_u64().and_then(ConferenceId::new).expect("an id");
            let conference = self.conferences.get(&id);
            let occurrence = serde_json::from_value(item["occurrence"].clone()).expect("an occurrence");
            let room = conference.map(|conference| conference.room_of(occurrence));
            let Some(there) = room.and_then(|room| self.occurrence(&room)).cloned() else {
                self.faults.push(format!("{key:?} is of no occurrence: {item}"));
                continue;
            };
            let agree = (item["state"] == "ended") == (there["state"] == "ended") && item["start"] == there["start"];
            self.expect(agree, || format!("{key:?} says {item}, its occurrence {there}"));
        }
    }

    fn series_have_their_conferences(&mut self) {
        for (key, item) in self.all("EACH#") {
            let id = item["place"]["conference"]
                .as_u64()
                .and_then(ConferenceId::new)
                .expect("an id");
            let of = self
                .conferences
                .get(&id)
                .filter(|of| !of.deleted && of.series.is_some());
            let place = of.map(|of| keys::series(of.code, of.closes(), id));
            self.expect(place.as_ref() == Some(&key), || {
                format!("{key:?} is of a meeting that lies at {place:?}")
            });
        }
    }

    fn codes_have_their_conferences(&mut self) {
        for (key, room) in self
            .all("ROOM")
            .into_iter()
            .filter(|(key, _)| key.pk.starts_with("CODE#"))
        {
            let on = |key: &Key, id: &Value| {
                let conference = id
                    .as_u64()
                    .and_then(ConferenceId::new)
                    .and_then(|id| self.conferences.get(&id));
                conference.is_some_and(|conference| !conference.deleted && keys::room(conference.code) == *key)
            };
            let whose = room.get("conference").is_none_or(|id| on(&key, id));
            self.expect(whose, || format!("{key:?} leads to no meeting: {room}"));
        }
    }

    fn marks_have_their_occurrences(&mut self) {
        for (key, item) in self.all("ACTIVE#") {
            let room: RoomName = serde_json::from_value(item["room"].clone()).expect("a room");
            let marked = self.occurrence(&room).is_some_and(|there| there["marked"] == true);
            self.expect(marked, || format!("{key:?} marks what is not active: {item}"));
        }
    }
}
