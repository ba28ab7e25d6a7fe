"""Single messages outside of campaign runs: each leaves once, in time, and not to people who opted out."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sendkit import open_ledger
from sqlalchemy import text

from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import Capabilities, Gateway, Health
from a2pcli.ledger.answers import LOST_AFTER, Answer, NewAnswer
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, State, Verdict
from a2pcli.sending.answering import AnswerSender

ANN = "+447911123456"


def answer(key: str = "stop:1", **more: object) -> NewAnswer:
    new = NewAnswer(key, "stop", ANN, "sms", "gw", "You are out.", now_ms() + 300_000, "gw", sender="12345")
    return replace(new, **more)  # type: ignore[arg-type]


class Provider:
    """A gateway that answers as it is told, and remembers what it was handed."""

    name = "gw"

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.capabilities = Capabilities(frozenset({"sms"}), expires=True)
        self.got: list[Message] = []
        self._outcomes = list(outcomes)

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def check(self) -> Health:
        return Health(True, "")

    async def lookup(self, references: Sequence[str]) -> dict[str, Outcome]:
        return {}

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.got += batch
        await asyncio.sleep(0)
        outcome = self._outcomes.pop(0) if self._outcomes else Outcome(Verdict.ACCEPTED, "id1")
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome] * len(batch)


def sender(ledger: Ledger, make: Callable[[str], Gateway], **more: bool) -> AnswerSender:
    return AnswerSender(ledger, make, lambda name, message: [], tell=lambda _: None, **more)  # type: ignore[arg-type]


def sent(ledger: Ledger, gateway: Gateway, seconds: float = 5) -> Answer:
    """Send what waits; return the first answer."""

    async def work() -> None:
        one = sender(ledger, lambda name: gateway)
        await one.drain(seconds)
        await one.close()

    asyncio.run(work())
    return ledger.answers.of(ANN)[0]


def test_an_answer_leaves_as_it_is_stored_and_is_accepted(ledger: Ledger) -> None:
    gateway = Provider()
    assert ledger.answers.add(answer()) is not None
    assert ledger.answers.add(answer(body="again")) is None, "the same key"
    found = sent(ledger, gateway)
    assert (found.state, found.gateway_id, found.tries) == (State.ACCEPTED, "id1", 1)
    (message,) = gateway.got
    assert (message.to, message.sender, message.body) == (ANN, "12345", "You are out.")
    assert 290 <= (message.validity or 0) <= 300
    assert message.country == "GG"
    assert [one.action for one in ledger.audit.entries()][:2] == ["answer.send", "answer.add"]


def test_two_processes_that_look_at_once_send_it_once(ledger: Ledger, tmp_path: Path) -> None:
    gateway = Provider()
    for place in range(30):
        ledger.answers.add(answer(f"stop:{place}", address=f"+4479111234{place:02}"))

    async def work() -> None:
        with open_ledger(tmp_path) as other:
            both = [sender(one, lambda name: gateway) for one in (ledger, other)]
            await asyncio.gather(*(one.drain(20) for one in both))
            await asyncio.gather(*(one.close() for one in both))

    asyncio.run(work())
    assert len(gateway.got) == 30
    assert len({one.to for one in gateway.got}) == 30


@pytest.mark.parametrize("outcome", [RuntimeError("x"), Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS)])
def test_what_may_have_left_is_never_sent_again(ledger: Ledger, outcome: Outcome | Exception) -> None:
    gateway = Provider(outcome)
    ledger.answers.add(answer())
    assert sent(ledger, gateway).state is State.UNKNOWN
    sent(ledger, gateway)
    assert len(gateway.got) == 1


def test_what_certainly_did_not_leave_is_tried_again_until_its_time_is_over(ledger: Ledger) -> None:
    busy = Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="503")
    gateway = Provider(busy)
    ledger.answers.add(answer())
    first = sent(ledger, gateway)
    assert (first.state, first.code) == (State.PLANNED, "503")
    assert first.due_at is not None
    assert first.due_at > now_ms()
    claimed = ledger.answers.claim(first.number)
    assert claimed is not None
    ledger.answers.settle(claimed, State.PLANNED, busy, due_at=now_ms())
    assert ledger.answers.give_up(now=first.until_at) == {State.EXPIRED: 1}
    sent(ledger, gateway)
    assert len(gateway.got) == 1


def test_a_gateway_that_cannot_be_opened_leaves_it_planned(ledger: Ledger) -> None:
    def make(name: str) -> Gateway:
        raise GatewayUnusable("wrong password")

    async def work() -> None:
        one = sender(ledger, make)
        await one.drain(5)
        await one.close()

    ledger.answers.add(answer())
    asyncio.run(work())
    assert ledger.answers.of(ANN)[0].state is State.PLANNED


def test_it_does_not_go_to_people_who_opted_out_unless_it_must(ledger: Ledger) -> None:
    gateway = Provider()
    scopes = [("everything", ""), ("programme", "news"), ("sender", "+12345"), ("channel", "sms")]
    for place, (scope, value) in enumerate(scopes):
        address = f"+4479111234{place:02}"
        ledger.optouts.add(address, scope=scope, scope_value=value, source="by hand")
        ledger.answers.add(answer(f"k{place}", address=address, programme="news", sender="12345"))
        ledger.answers.add(answer(f"m{place}", address=address, anyway=True))
        ledger.answers.add(answer(f"o{place}", address=address, purpose="otp"))
    sent_keys(ledger, gateway)
    states = {one.key: one.state for place in range(4) for one in ledger.answers.of(f"+4479111234{place:02}")}
    assert {key for key, state in states.items() if state is State.SKIPPED} == {"k0", "k1", "k2", "k3"}
    assert len(gateway.got) == 8


def sent_keys(ledger: Ledger, gateway: Gateway) -> None:
    async def work() -> None:
        one = sender(ledger, lambda name: gateway)
        await one.drain(10)
        await one.close()

    asyncio.run(work())


def test_a_text_that_must_not_be_stored_is_nowhere_and_leaves_at_once(ledger: Ledger) -> None:
    gateway = Provider()

    async def work() -> tuple[Answer | None, Outcome | None]:
        one = sender(ledger, lambda name: gateway)
        try:
            return await one.send(
                answer("otp:1", body="Your code is 042042", keeps_text=False, purpose="otp")
            )
        finally:
            await one.close()

    found, outcome = asyncio.run(work())
    assert found is not None
    assert outcome is not None
    assert (found.state, found.body, outcome.verdict) == (State.ACCEPTED, None, Verdict.ACCEPTED)
    assert gateway.got[0].body == "Your code is 042042"
    with ledger.reading() as connection:
        assert "042042" not in repr(connection.execute(text("SELECT * FROM answers")).all())
        assert "042042" not in repr(connection.execute(text("SELECT * FROM audit")).all())


def test_texts_go_once_they_are_sent_if_the_settings_say_so(ledger: Ledger) -> None:
    async def work() -> None:
        one = sender(ledger, lambda name: Provider(), keeps_texts=False)
        await one.drain(5)
        await one.close()

    ledger.answers.add(answer())
    asyncio.run(work())
    assert ledger.answers.of(ANN)[0].body is None


def test_a_gateway_that_hangs_holds_up_nobody_else_s_answers(ledger: Ledger) -> None:
    class Hangs(Provider):
        async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
            await asyncio.sleep(3600)
            return []

    with ledger.transaction():
        for place in range(600):
            ledger.answers.add(answer(f"h{place}", address=f"+447911{place:06}", gateway="hangs"))
    ledger.answers.add(answer())
    good = Provider()

    async def work() -> None:
        one = sender(ledger, lambda name: good if name == "gw" else Hangs())
        await one.look()
        await one.look()
        for _ in range(2_000):
            if good.got:
                break
            await asyncio.sleep(0.01)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await one.close()

    asyncio.run(work())
    assert [message.to for message in good.got] == [ANN]


KILLED = """
import asyncio, os, signal, sys
sys.path[:0] = sys.argv[2:]
from test_answers_outside_of_runs import Provider, sender
from a2pcli.ledger.store import Ledger

