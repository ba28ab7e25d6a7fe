"""Consent and suppression in a plan: whole plans, against the rules written plainly row by row."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.ledger.consents import NewConsents
from a2pcli.ledger.store import Ledger
from a2pcli.planning.plan import Plan, make_plan
from a2pcli.planning.prepare import Choices, prepare

DAY = 86_400_000
NOW = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
HEADER = ("mobile", "consent", "consent_at", "consent_source", "consent_wording", "consent_expires")

CAMPAIGN = """\
name: {name}
objective: Find a person who gets what they should not
purpose: {purpose}
{more}
contacts: people.csv
sender: ACME
message: "ACME: hello. Reply STOP to opt out"
waive: {{no-opt-out: a test, no-reply: a test}}
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "ledger.db")) as opened:
        yield opened


def number(person: int) -> str:
    return f"+447911{person:06d}"


def planned(
    folder: Path, ledger: Ledger, rows: list[tuple[str, ...]], more: str, purpose: str = "marketing"
) -> Plan:
    """A plan of these rows at NOW."""
    with (folder / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    name = f"c{len(ledger.runs.all())}"
    (folder / "c.yaml").write_text(CAMPAIGN.format(name=name, more=more, purpose=purpose))
    (folder / "a2pcli.yaml").write_text("region: GB\nlocale: en_GB\n")
    choices = Choices(today=date(2026, 3, 10), now=NOW)
    ready = prepare(load_campaign(folder / "c.yaml"), load_settings(folder), ledger, choices)
    return make_plan(ready, ledger, rate=None)


def outcomes(ledger: Ledger, plan: Plan) -> dict[str, dict[str, Any]]:
    return {row["address"]: row for chunk in ledger.messages.rows(plan.run) for row in chunk}


def one(
    folder: Path, ledger: Ledger, *cells: str, more: str = "consent: required", **kind: str
) -> dict[str, Any]:
    """What a plan makes of one person with these cells."""
    row = (number(1), *cells, *[""] * (len(HEADER) - 1 - len(cells)))
    return outcomes(ledger, planned(folder, ledger, [row], more, **kind))[number(1)]


@pytest.mark.parametrize(
    ("cells", "detail"),
    [
        (("yes", "2026-03-01", "web form"), None),
        (("", "2026-03-01", "web form"), None),
        (("Opted-In", "1 March 2026", "paper"), None),
        (("✔", "01/03/2026", "paper"), None),
        (("yes", "2026-03-01T10:00:00+02:00", "web form", "v7", "2026-03-11"), None),
        (("no", "2026-03-01", "web form"), "the contacts file says no: 'consent' is 'no'"),
        (
            ("Unsubscribed", "2026-03-01", "web form"),
            "the contacts file says no: 'consent' is 'Unsubscribed'",
        ),
        (("pending", "2026-03-01", "web form"), "the contacts file says no: 'consent' is 'pending'"),
        (("yes",), "no record, and the row does not say when and how"),
        (("yes", "2026-03-01"), "no record, and the row does not say how consent was given"),
        (("yes", "", "web form"), "no record, and the row does not say when consent was given"),
        (
            ("yes", "2026-02-30", "web form"),
            "no record, and consent_at or consent_expires is not a readable date",
        ),
        (("yes", "2026-04-01", "web form"), "no record, and consent_at is in the future"),
        (
            ("yes", "2025-03-01", "web form", "", "2026-03-10"),
            "no record, and the consent in the contacts file has expired",
        ),
    ],
)
def test_what_proves_consent_in_a_contacts_file(
    tmp_path: Path, ledger: Ledger, cells: tuple[str, ...], detail: str | None
) -> None:
    row = one(tmp_path, ledger, *cells)
    expected = (
        ("planned", None, None, None) if detail is None else ("skipped", "no-consent", "consent", detail)
    )
    assert (row["state"], row["reason"], row["rule"], row["detail"]) == expected


def test_a_planned_message_keeps_what_the_file_said_of_its_consent_and_when_that_ends(
    tmp_path: Path, ledger: Ledger
) -> None:
    row = one(tmp_path, ledger, "yes", "2026-03-01", "web form", "Yes, news!", "2026-04-01")
    assert row["consent"] == "2026-03-01 | web form | Yes, news!"
    assert row["consent_until"] == datetime(2026, 4, 1, tzinfo=UTC).timestamp() * 1000


def test_a_record_of_the_ledger_proves_it_without_a_word_in_the_file(tmp_path: Path, ledger: Ledger) -> None:
    ledger.consents.record(NewConsents([number(1)], NOW - DAY, "paper", expires_at=NOW + DAY), NOW)
    row = one(tmp_path, ledger)
    assert (row["state"], row["consent"], row["consent_until"]) == ("planned", None, NOW + DAY)


@pytest.mark.parametrize(
    ("ends", "until"), [("2026-03-01", NOW + DAY), ("2026-03-20", NOW + 9 * DAY + DAY // 2)]
)
def test_where_consent_is_assumed_an_end_in_the_file_and_a_record_count_as_long_as_the_later_of_them(
    tmp_path: Path, ledger: Ledger, ends: str, until: int
) -> None:
    ledger.consents.record(NewConsents([number(1)], NOW - DAY, "paper", expires_at=NOW + DAY), NOW)
    row = one(tmp_path, ledger, "", "2025-06-28", "", "", ends, more="consent: assumed")
    assert (row["state"], row["consent_until"]) == ("planned", until)


def test_a_no_in_the_file_is_a_no_even_where_the_ledger_has_a_record_or_nobody_asks(
    tmp_path: Path, ledger: Ledger
) -> None:
    ledger.consents.record(NewConsents([number(1)], NOW - DAY, "paper"), NOW)
    for more in ("consent: required", "consent: assumed", ""):
        assert one(tmp_path, ledger, "No", more=more)["reason"] == "no-consent"


def test_messages_that_are_no_marketing_ask_for_consent_only_where_the_campaign_does(
    tmp_path: Path, ledger: Ledger
) -> None:
    assert one(tmp_path, ledger, "no", more="", purpose="transactional")["state"] == "planned"
    assert one(tmp_path, ledger, "no", purpose="transactional")["reason"] == "no-consent"


def test_a_withdrawal_counts_everywhere_until_consent_is_given_later(tmp_path: Path, ledger: Ledger) -> None:
    withdrawn = int(datetime(2026, 3, 5, 9, tzinfo=UTC).timestamp() * 1000)
    ledger.consents.revoke(number(1), source="phone", by="ann", now=withdrawn)
    for more in ("consent: required", "consent: assumed"):
        assert (
            one(tmp_path, ledger, "yes", "2026-03-05", "web form", more=more)["detail"]
            == "consent was withdrawn"
        )
        assert one(tmp_path, ledger, "yes", "2026-03-06", "web form", more=more)["state"] == "planned"


def test_the_settings_ask_for_marketing_and_the_campaign_has_the_last_word(
    tmp_path: Path, ledger: Ledger
) -> None:
    plan = planned(tmp_path, ledger, [(number(1), *[""] * 5)], "")
    assert (plan.summary["consent"], plan.recipients) == ("assumed", 1)
    settings = tmp_path / "a2pcli.yaml"
    for more, purpose, asked in [
        ("", "marketing", "required"),
        ("consent: assumed", "marketing", "assumed"),
        ("", "transactional", None),
    ]:
        planned(tmp_path, ledger, [(number(1), *[""] * 5)], more, purpose)
        settings.write_text("region: GB\nconsent: required\n")
        ready = prepare(
            load_campaign(tmp_path / "c.yaml"),
            load_settings(tmp_path),
            ledger,
            Choices(date(2026, 3, 10), now=NOW),
        )
        assert make_plan(ready, ledger, rate=None).summary["consent"] == asked


def test_an_old_do_not_contact_list_is_warned_about(tmp_path: Path, ledger: Ledger) -> None:
    for name, days in (("old", 32), ("new", 31)):
        ledger.optouts.end_list(name, NOW - days * DAY, now=NOW)
    plan = planned(tmp_path, ledger, [(number(1), *[""] * 5)], "")
    assert [one.message for one in plan.warnings if one.code == "old-list"] == [
        "the do-not-contact list 'old' is 32 days old"
    ]


CHOICES = {
    "consent": ["yes", "no", "", "", "maybe", "YES", "0"],
    "at": ["", "2026-03-01", "2026-03-05", "2026-03-09", "2026-05-01", "rubbish"],
    "source": ["web", "web", ""],
    "expires": ["", "", "2026-03-02", "2026-06-01", "rubbish"],
}


def moment(text: str) -> int | None:
    return (
        int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000) if text[:2] == "20" else None
    )


def test_every_person_of_a_mixed_population_gets_what_the_rules_say(tmp_path: Path, ledger: Ledger) -> None:
    """200 people with random cells, records, withdrawals and opt-outs, under three campaigns; no one wrong."""
    chance = random.Random(3)
    people = {number(i): {key: chance.choice(values) for key, values in CHOICES.items()} for i in range(200)}
    records: dict[str, list[tuple[str, int, int | None, str | None]]] = {}
    gone: dict[str, list[tuple[str, int]]] = {}
    listed: dict[str, list[tuple[str, str, int | None]]] = {}
    for person in people:
        for _ in range(chance.choice([0, 0, 1, 2])):
            given = NOW - chance.randrange(0, 10) * DAY
            end = chance.choice([None, NOW - DAY, NOW, NOW + 1, NOW + DAY])
            double = chance.choice([None, None, "pending", "confirmed"])
            programme = chance.choice(["", "news", "other"])
            new = NewConsents(
                [person], given, f"s{len(records)}", programme, "", "express", double, None, end, None
            )
            ledger.consents.record(new, given)
            records.setdefault(person, []).append((programme, given, end, double))
        if chance.random() < 0.2:
            programme, at = chance.choice(["", "news", "other"]), NOW - chance.randrange(0, 10) * DAY
            ledger.consents.revoke(person, programme=programme, source="x", by="x", now=at)
            gone.setdefault(person, []).append((programme, at))
        if chance.random() < 0.3:
            scope = chance.choice(
                [("everything", ""), ("programme", "news"), ("programme", "other"), ("sender", "ACME"),
                 ("sender", "B"), ("channel", "sms"), ("channel", "mms")]
            )  # fmt: skip
            until = chance.choice([None, NOW, NOW + 1])
            ledger.optouts.add(
                person, scope=scope[0], scope_value=scope[1], source="x", until_at=until, now=NOW - 99 * DAY
            )
            listed.setdefault(person, []).append((*scope, until))

    def expected(person: str, required: bool, programme: str) -> str | None:
        about = {("everything", ""), ("programme", programme), ("sender", "ACME"), ("channel", "sms")}
        for scope, value, until in listed.get(person, []):
            if (scope, value) in about and (until is None or until > NOW):
                return "opted-out"
        cells = people[person]
        if cells["consent"] in ("no", "0"):
            return "no-consent"
        if cells["consent"] == "maybe":
            return "unclear-consent"
        takes_back = [at for name, at in gone.get(person, []) if name in ("", programme)]
        recorded = any(
            name in ("", programme)
            and (end is None or end > NOW)
            and double != "pending"
            and all(given > at for at in takes_back)
            for name, given, end, double in records.get(person, [])
        )
        at, ends = moment(cells["at"]), moment(cells["expires"])
        by_file = (
            cells["consent"] in ("yes", "YES", "")
            and at is not None
            and at <= NOW + DAY
            and cells["source"] != ""
            and cells["expires"] != "rubbish"
            and (ends is None or ends > NOW)
            and all(at > back for back in takes_back)
        )
        if not recorded and ((takes_back and not by_file) or (ends is not None and ends <= NOW)):
            return "no-consent"
        return None if not required or recorded or by_file else "no-consent"

    rows = [
        (person, cells["consent"], cells["at"], cells["source"], "", cells["expires"])
        for person, cells in people.items()
    ]
    for required, programme in [(True, "news"), (False, "news"), (True, "")]:
        more = f"consent: {'required' if required else 'assumed'}" + (
            f"\nprogramme: {programme}" if programme else ""
        )
        found = outcomes(ledger, planned(tmp_path, ledger, rows, more))
        wrong = {
            person: (found[person]["reason"], expected(person, required, programme), people[person])
            for person in people
            if found[person]["reason"] != expected(person, required, programme)
        }
        assert wrong == {}
        assert {row["reason"] for row in found.values()} == {
            None,
            "opted-out",
            "no-consent",
            "unclear-consent",
        }
