"""A series by the API, and by somebody else's reader of our calendar files."""

import datetime
import zoneinfo

import recurring_ical_events

UTC = datetime.UTC


def instants(meeting: dict) -> list[datetime.datetime]:
    """When what takes place begins, by the API."""
    zone = zoneinfo.ZoneInfo(meeting["time_zone"])
    held = [one["start"] for one in meeting["occurrences"] if not one["cancelled"]]
    return sorted(datetime.datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC) for start in held)


def expanded(calendar, meeting: dict) -> list[datetime.datetime]:
    """The same, by somebody else's reader of the file."""
    begin = datetime.datetime.now(UTC)
    events = recurring_ical_events.of(calendar).between(begin, begin + datetime.timedelta(days=3 * 366))
    assert {str(event["UID"]) for event in events} == {meeting["ics_uid"]}
    # This reader ends an event by the wall's clock, also where the clocks change in it.
    wall = lambda time: time.dt.replace(tzinfo=None)  # noqa: E731
    lengths = {wall(event["DTEND"]) - wall(event["DTSTART"]) for event in events}
    assert lengths == {datetime.timedelta(minutes=meeting["duration"])}
    return sorted(event["DTSTART"].dt.astimezone(UTC) for event in events)
