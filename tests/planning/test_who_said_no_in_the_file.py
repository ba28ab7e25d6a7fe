"""Whoever said no anywhere in the contacts file gets nothing, whatever the column is called."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.ledger.store import Ledger
from a2pcli.planning.plan import Plan, make_plan
from a2pcli.planning.prepare import Choices, prepare

NOW = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
CAMPAIGN = """\
name: {name}
objective: Find a person who said no
purpose: {purpose}
{more}
contacts: {{file: people.csv{contacts}}}
sender: ACME
message: "ACME: hello. Reply STOP to opt out"
waive: {{no-opt-out: a test, no-reply: a test}}
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "ledger.db")) as opened:
        yield opened


def plan(
    folder: Path,
    ledger: Ledger,
    table: list[list[str]],
    *,
    contacts: str = "",
    purpose: str = "marketing",
    more: str = "",
) -> tuple[Plan, list[dict[str, Any]]]:
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    text = CAMPAIGN.format(name=f"c{len(ledger.runs.all())}", purpose=purpose, contacts=contacts, more=more)
    (folder / "c.yaml").write_text(text, "utf-8")
    (folder / "a2pcli.yaml").write_text("region: GB\nlocale: en_GB\n")
    ready = prepare(
        load_campaign(folder / "c.yaml"),
        load_settings(folder),
        ledger,
        Choices(today=date(2026, 3, 10), now=NOW),
    )
    made = make_plan(ready, ledger, rate=None)
    return made, [row for chunk in ledger.messages.rows(made.run) for row in chunk]


def number(person: int) -> str:
    return f"+447911{person:06d}"


def reasons(folder: Path, ledger: Ledger, header: str, *cells: str, **options: str) -> list[str | None]:
    """What becomes of people whose one more cell says this."""
    table = [["phone", header], *([number(person), cell] for person, cell in enumerate(cells, 100))]
    return [row["reason"] for row in plan(folder, ledger, table, **options)[1]]


@pytest.mark.parametrize(
    ("header", "no", "yes"),
    [
        ("Do Not SMS", "Yes", "No"),
        ("Opted Out", "TRUE", "FALSE"),
        ("Unsubscribed", "2026-01-02", ""),
        ("SMS Consent", "No", "Yes"),
        ("Marketing Consent", "N", "Y"),
        ("DNC", "1", "0"),
        ("Do not contact", "x", "-"),
        ("opt_in", "0", "1"),
        ("subscribed", "false", "true"),
        ("Newsletter", "nein", "ja"),
        ("permission", "denied", "granted"),
        ("RGPD", "non", "oui"),
        ("Einwilligung", "widerrufen", "erteilt"),
        ("désabonné", "oui", "non"),
        ("baja", "sí", "no"),
        ("отписан", "да", "нет"),
        ("退订", "是", "否"),
        ("수신거부", "예", "아니오"),
        ("HasOptedOutOfSMS", "1", "0"),
        ("smsOptOut", "t", "f"),
        ("Accepts SMS Marketing", "no", "yes"),
        ("Do Not Call", "✓", ""),
        ("De\u0301sabonne\u0301", "X", "N/A"),
        ("Werbesperre", "wahr", "falsch"),
        ("SMS", "nein", "ja"),
        ("Abgemeldet am", "01.02.2026", ""),
        ("Opt-out date", "3 Jan 2026", ""),
        ("uitgeschreven", "ja", "nee"),
        ("toestemming", "nee", "ja"),
        ("согласие на рассылку", "нет", "да"),
        ("TCPA consent", "opted out", "Y"),
        ("Consentimiento RGPD", "no", "sí"),
        ("Subscription status", "unsubscribed", "subscribed"),
        ("Status", "Opted out", "lead"),
        ("Unsubscribe reason", "please stop texting me", ""),
        ("SMS opt-out (y/n)", "y", "n"),
        ("no_sms", "1", "0"),
    ],
)
def test_a_clear_no_keeps_a_person_out_and_a_clear_yes_does_not(
    tmp_path: Path, ledger: Ledger, header: str, no: str, yes: str
) -> None:
    found = reasons(tmp_path, ledger, header, no, yes)
    assert found[0] in ("opted-out", "no-consent")
    assert found[1] is None


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("consent", "maybe"),
        ("consent", "ask again in May"),
        ("Unsubscribed", "by post"),
        ("Opted Out", "OK"),
        ("Do Not SMS", "3"),
        ("Newsletter", "weekly"),
        ("Consent", "?"),
        ("是否退订", "可能"),
    ],
)
def test_what_nobody_understands_is_not_a_yes(tmp_path: Path, ledger: Ledger, header: str, cell: str) -> None:
    made, rows = plan(tmp_path, ledger, [["phone", header], [number(1), cell]])
    assert rows[0]["reason"] == "unclear-consent"
    assert cell in rows[0]["detail"]
    assert any(header in warning.message and cell in warning.message for warning in made.warnings)


@pytest.mark.parametrize(
    "cell", ["nee", "нет", "No thanks", "do not contact", "Nein, danke", "нет, спасибо", "STOP", "No."]
)
def test_a_no_of_any_language_is_a_no_where_consent_is_assumed(
    tmp_path: Path, ledger: Ledger, cell: str
) -> None:
    assert reasons(tmp_path, ledger, "consent", cell) == ["no-consent"]


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("Email Opt-Out", "yes"),
        ("HasOptedOutOfEmail", "1"),
        ("unsubscribe_link", "https://acme.example/u"),
        ("WhatsApp opt-in", "no"),
        ("consent_ip", "10.0.0.1"),
        ("Photo consent", "no"),
        ("Status", "inactive"),
        ("do_not_bend", "yes"),
        ("subscription_plan", "gold"),
        ("Opt-in source", "paper"),
    ],
)
def test_what_is_about_something_else_says_nothing(
    tmp_path: Path, ledger: Ledger, header: str, cell: str
) -> None:
    assert reasons(tmp_path, ledger, header, cell) == [None]


