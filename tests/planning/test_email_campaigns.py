"""A campaign by email keeps every promise that one by SMS keeps; a person is one over all their addresses."""

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
objective: Tell people of the sale
purpose: {purpose}
channel: {channel}
{more}
contacts: {{file: people.csv{contacts}}}
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
    channel: str = "email",
    contacts: str = "",
    purpose: str = "marketing",
    more: str = "",
    settings: str = "",
) -> tuple[Plan, list[dict[str, Any]]]:
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    name = f"c{len(ledger.runs.all())}"
    text = CAMPAIGN.format(name=name, purpose=purpose, channel=channel, contacts=contacts, more=more)
    (folder / "c.yaml").write_text(text, "utf-8")
    (folder / "a2pcli.yaml").write_text(f"region: GB\nlocale: en_GB\n{settings}")
    ready = prepare(
        load_campaign(folder / "c.yaml"),
        load_settings(folder),
        ledger,
        Choices(today=date(2026, 3, 10), now=NOW),
    )
    made = make_plan(ready, ledger, rate=None)
    return made, [row for chunk in ledger.messages.rows(made.run) for row in chunk]


def suppress(ledger: Ledger, *addresses: str, scope: str = "everything", scope_value: str = "") -> None:
    for address in addresses:
        ledger.optouts.add(address, scope=scope, scope_value=scope_value, source="a reply")


