"""What other readers make of our calendar files: each occurrence at the instant that the API names, over two years of clock changes."""

import datetime
import zoneinfo

import pytest
from expansion import expanded, instants

UTC = datetime.UTC
GUEST = "anna@guest.test"


def next_day() -> datetime.date:
    """A day of next week, so that nothing of a series is over."""
    return datetime.datetime.now(UTC).date() + datetime.timedelta(days=7)


def plan(platform, name: str, time: str, zone: str, rule: str) -> dict:
    host = platform.api("host/create", company_id=1, name=name, email=f"{name.lower()}@company.test", no_welcome_email=True)
    return platform.api(
        "conference/create",
        host_id=host["host_id"],
        subject=name,
        start=f"{next_day()} {time}",
        time_zone=zone,
        duration=45,
        recurrence={"rrule": rule},
        participant_emails=[GUEST],
    )


@pytest.mark.parametrize(
    ("name", "time", "zone", "rule"),
    [
        ("Weekly", "14:00:00", "Europe/Berlin", "FREQ=WEEKLY;COUNT=100"),
        ("Daily", "09:00:00", "America/New_York", "FREQ=DAILY;COUNT=700"),
        ("Half", "08:15:00", "Australia/Lord_Howe", "FREQ=WEEKLY;COUNT=100"),
        ("South", "23:30:00", "America/Santiago", "FREQ=WEEKLY;INTERVAL=2;COUNT=50"),
        ("Gap", "02:30:00", "Europe/Berlin", "FREQ=DAILY;COUNT=400"),
        ("Plain", "10:00:00", "Asia/Tokyo", "FREQ=DAILY;INTERVAL=10;COUNT=60"),
    ],
)
def test_a_series_is_where_the_api_says(platform, name, time, zone, rule):
    meeting = plan(platform, name, time, zone, rule)
    calendar = platform.calendar(GUEST, f"Invitation: {name}")
    assert calendar["METHOD"] == "REQUEST"
    ours = instants(meeting)
    assert len(ours) > 19
    assert expanded(calendar, meeting) == ours
    offsets = {start.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset() for start in ours}
    assert len(offsets) == (1 if zone == "Asia/Tokyo" else 2), "the clocks change in between"


def test_what_was_moved_and_cancelled_is_in_the_file_of_who_comes_later(platform):
    meeting = plan(platform, "Mixed", "14:00:00", "Europe/Berlin", "FREQ=WEEKLY;COUNT=60")
    this = {"conference_id": meeting["conference_id"], "scope": "this"}
    second, third = (meeting["occurrences"][at]["occurrence"] for at in (1, 2))
    day = datetime.datetime.fromisoformat(second).date() + datetime.timedelta(days=1)
    platform.api("conference/update", **this, occurrence=second, start=f"{day} 16:30:00")
    moved = platform.calendar(GUEST, "Changed: Mixed")
    assert [str(event["RECURRENCE-ID"].dt.replace(tzinfo=None)) for event in moved.walk("VEVENT")] == [second]
    platform.api("conference/delete", **this, occurrence=third)
    cancelled = platform.calendar(GUEST, "Cancelled: Mixed")
    assert cancelled["METHOD"] == "CANCEL"
    later = platform.api("conference/update", conference_id=meeting["conference_id"], participant_emails=[GUEST, "bob@guest.test"])
    calendar = platform.calendar("bob@guest.test", "Invitation: Mixed")
    ours = instants(later)
    assert len(ours) == 59
    assert expanded(calendar, later) == ours


def test_the_file_at_the_door_is_the_meeting_of_the_invitation(platform):
    meeting = plan(platform, "Door", "09:30:00", "Europe/Berlin", "FREQ=WEEKLY;COUNT=60")
    this = {"conference_id": meeting["conference_id"], "scope": "this"}
    moved, cancelled = (meeting["occurrences"][at]["occurrence"] for at in (2, 4))
    day = datetime.datetime.fromisoformat(moved).date() + datetime.timedelta(days=1)
    platform.api("conference/update", **this, occurrence=moved, start=f"{day} 16:30:00")
    platform.api("conference/delete", **this, occurrence=cancelled)
    meeting = platform.api("conference/fetch", conference_id=meeting["conference_id"])
    kept = platform.door(meeting["room_url"])
    assert kept["METHOD"] == "PUBLISH"
    assert expanded(kept, meeting) == instants(meeting)
    event = kept.walk("VEVENT")[0]
    assert (str(event["SUMMARY"]), str(event["LOCATION"]), str(event["URL"])) == ("Door", meeting["room_url"], meeting["room_url"])
    # RFC 5546, 3.2.1: who publishes is named, and nobody is asked.
    assert all("ATTENDEE" not in event and "ORGANIZER" in event for event in kept.walk("VEVENT"))
    mailed = platform.calendar(GUEST, "Invitation: Door")
    assert event["UID"] == mailed.walk("VEVENT")[0]["UID"]
    assert event["SEQUENCE"] >= mailed.walk("VEVENT")[0]["SEQUENCE"]


@pytest.mark.parametrize(
    ("name", "start", "duration"),
    [("First", "02:30:00", 60), ("Second", "T02:30:00+01:00", 60), ("Across", "01:30:00", 120), ("After", "03:00:00", 30)],
)
def test_the_hour_that_happens_twice_is_not_mistaken(platform, name, start, duration):
    year = datetime.datetime.now(UTC).year + 1
    day = max(day for day in range(25, 32) if datetime.date(year, 10, day).weekday() == 6)
    date = f"{year}-10-{day}"
    host = platform.api("host/create", company_id=1, name=name, email=f"{name.lower()}@company.test", no_welcome_email=True)
    platform.api(
        "conference/create",
        host_id=host["host_id"],
        subject=name,
        start=f"{date}{start}" if start.startswith("T") else f"{date} {start}",
        time_zone="Europe/Berlin",
        duration=duration,
        participant_emails=[GUEST],
    )
    begins = {"First": "00:30", "Second": "01:30", "Across": "23:30", "After": "02:00"}[name]
    begins = datetime.datetime.fromisoformat(f"{date}T{begins}:00+00:00") - datetime.timedelta(days=name == "Across")
    (event,) = platform.calendar(GUEST, f"Invitation: {name}").walk("VEVENT")
    assert event["DTSTART"].dt.astimezone(UTC) == begins
    assert event["DTEND"].dt.astimezone(UTC) == begins + datetime.timedelta(minutes=duration)
