"""Rules for replies, look-ups, agents and the inbox, as people, providers and agents see them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from answerkit import ANN, BEN, ENVIRON, SHOP, kannel, says, wait
from clikit import Project
from listenkit import listener, query

from a2pcli.actions.confirming import ConfirmationTexts
from a2pcli.actions.heard_replies import HeardReply, ReplyDesk
from a2pcli.actions.incoming import Incoming
from a2pcli.config.load import load_settings
from a2pcli.ledger.store import Ledger

SHARED = "shop-secret-0123456789"
KEYS = {**ENVIRON, "SHOP_SECRET": SHARED, "AGENTS_TOKEN": "agents-token-0123456789abcdef0123456789"}
REPLIES = "replies: {texts: keep}"
TOKENS = "  tokens:\n    desk: {secret: '${AGENTS_TOKEN}', scopes: [inbox]}\n"


@dataclass
class Shop:
    """A system of the user's own: orders to look up, and a help desk. ``slow`` seconds for each answer."""

    url: str
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    slow: float = 0.0
    status: int = 200
    body: bytes = b""


@contextmanager
def shop() -> Iterator[Shop]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signed = f"{self.headers['X-A2pcli-Timestamp']}\nPOST\n{self.path}\n".encode() + body
            right = "v1=" + hmac.new(SHARED.encode(), signed, hashlib.sha256).hexdigest()
            assert hmac.compare_digest(right, self.headers["X-A2pcli-Signature"])
            document = json.loads(body)
            made.got.append((self.path, document))
            time.sleep(made.slow)
            answer: dict[str, Any] = {}
            if self.path == "/orders":
                answer = {"order": {"status": "on its way", "late": False}, "lines": [1, 2]}
            elif "price" in document["text"]:
                answer = {"answer": "It costs 5 GBP."}
            self.send_response(made.status)
            self.end_headers()
            self.wfile.write(made.body or json.dumps(answer).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Shop(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def rules(url: str) -> str:
    return f"""\
rules:
  hours:
    keyword: [HOURS, OPEN]
    answer: "Hi {{{{ first_name | default('there') }}}}, we are open 9 to 5."
  order:
    regex: 'order\\D{{0,5}}(?P<order>\\d{{4,10}})'
    lookup: {{url: "{url}/orders", secret: "${{SHOP_SECRET}}", timeout: 1 s}}
    answer: "Order {{{{ order }}}} is {{{{ lookup_order_status }}}}, late: {{{{ lookup_order_late }}}}."
    otherwise: "We could not look up order {{{{ order }}}} now."
  branch:
    keyword: BRANCH
    answer: "Send us your postcode."
    asks: postcode
  postcode:
    question: postcode
    answer: "Your branch for {{{{ reply }}}} is Main Street."
  person:
    keyword: AGENT
    agent: sales
    answer: "A colleague will write to you."
  elsewhere:
    keyword: FAX
    sender: "99999"
    answer: "No fax."
agents:
  sales:
    webhook: {{url: "{url}/desk", secret: "${{SHOP_SECRET}}"}}
    skills: [price]
unmatched:
  agent: price
"""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def test_rules_answer_with_groups_look_ups_questions_and_agents(project: Project) -> None:
    with kannel() as provider, shop() as system:
        project.write("replies.yaml", rules(system.url))
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            for place, text in enumerate(
                ["Open?", "my order: 12345", "Branch", "SW1A 1AA", "what price is it"]
            ):
                assert says(heard, ANN, text) == 200
                provider.until(place + 1)
            system.status = 404
            says(heard, BEN, "order 9999")
            provider.until(6)
            assert says(heard, BEN, "fax") == 200
            system.status = 200
            says(heard, BEN, "agent")
            provider.until(7)
            assert wait(lambda: len(system.got) >= 5)
            assert ANN[3:] not in heard.said()
    assert [text for _, to, text in provider.got if to == ANN] == [
        "Hi there, we are open 9 to 5.",
        "Order 12345 is on its way, late: no.",
        "Send us your postcode.",
        "Your branch for SW1A 1AA is Main Street.",
        "It costs 5 GBP.",
    ]
    ben = [text for _, to, text in provider.got if to == BEN]
    assert ben[0] == "We could not look up order 9999 now."
    assert "A colleague will write to you." in ben
    assert not any("fax" in text.lower() for text in ben)
    assert {sender for sender, _, _ in provider.got} == {SHOP}
    asked = [document for path, document in system.got if path == "/orders"]
    assert asked[0] == {
        "rule": "order", "from": ANN, "to": SHOP, "text": "my order: 12345", "values": {"order": "12345"}
    }  # fmt: skip
    told = [document for path, document in system.got if path == "/desk"]
    assert {document["text"] for document in told} == {"what price is it", "agent", "fax"}


def test_a_look_up_that_is_slow_large_or_no_json_gives_the_other_answer(project: Project) -> None:
    with kannel() as provider, shop() as system:
        project.write("replies.yaml", rules(system.url))
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            system.slow = 1.5
            says(heard, ANN, "order 1111")
            provider.until(1)
            system.slow, system.body = 0, b'"' + b"x" * 100_000 + b'"'
            says(heard, BEN, "order 2222")
            provider.until(2)
            system.body = b"<html>"
            says(heard, "+447911123458", "order 3333")
            texts = [text for _, _, text in provider.until(3)]
            said = heard.said()
    assert texts == [f"We could not look up order {number} now." for number in (1111, 2222, 3333)]
    for why in ("no answer within 1 seconds", "more than 65,536 bytes", "is not JSON"):
        assert why in said


def test_the_answer_has_the_contact_s_data_of_the_newest_message(project: Project) -> None:
    with kannel() as provider, shop() as system:
        project.starter(people="mobile,first_name,plan\n07911123456,Ann,gold\n07911123457,Ben,gold\n")
        text = (project.folder / "sale.yaml").read_text()
        project.write("sale.yaml", text + f"gateway: kannel\nsender: '{SHOP}'\n")
        project.write("a2pcli.yaml", provider.settings(REPLIES, "rates: rates.csv\n"))
        project.write("replies.yaml", rules(system.url))
        assert project.run("ledger", "create").status == 0
        ran = project.run("send", "sale.yaml", "--yes")
        assert ran.status == 0, ran.err
        tried = project.run("replies", "test", "hours", "--from", BEN, "--json")
        assert tried.json["answer"] == "Hi Ben, we are open 9 to 5."
        with listener(project.folder, settings=None) as heard:
            says(heard, ANN, "hours")
            assert provider.until(3)[-1][2] == "Hi Ann, we are open 9 to 5."
            (project.folder / "people.csv").write_text("mobile,first_name\n07911123456,Eve\n")
            says(heard, BEN, "hours")
            assert provider.until(4)[-1][2] == "Hi there, we are open 9 to 5.", "the file is another one now"


def test_two_machines_do_not_talk_for_ever(project: Project) -> None:
    echo = "rules:\n  any: {regex: '.', answer: 'Thank you for {{ reply }}.'}\nquota: {hour: 4, day: 5}\n"
    with kannel() as provider:
        project.write("replies.yaml", echo)
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            for place in range(12):
                heard_before = provider.got[-1][2] if place % 2 and provider.got else f"hello {place}"
                assert says(heard, ANN, heard_before) == 200
                time.sleep(0.1)
            wait(lambda: len(provider.got) >= 3)
            time.sleep(1)
        assert 1 <= len(provider.got) <= 3
    (one,) = query(project, "SELECT why FROM conversations")
    assert "a machine may be writing" in one["why"]


def test_without_rules_what_nobody_understands_goes_to_the_inbox_and_an_answer_comes_back(
    project: Project,
) -> None:
    with kannel() as provider:
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            assert says(heard, ANN, "we have got to stop this terrible bill") == 200
            assert says(heard, BEN, "Is the shop in Leeds?") == 200
            assert says(heard, BEN, 'Liked "20% off until Sunday. Reply STOP"') == 200
        listed = project.run("inbox", "list")
        assert listed.status == 0
        assert ANN not in listed.out
        assert "+4479…57" in listed.out
        found = {one["person"]: one for one in project.run("inbox", "list", "--json").json["conversations"]}
        code = found["+4479…57"]["code"]
        assert "opt-out" in found["+4479…56"]["why"]
        shown = project.run("inbox", "show", code)
        assert "Is the shop in Leeds?" in shown.out
        assert project.run("inbox", "assign", code, "anna").status == 0
        done = project.run("inbox", "reply", code, "No, in York.", "--close")
        assert done.status == 0, done.err
        assert done.out == f"{code}: the answer was sent; closed\n"
        assert provider.got == [(SHOP, BEN, "No, in York.")]
        document = project.run("inbox", "show", code, "--json").json
        assert [(one["ours"], one["text"]) for one in document["messages"]][-1] == (True, "No, in York.")
        assert document["conversation"]["assignee"] == "anna"
        assert project.run("optout", "add", ANN).status == 0
        refused = project.run("inbox", "reply", found["+4479…56"]["code"], "Which bill?")
        assert (refused.status, len(provider.got)) == (6, 1)
        assert "has opted out" in refused.err
        assert project.run("inbox", "show", "cnothing").status == 2
    assert project.run("ledger", "check").status == 0


def test_agents_answer_by_the_web_with_a_token_once(project: Project) -> None:
    with kannel() as provider:
        settings = provider.settings(REPLIES) + TOKENS
        with listener(project.folder, settings=settings) as heard:
            assert says(heard, BEN, "Is the shop in Leeds?") == 200
            (one,) = project.run("inbox", "list", "--json").json["conversations"]
            url, body = (
                f"{heard.url}/agents/{one['code']}",
                {"text": "No, in York.", "id": "7", "close": True},
            )
            key = {"Authorization": f"Bearer {KEYS['AGENTS_TOKEN']}"}
            assert httpx.post(url, json=body).status_code == 401
            assert httpx.post(url, json={"text": " "}, headers=key).status_code == 400
            assert httpx.post(f"{heard.url}/agents/cnothing", json=body, headers=key).status_code == 400
            first = httpx.post(url, json=body, headers=key)
            assert (first.status_code, first.json()["duplicate"]) == (200, False), first.text
            assert httpx.post(url, json=body, headers=key).json()["duplicate"] is True
            provider.until(1)
            time.sleep(0.5)
        assert provider.got == [(SHOP, BEN, "No, in York.")]
    assert query(project, "SELECT state, assignee FROM conversations") == [
        {"state": "closed", "assignee": "desk"}
    ]


def test_a_desk_that_is_down_gets_the_reply_later_with_the_same_id(project: Project) -> None:
    with kannel() as provider, shop() as system:
        project.write("replies.yaml", rules(system.url))
        system.status = 503
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            says(heard, ANN, "what price is it")
            assert wait(lambda: system.got)
            system.status = 200
            provider.until(1)
        assert provider.got == [(SHOP, ANN, "It costs 5 GBP.")]
    assert len({document["id"] for _, document in system.got}) == 1


def test_agents_outside_of_their_hours_say_so_and_get_an_email(project: Project) -> None:
    more = "  mail: {type: outbox, file: mail.jsonl}\n"
    project.write(
        "replies.yaml",
        "agents:\n  night:\n    email: {gateway: mail, to: desk@acme.example}\n"
        "    hours: {timezone: Europe/London, hours: none}\n    closed: We are closed now.\n"
        "unmatched: {agent: night}\n",
    )
    with kannel() as provider:
        with listener(project.folder, settings=provider.settings(REPLIES, more)) as heard:
            says(heard, ANN, "hello there")
            provider.until(1)
            notices = "SELECT body FROM answers WHERE kind = 'notice' AND state = 'accepted'"
            assert wait(lambda: query(project, notices) == [{"body": None}])
        assert provider.got[0][2] == "We are closed now."
        mail = json.loads((project.folder / "mail.jsonl").read_text().splitlines()[0])
    assert mail["to"] == "desk@acme.example"
    assert "hello there" in mail["body"]
    assert ANN not in str(mail)


WRONG = [
    ("rules:\n  a: {answer: x}\n", (2, 3), "needs one of"),
    ("rules:\n  a: {keyword: A, regex: b, answer: x}\n", (2, 3), "needs one of"),
    ("rules:\n  a: {keyword: A}\n", (2, 3), "does nothing"),
    ("rules:\n  a:\n    regex: '(a+)+b'\n    answer: x\n", (3, 12), "could take very long"),
    ("rules:\n  a:\n    regex: '(ab|ba)*c'\n    answer: x\n", (3, 12), "could take very long"),
    ("rules:\n  a:\n    regex: '.*.*.*.*'\n    answer: x\n", (3, 12), "without an end"),
    ("rules:\n  a:\n    regex: '(a'\n    answer: x\n", (3, 12), "not a regular expression"),
    ("rules:\n  a:\n    keyword: STOP\n    answer: x\n", (3, 14), "answered before any rule"),
    ("rules:\n  a: {keyword: X, answer: x}\n  b: {keyword: x!, answer: y}\n", (3, 16), "already"),
    ("rules:\n  a:\n    keyword: A\n    answer: Hi {{ name\n", (4, 0), ""),
    ("rules:\n  a: {keyword: A, agent: sale}\nagents: {sales: {}}\n", (2, 26), "did you mean 'sales'?"),
    ("rules:\n  a: {question: q, answer: x}\n", (2, 17), "no rule asks"),
    ("rules:\n  a: {keyword: A, answr: x}\n", (2, 19), "answr"),
    ("quota: {hour: many}\n", (1, 15), ""),
    ("rules:\n  a: {keyword: A, answer: x, lookup: {url: ftp://x, secret: '${S}'}}\n", (2, 44), "not a URL"),
    (
        "rules:\n  a: {keyword: A, answer: x, lookup: {url: 'http://x', secret: '${NOT_SET}'}}\n",
        (2, 65),
        "NOT_SET",
    ),
]


@pytest.mark.parametrize(("text", "place", "said"), WRONG)
def test_a_wrong_file_is_told_at_its_place(
    project: Project, text: str, place: tuple[int, int], said: str
) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("replies.yaml", text)
    ran = project.run("replies", "check", "--json")
    assert ran.status == 3, ran
    problem = ran.json["problems"][0]
    assert problem["path"].endswith("replies.yaml")
    assert (problem["line"], problem["column"] if place[1] else 0) == place, problem
    assert said in problem["message"] + (problem["hint"] or "")


def test_the_page_s_examples_work_as_they_stand_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs/replies.md").read_text()
    yamls = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.M | re.S)
    (rules_of_page,) = [one for one in yamls if one.startswith("rules:")]
    for name in ("SHOP_SECRET", "DESK_SECRET", "TWILIO_ACCOUNT", "TWILIO_TOKEN"):
        monkeypatch.setenv(name, "0123456789abcdef0123")
    for block in yamls:
        if block is not rules_of_page:
            project.write("a2pcli.yaml", block)
            ConfirmationTexts(load_settings(project.folder))
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("replies.yaml", rules_of_page)
    ran = project.run("replies", "check")
    schema = project.run("schema", "replies").json
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(rules_of_page))
    assert ran.out == "replies.yaml: 5 rules, 1 group of agents\n", ran.err
    (shown,) = re.findall(r"^\$ a2pcli (replies test .*)\n((?:.+\n)+)```", page, flags=re.M)
    assert project.run(*shlex.split(shown[0])).out == shown[1]