class Kills(Provider):
    async def submit(self, batch):
        print(batch[0].reference, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

async def work(ledger):
    one = sender(ledger, lambda name: Kills())
    await one.drain(10)

with Ledger.open(sys.argv[1]) as ledger:
    asyncio.run(work(ledger))
"""


def test_an_answer_with_a_killed_process_is_unknown_and_never_leaves_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.answers.add(answer())
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    database = str(ledger.url.database)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, database, *paths], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    gateway = Provider()
    found = sent(ledger, gateway)
    assert found.reference == done.stdout.strip()
    assert found.state is State.SUBMITTING
    ledger.answers.give_up(now=now_ms() + LOST_AFTER + 1000)
    assert sent(ledger, gateway).state is State.UNKNOWN
    assert gateway.got == []


def test_a_text_that_cannot_be_made_is_not_tried_again_and_again_at_once(ledger: Ledger) -> None:
    gateway, tried = Provider(), list[int]()
    ledger.answers.add(answer("keyword:1", body=None, compose={"rule": "x"}))
    ledger.answers.add(answer("stop:2", address="+447911123457"))

    async def compose(one: Answer) -> str | None:
        tried.append(one.number)
        raise KeyError("a defect")

    async def work() -> None:
        one = sender(ledger, lambda name: gateway, compose=compose)  # type: ignore[arg-type]
        task = asyncio.create_task(one.run())
        await asyncio.sleep(0.3)
        task.cancel()
        await one.close()

    asyncio.run(work())
    assert (tried, [one.to for one in gateway.got]) == ([1], ["+447911123457"])


def test_a_gateway_that_cannot_be_opened_for_whatever_reason_has_taken_nothing(ledger: Ledger) -> None:
    class Broken(Provider):
        async def open(self) -> None:
            raise OSError("a defect")

    ledger.answers.add(answer())
    found = sent(ledger, Broken())
    assert (found.state, found.code) == (State.PLANNED, "gateway")


def test_a_run_finds_the_answers_by_its_gateway_however_many_wait_for_others(ledger: Ledger) -> None:
    with ledger.transaction():
        for place in range(501):
            ledger.answers.add(answer(f"o{place}", gateway="other"))
        ledger.answers.add(answer())
    gateway = Provider()

    async def work() -> None:
        one = sender(ledger, lambda name: gateway, opened=[gateway])  # type: ignore[arg-type]
        await one.drain(5)
        await one.close()

    asyncio.run(work())
    assert [message.reference for message in gateway.got] == [ledger.answers.of(ANN)[-1].reference]


def test_an_answer_whose_rules_take_long_holds_up_no_confirmation(ledger: Ledger) -> None:
    class Slow:
        kind = "event"

        def may_leave(self, one: Answer) -> bool:
            time.sleep(0.5)
            return True

        def settled(self, one: Answer, state: State, outcome: Outcome) -> None: ...

    for place in range(3):
        ledger.answers.add(answer(f"event:{place}", kind="event", address=f"+44791112345{place}"))
    ledger.answers.add(answer())
    gateway = Provider()

    async def work() -> None:
        one = sender(ledger, lambda name: gateway, follow=Slow())  # type: ignore[arg-type]
        await one.drain(10)
        await one.close()

    asyncio.run(work())
    assert gateway.got[0].reference == ledger.answers.of(ANN)[0].reference
    assert len(gateway.got) == 4


def test_what_has_least_time_leaves_first(ledger: Ledger) -> None:
    day = now_ms() + 86_400_000
    with ledger.transaction():
        for place in range(501):
            number = f"+447911{place:06}"
            ledger.answers.add(answer(f"event:{place}", kind="event", address=number, until_at=day))
        ledger.answers.add(answer())
    assert ledger.answers.due()[0].key == "stop:1"


def test_one_person_gets_messages_in_the_order_in_which_they_were_made(ledger: Ledger) -> None:
    for place, minutes in enumerate((60, 5, 30)):
        until_at = now_ms() + minutes * 60_000
        ledger.answers.add(answer(f"event:{place}", kind="event", body=str(place), until_at=until_at))
    gateway = Provider()
    sent(ledger, gateway)
    assert [message.body for message in gateway.got] == ["0", "1", "2"]
