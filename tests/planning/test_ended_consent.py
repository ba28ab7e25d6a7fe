"""Columns of exports that tell of an end: of consent, of a subscription to messages, of something else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_who_said_no_in_the_file import NOW, number, plan, reasons

from a2pcli.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "ledger.db")) as opened:
        yield opened


REFUSING = """\
Consent lost on=2025-01-01
Communication preferences=None
SMS preference=no
Status=Never subscribed
Marketing preference=opted out
Subscription off=yes
SMS consent is lost=yes
Consents ended=2025-12-31
consentLostAt=2025-01-01
subscriptionCancelledAt=2025-01-01
subscription_ended_at=1735689600
consent_lost_on=45658
Lost consent=yes
Date consent lost=1 Jan 2025
Consent loss reason=bad data
Cancellation of SMS subscription=yes
Unsubscribe date=2025-01-01
Subscription canceled=yes
SMS permission removed=yes
SMS permission end=2025-01-01
Opt-In Removed=Y
Consent end reason=moved away
Consent end reason=no longer interested
Subscription cancelled at=2025-01-01
subscription end date=2025-01-01
Subscription ended=yes
SMS subscription cancelled=TRUE
SMS subscription end date=01/02/2025
Consent lapsed=yes
Consent expired=yes
Consent expired on=2025-01-01
Consent expires=2025-01-01
consent end date=2025-01-01
SMS consent expires on=2025-01-01
Permission lost=x
Permission expiry=2025-01-01
Opt-in lost at=2025-05-01
Opt-in ended=1
Opt in end date=2025-02-02
Newsletter cancelled=yes
Newsletter left at=2025-01-01
Left newsletter on=2025-01-01
Quit newsletter=yes
Newsletter quit date=2025-01-01
Marketing ended on=2025-01-01
Marketing stopped=yes
SMS stopped at=2025-01-01 10:00
SMS disabled=true
SMS off=1
Text alerts cancelled=yes
Notifications disabled=yes
Resigned from list=yes
Left list on=2025-01-01
List removed at=2025-03-03
Unsubscribed Time=2025-01-01 10:00:00
UNSUB_TIME=2025-01-01 10:00:00
UNSUB_REASON=no longer wants it
UNSUB_CAMPAIGN_TITLE=Spring
HasOptedOutOfSMS=1
Opted out of SMS: Marketing=true
Unsubscribed from all email and SMS=yes
sms_unsubscribed_at=2025-01-01
sms_blacklisted=1
SMS blacklisted=Yes
smsBlacklisted=true
DOUBLE_OPT-IN=No
Do Not Call=1
DND=yes
DoNotSMS=1
SMS Marketing Status=Unsubscribed
SMS Marketing Status=Never subscribed
SMS Marketing Consent=UNSUBSCRIBED
SMS Consent Status=NEVER_SUBSCRIBED
Accepts SMS Marketing=no
sms_consent=false
SMS Opt-in Status=opted_out
Marketing contact status=Non-marketing contact
SMS Subscriber Status=stopped
Consent Withdrawal Reason=moved
Einwilligung beendet am=01.02.2025
Einwilligung erloschen=ja
Abo gekündigt am=01.02.2025
Newsletter gekündigt=ja
SMS Abo beendet=ja
Ende der Einwilligung=01.02.2025
Fin du consentement=01/02/2025
Consentement perdu le=01/02/2025
Abonnement SMS résilié le=01/02/2025
Consentimiento perdido=sí
Suscripción cancelada el=01/02/2025
Fin de suscripción=01/02/2025
Consenso scaduto=sì
Iscrizione terminata=sì
Toestemming verlopen=ja
Samtycke upphört=ja
Zgoda wygasła=tak
Согласие истекло=да
Подписка отменена=да
Дата окончания подписки=2025-01-01
同意終了日=2025-01-01
동의 종료일=2025-01-01
TCPA consent lost=yes
GDPR consent end time=2025-01-01T00:00:00Z
Consent terminated flag=Y
Revocation reason=asked to
Opted-out-at=2025-01-01
optout_timestamp=2025-01-01
Suppressed at=2025-01-01
Is Opted Out=True
contact_opted_out=True
Opt Out Date=2030-01-01
No longer subscribed=yes
Not subscribed any more=yes
"""
"""Header=cell, as programs export them and people call them; in each of them somebody said no."""

HARMLESS = """\
Contract end date=2025-01-01
Contract cancelled at=2025-01-01
Course end=2025-01-01
Course end date=2025-01-01
Last order cancelled at=2025-01-01
Order cancelled=yes
Membership end date=2025-01-01
Membership cancelled=yes
Appointment cancelled at=2025-01-01
Offer expires=2025-01-01
Offer end date=2025-01-01
Promo end=2025-01-01
Campaign end date=2025-01-01
Card expired=yes
Card expiry date=2025-01-01
Left on=2025-01-01
Resigned=yes
Employment end date=2025-01-01
Lease end=2025-01-01
Trial ended at=2025-01-01
Lost reason=price
Deal lost reason=price
Close date=2025-01-01
Churned at=2025-01-01
Netflix subscription end date=2025-01-01
Subscription plan=gold
Subscription price=3
Subscription renewal date=2026-05-01
Subscription end date=2030-01-01
Consent end date=2030-01-01
Consent expires=2030-01-01
Opt-in end date=2030-01-01
Consent lost on=
Consent lost on=n/a
Consent lost=no
Subscription cancelled=no
Subscription cancelled at=
Newsletter cancelled=false
HasOptedOutOfEmail=1
Opted out of email: Marketing=true
email_blacklisted=1
Email subscription cancelled at=2025-01-01
Email consent lost on=2025-01-01
CLEAN_TIME=2025-01-01
Mailing list position left=3
Weekend=yes
Text=hello
Gender=f
Spend=3
Vendor=x
Legend=x
Newsletter=yes
SMS Marketing Status=Subscribed
Phone ended=2025-01-01
Consent date=2025-01-01
Text end=
Subscribed at=2025-01-01
Event end time=2025-01-01
Subscription id=7
Opt-in source=web
Message left by=Ann
Account closed=no
Loyalty end=2025-01-01
SMS delivery status=delivered
SMS status of order=shipped
Marketing state=CA
Text state=Texas
List state=Ohio
News=1
Subscription expires=2031-01-01
Subscription state=active
SMS preference=weekly
Communication preference=SMS
Marketing preferences=SMS; Email
Notification settings=all
Status=Active
Renewal state=lost
"""
"""Header=cell in which nobody said no to these messages."""


def outcomes(folder: Path, ledger: Ledger, lines: str) -> dict[str, str | None]:
    """The reason of each line's person, in files where only their own cell is filled."""
    pairs = [(line.partition("=")[0], line.partition("=")[2]) for line in lines.splitlines()]
    found: dict[str, str | None] = {}
    while pairs:
        # A file has each header once.
        first = dict(reversed(pairs))
        pairs = [pair for pair in pairs if first[pair[0]] != pair[1]]
        table = [["phone", *first]]
        for person, header in enumerate(first, 100):
            table.append([number(person), *(first[header] if one == header else "" for one in first)])
        rows = plan(folder, ledger, table)[1]
        found |= {f"{header}={first[header]}": row["reason"] for header, row in zip(first, rows, strict=True)}
    return found


