"""Conversations that are handed to a bot, as people, bots and agents see them."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import jsonschema
import pytest
import yaml
from answerkit import ANN, BEN, ENVIRON, SHOP, kannel, says, wait
from botkit import KEY, Bot, Reply, bot, completion
from clikit import Project
from listenkit import listener, query

from a2pcli.actions.bot_protocol import read
from a2pcli.config.bots import Bot as BotSettings

REPLIES = "replies: {texts: keep, confirmations: {name: Acme, contact: help@acme.example, how_often: Rarely}}"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRON, "BOT_KEY": KEY}.items():
        monkeypatch.setenv(name, value)


def chat(server: Bot, more: str = "", unmatched: str = "chat: helper") -> str:
    """Rules with one bot; ``more`` are lines of its block."""
    return f"""\
rules:
  hours: {{keyword: HOURS, answer: "9 to 5."}}
bots:
  helper:
    url: "{server.url}"
    model: small
    key: "${{BOT_KEY}}"
    timeout: 5 s
{more}
unmatched: {{{unmatched}}}
quota: {{hour: 50, day: 50}}
"""


def whys(project: Project) -> list[str]:
    """Why replies are in the inbox, oldest first."""
    return [one["why"] for one in query(project, "SELECT why FROM conversations ORDER BY opened_at")]


def test_a_conversation_is_handed_to_the_bot_with_its_history_and_stop_never_reaches_it(
    project: Project,
) -> None:
    with kannel() as provider, bot() as server:
        project.write("replies.yaml", chat(server))
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            for place, text in enumerate(["Do you sell tea?", "HOURS", "And coffee?", "STOP"]):
                assert says(heard, ANN, text) == 200
                provider.until(place + 1)
            assert says(heard, ANN, "START") == 200
            provider.until(5)
            assert says(heard, ANN, "HELP") == 200
            provider.until(6)
            assert says(heard, ANN, "Do you sell {{ first_name }}?") == 200
            provider.until(7)
            assert ANN[3:] not in heard.said()
            assert KEY not in heard.said()
    told = [text for _, to, text in provider.got if to == ANN]
    assert told[0] == "You said: Do you sell tea?"
    assert told[2] == "You said: And coffee?"
    assert told[6] == "You said: Do you sell {{ first_name }}?", "what a bot says is no template"
    assert server.asked() == ["Do you sell tea?", "And coffee?", "Do you sell {{ first_name }}?"]
    first, second, third = ([one["content"] for one in document["messages"][1:]] for document in server.got)
    assert (len(first), len(third)) == (1, 1), "what was said before the STOP is not sent after it"
    assert second == ["Do you sell tea?", "You said: Do you sell tea?", "And coffee?"]
    assert all(ANN[3:] not in str(one) for one in server.headers)
    assert {one["Authorization"] for one in server.headers} == {f"Bearer {KEY}"}
    assert {one["path"] for one in server.headers} == {"/v1/chat/completions"}
    assert project.run("ledger", "check").status == 0


def test_who_opted_out_is_answered_by_nobody_and_what_they_write_reaches_the_inbox(project: Project) -> None:
    with kannel() as provider, bot() as server:
        project.write(
            "replies.yaml", chat(server, '    hand_over: {answer: "A colleague will write to you."}')
        )
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "STOP")
            says(heard, BEN, "STOP")
            provider.until(2)
            says(heard, ANN, "Are you there?")
            says(heard, BEN, "HOURS")
            assert wait(lambda: len(whys(project)) == 2)
    assert set(whys(project)) == {
        f"{who}the person has opted out, so nothing is sent to them" for who in ("", "bot helper: ")
    }
    assert (len(provider.got), server.got) == (2, [])


def test_a_picture_without_text_reaches_a_person_and_no_bot(project: Project) -> None:
    with bot() as server:
        project.write("replies.yaml", chat(server))
        with listener(project.folder) as heard:
            fields = {
                "From": ANN,
                "To": "+447911000000",
                "Body": "",
                "NumMedia": "1",
                "MediaUrl0": "https://x.example/1",
            }
            assert heard.twilio({**fields, "MessageSid": "MM1"}).status_code == 200
            assert wait(lambda: whys(project))
    assert (whys(project), server.got) == (["it has no text: a picture or the like"], [])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "We "}, {"type": "text", "text": "do."}], "We do."),
        ([{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "We do."}], "We do."),
        ([{"type": "image_url", "image_url": {"url": "https://x"}}, {"type": "text", "text": "Look"}], None),
        (["We do."], None),
        ([], None),
    ],
)
def test_an_answer_in_parts_is_their_text_without_thoughts(content: object, text: str | None) -> None:
    settings = BotSettings(url="https://bot.example/v1", model="small")
    assert read(settings, json.dumps(completion(content)).encode()).text == text


def test_a_person_answers_on_request_and_the_bot_is_silent_until_the_conversation_is_closed(
    project: Project,
) -> None:
    more = (
        '    forbidden: [refund, "/card ?number/"]\n    hand_over: {answer: "A colleague will write to you."}'
    )
    with kannel() as provider, bot() as server:
        project.write("replies.yaml", chat(server, more))
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "Ich möchte bitte mit einem Mitarbeiter sprechen")
            says(heard, BEN, "my card number is 1234")
            provider.until(2)
            says(heard, ANN, "Hello? Anybody?")
            time.sleep(1)
            assert server.got == []
            found = {one["why"]: one for one in project.run("inbox", "list", "--json").json["conversations"]}
            assert set(found) == {
                "bot helper: the person asks for somebody ('Mitarbeiter')",
                "bot helper: '/card ?number/' is a forbidden topic",
            }
            code = found["bot helper: the person asks for somebody ('Mitarbeiter')"]["code"]
            assert project.run("inbox", "reply", code, "Yes, Anna here.", "--close").status == 0
            says(heard, ANN, "Do you sell tea?")
            provider.until(4)
    assert [text for _, to, text in provider.got if to == ANN] == [
        "A colleague will write to you.",
        "Yes, Anna here.",
        "You said: Do you sell tea?",
    ]
    assert [one["content"] for one in server.got[0]["messages"][1:]] == ["Do you sell tea?"]


TROUBLE: list[tuple[str, Reply, str]] = [
    ("empty", Reply(completion("")), "is empty"),
    ("null", Reply(completion(None)), "has no text"),
    ("marker", Reply(completion("I am not sure. [[HANDOVER]]")), "asks for a person"),
    ("cut", Reply(completion("We sell te", finish="length")), "cut off"),
    ("filtered", Reply(completion("", finish="content_filter")), "withheld"),
    ("refused", Reply(completion(None, refusal="I cannot.")), "refuses"),
    ("tool", Reply(completion(None, finish="tool_calls", tool_calls=[{"id": "1"}])), "calls a tool"),
    ("long", Reply(completion("x" * 700)), "700 characters"),
    ("parts", Reply(completion("щ" * 300)), "5 parts"),
    ("forbidden", Reply(completion("You get a Refund!")), "forbidden topic"),
    ("invisible", Reply(completion("\u200b\u2060")), "is empty"),
    ("out", Reply(completion("Done! You won't receive any more texts.")), "speaks of an opt-out"),
    ("thought", Reply(completion("<think>they want tea")), "thoughts"),
    ("text", Reply("We sell tea", headers={"Content-Type": "text/plain"}), "no JSON but text/plain"),
    ("html", Reply("<html>", headers={"Content-Type": "text/html"}), "no JSON but text/html"),
    ("garbage", Reply("{]"), "is not JSON"),
    ("list", Reply([1, 2]), "is not a JSON object"),
    ("no choices", Reply({"choices": []}), "has no message"),
    ("huge", Reply(b'"' + b"x" * 300_000 + b'"'), "more than 262,144 bytes"),
    ("moved", Reply(b"", 307, {"Location": "http://127.0.0.1:1/v1"}), "redirects are not followed"),
    ("wrong key", Reply(b"{}", 401), "it answered 401"),
    ("slow", Reply(completion("late"), seconds=3), "no answer within 2 seconds"),
    ("wait", Reply(b"{}", 429, {"Retry-After": "600"}), "it answered 429"),
]


def test_whatever_is_wrong_with_an_answer_a_person_gets_the_reply_and_nothing_is_sent(
    project: Project,
) -> None:
    with kannel() as provider, bot() as server:
        project.write(
            "replies.yaml", chat(server, "    forbidden: [refund]").replace("timeout: 5 s", "timeout: 2 s")
        )
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            for place, (_name, reply, _why) in enumerate(TROUBLE):
                server.replies = [reply]
                says(heard, f"+4479111240{place:02}", "Do you sell tea?")
                wait(lambda many=place + 1: len(server.got) >= many)  # type: ignore[misc]
            assert wait(lambda: len(whys(project)) == len(TROUBLE))
            said = heard.said()
        assert provider.got == []
    for (name, _, expected), why in zip(TROUBLE, whys_in_order(project), strict=True):
        assert expected in why, name
        assert why in said.replace("a reply was given to a person: ", "")
    assert "Traceback" not in said
    assert {one["state"] for one in query(project, "SELECT state FROM answers")} == {"skipped"}


def whys_in_order(project: Project) -> list[str]:
    found = query(project, "SELECT address, why FROM conversations ORDER BY address")
    return [one["why"] for one in found]


def test_a_busy_bot_is_asked_again_and_answers(project: Project) -> None:
    with kannel() as provider, bot() as server:
        project.write("replies.yaml", chat(server))
        server.replies = [Reply(b"{}", 429, {"Retry-After": "0"}), Reply(b"{}", 503)]
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "Do you sell tea?")
            assert provider.until(1) == [(SHOP, ANN, "You said: Do you sell tea?")]
    assert len(server.got) == 3


def test_a_trial_says_that_the_bot_would_be_asked_and_asks_it_only_on_demand(project: Project) -> None:
    with bot() as server:
        project.write("a2pcli.yaml", "region: GB\n")
        prices = "    prices: {input: 1 USD, output: 2 USD, request: 0.5 USD}\n    budget: {day: 5 USD}"
        project.write("replies.yaml", chat(server, prices))
        assert project.run("ledger", "create").status == 0
        tried = project.run("replies", "test", "Do you sell tea?", "--from", ANN)
        assert "the bot would be asked (--ask asks it)" in tried.out
        assert (server.got, project.run("replies", "usage", "--json").json["bots"][0]["asked"]) == ([], 0)
        asked = project.run("replies", "test", "Do you sell tea?", "--from", ANN, "--ask")
        assert "answer: You said: Do you sell tea?" in asked.out
        for text in ("STOP", "START", "stop this terrible bill", "a human please"):
            project.run("replies", "test", text, "--from", ANN, "--ask")
        assert server.asked() == ["Do you sell tea?"]
        used = project.run("replies", "usage", "--json").json["bots"]
        assert [(one["when"], one["asked"], one["answered"], one["cost"]) for one in used] == [
            (when, 1, 1, "0.57") for when in ("today", "this month", "in all")
        ], "50 tokens read at 1 USD, 10 made at 2 USD for 1,000, and 0.50 for the request"
        shown = project.run("replies", "usage").out
        assert "0.57 USD of 5 USD" in " ".join(shown.split())
        refused = project.run("replies", "test", "Do you sell tea? " * 250, "--from", ANN, "--ask")
        assert "its budget of money for the day is used up" in refused.out
        assert len(server.got) == 1
    actions = [one["action"] for one in project.run("audit", "list", "--all", "--json").json["entries"]]
    assert actions.count("bot.ask") == actions.count("bot.answer") == 1


def test_the_page_s_examples_work_as_they_stand_there(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs/chat.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.M | re.S)
    project.write("a2pcli.yaml", "region: GB\ngateways: {mail: {type: outbox, file: mail.jsonl}}\n")
    project.write("replies.yaml", example)
    assert project.run("replies", "check").out == "replies.yaml: 2 rules, 1 group of agents, 1 bot\n"
    schema = project.run("schema", "replies").json
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(example))
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, flags=re.M | re.S)
    for part in shown.split("$ a2pcli ")[1:]:
        command, _, printed = part.partition("\n")
        assert project.run(*shlex.split(command)).out == printed


HTTPS = "bots:\n  b: {url: 'https://x.example', model: m, "
WRONG = [
    ("bots:\n  b: {url: 'https://x.example/v1'}\n", "b: {", "no `model`"),
    ("bots:\n  b: {url: 'http://x.example/v1', model: m}\n", "'http", "unencrypted"),
    ("bots:\n  b: {url: 'http://127.x.example/v1', model: m}\n", "'http", "unencrypted"),
    ("bots:\n  b: {url: 'ftp://x.example', model: m}\n", "'ftp", "not a whole URL"),
    ("bots:\n  b: {url: 'https://u:p@x.example', model: m}\n", "'https", "a user, a password"),
    ("bots:\n  b: {kind: http, url: 'https://x.example'}\n", "b: {", "no `key`"),
    (HTTPS + "key: abc}\n", "abc", "variable"),
    (HTTPS + "key: '${NOT_SET}'}\n", "${NOT", "NOT_SET"),
    (HTTPS + "budget: {day: 5 USD}}\n", "day", "needs prices"),
    (HTTPS + "prices: {input: 1 USD}, budget: {day: 5 EUR}}\n", "5 EUR", "another currency"),
    (HTTPS + "forbidden: ['/(a+)+b/']}\n", "'/(a", "very long"),
    (HTTPS + "timeout: 90 s}\n", "90 s", "0.1 to 60 seconds"),
    (HTTPS + "modle: x}\n", "modle", "modle"),
    (HTTPS + "hand_over: {agent: sals}}\nagents: {sales: {}}\n", "sals", "did you mean 'sales'?"),
    ("unmatched: {chat: helper}\n", "helper", "there is no bot 'helper'"),
    (f"{HTTPS}}}\nrules:\n  a: {{keyword: A, chat: b, answer: x}}\n", "answer", "do not go together"),
    (f"{HTTPS}}}\nunmatched: {{chat: b, answer: x}}\n", "answer", "do not go together"),
    (HTTPS + "instructions: 'Hi {{ name'}\n", "{{ name", ""),
]


@pytest.mark.parametrize(("text", "where", "said"), WRONG)
def test_what_is_wrong_with_a_bot_is_told_at_its_place(
    project: Project, text: str, where: str, said: str
) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("replies.yaml", text)
    ran = project.run("replies", "check", "--json")
    assert ran.status == 3, ran
    problem = ran.json["problems"][0]
    before = text[: text.index(where)]
    place = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert (problem["line"], problem["column"]) == place, problem
    assert said in problem["message"] + (problem["hint"] or "")
