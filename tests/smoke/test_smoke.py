"""What ``make check`` runs, in seconds: a campaign goes the whole way, and nobody who said no gets it."""

from __future__ import annotations

import importlib
import pkgutil

from clikit import Project

import a2pcli

SENT = {"+447911123456", "+447911123457", "+447911123459"}
"""Whom the sample campaign reaches: two rows of it are no numbers or lack a name, one is a duplicate."""


def test_every_module_can_be_imported() -> None:
    names = [one.name for one in pkgutil.walk_packages(a2pcli.__path__, "a2pcli.")]
    assert len(names) > 100
    for name in names:
        if ".migrations." not in name and not name.endswith("__main__"):  # which do something when they are
            importlib.import_module(name)


def test_a_campaign_is_checked_planned_sent_once_and_reported(project: Project) -> None:
    project.starter()
    for command in ("check sale.yaml", "preview sale.yaml", "plan sale.yaml"):
        done = project.run(*command.split())
        assert done.status == 0, done.err
    assert project.outbox() == []
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert {one["to"] for one in project.outbox()} == SENT
    assert (
        project.run("send", "sale.yaml", "--yes").status == 4
    )  # nothing left to send, and not every row had it
    assert len(project.outbox()) == len(SENT)
    report = project.run("report", "--json").json
    assert report["states"] == {"accepted": 3, "skipped": 3}
    assert report["rows"] == 6
    assert "accepted" in project.run("explain", "07911123456").out


def test_nobody_who_opted_out_gets_the_message(project: Project) -> None:
    project.starter()
    assert project.run("ledger", "create").status == 0
    assert project.run("optout", "add", "07911123457").status == 0
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert {one["to"] for one in project.outbox()} == SENT - {"+447911123457"}
    assert project.run("ledger", "check").status == 0
    assert project.run("audit", "verify").status == 0


def test_the_command_starts_and_says_its_version(project: Project) -> None:
    done = project.process("--version")
    assert (done.status, a2pcli.__version__ in done.out) == (0, True)