def told(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_every_row_is_accounted_for_with_an_address_or_a_reason(tmp_path, ledger):
    made, rows = plan(
        tmp_path,
        ledger,
        [
            ["name", "E-Mail", "Mobile"],
            ["Anna", "Anna@Example.com", "07911 123456"],
            ["Ben", "Ben <ben@example.com>", ""],
            ["Cid", "cid@exa mple.com", "07911 123457"],
            ["Dot", "", "07911 123458"],
            ["Eve", "eve@a.com; eve@b.com", ""],
            ["Ann", "anna@EXAMPLE.com", "07911 123459"],
            ["Emil", "emil@münchen.de", ""],
            ["Emil", "emil@xn--mnchen-3ya.de", ""],
        ],
        purpose="transactional",
    )
    assert told(rows, "address", "reason") == [
        ("anna@example.com", None),
        ("ben@example.com", None),
        (None, "invalid-address"),
        (None, "missing-address"),
        (None, "ambiguous-address"),
        ("anna@example.com", "duplicate"),
        ("emil@xn--mnchen-3ya.de", None),
        ("emil@xn--mnchen-3ya.de", "duplicate"),
    ]
    assert made.summary["rows"] == 8
    assert made.summary["recipients"] + sum(made.summary["excluded"].values()) == 8
    assert {row["parts"] for row in rows if row["reason"] is None} == {1}


@pytest.mark.parametrize(
    "header",
    ["email", "E-Mail-Adresse", "Mail", "correo electrónico", "Courriel", "электронная почта", "メールアドレス",
     "邮箱", "이메일", "e-posta", "Adres e-mail", "البريد الإلكتروني", "Customer Email", "EmailAddress"],
)  # fmt: skip
def test_a_column_of_email_addresses_is_known_in_many_languages(tmp_path, ledger, header):
    _, rows = plan(tmp_path, ledger, [["phone", header], ["07911123456", "anna@example.com"]])
    assert told(rows, "address", "reason") == [("anna@example.com", None)]


@pytest.mark.parametrize(
    "header", ["Email opened", "Last email sent", "Email Status", "Email list", "Email hash"]
)
def test_a_column_about_messages_is_no_column_of_addresses(tmp_path, ledger, header):
    with pytest.raises(Exception, match="no column with email addresses"):
        plan(tmp_path, ledger, [["phone", header], ["07911123456", "anna@example.com"]])


def test_who_opted_out_by_email_gets_nothing_by_email_however_it_is_written(tmp_path, ledger):
    suppress(ledger, "anna@example.com", "emil@xn--mnchen-3ya.de")
    _, rows = plan(
        tmp_path,
        ledger,
        [
            ["email"],
            ["ANNA@example.com"],
            ["emil@MÜNCHEN.de"],
            ["anna+shop@example.com"],
            ["annA@example.org"],
        ],
    )
    assert told(rows, "reason") == [("opted-out",), ("opted-out",), (None,), (None,)]


PEOPLE = [
    ["name", "phone", "email"],
    ["Anna", "07911123456", "anna@example.com"],
    ["Ben", "07911123457", "ben@example.com"],
    ["Cid", "", "cid@example.com"],
    ["Dot", "07911123459", ""],
]


@pytest.mark.parametrize(("channel", "given"), [("sms", "anna@example.com"), ("email", "+447911123456")])
def test_an_opt_out_from_everything_by_one_address_stops_the_others_of_the_row(
    tmp_path, ledger, channel, given
):
    suppress(ledger, given)
    _, rows = plan(tmp_path, ledger, PEOPLE, channel=channel)
    assert [row["reason"] for row in rows if row["line"] in (2, 3)] == ["opted-out", None]
    detail = next(row["detail"] for row in rows if row["reason"] == "opted-out")
    assert "another address of the row" in detail


def test_an_opt_out_from_a_programme_counts_by_any_address_and_one_from_a_channel_by_its_own(
    tmp_path, ledger
):
    suppress(ledger, "+447911123456", scope="programme", scope_value="news")
    suppress(ledger, "+447911123457", scope="channel", scope_value="sms")
    suppress(ledger, "cid@example.com", scope="channel", scope_value="sms")
    _, rows = plan(tmp_path, ledger, PEOPLE, more="programme: news")
    assert told(rows, "reason") == [("opted-out",), (None,), (None,), ("missing-address",)]
    _, rows = plan(tmp_path, ledger, PEOPLE, more="programme: news", channel="sms")
    assert told(rows, "reason") == [("opted-out",), ("opted-out",), ("missing-number",), (None,)]


def test_rows_that_share_another_address_are_several_people(tmp_path, ledger):
    table = [
        ["phone", "email"],
        ["07911123456", "anna@example.com"],
        ["07911123456", "ben@example.com"],
        ["07911123457", "ANNA@example.com"],
    ]
    _, rows = plan(tmp_path, ledger, table)
    assert told(rows, "reason") == [(None,), (None,), ("duplicate",)]
    _, rows = plan(tmp_path, ledger, table, channel="sms")
    assert told(rows, "reason") == [(None,), ("duplicate",), (None,)]


def test_a_no_in_the_file_counts_for_every_row_with_one_of_its_addresses(tmp_path, ledger):
    table = [
        ["phone", "email", "unsubscribed"],
        ["07911123456", "anna@example.com", ""],
        ["07911123456", "other@example.com", "yes"],
        ["07911123457", "ben@example.com", ""],
    ]
    _, rows = plan(tmp_path, ledger, table)
    assert told(rows, "reason") == [("opted-out",), ("opted-out",), (None,)]


def test_a_column_about_texts_says_nothing_of_emails_nor_the_other_way_round(tmp_path, ledger):
    table = [
        ["phone", "email", "SMS opt out", "Email opt out", "Marketing consent"],
        ["07911123456", "anna@example.com", "yes", "", "yes"],
        ["07911123457", "ben@example.com", "", "yes", "yes"],
        ["07911123458", "cid@example.com", "", "", "email"],
        ["07911123459", "dot@example.com", "", "", "sms"],
    ]
    _, rows = plan(tmp_path, ledger, table)
    assert told(rows, "reason") == [(None,), ("opted-out",), (None,), ("no-consent",)]
    _, rows = plan(tmp_path, ledger, table, channel="sms")
    assert told(rows, "reason") == [("opted-out",), (None,), ("no-consent",), (None,)]


def test_an_exclude_file_leaves_people_out_by_any_of_its_addresses(tmp_path, ledger):
    (tmp_path / "not.csv").write_text("mobile,mail\n07911 123456,\n,BEN@example.com\n", "utf-8")
    _, rows = plan(tmp_path, ledger, PEOPLE, more="exclude: {file: not.csv}")
    assert told(rows, "reason") == [("excluded-list",), ("excluded-list",), (None,), ("missing-address",)]
    (tmp_path / "not.csv").write_text("email\ncid@example.com\nben@example.com\n", "utf-8")
    _, rows = plan(tmp_path, ledger, PEOPLE, more="exclude: {file: not.csv}", channel="sms")
    assert told(rows, "reason") == [(None,), ("excluded-list",), ("missing-number",), (None,)]


def test_consent_is_kept_by_email_address_and_channel(tmp_path, ledger):
    from a2pcli.ledger.consents import NewConsents

    ledger.consents.record(
        NewConsents(["anna@example.com"], NOW - 1000, "form", channel="email"), now=NOW - 1000
    )
    ledger.consents.record(
        NewConsents(["ben@example.com"], NOW - 1000, "form", channel="sms"), now=NOW - 1000
    )
    _, rows = plan(tmp_path, ledger, PEOPLE[:3], more="consent: required")
    assert told(rows, "reason") == [(None,), ("no-consent",)]


def test_consent_withdrawn_over_every_channel_by_phone_ends_emails_too(tmp_path, ledger):
    ledger.consents.revoke("+447911123456", source="a call", by="ann", now=NOW - 1000)
    _, rows = plan(tmp_path, ledger, PEOPLE[:3])
    assert told(rows, "reason") == [("no-consent",), (None,)]


def test_an_erased_phone_leaves_out_the_whole_row_and_nothing_of_it_is_learnt_anew(tmp_path, ledger):
    from a2pcli.ledger.erasure import Person

    suppress(ledger, "+447911123456")
    ledger.people.erase(Person("+447911123456", ("447911123456",)))
    _, rows = plan(tmp_path, ledger, PEOPLE[:3])
    assert told(rows, "reason", "address", "cell") == [
        ("opted-out", None, None),
        (None, "ben@example.com", None),
    ]


def test_emails_are_of_the_country_that_the_file_says(tmp_path, ledger):
    table = [
        ["email", "country"],
        ["anna@example.com", "UK"],
        ["ben@example.com", "Deutschland"],
        ["c@example.com", ""],
    ]
    _, rows = plan(tmp_path, ledger, table, more="countries: [GB]")
    assert told(rows, "country", "reason") == [
        ("GB", None), ("DE", "country-not-allowed"), (None, "country-not-allowed"),
    ]  # fmt: skip
    _, rows = plan(tmp_path, ledger, table, more="where: country == 'Deutschland'")
    assert told(rows, "reason") == [("filtered",), (None,), ("filtered",)]


def test_hours_of_an_email_are_those_of_the_contacts_place_else_of_the_campaigns_zone(tmp_path, ledger):
    table = [
        ["email", "country", "time zone"],
        ["a@example.com", "", "Asia/Tokyo"],
        ["b@example.com", "GB", ""],
        ["c@example.com", "", ""],
    ]
    hours = "hours: 09:00-18:00\n"  # it is 12:00 in London and 21:00 in Tokyo
    made, _ = plan(tmp_path, ledger, table, settings=hours)
    assert (made.summary["clock"]["open"], made.summary["clock"]["unknown_zone"]) == (1, 1)
    stated = "schedule: {timezone: Europe/London}"
    made, _ = plan(tmp_path, ledger, table, settings=hours, more=stated)
    assert (made.summary["clock"]["open"], made.summary["clock"]["unknown_zone"]) == (2, 0)


def test_the_law_of_messages_to_phones_binds_no_email(tmp_path, ledger):
    night = [["email", "country"], ["anna@example.com", "US"]]
    made, _ = plan(tmp_path, ledger, night)
    assert made.summary["clock"] is None


def test_a_price_of_email_is_for_each_message(tmp_path, ledger):
    (tmp_path / "rates.csv").write_text(
        "channel,unit,price,currency\nemail,message,0.001,EUR\nsms,part,0.05,EUR\n"
    )
    made, rows = plan(tmp_path, ledger, [["email"], ["a@example.com"]], settings="rates: rates.csv\n")
    assert (rows[0]["parts"], rows[0]["cost"]) == (1, 1_000_000)
    assert list(made.summary["cost"]) == ["EUR"]


@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_chat_ids_are_addresses_too(tmp_path, ledger, channel):
    ids = {
        "telegram": ["700100200", "telegram: 700100201", "12345", "anna"],
        "messenger": ["4711", "4711.0", "12345", "x"],
    }
    good = {
        "telegram": ["telegram:700100200", "telegram:700100201", "telegram:12345", None],
        "messenger": ["messenger:4711", "messenger:4711", "messenger:12345", None],
    }
    suppress(ledger, f"{channel}:12345", "12345")
    table = [["phone", channel], *([f"0791112345{place}", one] for place, one in enumerate(ids[channel]))]
    _, rows = plan(tmp_path, ledger, table, channel=channel)
    assert [row["address"] for row in rows] == good[channel]
    assert [row["reason"] for row in rows][2:] == ["opted-out", "invalid-address"]


def test_names_on_telegram_are_no_recipients_since_a_bot_does_not_reach_them(tmp_path, ledger):
    names = ["@Anna_S", "https://t.me/ben_b", "telegram:@channel1", "tg://resolve?domain=group1", "700100200"]
    _, rows = plan(tmp_path, ledger, [["telegram"], *([one] for one in names)], channel="telegram")
    assert [row["reason"] for row in rows] == ["invalid-address"] * 4 + [None]
    assert "not by a name" in rows[0]["detail"]


def test_the_same_number_in_two_networks_is_two_people(tmp_path, ledger):
    suppress(ledger, "telegram:12345")
    _, rows = plan(tmp_path, ledger, [["messenger"], ["12345"]], channel="messenger")
    assert told(rows, "reason") == [("outside-window",)]  # so not opted out
