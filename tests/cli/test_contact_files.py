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


@pytest.mark.parametrize(
    ("purpose", "choice", "status"),
    [
        ("marketing", None, 3), ("marketing", "ok", 0), ("marketing", "error", 3),
        ("transactional", None, 0), ("transactional", "error", 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_day_with_nobody_to_message_is_an_error_or_not_as_the_campaign_says(
    project, form, purpose, choice, status
):
    content = "phone,first_name\n" if form == "csv" else xlsx([["phone", "first_name"]])
    contacts(project, content, f"people.{form}", **({"empty": choice} if choice else {}))
    text = (project.folder / "sale.yaml").read_text()
    project.write("sale.yaml", text.replace("purpose: marketing", f"purpose: {purpose}"))
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == status, ran.err
    assert ("no rows" in ran.err) if not status else ("a header but no rows" in ran.err)
    assert project.outbox() == []


@pytest.mark.parametrize("content", ["phone,first_na", "phone,first_name", "", "\n"])
def test_an_export_that_was_cut_off_is_no_quiet_day(project, content):
    contacts(project, content, "people.csv", empty="ok")
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 3


def test_white_space_around_cells_does_not_show_in_messages(project):
    rows = "  Ann ", "\tBob", "Zoë\u00a0", "\u3000Ida", "Mary Ann"
    lines = "".join(f'+4474001234{place:02d},"{name}"\n' for place, name in enumerate(rows))
    contacts(project, f"phone,first_name\n{lines}", "spaces.csv")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    names = {one["body"].split(",")[0] for one in project.outbox()}
    assert names == {"Hi Ann", "Hi Bob", "Hi Zoë", "Hi Ida", "Hi Mary Ann"}
