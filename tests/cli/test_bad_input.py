"""Whatever is wrong with what people give it, a2pcli says where and what, and sends nothing."""

from __future__ import annotations

import os
import re

import pytest
from badkit import HTTP, SEND, TABLE, Bad, gateway, well_told
from clikit import CAMPAIGN, Project


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.name)
def test_what_is_wrong_is_said_and_nothing_is_sent(project: Project, bad: Bad):
    bad.prepare(project.starter())
    contacts = project.folder / "people.csv"
    before = contacts.read_bytes() if contacts.is_file() else None
    done = project.run(*bad.call, stdin=bad.stdin)
    assert done.status == bad.status, done.err
    assert re.search(bad.says, done.err, flags=re.M), done.err
    well_told(done)
    assert project.outbox() == []
    assert before is None or contacts.read_bytes() == before


def test_json_has_a_document_of_problems_where_there_is_no_result(project: Project):
    """A script that reads stdout finds a whole document, never half of one."""
    project.starter(campaign=CAMPAIGN + "gatway: x\n")
    for call in (("plan", "sale.yaml"), ("send", "sale.yaml", "--yes"), ("preview", "sale.yaml")):
        done = project.run(*call, "--json")
        assert done.status == 3
        assert list(done.json) == ["schema", "status", "problems"]


def test_an_empty_secret_is_a_missing_secret(project: Project):
    gateway(HTTP)(project.starter())
    done = project.run(*SEND, NO_SUCH_TOKEN="")
    assert done.status == 3
    assert "the environment variable NO_SUCH_TOKEN is empty" in done.err


def test_contacts_that_vanish_after_the_approval_are_not_needed_any_more(project: Project):
    plan = project.starter().run("plan", "sale.yaml", "--json").json["plan"]
    (project.folder / "people.csv").unlink()
    sent = project.run("send", "--plan", plan)
    assert sent.status == 0
    assert "changed since the plan" in sent.err
    assert len(project.outbox()) == 3


def test_a_campaign_that_vanishes_after_the_approval_is_not_needed_any_more(project: Project):
    plan = project.starter().run("plan", "sale.yaml", "--json").json["plan"]
    (project.folder / "sale.yaml").unlink()
    assert project.run("send", "--plan", plan).status == 0
    assert len(project.outbox()) == 3


def test_a_plan_of_one_campaign_is_not_sent_under_the_name_of_another(project: Project):
    plan = project.starter().run("plan", "sale.yaml", "--json").json["plan"]
    project.write("other.yaml", CAMPAIGN.replace("spring-sale", "other"))
    done = project.run("send", "other.yaml", "--plan", plan, "--yes")
    assert done.status == 2
    assert "is of campaign spring-sale" in done.err
    assert project.outbox() == []


def test_a_plan_that_newer_ones_replaced_cannot_be_sent_and_says_so(project: Project):
    project.starter()
    plans = [project.run("plan", "sale.yaml", "--json").json["plan"] for _ in range(4)]
    done = project.run("send", "--plan", plans[0], "--yes")
    assert done.status == 2
    assert f"plan {plans[0]} is superseded" in done.err
    assert project.outbox() == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write into any folder")
def test_a_folder_that_may_not_be_written_is_said(project: Project):
    project.starter()
    project.folder.chmod(0o500)
    try:
        done = project.run(*SEND)
    finally:
        project.folder.chmod(0o700)
    assert done.status == 3
    assert "cannot create the ledger" in done.err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read any file")
@pytest.mark.parametrize("name", ["sale.yaml", "people.csv", "a2pcli.yaml", "rates.csv"])
def test_a_file_that_may_not_be_read_is_said(project: Project, name: str):
    project.starter()
    (project.folder / name).chmod(0)
    done = project.run(*SEND)
    assert done.status == 3
    assert name in done.err
    well_told(done)
    assert project.outbox() == []
