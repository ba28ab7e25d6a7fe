"""``consent import`` of rows with a phone number and an email address."""

from __future__ import annotations

import pytest
from clikit import Project

FILE = """\
phone,email,consent,consent_at,consent_source
+447911100001,ann@example.com,yes,2026-01-01,web form
+447911100002,bob@example.com,no,2026-02-01,web form
,cia@example.com,yes,2026-01-01,web form
+447911100004,not an address,yes,2026-01-01,web form
+447911100005,,yes,2026-01-01,web form
"""


@pytest.fixture
def imported(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\n")
    project.run("ledger", "create")
    project.write("people.csv", FILE)
    return project


def allowed(project: Project, address: str, channel: str) -> bool:
    found: bool = project.run("consent", "show", address, "--channel", channel, "--json").json["allowed"]
    return found


def test_a_consent_that_names_no_channel_is_of_every_address_of_the_row(imported: Project) -> None:
    ran = imported.run("consent", "import", "people.csv", "--json")
    assert ran.status == 3, ran.err  # an email address could not be read
    assert ran.json["also"] == {"email": {"recorded": 2, "already": 0, "withdrawn": 1, "refused": 1}}
    assert (ran.json["rows"], ran.json["recorded"], ran.json["empty"], ran.json["withdrawn"]) == (5, 3, 1, 1)
    assert allowed(imported, "ann@example.com", "email")
    assert allowed(imported, "cia@example.com", "email")
    assert allowed(imported, "+447911100001", "sms")
    again = imported.run("consent", "import", "people.csv", "--json").json
    assert again["also"]["email"] == {"recorded": 0, "already": 2, "withdrawn": 0, "refused": 1}


def test_a_consent_to_one_channel_is_of_its_addresses_only_and_a_no_of_all(imported: Project) -> None:
    imported.run("consent", "import", "people.csv", "--channel", "sms")
    assert allowed(imported, "+447911100001", "sms")
    assert not allowed(imported, "ann@example.com", "email")
    found = imported.run("consent", "show", "ann@example.com", "--channel", "email", "--json").json
    assert found["records"] == []


def test_a_no_takes_back_what_the_email_address_had_agreed_to(imported: Project) -> None:
    record = ("--source", "web", "--given-at", "2026-01-15")
    assert imported.run("consent", "record", "bob@example.com", *record).status == 0
    assert allowed(imported, "bob@example.com", "email")
    imported.run("consent", "import", "people.csv")
    assert not allowed(imported, "bob@example.com", "email")


def test_a_named_column_is_read_alone(imported: Project) -> None:
    done = imported.run("consent", "import", "people.csv", "--column", "email", "--json").json
    assert (done["also"], done["recorded"], done["refused"]) == ({}, 2, 1)
    assert not allowed(imported, "+447911100001", "sms")


def test_an_address_that_cannot_be_read_in_a_further_column_is_named(imported: Project) -> None:
    ran = imported.run("consent", "import", "people.csv")
    assert "people.csv:5: column email: " in ran.err
    assert "; by the column email: 2 more recorded, 1 withdrew consent, 1 rejected" in ran.out
