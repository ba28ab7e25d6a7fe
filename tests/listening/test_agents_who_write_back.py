"""Agents answer a notice where they got it: their text goes to the person of the conversation that they name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from answerkit import ANN, BEN, SHOP

import a2pcli.actions.agents as desk_module
from a2pcli.actions.agents import webhooks
from a2pcli.actions.heard_replies import HeardReply, ReplyDesk
from a2pcli.actions.reply_rules import load_rules
from a2pcli.actions.signed_requests import Told
from a2pcli.config.load import load_settings
from a2pcli.ledger.answers import Answer
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, Verdict

AGENT = "telegram:123456789"
RULES = f"""\
quota: {{hour: 2, day: 9}}
rules:
  person: {{keyword: AGENT, agent: sales}}
  driver: {{keyword: DRIVER, agent: mobile}}
agents:
  robot: {{webhook: {{url: "https://desk.acme.example/", secret: "${{DESK}}"}}}}
  sales: {{chat: {{gateway: telegram, to: "{AGENT}"}}, email: {{gateway: mail, to: desk@acme.example}}}}
  mobile: {{chat: {{gateway: kannel, to: "07911 123459"}}}}
"""
SETTINGS = """\
region: GB
replies: {texts: keep}
gateways:
  kannel: {password: p}
  telegram: {token: "123456:abcdefghijklmnopqrstuvwxyz012345678"}
  mail: {type: smtp, host: localhost}
listen: {public_url: "https://hooks.example.com/a2p"}
"""


class Desk:
    """Replies to a ledger's desk."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.ledger, self._count = folder, ledger, 0
        self._desk = ReplyDesk(ledger, load_settings(folder))

    def says(self, who: str, text: str, id: str | None = None) -> str | None:
        self._count += 1
        gateway = "telegram" if who == AGENT else "kannel"
        heard = HeardReply(
            who.removeprefix("telegram:"), None if who == AGENT else SHOP, text, id=id or str(self._count)
        )
        with self.ledger.transaction():
            channel = "telegram" if who == AGENT else "sms"
            return self._desk.take(heard, channel=channel, gateway=gateway, source="test").answered

    def to(self, who: str) -> list[Answer]:
        return self.ledger.answers.of(who)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DESK", "desk-secret-0123456789")
    (tmp_path / "a2pcli.yaml").write_text(SETTINGS)
    (tmp_path / "replies.yaml").write_text(RULES)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        yield Desk(tmp_path, ledger)


@pytest.fixture
def code(desk: Desk) -> str:
    """The conversation of Ann, whom the agents were told of."""
    assert desk.says(ANN, "Agent") == "agent"
    return desk.ledger.conversations.all()[0].code


def test_a_notice_says_how_to_answer_it_the_way_it_came(desk: Desk, code: str) -> None:
    (chat,), (mail,) = desk.to(AGENT), desk.to("desk@acme.example")
    assert f"Answer here, beginning with the code: {code} TEXT" in (chat.body or "")
    assert f"Answer: https://hooks.example.com/a2p/ or a2pcli inbox reply {code} 'TEXT'" in (mail.body or "")


def test_a_number_of_agents_is_read_as_numbers_in_the_settings_are(desk: Desk) -> None:
    desk.says(ANN, "driver")
    code = desk.ledger.conversations.all()[0].code
    assert [one.kind for one in desk.to("+447911123459")] == ["notice"]
    assert desk.says("+447911123459", f"{code} Ten minutes.") == "agent"


@pytest.mark.parametrize("written", ["{} Stop by at nine.", "{}: Stop by at nine.", "[{}] Stop by at nine."])
def test_an_agent_s_answer_goes_to_the_person_once(desk: Desk, code: str, written: str) -> None:
    for _ in range(2):
        desk.says(AGENT, written.format(code.upper()), id="one")
    (answer,) = desk.to(ANN)
    assert (answer.body, answer.kind, answer.gateway, answer.sender) == (
        "Stop by at nine.",
        "agent",
        "kannel",
        SHOP,
    )
    assert not desk.ledger.optouts.of(AGENT)
    found = desk.ledger.conversations.by_code(code)
    assert found is not None
    assert (found.assignee, found.waits) == ("sales", False)


@pytest.mark.parametrize(
    ("before", "written", "why"),
    [
        ("", "We open at nine.", "begin with the code"),
        ("", "c2222222 We open at nine.", "there is no conversation 'c2222222'"),
        ("", "{}", "the text is empty"),
        ("STOP", "{} We open at nine.", "has opted out"),
    ],
)
def test_an_agent_is_told_why_nobody_got_what_they_wrote(
    desk: Desk, code: str, before: str, written: str, why: str
) -> None:
    if before:
        desk.says(ANN, before)
    assert desk.says(AGENT, written.format(code)) == "notice"
    assert why in (desk.to(AGENT)[-1].body or "")
    assert not [one for one in desk.to(ANN) if one.kind == "agent"]


def test_a_machine_at_an_agent_s_address_is_told_three_times_in_an_hour(desk: Desk, code: str) -> None:
    assert [desk.says(AGENT, f"I am out until {day} May") for day in range(4)] == [*["notice"] * 3, None]


def test_nobody_else_answers_as_an_agent_and_an_agent_s_stop_counts(desk: Desk, code: str) -> None:
    desk.says(BEN, f"{code} I am no agent")
    assert not [one for one in desk.to(ANN) if one.kind == "agent"]
    desk.says(AGENT, "STOP")
    assert [one.source for one in desk.ledger.optouts.of(AGENT)] == ["reply"]


def answered_by(desk: Desk, code: str, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Why the conversation waits, after a webhook answered a notice with each of these texts, each of them twice."""
    monkeypatch.setattr(desk_module, "post_signed", told := Webhook())
    settings = load_settings(desk.folder)
    gateway = webhooks(desk.ledger, settings, load_rules(settings), lambda: None)("agents robot")
    assert gateway is not None
    for place, text in enumerate(texts):
        told.answer = text
        notice = Message(
            place, f"a-{place}", ANN, "hello?", sender=SHOP, channel="sms", content={"conversation": code}
        )
        for _ in range(2):
            (outcome,) = asyncio.run(gateway.submit([notice]))
            assert outcome.verdict is Verdict.ACCEPTED
    found = desk.ledger.conversations.by_code(code)
    assert found is not None
    return found.why


class Webhook:
    """Answers every notice with the same text."""

    answer = ""

    async def __call__(self, *_: object) -> Told:
        return Told({"answer": self.answer})


def test_a_webhook_and_a_person_s_machine_do_not_talk_for_ever(
    desk: Desk, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = answered_by(desk, code, ["We are shut.", "Really.", "We are shut."], monkeypatch)
    assert [one.body for one in desk.to(ANN)] == ["We are shut.", "Really."]
    assert why == "too many automatic answers: a machine may be writing"


def test_an_answer_of_a_webhook_that_cannot_be_sent_is_told_in_the_inbox(
    desk: Desk, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "30 SMS parts" in answered_by(desk, code, ["ж" * 2000], monkeypatch)
    assert desk.to(ANN) == []
