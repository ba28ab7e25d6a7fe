"""What a listener missed is read from the list that the provider keeps, each receipt once."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from clikit import Project
from listenkit import PUBLIC, TOKEN, listener, query

from a2pcli.ledger.records import now_ms

PEOPLE = 120
PAGE = 25
CAMPAIGN = """\
name: gap
objective: test
purpose: transactional
channel: sms
gateway: twilio
sender: "+447700900999"
contacts: people.csv
message: Hello
"""


class Twilio:
    """Takes messages, delivers them some time later, and keeps a list of all, newest first, in pages."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.references: dict[str, str] = {}
        self.requests = Counter[str]()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settle(self, one: dict[str, Any], minutes_ago: float) -> dict[str, str]:
        """The message gets its final state; its callback."""
        number = int(one["sid"][2:], 16)
        failed = number % 5 == 0
        at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        one |= {"status": "undelivered" if failed else "delivered", "error_code": 30003 if failed else None,
                "price": "-0.0400", "price_unit": "GBP", "date_updated": format_datetime(at)}  # fmt: skip
        fields = {"MessageSid": one["sid"], "MessageStatus": one["status"], "To": one["to"]}
        return {**fields, **({"ErrorCode": "30003"} if failed else {})}

    def _handler(twin: Twilio) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {key: value[0] for key, value in parse_qs(self.rfile.read(length).decode()).items()}
                with twin._lock:
                    sid = f"SM{len(twin.messages) + 1:032x}"
                    twin.messages.append(
                        {"sid": sid, "status": "queued", "to": form["To"], "direction": "outbound-api"}
                    )
                    twin.references[sid] = parse_qs(urlsplit(form["StatusCallback"]).query)["reference"][0]
                self._say(201, {"sid": sid, "status": "queued", "to": form["To"]})

            def do_GET(self) -> None:
                with twin._lock:
                    twin.requests["GET"] += 1
                    busy = twin.requests["GET"] % 4 == 2
                    newest = list(reversed(twin.messages))
                if busy:
                    self._say(429, {"code": 20429}, {"Retry-After": "0"})
                    return
                page = int(parse_qs(urlsplit(self.path).query).get("Page", ["0"])[0])
                found = newest[page * PAGE : (page + 1) * PAGE]
                following = f"{urlsplit(self.path).path}?Page={page + 1}" if len(found) == PAGE else None
                self._say(200, {"messages": found, "next_page_uri": following})

            def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    made = Twilio()
    yield made
    made.close()


@pytest.fixture
def sent(project: Project, twilio: Twilio) -> Project:
    """A run whose messages the provider took."""
    project.write(
        "a2pcli.yaml",
        f"region: GB\nnumbers: {{allow_fictional: true}}\ngateways:\n  twilio: {{account_sid: AC{'0' * 32},"
        f" auth_token: {TOKEN}, base_url: '{twilio.url}', status_callback: '{PUBLIC}/callbacks/twilio'}}\n"
        f"listen: {{public_url: '{PUBLIC}'}}\n",
    )
    project.write("gap.yaml", CAMPAIGN)
    numbers = "".join(f"+4479111{number:05d}\n" for number in range(PEOPLE))
    project.write("people.csv", "phone\n" + numbers)
    assert project.run("ledger", "create").status == 0
    done = project.run("send", "gap.yaml", "--yes")
    assert done.status == 0, done.err
    assert len(twilio.messages) == PEOPLE
    return project


def ledger_says(project: Project) -> dict[str, tuple[str, str | None]]:
    rows = query(project, "SELECT gateway_id, delivery, delivery_code FROM messages")
    return {row["gateway_id"]: (row["delivery"], row["delivery_code"]) for row in rows}


def log_says(twilio: Twilio) -> dict[str, tuple[str, str | None]]:
    return {
        one["sid"]: (one["status"], None if one["error_code"] is None else str(one["error_code"]))
        for one in twilio.messages
    }


