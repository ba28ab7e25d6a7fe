"""Rules for replies, surveys and events are read again when their files change, and remain if these are wrong."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from answerkit import kannel, says, wait
from clikit import Project
from listenkit import listener
from partkit import in_process

TOKEN = "0123456789abcdef-shop"
RULES = 'rules:\n  hours:\n    keyword: HOURS\n    answer: "{}"\n'


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)


SURVEY = """\
title: Your visit
questions:
  score: {ask: "How was it, 0 to 10?", kind: scale}
"""


def test_rules_for_replies_are_read_again_and_the_old_ones_remain_if_they_are_wrong(project: Project) -> None:
    rules, people = project.folder / "replies.yaml", ["+44791112345" + str(n) for n in range(5)]
    rules.write_text(RULES.format("Nine to five."))
    with (
        kannel() as provider,
        listener(project.folder, settings=provider.settings("replies: {texts: keep}")) as heard,
    ):
        said = heard.said
        assert says(heard, people[0], "hours") == 200
        provider.until(1)
        rules.write_text(RULES.format("Ten to six."))
        assert wait(
            lambda: "the rules for replies and the surveys were read again: rules 1, surveys 0" in said()
        )
        assert says(heard, people[1], "hours") == 200
        provider.until(2)
        rules.write_text(RULES.format("{{ nope").replace("keyword", "keywort"))
        assert wait(lambda: "remain as they were:" in said())
        line = next(one for one in said().splitlines() if "remain as they were:" in one)
        assert "replies.yaml:3:5: " in line, line
        assert "'keyword'" in said()
        assert says(heard, people[2], "hours") == 200
        provider.until(3)
        rules.write_text(RULES.format("Always."))
        assert wait(lambda: said().count("surveys were read again") == 2)
        heard.process.send_signal(signal.SIGHUP)
        assert wait(lambda: said().count("surveys were read again") == 3)
        assert "the tokens were read again: they are as they were" in said()
        assert says(heard, people[3], "hours") == 200
        provider.until(4)
        rules.unlink()
        assert wait(lambda: "no replies.yaml, surveys 0" in said())
        assert says(heard, people[4], "hours") == 200
    assert [text for _, _, text in provider.got] == ["Nine to five.", "Ten to six.", "Ten to six.", "Always."]
    assert len(project.run("inbox", "list", "--json").json["conversations"]) == 1


EVENTS = "events:\n  paid:\n    campaign: paid.yaml\n    key: id\n    map: {phone: phone, order: %s}\n"
CAMPAIGN = """\
name: paid
objective: Tell people that their order was paid
purpose: transactional
contacts: sample.csv
gateway: sim
sender: Shop
message: "Order {{ order }} is paid."
"""
SETTINGS = """\
region: GB
gateways: {sim: {type: simulator}}
listen:
  public_url: https://hooks.example.com/a2p
  tokens: {shop: {secret: "${SHOP_TOKEN}", scopes: [events]}}
"""


def test_events_are_read_again_with_their_campaigns(project: Project) -> None:
    project.write("a2pcli.yaml", SETTINGS)
    project.write("paid.yaml", CAMPAIGN)
    project.write("sample.csv", "phone,order\n07911123456,7\n")
    project.write("events.yaml", EVENTS % "id")
    project.run("ledger", "create")
    with in_process(project.folder, SETTINGS) as heard:

        def text() -> str:
            asked = {"json": {"id": "A1", "no": "77", "phone": "07911123456"}}
            answer = heard.ask(
                "POST", "/events/paid?dry_run=1", headers={"Authorization": f"Bearer {TOKEN}"}, **asked
            )
            return str(answer.json()["text"])

        def refresh(anyway: bool = False) -> list[str]:
            told: list[str] = []
            for one in heard.listener.rereads:
                one.refresh(told.append, anyway=anyway)
            return told

        assert text() == "Order A1 is paid."
        assert refresh() == []
        project.write("events.yaml", EVENTS % "no")
        assert refresh() == ["the events were read again: paid"]
        assert text() == "Order 77 is paid."
        project.write("paid.yaml", CAMPAIGN.replace("is paid", "was paid"))
        assert refresh() == ["the events were read again: paid"]
        assert text() == "Order 77 was paid."
        project.write("events.yaml", EVENTS % "no" + "    digets: {}\n")
        (told,) = refresh()
        assert told.startswith("the events remain as they were: ")
        assert "events.yaml:6:5: " in told
        assert text() == "Order 77 was paid."
        assert refresh() == [], "it is told once"
        (project.folder / "events.yaml").unlink()
        (told,) = refresh()
        assert "there is no events.yaml" in told
        assert text() == "Order 77 was paid."


def test_surveys_are_read_again_and_a_wrong_one_is_named(project: Project) -> None:
    project.write("a2pcli.yaml", SETTINGS)
    project.run("ledger", "create")
    with in_process(project.folder, SETTINGS) as heard:
        told: list[str] = []

        def refresh() -> str:
            told.clear()
            for one in heard.listener.rereads:
                one.refresh(told.append)
            return "\n".join(told)

        (project.folder / "surveys").mkdir()
        project.write("surveys/visit.yaml", SURVEY)
        assert (
            refresh() == "the rules for replies and the surveys were read again: no replies.yaml, surveys 1"
        )
        project.write("surveys/visit.yaml", SURVEY.replace("scale", "scales"))
        assert "remain as they were: " in refresh()
        assert "visit.yaml:3:" in told[0]
        project.write("paid.yaml", CAMPAIGN)
        project.write("sample.csv", "phone,order\n07911123456,7\n")
        project.write("events.yaml", EVENTS % "id")
        assert "the file is new (start `a2pcli listen` again to take events)" in refresh()
