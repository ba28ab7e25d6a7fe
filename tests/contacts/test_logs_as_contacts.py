"""A log of messages as a campaign's contacts: whose number is meant is asked, never guessed."""

from __future__ import annotations

import pytest
from clikit import CAMPAIGN, Project

LOG = "From,To,first_name\n+447911123456,+447911123499,Ann\n+447911123457,+447911123499,Ben\n"


@pytest.mark.parametrize("command", [("check",), ("plan",), ("send", "--yes")])
def test_a_file_with_a_column_for_each_side_of_a_message_asks_which_is_the_person(
    project: Project, command: tuple[str, ...]
) -> None:
    project.starter(people=LOG)
    ran = project.run(command[0], "sale.yaml", *command[1:])
    assert ran.status == 3
    assert (
        "people.csv:1: the file has columns for the sender and the recipient of a message (From, To): whose"
        " number is it?" in ran.err
    )
    assert "contacts: {columns: {phone: From}}" in ran.err
    assert project.outbox() == []


def test_the_campaign_says_which_column_it_is(project: Project) -> None:
    named = CAMPAIGN.replace("contacts: people.csv", "contacts: {file: people.csv, columns: {phone: From}}")
    project.starter(people=LOG, campaign=named)
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert {one["to"] for one in project.outbox()} == {"+447911123456", "+447911123457"}