def test_after_ten_minutes_down_under_load_the_ledger_is_the_providers_log_without_a_duplicate(
    sent: Project, twilio: Twilio
) -> None:
    third = PEOPLE // 3

    def call(started: Any, some: list[dict[str, Any]], minutes_ago: float) -> None:
        def one(message: dict[str, Any]) -> int:
            fields = twilio.settle(message, minutes_ago)
            return int(started.twilio(fields, f"reference={twilio.references[message['sid']]}").status_code)

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(one, some)) == {200}

    with listener(sent.folder, settings=None) as started:
        call(started, twilio.messages[:third], 11)
        started.process.kill()  # and the provider gives up on what it could not tell
    for one in twilio.messages[third : 2 * third]:
        twilio.settle(one, 5)
    with listener(sent.folder, settings=None) as started:
        call(started, twilio.messages[2 * third :], 0)
        first = sent.run("receipts", "pull", "twilio", "--json")
        assert first.status == 0, first.err
        assert started.stop() == 0
    again = sent.run("receipts", "pull", "--json")
    (read,), (repeated,) = first.json["gateways"], again.json["gateways"]
    assert ledger_says(sent) == log_says(twilio)
    assert (read["listed"], read["others"], read["problem"]) == (PEOPLE, 0, None)
    assert read["pages"] == PEOPLE // PAGE + 1
    assert (repeated["new"], repeated["known"]) == (0, repeated["listed"])
    receipts = Counter(row["gateway_id"] for row in query(sent, "SELECT gateway_id FROM receipts"))
    by_callback_alone = {one["sid"] for one in twilio.messages[third : 2 * third]}
    assert {receipts[sid] for sid in by_callback_alone} == {1}
    assert sent.run("report", "--json").json["delivery"]["statuses"] == {
        "delivered": PEOPLE - PEOPLE // 5, "undelivered": PEOPLE // 5,
    }  # fmt: skip


def test_a_pull_begins_at_the_oldest_message_that_waits_and_counts_what_is_not_ours(
    sent: Project, twilio: Twilio
) -> None:
    twilio.settle(twilio.messages[0], 1)
    twilio.messages.append({"sid": "SMother", "status": "delivered", "direction": "outbound-api"})
    first = sent.run("receipts", "pull", "twilio", "--json").json["gateways"][0]
    assert (first["new"], first["others"]) == (1, 1)
    assert not query(sent, "SELECT gateway_id FROM receipts WHERE gateway_id = 'SMother'")
    second = sent.run("receipts", "pull", "twilio", "--json").json["gateways"][0]
    assert second["since"] == first["since"]  # 239 messages wait since then


def test_replies_are_pulled_and_acted_on_once_and_not_again_where_a_callback_brought_them(
    sent: Project, twilio: Twilio
) -> None:
    came = {"MessageSid": "SMin1", "From": "+447911100001", "To": "+447700900999", "Body": "STOP"}
    with listener(sent.folder, settings=None) as started:
        assert started.twilio(came).status_code == 200
        assert started.stop() == 0
    for sid, sender, body in (
        ("SMin1", "+447911100001", "STOP"),
        ("SMin2", "+447911100002", "Stop. Thank you"),
    ):
        twilio.messages.append(
            {"sid": sid, "direction": "inbound", "status": "received", "from": sender, "to": "+447700900999",
             "body": body, "date_sent": format_datetime(datetime.now(UTC))}
        )  # fmt: skip
    done = sent.run("replies", "pull", "twilio", "--json").json["gateways"][0]
    assert (done["listed"], done["new"], done["known"], done["opted_out"]) == (2, 1, 1, 1)
    assert sent.run("replies", "pull", "twilio", "--json").json["gateways"][0]["new"] == 0
    suppressed = {one["number"] for one in sent.run("optout", "list", "--json").json["suppressions"]}
    assert suppressed == {"+447911100001", "+447911100002"}


