"""What bots are asked: so much of the history as is allowed, nothing that tells who the person is; and what becomes of
replies whose bot is gone or too late."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from time import process_time

import pytest
from answerkit import ANN, SHOP
from botkit import KEY, bot
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from a2pcli.actions.bot_questions import BotError, history, instructions, without_address
from a2pcli.actions.composing import Composer
from a2pcli.actions.draft_check import DraftText
from a2pcli.actions.draft_prompt import proposals
from a2pcli.actions.heard_replies import HeardReply, ReplyDesk
from a2pcli.actions.reply_rules import load_rules
from a2pcli.config.bots import Bot
from a2pcli.config.load import load_settings
from a2pcli.ledger.chat_turns import Turn
from a2pcli.ledger.store import Ledger

BLOCK = (
    "bots:\n  helper: {{url: '{url}', model: m, key: '${{BOT_KEY}}', {more}}}\nunmatched: {{chat: helper}}\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOT_KEY", KEY)
    (tmp_path / "a2pcli.yaml").write_text(
        "region: GB\nreplies: {texts: keep}\ngateways: {kannel: {password: p}}\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("limits", "turns"),
    [({}, 3), ({"messages": 4}, 2), ({"messages": 3}, 1), ({"messages": 0}, 0), ({"characters": 26}, 2)],
)
def test_so_many_of_the_newest_turns_are_sent_as_are_allowed(limits: dict[str, int], turns: int) -> None:
    said = [Turn(f"question {place}", "yes") for place in range(3)]
    one = Bot.model_validate({"url": "https://x.example", "model": "m", "history": limits})
    found = history(said, one)
    assert [message.role for message in found] == ["user", "assistant"] * turns
    assert [message.text for message in found[::2]] == [one.person for one in said[3 - turns :]]


def test_instructions_know_the_columns_they_use_and_no_address(folder: Path) -> None:
    more = "instructions: 'For {{ plan }}, {{ mobile | default(\"nobody\") }}'"
    (folder / "replies.yaml").write_text(BLOCK.format(url="https://x.example", more=more))
    rules = load_rules(load_settings(folder))
    assert rules is not None
    data = {"mobile": "07911 123456", "other": "+44 7911 123456", "plan": "gold"}
    known = without_address(data, ANN)
    assert known == {"plan": "gold"}
    assert instructions(rules, "helper", known, "sms").startswith("For gold, nobody\n")
    with pytest.raises(BotError, match="a value that this person does not have"):
        instructions(rules, "helper", {}, "sms")


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
KEYS = st.sampled_from(["variants", "text", "subject", "x"])


@given(
    st.recursive(
        st.none() | st.integers() | WORDS,
        lambda one: st.lists(one) | st.dictionaries(KEYS, one, max_size=3),
    ),
    st.sampled_from(["%s", "Here: %s!", "```json\n%s\n```", "{%s", "[[%s", "%s}"]),
)
def test_whatever_a_bot_drafts_is_texts_or_nothing(document: object, around: str) -> None:
    wanted = DraftText("message", ("message",), "Hi", ("sms",), "Subject")
    for one in proposals(around % json.dumps(document), wanted):
        assert one.text.strip() == one.text != ""
        assert one.subject
        assert json.dumps(one.text)[1:-1].strip() in json.dumps(document)


def test_an_answer_that_is_nothing_but_brackets_takes_no_longer_the_longer_it_is() -> None:
    wanted = DraftText("message", ("message",), "Hi", ("sms",))

    def cost(many: int) -> float:
        before = process_time()
        assert [*proposals("[" * many, wanted)] == []
        return process_time() - before

    assert cost(100_000) < 20 * cost(5_000)


def heard(ledger: Ledger, folder: Path) -> None:
    with ledger.transaction():
        taken = ReplyDesk(ledger, load_settings(folder)).take(
            HeardReply(ANN, SHOP, "Do you sell tea?", id="1"), channel="sms", gateway="kannel", source="test"
        )
    assert taken.answered == "chat"


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("late", "bot helper: it could not be asked within an hour"),
        ("gone", "bot helper: there is no such bot in replies.yaml any more"),
        ("no file", "bot helper: there is no such bot in replies.yaml any more"),
        ("no key", "bot helper: its key is not set"),
        ("taken", "Anna reads it"),
    ],
)
def test_a_reply_that_its_bot_cannot_get_any_more_goes_to_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch, then: str, why: str
) -> None:
    told: list[str] = []
    with bot() as server, Ledger.open(str(folder / "ledger.db")) as ledger:
        rules = folder / "replies.yaml"
        rules.write_text(BLOCK.format(url=server.url, more="timeout: 2"))
        heard(ledger, folder)
        settings, loaded = load_settings(folder), load_rules(load_settings(folder))
        if then == "late":
            with ledger.engine.begin() as connection:
                late = """UPDATE answers SET content = replace(content, '"until_at": ', '"until_at": -')"""
                connection.execute(text(late))
        elif then == "gone":
            rules.write_text("rules: {a: {keyword: A, answer: b}}\n")
            loaded = load_rules(settings)
        elif then == "no file":
            rules.unlink()
            loaded = None
        elif then == "no key":
            monkeypatch.delenv("BOT_KEY")
        else:
            from a2pcli.ledger.conversations import Heard

            ledger.conversations.hear(Heard(ANN, "sms", "kannel", SHOP, None, why))
        (answer,) = ledger.answers.due()
        assert asyncio.run(Composer(ledger, settings, loaded, told.append).text(answer)) is None
        assert server.got == []
        (conversation,) = ledger.conversations.all()
        assert conversation.why == why
        (after,) = ledger.answers.of(ANN)
        assert (after.state, after.reason, after.content) == ("skipped", "handed-over", None)
        assert all(ANN[3:] not in line and "tea" not in line for line in told)
