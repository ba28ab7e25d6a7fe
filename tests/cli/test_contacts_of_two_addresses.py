"""``contacts check`` of a file with a phone number and an email address in a row."""

from __future__ import annotations

from clikit import Project

FILE = """\
phone,email,name
+447911100001,ann@example.com,Ann
+447911100002,not an address,Bob
,cia@example.com,Cia
"""


def test_every_address_column_is_counted(project: Project) -> None:
    project.write("people.csv", FILE)
    found = project.run("contacts", "check", "people.csv", "--json").json
    assert (found["column"], found["summary"]["ok"]) == ("phone", 2)
    email = found["further"]["email"]
    assert (email["rows"], email["ok"], email["refused"]) == (3, 2, 1)
    assert sum(email["reasons"].values()) == 1
    text = " ".join(project.run("contacts", "check", "people.csv", COLUMNS="160").out.split())
    assert "also 2 good in the column 'email'; 1 " in text


def test_a_named_column_or_channel_is_checked_alone(project: Project) -> None:
    project.write("people.csv", FILE)
    for more in (("--channel", "email"), ("--column", "phone")):
        assert project.run("contacts", "check", "people.csv", *more, "--json").json["further"] == {}
