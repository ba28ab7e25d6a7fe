"""Events beside others that cannot be planned, and with data that no database stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clikit import Project

from a2pcli.actions import events
from a2pcli.actions.event_planning import plan_events
from a2pcli.actions.event_rules import needed_event_rules
from a2pcli.config.load import load_settings
from a2pcli.ledger import triggers
from a2pcli.ledger.new_triggers import NewTrigger
from a2pcli.ledger.store import Ledger

CAMPAIGN = """\
name: NAME
objective: Tell people that their order was paid
purpose: transactional
contacts: sample.csv
sender: Shop
message: "Hi {{ first_name }}, it is paid."
"""
EVENTS = """\
events:
  broken: {campaign: broken.yaml, key: id, map: {phone: phone, first_name: name}}
  paid: {campaign: paid.yaml, key: id, time: at, map: {phone: phone, first_name: name}}
"""
FAR = 9_999_999_999_999


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("sample.csv", "phone,first_name\n07911123456,Ann\n")
    for name in ("paid", "broken"):
        project.write(f"{name}.yaml", CAMPAIGN.replace("NAME", name))
    project.write("events.yaml", EVENTS)
    return project


def waiting(name: str, key: str, until: int = FAR) -> NewTrigger:
    data = {"phone": "07911123456", "first_name": "Ann"}
    return NewTrigger(name, key, "+447911123456", data, "test", 1, until)


def test_events_that_cannot_be_planned_keep_no_others_waiting(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TOGETHER", 3)
    settings = load_settings(shop.folder)
    rules = needed_event_rules(settings)
    said: list[str] = []
    with Ledger.open_with(str(shop.folder / ".a2pcli/ledger.db"), None) as ledger:
        for name in ("gone", "broken"):
            ledger.triggers.add([waiting(name, str(number)) for number in range(5)])
        ledger.triggers.add([waiting("paid", "1")])

        def fails(*given: object, **more: object) -> object:
            if given[2].campaign.name == "broken":  # type: ignore[attr-defined]
                raise RuntimeError("a defect")
            return plan_events(*given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(events, "plan_events", fails)
        found = events.work(ledger, settings, rules, tell=said.append)
        assert [(one.triggers[0].name, one.state) for one in found] == [("paid", "sent")]
    assert said == [
        "events 'broken' wait: RuntimeError",
        "events 'gone' wait: the event is no longer in events.yaml",
    ]


def test_a_digest_of_any_size_is_held_until_the_permitted_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "MOST_VALUES", 2)
    with Ledger.open_with(str(tmp_path / "ledger.db"), None) as ledger:
        added = ledger.triggers.add([waiting("paid", str(number)) for number in range(5)], now=10)
        ledger.triggers.hold([one.trigger for one in added], 50, "quiet-hours", None)
        assert ledger.triggers.due("paid", now=49) == []
        assert len(ledger.triggers.due("paid", now=50)) == 5


def test_half_a_character_excludes_an_event_and_nul_is_shown_as_damaged(shop: Project) -> None:
    def trigger(name: str) -> tuple[int, str]:
        data = json.dumps({"id": name, "phone": "07911123456", "name": name})
        ran = shop.run("trigger", "paid", "--data", data, "--json")
        return ran.status, ran.json["reason"] or ran.json["state"]

    assert trigger("Ann\ud83d") == (4, "invalid-text")
    assert trigger("Ann\0") == (0, "sent")
    (sent,) = shop.folder.joinpath(".a2pcli/outbox.jsonl").read_text().splitlines()
    assert json.loads(sent)["body"] == "Hi Ann\ufffd, it is paid."


def test_what_is_said_of_a_wrong_time_has_no_data_of_the_event(shop: Project) -> None:
    ran = shop.run("trigger", "paid", "--data", '{"id": 1, "phone": "07911123456", "at": "07911 123456"}')
    assert (ran.status, ran.err.strip()) == (
        3, "time: `at` is not a time; it takes ISO 8601 or Unix time",
    )  # fmt: skip


def test_the_time_of_a_clock_that_was_never_set_is_too_old_and_can_be_exported(shop: Project) -> None:
    data = {"id": 1, "phone": "07911123456", "name": "Ann", "at": "0001-01-01T00:00:00+02:00"}
    ran = shop.run("trigger", "paid", "--data", json.dumps(data), "--json")
    assert (ran.status, ran.json["state"]) == (4, "expired")
    exported = shop.run("people", "export", "07911123456")
    assert (exported.status, exported.err) == (0, "")
    assert "1970-01-01" in exported.out