def test_a_no_in_another_row_counts_wherever_it_stands_and_however_the_number_is_written(
    tmp_path: Path, ledger: Ledger
) -> None:
    table = [["phone", "Opted out", "consent"]]
    table += [
        [number(1), "", "yes"],
        [number(2), "", "yes"],
        ["07911 000003", "no", ""],
        [number(4), "", "?"],
        [number(5), "", ""],
    ]
    table += [
        ["07911000001", "yes", ""],
        ["(07911) 000002", "", "нет"],
        [number(3), "", "no"],
        [number(4), "", "yes"],
    ]
    _, rows = plan(tmp_path, ledger, table)
    assert [row["reason"] for row in rows] == [
        "opted-out",
        "no-consent",
        "no-consent",
        "unclear-consent",
        None,
        "opted-out",
        "no-consent",
        "no-consent",
        "unclear-consent",
    ]
    assert rows[0]["detail"] == "another row with this number says no: line 7"


def test_a_column_that_only_looks_like_a_refusal_can_be_named_as_none(tmp_path: Path, ledger: Ledger) -> None:
    assert reasons(tmp_path, ledger, "Stop", "12 Main St") == ["unclear-consent"]
    assert reasons(tmp_path, ledger, "Stop", "12 Main St", contacts=", ignore: [stop]") == [None]


def test_a_mapping_of_the_campaign_wins(tmp_path: Path, ledger: Ledger) -> None:
    table = [["phone", "Newsletter", "Kontakt"], [number(1), "no", "ja"], [number(2), "yes", "nein"]]
    _, rows = plan(tmp_path, ledger, table, contacts=", columns: {consent: Kontakt}")
    assert [row["reason"] for row in rows] == [None, "no-consent"]
    _, rows = plan(tmp_path, ledger, table, contacts=", columns: {opted_out: Kontakt}, ignore: [Newsletter]")
    assert [row["reason"] for row in rows] == ["opted-out", None]


def test_refusals_bind_orders_too_and_those_of_marketing_do_not(tmp_path: Path, ledger: Ledger) -> None:
    for header, purpose, expected in [
        ("Opted out", "transactional", "opted-out"),
        ("Marketing opt-out", "transactional", None),
        ("SMS consent", "transactional", None),
        ("Opted out", "otp", None),
        ("Opted out", "emergency", None),
    ]:
        cell = "no" if header == "SMS consent" else "yes"
        assert reasons(tmp_path, ledger, header, cell, purpose=purpose) == [expected], (header, purpose)


@pytest.mark.parametrize(
    ("revoked", "given", "expected"),
    [
        ("2026-02-01", "2026-01-01", "no-consent"),
        ("2026-02-01", "", "no-consent"),
        ("2026-02-01", "2026-02-15", None),
        ("somewhen", "2026-02-15", "no-consent"),
        ("yes", "2026-02-15", "no-consent"),
        ("", "2026-01-01", None),
        ("2099-01-01", "2026-01-01", "no-consent"),
        ("n/a", "2026-01-01", None),
    ],
)
@pytest.mark.parametrize("header", ["revoked_at", "Widerrufen am", "Consent Withdrawn At"])
@pytest.mark.parametrize("more", ["consent: required", "consent: assumed"])
def test_a_revocation_counts_until_consent_is_given_later(
    tmp_path: Path, ledger: Ledger, header: str, revoked: str, given: str, expected: str | None, more: str
) -> None:
    table = [["phone", "consent_at", "consent_source", header], [number(1), given, "web", revoked]]
    assert plan(tmp_path, ledger, table, more=more)[1][0]["reason"] == expected


def test_a_plan_says_what_its_columns_were_read_as(tmp_path: Path, ledger: Ledger) -> None:
    table = [
        ["Handy", "Bundesland", "Zip Code", "Do Not SMS", "newsletter_2024"],
        [number(1), "", "", "", ""],
    ]
    made, _ = plan(tmp_path, ledger, table)
    assert made.summary["contacts"]["read_as"] == {
        "phone": ["Handy"],
        "state": ["Bundesland"],
        "postcode": ["Zip Code"],
        "opted_out": ["Do Not SMS"],
    }
    assert any(
        "newsletter_2024" in warning.message and "ignore" in (warning.hint or "") for warning in made.warnings
    )


def test_a_no_under_another_valid_spelling_of_the_number_counts(tmp_path: Path, ledger: Ledger) -> None:
    table = [["phone", "Opted out"], ["+54 9 11 6677 3399", ""], ["+54 11 6677 3399", "yes"]]
    assert plan(tmp_path, ledger, table)[1][0]["reason"] == "opted-out"


def test_an_explanation_names_the_cell_that_said_no(tmp_path: Path, ledger: Ledger) -> None:
    _, rows = plan(tmp_path, ledger, [["phone", "Do Not SMS"], [number(1), "Yes please"]])
    expected = "the contacts file says no: 'Do Not SMS' is 'Yes please'"
    assert (rows[0]["reason"], rows[0]["rule"], rows[0]["detail"]) == ("opted-out", "contacts-file", expected)
