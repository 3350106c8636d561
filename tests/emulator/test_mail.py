"""Mail and text messages: the table's stream and the schedule wake the dispatcher, which sends by SES and by SNS. Nobody
invokes it here."""

import datetime

import icalendar
import pytest
import requests
from expansion import expanded, instants
from partner import Partner, until

DOMAIN = "mail.test"
FIRST = f"first.{DOMAIN}"
ADMIN = {"email": "admin@partner.test", "password": "Sup3rSecret!"}
GUEST, LATER = "guest@guest.test", "later@guest.test"
PHONE = "+14165550123"


@pytest.fixture(scope="module")
def partner(stack) -> Partner:
    # The emulator, as SES, sends nothing from who did not prove a domain.
    stack.target.client("ses").verify_domain_identity(Domain=DOMAIN)
    made = stack.invoke(
        "operator-init",
        {
            "reseller": {"name": "Mail", "domain": DOMAIN},
            "company": {"subdomain": "first", "name": "First"},
            "admin": {"name": "Admin"} | ADMIN,
        },
    )
    partner = Partner(stack, FIRST, ADMIN)
    partner.company = made["company_id"]
    return partner


def host(partner: Partner, name: str) -> int:
    return partner("host/create", company_id=partner.company, name=name, email=f"{name.lower()}@{DOMAIN}")["host_id"]


def arrived(stack, to: str, subject: str, count: int = 1):
    """The newest of so many mails."""
    message = until(lambda: (found := stack.mailbox.to(to, subject)) and len(found) >= count and found)[count - 1]
    assert not message.defects and message["From"].addresses[0].addr_spec == f"no-reply@{DOMAIN}"
    return message


def calendar_of(message) -> icalendar.Calendar:
    (part,) = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    read = icalendar.Calendar.from_ical(part.get_content())
    assert part.get_param("method") == read["METHOD"]
    return read


def test_a_welcome_has_a_link_for_the_password(stack, partner):
    host(partner, "Newcomer")
    to = f"newcomer@{DOMAIN}"
    (message,) = until(lambda: [message for rcpt, message in stack.mailbox.mails if rcpt == [to]])
    assert f"https://{FIRST}/password/" in message.get_body(("plain",)).get_content()


def test_a_series_is_planned_changed_and_cancelled(stack, partner):
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=7)
    series = partner(
        "conference/create",
        host_id=host(partner, "Weekly"),
        subject="Weekly",
        start=f"{day} 14:00:00",
        time_zone="Europe/Berlin",
        duration=45,
        recurrence={"rrule": "FREQ=WEEKLY;COUNT=100"},
        participant_emails=[GUEST],
    )
    invited = calendar_of(arrived(stack, GUEST, "Invitation: Weekly"))
    assert invited["METHOD"] == "REQUEST"
    assert expanded(invited, series) == instants(series) and len(instants(series)) == 100

    this = {"conference_id": series["conference_id"], "scope": "this"}
    moved, dropped = (series["occurrences"][at]["occurrence"] for at in (2, 4))
    partner("conference/update", **this, occurrence=moved, start=f"{moved.split()[0]} 16:30:00")
    changed = calendar_of(arrived(stack, GUEST, "Changed: Weekly"))
    (event,) = changed.walk("VEVENT")
    assert str(event["RECURRENCE-ID"].dt.replace(tzinfo=None)) == moved
    assert event["DTSTART"].dt.strftime("%H:%M") == "16:30"
    assert event["SEQUENCE"] > invited.walk("VEVENT")[0]["SEQUENCE"]

    partner("conference/delete", **this, occurrence=dropped)
    gone = calendar_of(arrived(stack, GUEST, "Cancelled: Weekly"))
    (event,) = gone.walk("VEVENT")
    assert gone["METHOD"] == "CANCEL" and str(event["RECURRENCE-ID"].dt.replace(tzinfo=None)) == dropped

    # Who is invited now gets all of that at once.
    partner("conference/update", conference_id=series["conference_id"], participant_emails=[GUEST, LATER])
    now = partner("conference/fetch", conference_id=series["conference_id"])
    whole = calendar_of(arrived(stack, LATER, "Invitation: Weekly"))
    assert expanded(whole, now) == instants(now) and len(instants(now)) == 99

    partner("conference/delete", conference_id=series["conference_id"])
    for to, count in ((GUEST, 2), (LATER, 1)):
        gone = calendar_of(arrived(stack, to, "Cancelled: Weekly", count))
        (event,) = gone.walk("VEVENT")
        assert (gone["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED") and "RECURRENCE-ID" not in event
        assert str(event["UID"]) == series["ics_uid"]


def test_people_are_reminded_by_mail_and_by_text_message(stack, partner):
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(seconds=90)
    partner(
        "conference/create",
        host_id=host(partner, "Soon"),
        subject="Soon",
        start=start.strftime("%Y-%m-%d %H:%M:%S"),
        time_zone="UTC",
        duration=30,
        participant_emails=[{"email": GUEST, "phone": PHONE}],
        reminders=[{"channel": channel, "minutes_before": 1} for channel in ("email", "sms")],
    )

    def texts() -> list[dict]:
        answer = requests.get(f"{stack.endpoint}/_ministack/sns/sms-messages", params={"phoneNumber": PHONE}, timeout=20)
        return answer.json()["sms_messages"][PHONE]

    due = start - datetime.timedelta(minutes=1)
    until(lambda: texts() and stack.mailbox.to(GUEST, "Reminder: Soon"))
    now = datetime.datetime.now(datetime.UTC)
    assert due <= now <= due + datetime.timedelta(seconds=60)
    (text,) = texts()
    assert "Soon" in text["Message"]
    arrived(stack, GUEST, "Reminder: Soon")
