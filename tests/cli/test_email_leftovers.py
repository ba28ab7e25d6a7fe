"""Email campaigns: codes go to the address as it was given, and marketing has a way out that works in an email."""

from __future__ import annotations

import pytest
from clikit import Project

PEOPLE = "email,name\nAnna.Smith@Example.com,Anna\nanna.smith@example.com,Anna\nBEN@example.org,Ben\n"


@pytest.fixture
def made(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("people.csv", PEOPLE)
    return project


def campaign(project: Project, text: str, purpose: str = "marketing") -> None:
    project.write(
        "mail.yaml",
        f"name: mail\nobjective: Tell them\npurpose: {purpose}\nchannel: email\nsender: news@acme.example\n"
        f'contacts: people.csv\nmessage: "{text}"\n',
    )


def test_codes_go_to_the_address_as_it_was_given_and_duplicates_are_found(made: Project) -> None:
    campaign(made, "Your code is 123456", "otp")
    assert made.run("send", "mail.yaml", "--yes").status == 0
    assert [one["to"] for one in made.outbox()] == ["Anna.Smith@example.com", "BEN@example.org"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Hi, 20% off at Acme", {"no-opt-out", "postal-address"}),
        ("Hi from Acme. Reply STOP to opt out", {"no-opt-out", "postal-address"}),
        ("Hi from Acme. Unsubscribe: https://acme.example/u", {"postal-address"}),
        ("Hi from Acme. Abmelden: https://acme.example/ab. Acme GmbH, Hauptstr. 5, 10115 Berlin", set()),
        ("Hi from Acme. Unsubscribe at acme.example/u. Acme, 12 High Street, Springfield", set()),
        ("Hi from Acme. Unsubscribe at {{ unsubscribe_url }}. {{ postal_address }}", set()),
        ("Hi from Acme. Reply HELP for help. Unsubscribe: https://a.example/u. P.O. Box 7, Leeds", set()),
    ],
)
def test_marketing_by_email_is_asked_for_a_link_and_a_postal_address(
    made: Project, text: str, codes: set[str]
) -> None:
    made.write(
        "people.csv", "email,unsubscribe_url,postal_address\na@example.com,https://u.example,1 High St\n"
    )
    campaign(made, text)
    found = made.run("check", "mail.yaml", "--json").json["problems"]
    asked = {"no-opt-out", "postal-address", "no-reply", "keyword-clash"}
    assert {one["code"] for one in found} & asked == codes


def test_other_emails_need_neither(made: Project) -> None:
    campaign(made, "Your order is ready", "transactional")
    found = made.run("check", "mail.yaml", "--json").json["problems"]
    assert not {one["code"] for one in found} & {"no-opt-out", "postal-address"}


def test_an_opt_out_file_counts_by_every_address_of_its_rows(made: Project) -> None:
    made.write("leave.csv", "phone,email,name\n07911123456,Ann@Example.com,Ann\n,ben@example.org,Ben\n")
    made.run("ledger", "create")
    done = made.run("optout", "import", "leave.csv", "--json")
    assert (done.json["added"], done.json["also"]) == (1, {"email": 2})
    listed = {one["number"] for one in made.run("optout", "list", "--json").json["suppressions"]}
    assert listed == {"+447911123456", "ann@example.com", "ben@example.org"}


def test_a_column_that_was_named_is_the_only_one_that_counts(made: Project) -> None:
    made.write("leave.csv", "phone,email\n07911123456,ann@example.com\n")
    made.run("ledger", "create")
    made.run("optout", "import", "leave.csv", "--column", "email")
    listed = [one["number"] for one in made.run("optout", "list", "--json").json["suppressions"]]
    assert listed == ["ann@example.com"]
