"""An answer about a whole batch says nothing about each: one bad number costs nobody else their message."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sendkit import number_of, open_ledger, plan_run, send, send_in_no_time, states

from a2pcli.gateways.base import Capabilities, Health, HttpResponse
from a2pcli.gateways.http.gateway import DeclarativeHttpGateway
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, State, Verdict

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from gatewaykit import Counterpart, Received

Refusal = Callable[[Sequence[Message]], Outcome | None]


class BatchGateway:
    """Takes a batch whole, or refuses it whole."""

    def __init__(self, refusal: Refusal, batch: int = 16) -> None:
        self.name = "test"
        self.capabilities = Capabilities(frozenset({"sms"}), batch=batch, concurrency=4)
        self.refusal = refusal
        self.taken: list[str] = []
        self.asked: Counter[str] = Counter()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.asked.update(message.to for message in batch)
        refused = self.refusal(batch)
        if refused is not None:
            return [refused for _ in batch]
        self.taken += [message.to for message in batch]
        return [Outcome(Verdict.ACCEPTED, message.reference) for message in batch]

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        return {}

    async def check(self) -> Health:
        return Health(True, "test")


def because_of(cause: Cause, *rows: int) -> Refusal:
    bad = {number_of(row) for row in rows}

    def refuse(batch: Sequence[Message]) -> Outcome | None:
        found = any(message.to in bad for message in batch)
        return Outcome(Verdict.REJECTED, cause=cause, code="400", detail="refused") if found else None

    return refuse


@pytest.mark.parametrize("cause", [Cause.PERMANENT, Cause.CONTENT, Cause.OPTED_OUT])
def test_one_bad_number_costs_nobody_else_their_message(ledger: Ledger, cause: Cause) -> None:
    run = plan_run(ledger, 40)
    gateway = BatchGateway(because_of(cause, 7))
    result, seconds = send_in_no_time(ledger, run, gateway)
    assert str(result.ended) == "finished"
    assert states(ledger, run) == {State.ACCEPTED: 39, State.REJECTED: 1}
    assert sorted(gateway.taken) == [number_of(row) for row in range(1, 41) if row != 7]
    assert seconds < 5


def test_only_the_one_who_opted_out_is_suppressed(ledger: Ledger) -> None:
    run = plan_run(ledger, 30)
    send_in_no_time(ledger, run, BatchGateway(because_of(Cause.OPTED_OUT, 3, 20)))
    suppressed = [row for row in range(1, 31) if ledger.optouts.of(number_of(row))]
    assert suppressed == [3, 20]


def test_a_country_is_refused_only_by_an_answer_about_one(ledger: Ledger) -> None:
    run = plan_run(ledger, 30, countries=["GB", "GB", "IE"])
    refuse: Refusal = lambda batch: (  # noqa: E731
        Outcome(Verdict.REJECTED, cause=Cause.COUNTRY, code="21408", detail="not there")
        if any(message.country == "IE" for message in batch)
        else None
    )
    send_in_no_time(ledger, run, gateway := BatchGateway(refuse))
    assert len(gateway.taken) == 20
    assert states(ledger, run)[State.ACCEPTED] == 20


def test_a_refused_account_still_stops_the_run(ledger: Ledger) -> None:
    run = plan_run(ledger, 30)
    account = Outcome(Verdict.NOT_SENT, cause=Cause.ACCOUNT, code="401", detail="refused")
    result, _ = send_in_no_time(ledger, run, BatchGateway(lambda _batch: account))
    assert str(result.ended) == "paused"
    assert states(ledger, run) == {State.PLANNED: 30}


def test_what_may_have_been_taken_is_not_tried_in_parts(ledger: Ledger) -> None:
    run = plan_run(ledger, 4)
    unclear = Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code="500", detail="unclear")
    gateway = BatchGateway(lambda _batch: unclear)
    send_in_no_time(ledger, run, gateway)
    assert max(gateway.asked.values()) == 1


def test_a_gateway_that_refuses_a_batch_of_one_has_refused_the_message(ledger: Ledger) -> None:
    run = plan_run(ledger, 3)
    odd = Outcome(Verdict.NOT_SENT, cause=Cause.BATCH, code="x", detail="refused")
    send_in_no_time(ledger, run, BatchGateway(lambda _batch: odd))
    assert states(ledger, run) == {State.REJECTED: 3}


@settings(max_examples=8, deadline=None)
@given(bad=st.sets(st.integers(1, 60)), batch=st.integers(1, 25))
def test_everybody_good_gets_it_once_and_everybody_bad_is_rejected(
    tmp_path_factory: pytest.TempPathFactory, bad: set[int], batch: int
) -> None:
    with open_ledger(tmp_path_factory.mktemp("ledger")) as ledger:
        run = plan_run(ledger, 60)
        gateway = BatchGateway(because_of(Cause.CONTENT, *bad), batch)
        send_in_no_time(ledger, run, gateway)
        assert sorted(gateway.taken) == [number_of(row) for row in range(1, 61) if row not in bad]
        assert states(ledger, run).get(State.REJECTED, 0) == len(bad)


BLOCK: dict[str, Any] = {
    "type": "http",
    "batch": 10,
    "json": {"messages": {"each": {"to": "{{ to }}", "ref": "{{ reference }}"}}},
    "response": {"items": "messages", "reference": "ref", "id": "id", "code": "error"},
    "errors": {"stop": "opted-out"},
    "concurrency": 2,
}


@pytest.mark.parametrize(
    ("status", "error"), [(400, "bad"), (422, "bad"), (413, None), (400, "stop"), (200, "stop")]
)
def test_a_provider_in_yaml_that_refuses_a_batch_for_one_number(
    ledger: Ledger, status: int, error: str | None
) -> None:
    bad = number_of(5)
    taken: list[str] = []

    async def act(received: Received, writer: Any) -> bool:
        messages = received.json["messages"]
        if any(one["to"] == bad for one in messages):
            code, body = status, {"error": error} if error else {}
        else:
            taken.extend(one["to"] for one in messages)
            code, body = 200, {"messages": [{"ref": one["ref"], "id": "m"} for one in messages]}
        data = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (code, len(data)) + data)
        return True

    run = plan_run(ledger, 30)
    with Counterpart(act) as there:
        send(ledger, run, DeclarativeHttpGateway("g", {**BLOCK, "url": there.url}))
    assert Counter(taken) == {number_of(row): 1 for row in range(1, 31) if row != 5}
    assert states(ledger, run) == {State.ACCEPTED: 29, State.REJECTED: 1}
    suppressed = [row for row in range(1, 31) if ledger.optouts.of(number_of(row))]
    assert suppressed == ([5] if error == "stop" else [])


def test_a_yes_without_a_list_may_mean_that_a_part_was_taken() -> None:
    """200 and ``partial``: nobody knows for whom, so nobody is asked for again."""
    block = {**BLOCK, "response": {**BLOCK["response"], "success": {"where": {"status": "ok"}}}}
    made = DeclarativeHttpGateway("g", {**block, "url": "https://a.example/"})
    batch = [Message(row, f"r0000000-{row:06d}", number_of(row), "Hi") for row in range(3)]
    outcomes = made.provider.read(batch, HttpResponse(200, {}, b'{"status": "partial"}'))
    assert [one.verdict for one in outcomes] == [Verdict.UNKNOWN] * 3


def test_two_answers_about_one_message_are_no_answer() -> None:
    made = DeclarativeHttpGateway("g", {**BLOCK, "url": "https://a.example/"})
    batch = [Message(row, f"r{row}", number_of(row), "Hi") for row in range(2)]
    twice = {"messages": [{"ref": "r0", "id": "a"}, {"ref": "r0", "error": "stop"}, {"ref": "r1", "id": "b"}]}
    outcomes = made.provider.read(batch, HttpResponse(200, {}, json.dumps(twice).encode()))
    assert [one.verdict for one in outcomes] == [Verdict.UNKNOWN, Verdict.ACCEPTED]