class Survey:
    """A survey with a question that is open for everybody."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def is_open(self, address: str, gateway: str, to: str | None, now: int) -> bool:
        return True

    def stop(self, incoming: Incoming) -> None:
        """It ends with a STOP, and this one is open again at once."""

    def take(self, incoming: Incoming) -> bool:
        self.taken.append(incoming.text)
        return True


def test_the_open_question_of_a_survey_comes_after_stop_and_help_and_before_rules(tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text("region: GB\ngateways: {kannel: {password: p}}\n")
    (tmp_path / "replies.yaml").write_text("rules:\n  hours: {keyword: HOURS, answer: We are open.}\n")
    survey = Survey()
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        desk = ReplyDesk(ledger, load_settings(tmp_path), [survey])
        answered = []
        for place, text in enumerate(["hours", "STOP", "HELP", "YES", "START"]):
            with ledger.transaction():
                heard = HeardReply(ANN, SHOP, text, id=str(place))
                answered.append(desk.take(heard, channel="sms", gateway="kannel", source="test").answered)
        kinds = [one.kind for one in ledger.answers.of(ANN)]
    assert answered == ["question", "stop", None, "question", "start"]
    assert survey.taken == ["hours", "YES"], "a YES answers the question, and is no START"
    assert kinds == ["stop", "start"]