def test_nobody_who_said_no_is_messaged_whatever_the_column_is_called(tmp_path: Path, ledger: Ledger) -> None:
    found = outcomes(tmp_path, ledger, REFUSING)
    assert len(found) > 100
    assert [line for line, reason in found.items() if reason is None] == []


def test_nobody_is_left_out_for_the_end_of_something_else(tmp_path: Path, ledger: Ledger) -> None:
    found = outcomes(tmp_path, ledger, HARMLESS)
    assert {line: reason for line, reason in found.items() if reason is not None} == {}


@pytest.mark.parametrize(
    "header", ["Consent lost on", "SMS subscription end date", "Consent expires", "Opt-in ends"]
)
@pytest.mark.parametrize("more", ["consent: assumed", ""])
def test_a_day_to_come_ends_the_consent_then(tmp_path: Path, ledger: Ledger, header: str, more: str) -> None:
    table = [["phone", header], [number(1), "2026-03-20"], [number(2), "2026-03-09"], [number(3), ""]]
    rows = plan(tmp_path, ledger, table, more=more)[1]
    assert [row["reason"] for row in rows][0::2] == [None, None]
    assert rows[1]["reason"] in ("opted-out", "no-consent")
    assert [row["consent_until"] for row in rows][::2] == [NOW + 9 * 86_400_000 + 43_200_000, None]


@pytest.mark.parametrize(
    ("header", "cell", "expected", "words"),
    [
        (
            "Subscription cancelled at",
            "2025-01-01",
            "opted-out",
            "when a subscription to your messages ended",
        ),
        ("Netflix subscription end date", "2025-01-01", None, "nobody is excluded because of it"),
        ("Consent end reason", "moved away", "unclear-consent", "neither yes nor no"),
    ],
)
def test_what_is_not_sure_is_asked(
    tmp_path: Path,
    ledger: Ledger,
    header: str,
    cell: str,
    expected: str | None,
    words: str,
) -> None:
    made, rows = plan(tmp_path, ledger, [["phone", header], [number(1), cell]])
    assert rows[0]["reason"] == expected
    (told,) = [one for one in made.warnings if header in one.message]
    assert words in told.message
    assert "ignore" in (told.hint or "")


def test_an_ignored_column_leaves_nobody_out(tmp_path: Path, ledger: Ledger) -> None:
    ignoring = ", ignore: [Subscription end date]"
    assert reasons(tmp_path, ledger, "Subscription end date", "2025-01-01", contacts=ignoring) == [None]
