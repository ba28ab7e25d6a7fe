"""An address that cannot be read keeps nobody away: whoever gave the file is told of each."""

from __future__ import annotations

import pytest
from clikit import Project

LEAVING = (
    "phone,email,wish\n"
    "07911123456,anna@example.com,\n"
    "07911123457,not an email,\n"
    "rubbish,ben@example.com,\n"
    ",cara@example.com,\n"
    '07911123459,"d@example.com; e@example.com",\n'
    "07911123460,a@b.example,x,y\n"
)


@pytest.fixture
def made(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\nsenders: {'+447900000000': {}}\n")
    project.write("leaving.csv", LEAVING)
    project.run("ledger", "create")
    return project


def test_an_unreadable_further_address_of_an_opt_out_file_is_counted_and_listed(made: Project) -> None:
    ran = made.run("optout", "import", "leaving.csv")
    assert ran.status == 3
    assert "leaving.csv:3: column email: no @ in it" in ran.err
    assert "leaving.csv:6: column email: 2 addresses" in ran.err
    assert "by the column email: 3 more added, 2 rejected: these addresses are NOT suppressed" in ran.out
    assert ran.err.count("leaving.csv:7") == 1


def test_the_document_of_an_opt_out_import_names_the_column_of_each_rejected_address(made: Project) -> None:
    ran = made.run("optout", "import", "leaving.csv", "--json")
    told = [(row["line"], row["column"]) for row in ran.json["refused_rows"]]
    assert sorted(told, key=str) == [(3, "email"), (4, None), (6, "email"), (7, None)]
    assert (ran.json["refused"], ran.json["also_refused"]) == (2, {"email": 2})
    assert ran.status == 3


def test_only_a_further_address_that_cannot_be_read_is_enough_for_exit_3(made: Project) -> None:
    made.write("leaving.csv", "phone,email\n07911123456,nothing\n")
    assert made.run("optout", "import", "leaving.csv").status == 3
    made.write("yes.csv", "phone,email,consent,consent_at\n07911123456,nothing,yes,2026-01-01\n")
    assert made.run("consent", "import", "yes.csv", "--source", "form").status == 3


def test_a_sender_of_ours_in_a_further_column_is_never_suppressed(made: Project) -> None:
    made.write("leaving.csv", "email,phone\nanna@example.com,+447900000000\n")
    ran = made.run("optout", "import", "leaving.csv")
    assert made.run("optout", "check", "+447900000000", "anna@example.com", "--json").json
    listed = [one["number"] for one in made.run("optout", "list", "--json").json["suppressions"]]
    assert "+447900000000" not in listed
    assert listed
    assert ran.status == 3


def test_an_exclude_file_says_whom_it_does_not_exclude(made: Project) -> None:
    made.write("people.csv", "phone,name\n07911123470,Ann\n")
    made.write(
        "news.yaml",
        "name: news\nobjective: Tell them\npurpose: transactional\nsender: Shop\ncontacts: people.csv\n"
        "exclude: {file: leaving.csv}\nmessage: Hello {{ name }}\n",
    )
    told = made.run("plan", "news.yaml").err
    assert (
        "leaving.csv:3: warning: 2 addresses cannot be read in the column email of the exclude file" in told
    )
    assert (
        "leaving.csv:4: warning: 2 addresses cannot be read in the column phone of the exclude file" in told
    )


@pytest.mark.parametrize(
    ("channel", "people"),
    [
        ("sms", "phone,name\n07911123470,Ann\nTotal:,1\n"),
        ("email", "email,name\nann@example.com,Ann\nGesamt,1\n"),
    ],
)
def test_a_row_that_adds_up_the_others_is_named_and_accounted_for(
    made: Project, channel: str, people: str
) -> None:
    made.write("people.csv", people)
    sender = "Shop" if channel == "sms" else "news@acme.example"
    made.write(
        "news.yaml",
        f"name: news\nobjective: Tell them\npurpose: transactional\nchannel: {channel}\nsender: {sender}\n"
        "contacts: people.csv\nmessage: Hello {{ name }}\n",
    )
    ran = made.run("plan", "news.yaml", "--json")
    [note] = [one for one in ran.json["warnings"] if one["code"] == "total-row"]
    assert (note["severity"], note["line"]) == ("note", 3)
    assert "row 3 looks like a total" in note["message"]
    assert sum(ran.json["excluded"].values()) == 1


TELEGRAM = (
    "name: chat\nobjective: Tell them\npurpose: transactional\nchannel: telegram\ncontacts: people.csv\n"
    "message: Hello there\n"
)


@pytest.mark.parametrize(
    "last",
    [
        "Total,5,",
        "Total:,123456789,",
        "GRAND TOTAL,5,",
        "Subtotal,5,1372",
        'סה"כ,5,',
        "Итого: 5,5,",
        "Suma,5,",
        ",5,Total",
    ],
)
def test_a_total_that_looks_like_a_chat_id_gets_no_message_and_is_named(made: Project, last: str) -> None:
    made.write("people.csv", f"name,telegram,city\nAnn,123456781,\nBen,123456782,\n{last}\n")
    made.write("chat.yaml", TELEGRAM)
    ran = made.run("plan", "chat.yaml", "--json")
    assert (ran.json["recipients"], ran.json["excluded"]) == (2, {"invalid-address": 1})
    assert [(one["code"], one["line"]) for one in ran.json["warnings"] if "total" in one["message"]] == [
        ("total-row", 4)
    ]


@pytest.mark.parametrize(
    "last", ["Suma,987654321,", "Soma,987654321,Paris", "Total Energies,987654321,", "Count,987654321,"]
)
def test_a_last_row_with_a_name_that_is_also_a_word_for_a_total_gets_its_message_with_a_warning(
    made: Project, last: str
) -> None:
    made.write("people.csv", f"name,telegram,city\nAnn,123456781,\n{last}\n")
    made.write("chat.yaml", TELEGRAM)
    told = made.run("plan", "chat.yaml")
    assert "Recipients 2" in " ".join(told.out.split())
    assert (
        "people.csv:3: warning: the last row, 3, may be a total of the rows above, and gets a message"
        in told.err
    )


@pytest.mark.parametrize("row", ["Suma,987654321,", "Totaliza,987654321,", "Ann,987654321,Total"])
def test_people_above_the_last_row_are_not_taken_for_a_total(made: Project, row: str) -> None:
    made.write("people.csv", f"name,telegram,city\n{row}\nAnn,123456781,\n")
    made.write("chat.yaml", TELEGRAM)
    ran = made.run("plan", "chat.yaml", "--json")
    assert ran.json["recipients"] == 2
    assert not [one for one in ran.json["warnings"] if "total" in one["message"]]


@pytest.mark.parametrize("typed", ["5551114", " 5551114 "])
def test_a_chat_id_is_explained_without_its_network(made: Project, typed: str) -> None:
    made.write("people.csv", "name,telegram\nEve,5551114\nFay,5551116\n")
    made.write("chat.yaml", TELEGRAM)
    made.run("send", "chat.yaml", "--yes")
    told = made.run("explain", typed).out
    assert told.startswith(f"telegram:{typed.strip()}")
    assert "Hello there" in told


def test_a_number_in_no_run_is_not_taken_for_a_chat_id(made: Project) -> None:
    made.write("people.csv", "name,telegram\nEve,5551114\n")
    made.write("chat.yaml", TELEGRAM)
    made.run("send", "chat.yaml", "--yes")
    assert "telegram" not in made.run("explain", "5551115").out
