"""Bots that are slow, killed meanwhile, out of money, or answer anything: one answer at most, and nobody else waits."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from typing import Any

import httpx
import pytest
from answerkit import ANN, BEN, ENVIRON, kannel, says, wait
from botkit import KEY, Reply, bot, completion, newest
from clikit import Project
from hypothesis import given, settings
from hypothesis import strategies as st
from listenkit import listener, query
from test_chat import REPLIES, chat, whys

from a2pcli.actions.bot_protocol import read
from a2pcli.config.bots import Bot
from a2pcli.ledger.store import Ledger

WATCH = "watch-token-0123456789abcdef0123456789"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRON, "BOT_KEY": KEY, "WATCH_TOKEN": WATCH}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("others", [1, pytest.param(38, marks=pytest.mark.slow)])
def test_a_slow_bot_holds_up_nobody_and_who_leaves_or_is_taken_over_meanwhile_gets_nothing(
    project: Project, others: int
) -> None:
    with kannel() as provider, bot() as server:
        project.write("replies.yaml", chat(server).replace("timeout: 5 s", "timeout: 60 s"))
        thought = threading.Event()

        def slowly(document: dict[str, Any]) -> Any:
            thought.wait(55)
            return completion(f"About {newest(document)}")

        server.says = slowly
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "tea")
            says(heard, BEN, "coffee")
            for place in range(others):
                says(heard, f"+4479111250{place:02}", "tea")
            assert wait(lambda: len(server.got) == min(others + 2, 32)), "so many side by side"
            says(heard, "+447911129999", "HOURS")
            says(heard, ANN, "STOP")
            says(heard, BEN, "I want a human")
            provider.until(2)
            first = [(to, text) for _, to, text in provider.got[:2]]
            assert first[0] == ("+447911129999", "9 to 5.")
            assert first[1][0] == ANN
            assert "unsubscribed" in first[1][1]
            assert wait(lambda: any("asks for somebody" in why for why in whys(project)))
            thought.set()
            provider.until(others + 2, 40)
            time.sleep(0.5)
    told = [(to, text) for _, to, text in provider.got[2:]]
    assert len(told) == others
    assert {text for _, text in told} == {"About tea"}
    assert not {ANN, BEN} & {to for to, _ in told}


def test_a_listener_that_is_killed_while_the_bot_thinks_answers_once_after_a_restart(
    project: Project,
) -> None:
    with kannel() as provider, bot() as server:
        project.write("replies.yaml", chat(server).replace("timeout: 5 s", "timeout: 30 s"))
        slow = Reply(completion("too late"), seconds=30)
        server.says = lambda document: slow
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "Do you sell tea?", id="m1")
            assert wait(lambda: server.got)
            heard.process.kill()
        assert provider.got == []
        server.says = lambda document: completion("We do.")
        with (
            Ledger.open(str(project.folder / ".a2pcli/ledger.db")) as ledger,
            ledger.engine.begin() as connection,
        ):
            connection.exec_driver_sql("UPDATE answers SET due_at = due_at - 120000")  # two minutes later
        with listener(project.folder, settings=None) as heard:
            says(heard, ANN, "Do you sell tea?", id="m1")
            provider.until(1)
            says(heard, ANN, "Do you sell tea?", id="m1")
            time.sleep(1)
            heard.process.kill()
        with listener(project.folder, settings=None) as heard:
            time.sleep(1)
    assert [text for _, _, text in provider.got] == ["We do."]
    assert (len(server.got), server.got[0]) == (2, server.got[1]), (
        "the same question, asked twice and answered once"
    )
    (used,) = query(project, "SELECT asked, answered, tokens_in FROM bot_usage")
    assert (used["asked"], used["answered"]) == (2, 1)
    assert used["tokens_in"] > 50, "what the killed one may have used stays counted"
    assert project.run("ledger", "check").status == 0


def test_an_own_endpoint_gets_signed_requests_within_the_budget_and_knows_no_number(project: Project) -> None:
    with kannel() as provider, bot() as server:
        more = (
            "    kind: http\n    prices: {request: 1 USD}\n    budget: {day: 2 USD}\n"
            "    instructions: \"For {{ first_name | default('somebody') }}\""
        )
        project.write("replies.yaml", chat(server, more).replace("    model: small\n", ""))
        answers: dict[str, Any] = {
            "tea": {"answer": "We do.", "usage": {"input_tokens": 3, "output_tokens": 2}}
        }
        server.says = lambda document: answers.get(newest(document), {"hand_over": True, "answer": "no"})
        tokens = "  tokens: {watch: {secret: '${WATCH_TOKEN}', scopes: [metrics]}}\n"
        with listener(project.folder, settings=provider.settings("replies: {texts: drop}") + tokens) as heard:
            says(heard, ANN, "tea")
            provider.until(1)
            says(heard, ANN, "wine")
            assert wait(lambda: len(whys(project)) == 1)
            says(heard, BEN, "tea")
            assert wait(lambda: len(whys(project)) == 2)
            said = heard.said()
            metrics = httpx.get(f"{heard.url}/metrics", headers={"Authorization": f"Bearer {WATCH}"}).text
    for name in ("asked_total", "answered_total", "handed_over_total", "tokens_out_total"):
        assert f'a2pcli_bot_{name}{{bot="helper"}}' in metrics
    assert 'a2pcli_bot_cost_total{bot="helper",currency="USD"} 2.0' in metrics
    assert [text for _, _, text in provider.got] == ["We do."]
    assert whys(project) == [
        "bot helper: it asks for a person",
        "bot helper: its budget of money for the day is used up",
    ]
    assert "its budget of money for the day is used up" in said
    first, second = server.got
    assert (first["text"], first["history"], first["purpose"]) == ("tea", [], "reply")
    assert second["history"] == [], "texts are not kept, so there is no history"
    assert first["conversation"] == second["conversation"]
    assert first["conversation"]
    assert first["instructions"].startswith("For somebody\n")
    for got in server.headers:
        signed = f"{got['X-A2pcli-Timestamp']}\nPOST\n{got['path']}\n{got['body']}".encode()
        right = "v1=" + hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(right, got["X-A2pcli-Signature"])
        assert "7911123" not in got["body"]
    assert query(project, "SELECT body FROM answers") == [{"body": None}] * 3


def test_two_bots_of_two_companies_do_not_talk_for_ever(project: Project) -> None:
    with kannel() as provider, bot() as server:
        project.write(
            "replies.yaml", chat(server).replace("quota: {hour: 50, day: 50}", "quota: {hour: 4, day: 9}")
        )
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "Hello")
            for place in range(1, 9):
                if not wait(lambda many=place: len(provider.got) >= many, 3):  # type: ignore[misc]
                    break
                says(heard, ANN, f"Thank you. {provider.got[-1][2]}")
        assert (len(provider.got), len(server.got)) == (4, 4)
    assert whys(project) == ["bot helper: too many automatic answers: a machine may be writing"]


OPENAI = Bot.model_validate({"url": "http://127.0.0.1/v1", "model": "m"})
OWN = Bot.model_validate({"url": "http://127.0.0.1/v1", "kind": "http", "key": "${KEY}"})
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
JSONS = st.recursive(
    ATOMS, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3)
)
KEYS = ("choices", "usage", "message", "content", "finish_reason", "tool_calls", "refusal", "role", "answer")


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A right answer with something else in one or two of its places."""
    document = json.loads(json.dumps(completion("We sell tea.")))
    document |= {"answer": "We sell tea.", "hand_over": False}
    for _ in range(draw(st.integers(1, 2))):
        value, key = draw(JSONS), draw(st.sampled_from(KEYS))
        places = [document]
        if isinstance(document.get("choices"), list) and document["choices"]:
            choice = document["choices"][0]
            places += [
                one for one in (choice, choice.get("message") if isinstance(choice, dict) else 0) if one
            ]
        place = draw(st.sampled_from(places))
        if isinstance(place, dict):
            place[key] = value
    return json.dumps(document).encode()


@settings(max_examples=300)
@given(st.binary(max_size=200) | JSONS.map(lambda one: json.dumps(one).encode()) | broken())
def test_whatever_an_endpoint_answers_is_a_text_or_a_reason(body: bytes) -> None:
    for one in (OPENAI, OWN):
        said = read(one, body)
        if said.text is None:
            assert said.why
        else:
            assert said.text.strip()
            assert said.text == said.text.strip()
            assert said.text in str(json.loads(body)), "nothing is said that the bot did not say"