def test_a_gateway_whose_secret_is_missing_is_told_only_if_it_has_a_list(
    sent: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    path = sent.folder / "a2pcli.yaml"
    settings = path.read_text()
    kannel = "  kannel: {url: 'http://127.0.0.1:1/cgi-bin/sendsms', username: u, password: '${NOT_SET}'}\n"
    path.write_text(settings.replace("listen:", kannel + "listen:"))
    assert sent.run("receipts", "pull").status == 0
    sinch = "  sinch: {service_plan_id: p, api_token: '${NOT_SET}'}\n"
    path.write_text(settings.replace("listen:", sinch + "listen:"))
    done = sent.run("receipts", "pull")
    assert done.status == 5
    assert "twilio: " in done.out
    assert "NOT_SET" in done.err


def test_a_pull_that_breaks_off_keeps_what_it_read_and_goes_on_from_there(
    sent: Project, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in twilio.messages:
        twilio.settle(one, 1)
    monkeypatch.setattr("a2pcli.gateways.lists.TRIES", 1)
    broken = sent.run("receipts", "pull", "twilio", "--json")
    assert broken.status == 5
    assert broken.json["gateways"][0]["new"] == PAGE
    assert "429" in broken.json["gateways"][0]["problem"]
    monkeypatch.undo()
    done = sent.run("receipts", "pull", "twilio", "--json").json["gateways"][0]
    assert (done["new"], done["problem"]) == (PEOPLE - PAGE, None)
    assert ledger_says(sent) == log_says(twilio)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("receipts", "pull", "kannel"), "a2pcli receipts import FILE"),
        (("replies", "pull", "kannel"), "a2pcli optout replies FILE"),
        (("replies", "pull"), "no gateway in the settings has a list of replies"),
        (("receipts", "pull", "kanel"), "did you mean 'kannel'?"),
        (("receipts", "pull", "--since", "2999-01-01"), "in the future"),
    ],
)
def test_a_gateway_without_a_list_says_so_and_what_to_use(
    project: Project, arguments: tuple[str, ...], says: str
) -> None:
    kannel = "{url: 'http://127.0.0.1:1/cgi-bin/sendsms', username: u, password: p}"
    project.write("a2pcli.yaml", f"gateways:\n  kannel: {kannel}\n")
    project.run("ledger", "create")
    done = project.run(*arguments)
    assert done.status == 2
    assert says in done.err


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"from": "+447911123456", "text": "STOP"', "the line is no JSON (column"),
        ('["STOP"]', "the line is no JSON object"),
        ('{"from": "+447911123456", "text": "STOP"}', "'at' is missing"),
        ('{"from": "+447911123456", "text": "STOP", "at": "soon"}', "'at' is not a date and time"),
        ('{"text": "STOP", "at": "2026-11-28T09:00:00Z"}', "'from' is missing"),
        ('{"from": "+447911123456", "at": "2026-11-28T09:00:00Z"}', "'text' is missing"),
    ],
)
def test_a_line_of_the_simulators_replies_that_cannot_be_read_is_told_with_its_place(
    project: Project, line: str, why: str
) -> None:
    project.write("a2pcli.yaml", "region: GB\ngateways:\n  sim: {type: simulator, replies: r.jsonl}\n")
    good = {"from": "+447911123457", "to": "Shop", "text": "STOP"}
    good["at"] = datetime.fromtimestamp(now_ms() / 1000 - 3600, UTC).isoformat()
    project.write("r.jsonl", f"{json.dumps(good)}\n\n{line}")
    project.run("ledger", "create")
    done = project.run("replies", "pull", "sim")
    assert done.status == 5
    assert f"r.jsonl:3: {why}" in done.err
    project.write("r.jsonl", json.dumps(good))
    assert project.run("replies", "pull", "sim").status == 0
    assert project.run("optout", "list", "--json").json["suppressions"], "the last line needs no line end"
