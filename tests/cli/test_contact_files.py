"""What a contacts file leaves open is asked before anything is sent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from clikit import CAMPAIGN, Project

CONTACTS = Path(__file__).parents[1] / "contacts"
if str(CONTACTS) not in sys.path:
    sys.path.insert(0, str(CONTACTS))

from bookkit import xlsx  # noqa: E402


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).starter()


def contacts(project: Project, content: str | bytes, name: str, **keys: str) -> None:
    """The campaign reads this file, with these keys under `contacts:`."""
    project.write(name, content)
    lines = "".join(f"\n  {key}: {value}" for key, value in {"file": name, **keys}.items())
    project.write("sale.yaml", CAMPAIGN.replace("contacts: people.csv", f"contacts:{lines}"))


BOOK = xlsx(
    [
        ["phone", "first_name"],
        *([f"+4474001234{row:02d}", name] for row, name in enumerate(("Ann", "Bob", "Cy"))),
    ],
    hidden=(3,),
)


@pytest.mark.parametrize("command", [["check"], ["plan"], ["send", "--yes"], ["preview"]])
def test_hidden_rows_are_asked_about_before_anything_is_sent(project, command):
    contacts(project, BOOK, "people.xlsx")
    ran = project.run(command[0], "sale.yaml", *command[1:])
    assert ran.status != 0
    assert "1 of 3 rows is hidden in the sheet" in ran.out + ran.err
    assert "hidden_rows: exclude" in " ".join((ran.out + ran.err).split())
    assert project.outbox() == []


@pytest.mark.parametrize(("choice", "sent"), [("include", 3), ("exclude", 2)])
def test_the_campaign_decides_about_hidden_rows(project, choice, sent):
    contacts(project, BOOK, "people.xlsx", hidden_rows=choice)
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 0, ran.err
    assert len(project.outbox()) == sent
    assert "1 of 3 rows is hidden in the sheet" in ran.err
    plan = project.run("report", "--json").json
    assert plan["excluded"].get("hidden-row", 0) == 3 - sent


def test_contacts_check_tells_of_hidden_rows(project):
    project.write("people.xlsx", BOOK)
    assert "1 of 3 rows is hidden in the sheet" in project.run("contacts", "check", "people.xlsx").err
