"""The simulated provider's callbacks: who replies, and that what is not taken is sent again."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import message

from a2pcli.errors import InvalidInput
from a2pcli.gateways.simulator import SimulatorGateway


@contextmanager
def provider_url(*answers: int) -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A server that gives these statuses, then 200; what it took, and every status it gave."""
    taken: list[dict[str, Any]] = []
    given: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = answers[len(given)] if len(given) < len(answers) else 200
            given.append(status)
            if status == 200:
                taken.append(body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callbacks/sim/secret", taken, given
    finally:
        server.shutdown()
        server.server_close()


def simulate(
    folder: Path, url: str, count: int = 120, sender: str | None = "60155", **callbacks: Any
) -> None:
    settings = {
        "latency": {"median": 0, "p95": 0}, "folder": folder,
        "receipts": {"file": "receipts.jsonl", "delay": 0, "undelivered": 0.1, "silent": 0.1},
        "callbacks": {"url": url, "reply_after": 0, **callbacks},
    }  # fmt: skip

    async def whole() -> None:
        gateway = SimulatorGateway("sim", settings)
        await gateway.open()
        sent = [message(at, to=f"+1202555{at:04}", sender=sender) for at in range(count)]
        await gateway.submit(sent)
        await gateway.linger()
        await gateway.close()

    asyncio.run(whole())


def told(taken: list[dict[str, Any]], kind: str) -> list[tuple[str, str]]:
    name = "reference" if kind == "receipts" else "from"
    return sorted((one[name], one.get("text", one.get("state"))) for body in taken for one in body[kind])


def test_what_is_not_taken_is_told_again_and_taken_once(tmp_path: Path) -> None:
    with provider_url(503, 500, 429) as (url, taken, given):
        simulate(tmp_path, url, stop=0.2, other=0.2)
    assert given[:3] == [503, 500, 429]
    lines = [json.loads(line) for line in (tmp_path / "receipts.jsonl").read_text().splitlines()]
    assert told(taken, "receipts") == sorted(
        (one["reference"], one["state"]) for one in lines if one["state"] != "accepted"
    )
    replies = told(taken, "replies")
    assert 10 < len(replies) < 100
    assert len({person for person, _ in replies}) == len(replies)
    arrived = {one["reference"] for one in lines if one["state"] == "undelivered"}
    assert not {f"+1202555{int(one.rpartition('-')[2]):04}" for one in arrived} & {
        person for person, _ in replies
    }


def test_the_same_seed_gives_the_same_replies(tmp_path: Path) -> None:
    found = []
    for place in range(2):
        (tmp_path / str(place)).mkdir()
        with provider_url() as (url, taken, _):
            simulate(tmp_path / str(place), url, stop=0.1, help=0.1, other=0.1)
        found.append(told(taken, "replies"))
    assert found[0] == found[1]


def test_nobody_replies_to_a_name_and_questions_get_their_answers(tmp_path: Path) -> None:
    for sender, asked, replies in (("ACME", ".", 0), ("60155", "no such words", 0), ("60155", ".", 100)):
        with provider_url() as (url, taken, _):
            simulate(tmp_path, url, 100, sender, answers=[{"asked": asked, "texts": "9"}])
        got = told(taken, "replies")
        assert bool(got) is bool(replies)
        assert {text for _, text in got} <= {"9"}


def test_a_sender_is_not_held_up_by_a_listener_that_is_not_there(tmp_path: Path) -> None:
    began = time.monotonic()
    simulate(tmp_path, "http://127.0.0.1:9/callbacks/sim/secret", 20, linger=0.2)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"callbacks": {"url": "127.0.0.1:80"}}, "must be a whole URL"),
        ({"receipts": None}, "`callbacks` need `receipts`"),
        ({"receipts": {"file": "r.jsonl", "live": True}}, "`callbacks` need `receipts`"),
        ({"callbacks": {"url": "http://h/", "stop": "60%", "other": "50%"}}, "more than 100%"),
        (
            {"callbacks": {"url": "http://h/", "answers": [{"asked": "(", "texts": "1"}]}},
            "not a regular expression",
        ),
        ({"callbacks": {"url": "http://h/", "texts": []}}, "at least 1"),
    ],
)
def test_callbacks_that_cannot_work_are_told(changed: dict[str, Any], said: str) -> None:
    settings = {"receipts": {"file": "r.jsonl"}, "callbacks": {"url": "http://h/"}, **changed}
    with pytest.raises(InvalidInput, match=said):
        SimulatorGateway("sim", settings)
