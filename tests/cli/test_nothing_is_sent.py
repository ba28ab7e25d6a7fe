"""Where a gateway delivers nothing, every screen and document says so, and says what becomes of messages instead."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pexpect
import pytest
from clikit import CAMPAIGN, Project
from test_terminal import terminal

from a2pcli.gateways import registry

GATEWAYS = {
    "outbox": ("", "written to a file"),
    "console": ("gateways:\n  console: {}\n", "printed here"),
    "sim": ("gateways:\n  sim: {type: simulator}\n", "simulated"),
}

DELIVERS = """
from a2pcli.gateways.console import ConsoleGateway
from dataclasses import replace
class Real(ConsoleGateway):
    def __init__(self, name, settings):
        super().__init__(name, {key: value for key, value in settings.items() if key != "type"})
        self.capabilities = replace(self.capabilities, delivers=True, instead="")
"""


def using(project: Project, gateway: str) -> Project:
    project.starter(campaign=CAMPAIGN.replace("gateway: outbox\n", "") + f"gateway: {gateway}\n")
    settings = (project.folder / "a2pcli.yaml").read_text()
    project.write("a2pcli.yaml", settings + GATEWAYS[gateway][0])
    return project


@pytest.mark.parametrize("gateway", list(GATEWAYS))
def test_every_screen_says_that_nothing_is_sent(project: Project, gateway: str) -> None:
    instead = GATEWAYS[gateway][1]
    using(project, gateway)
    plan = project.run("plan", "sale.yaml")
    assert f"{gateway}: messages are {instead}, nothing is sent" in plan.out
    assert "if it were sent" in plan.out
    sent = project.run("send", "sale.yaml", "--yes")
    assert f"nothing was sent: messages were {instead}" in sent.out
    assert "would cost" in sent.out
    report = project.run("report", "spring-sale")
    assert f"{instead}; nothing was sent" in report.out
    assert "would cost" in report.out
    explained = project.run("explain", "+447911123456")
    assert f"{instead} by {gateway}, and not sent to the person" in " ".join(explained.out.split())


@pytest.mark.parametrize("gateway", list(GATEWAYS))
def test_every_document_says_it_too(project: Project, gateway: str) -> None:
    using(project, gateway)
    said = {"delivers": False, "instead": GATEWAYS[gateway][1]}
    documents = [
        project.run("plan", "sale.yaml", "--json").json,
        project.run("send", "sale.yaml", "--yes", "--json").json,
        project.run("report", "spring-sale", "--json").json,
        project.run("gateways", "test", gateway, "--json").json,
    ]
    assert [{key: one[key] for key in said} for one in documents] == [said] * 4


def test_the_question_says_it(project: Project) -> None:
    with terminal(project.starter(), "send", "sale.yaml") as process:
        process.expect_exact("to outbox (written to a file, not sent)? [y/N]")
        process.sendline("n")
        process.expect(pexpect.EOF)


@pytest.fixture
def real(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = project.folder / "package"
    folder.mkdir()
    (folder / "real_plugin.py").write_text(DELIVERS)
    monkeypatch.syspath_prepend(str(folder))
    point = importlib.metadata.EntryPoint("real", "real_plugin:Real", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    sys.modules.pop("real_plugin", None)
    return project


def test_a_gateway_that_delivers_is_told_as_before(real: Project) -> None:
    real.starter(campaign=CAMPAIGN + "gateway: real\n")
    real.write("a2pcli.yaml", (real.folder / "a2pcli.yaml").read_text() + "gateways:\n  real: {type: real}\n")
    sent = real.run("send", "sale.yaml", "--yes")
    assert sent.status == 0, sent.err
    assert "nothing was sent" not in sent.out
    assert real.run("report", "spring-sale", "--json").json["delivers"] is True


def test_a_plan_for_a_file_is_not_sent_to_phones(real: Project) -> None:
    """The same name means another gateway now: who approved the plan was told that nothing leaves."""
    real.starter(campaign=CAMPAIGN + "gateway: mine\n")
    settings = Path(real.folder / "a2pcli.yaml").read_text()
    real.write("a2pcli.yaml", settings + "gateways:\n  mine: {type: outbox}\n")
    plan = real.run("plan", "sale.yaml", "--json").json["plan"]
    real.write("a2pcli.yaml", settings + "gateways:\n  mine: {type: real}\n")
    ran = real.run("send", "--plan", plan)
    assert ran.status == 6
    assert "delivers, and delivered nothing when" in " ".join(ran.err.split())
    assert "[not sent]" not in ran.err


def test_what_only_waits_is_not_said_to_have_been_written(project: Project) -> None:
    project.starter(campaign=CAMPAIGN + "schedule: {not_before: '2099-07-01 09:00'}\n")
    sent = project.run("send", "sale.yaml", "--yes")
    report = project.run("report")
    assert "messages are written to a file" in sent.out
    assert "messages are written to a file" in report.out
    assert "were written" not in sent.out + report.out
    assert "nothing was sent" not in report.out
