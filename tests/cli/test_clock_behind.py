"""A machine whose clock is behind the ledger sends nothing by itself: a person has to say which of the two is right."""

from __future__ import annotations

import time

import pytest
from clikit import CAMPAIGN, Project

DAY = 86_400 * 10**9


@pytest.fixture
def sent(project: Project) -> Project:
    """Sent once, as a daily campaign; a person is new in the file since."""
    project.starter(campaign=CAMPAIGN.rstrip() + "\noccurrence: daily\n")
    assert project.run("send", "sale.yaml", "--yes", "--limit", "1").status == 0
    return project


def set_back(monkeypatch: pytest.MonkeyPatch, nanoseconds: int) -> None:
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - nanoseconds)


@pytest.mark.parametrize("how", [("sale.yaml",), ("sale.yaml", "--occurrence", "yesterday")])
def test_an_unattended_send_refuses_and_says_both_times(
    sent: Project, monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...]
) -> None:
    before = sent.outbox()
    set_back(monkeypatch, 3 * DAY)
    ran = sent.run("send", *how, "--yes")
    assert ran.status == 6
    assert "3 days behind" in ran.err
    assert "--clock-is-right" in ran.err
    assert sent.outbox() == before


def test_a_planning_command_in_between_does_not_make_the_clock_right(
    sent: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back(monkeypatch, 3 * DAY)
    sent.run("plan", "sale.yaml")
    sent.run("optout", "add", "+447700900999")
    assert sent.run("send", "sale.yaml", "--yes").status == 6


def test_once_a_person_said_so_the_next_sends_go_on_and_it_is_on_record(
    sent: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back(monkeypatch, DAY)
    before = len(sent.outbox())
    assert sent.run("send", "sale.yaml", "--yes", "--clock-is-right").status in (0, 4)
    assert len(sent.outbox()) > before
    assert "behind" not in sent.run("send", "sale.yaml", "--yes").err
    assert "clock.confirm" in sent.run("audit", "list").out


def test_a_minute_is_nothing(sent: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    set_back(monkeypatch, 60 * 10**9)
    assert "behind" not in sent.run("send", "sale.yaml", "--yes").err
