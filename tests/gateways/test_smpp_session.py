"""A connection to an operator that misbehaves: what certainly was not taken, what may have been, and nothing twice."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

from gatewaykit import CERTIFICATE
from smsc import ENQUIRE, RESPONSE, SUBMIT, UNBIND, Answer, Smsc, Submitted, accept, pdu
from test_smpp_contract import smpp_block
from test_smpp_messages import message

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Gateway, Health
from a2pcli.gateways.registry import create
from a2pcli.messages import Cause, Message, Outcome, Verdict


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2pcli.gateways.smpp.link.SOONEST", 0.02)
    monkeypatch.setattr("a2pcli.gateways.smpp.link.FIRST_PAUSE", 0.02)
    monkeypatch.setattr("a2pcli.gateways.smpp.session.BYE", 0.1)


def with_gateway(there: Smsc, work: Callable[[Gateway], Awaitable[Any]], **block: Any) -> Any:
    async def run() -> Any:
        gateway = create("operator", {**smpp_block(there.port), "timeout": "5", **block})
        await gateway.open()
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    return asyncio.run(run())


async def all_of(gateway: Gateway, messages: Sequence[Message]) -> list[Outcome]:
    return [one[0] for one in await asyncio.gather(*[gateway.submit([one]) for one in messages])]


def messages(count: int) -> list[Message]:
    return [message(number=n, to=f"+4477009{n:05d}") for n in range(1, count + 1)]


def verdicts(found: Sequence[Outcome]) -> Counter[str]:
    return Counter(str(one.verdict) for one in found)


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.01)


def test_never_more_than_the_window_is_unanswered() -> None:
    with Smsc(lambda one: Answer(id=f"m{one.number}", after=0.01)) as there:
        found = with_gateway(there, lambda gateway: all_of(gateway, messages(60)), window="7")
        assert verdicts(found) == {"accepted": 60}
        assert there.most_open == 7


def test_answers_in_any_order_reach_the_message_they_are_about() -> None:
    with Smsc(lambda one: Answer(id=one.to[-5:], after=0.001 * (one.number * 7 % 13))) as there:
        found = with_gateway(there, lambda gateway: all_of(gateway, messages(50)))
    assert [one.gateway_id for one in found] == [f"{n:05d}" for n in range(1, 51)]


def test_a_dropped_connection_leaves_unknown_what_was_written_and_the_rest_goes_on_a_new_one() -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(drop=True) if one.number == 5 else Answer(id=f"m{one.number}", after=0.002)

    async def work(gateway: Gateway) -> list[Outcome]:
        sent = messages(30)
        found = await all_of(gateway, sent)
        again = [one for one, outcome in zip(sent, found, strict=True) if outcome.verdict is Verdict.NOT_SENT]
        return [*found, *await all_of(gateway, again)]

    with Smsc(answer) as there:
        found = with_gateway(there, work, window="5")
        times = Counter(one.to for one in there.received)
    assert max(times.values()) == 1
    assert len(times) == 30, "what was not sent went in the end"
    unknown = [one for one in found if one.verdict is Verdict.UNKNOWN]
    assert 1 <= len(unknown) <= 5
    assert {one.code for one in unknown} == {"dropped"}


def test_without_an_answer_in_time_it_is_unknown_and_others_go_on() -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(silent=True) if one.number == 2 else accept(one)

    with Smsc(answer) as there:
        found = with_gateway(there, lambda gateway: all_of(gateway, messages(5)), timeout="0.1")
    assert verdicts(found) == {"accepted": 4, "unknown": 1}
    assert [one.code for one in found if one.verdict is Verdict.UNKNOWN] == ["no-answer"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x00\x00\x05\x80\x00\x00\x04",
        b"\xff\xff\xff\xff" + bytes(12),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        pdu(0x80000000, 0, status=2),
    ],
    ids=["a length too short", "a huge length", "another protocol", "a nack of nobody knows what"],
)
def test_what_is_no_smpp_ends_the_connection_and_the_next_one_works(raw: bytes) -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(raw=raw) if one.number == 1 else accept(one)

    async def work(gateway: Gateway) -> list[Outcome]:
        return [(await gateway.submit([one]))[0] for one in messages(2)]

    with Smsc(answer) as there:
        first, second = with_gateway(there, work)
        assert len(there.binds) == 2
    assert (first.verdict, first.code) == (Verdict.UNKNOWN, "dropped")
    assert second.verdict is Verdict.ACCEPTED


def test_an_answer_to_nothing_that_was_asked_is_nobodys() -> None:
    """Also one that guesses the number of the next message, before that was written."""

    def answer(one: Submitted) -> Answer:
        if one.number == 1:  # in one piece: the second message is written when all of it has been read
            told = [(one.sequence, b"first\0"), (one.sequence + 1, b"guessed\0"), (one.sequence, b"twice\0")]
            return Answer(raw=b"".join(pdu(SUBMIT | RESPONSE, sequence, id) for sequence, id in told))
        return Answer(silent=True)

    async def work(gateway: Gateway) -> list[Outcome]:
        return [(await gateway.submit([one]))[0] for one in messages(2)]

    with Smsc(answer) as there:
        first, second = with_gateway(there, work, timeout="0.15")
    assert first == Outcome(Verdict.ACCEPTED, "first")
    assert (second.verdict, second.code) == (Verdict.UNKNOWN, "no-answer")


def test_bytes_that_come_one_at_a_time_are_read_all_the_same() -> None:
    def answer(one: Submitted) -> Answer:
        whole = pdu(SUBMIT | RESPONSE, one.sequence, b"slow\0")
        for n, octet in enumerate(whole):
            there._loop.call_later(0.001 * n, there.say, bytes([octet]))
        return Answer(raw=b"")

    with Smsc(answer) as there:
        (outcome,) = with_gateway(there, lambda gateway: all_of(gateway, messages(1)))
    assert outcome == Outcome(Verdict.ACCEPTED, "slow")


def test_an_operator_that_unbinds_gets_nothing_more_on_that_connection() -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(id=f"m{one.number}", then=[pdu(UNBIND, 77)] if one.number == 3 else [])

    async def work(gateway: Gateway) -> list[Outcome]:
        return [(await gateway.submit([one]))[0] for one in messages(6)]

    with Smsc(answer) as there:
        found = with_gateway(there, work)
        assert (UNBIND | RESPONSE, 0, 77) in there.pdus
        assert len(there.binds) == 2
    assert verdicts(found) == {"accepted": 6}


def test_it_asks_for_signs_of_life_answers_those_of_the_operator_and_hangs_up_on_silence() -> None:
    async def work(gateway: Gateway) -> None:
        await gateway.submit(messages(1))
        there.say(pdu(ENQUIRE, 4711))
        await until(lambda: (ENQUIRE | RESPONSE, 0, 4711) in there.pdus)
        await until(lambda: sum(command == ENQUIRE for command, _, _ in there.pdus) >= 2)
        assert len(there.binds) == 1
        there.answers_enquire = False
        await until(lambda: len(there.binds) >= 2)

    with Smsc() as there:
        with_gateway(there, work, enquire_link="0.4", timeout="0.4")


def test_requests_that_nobody_knows_are_refused_and_do_no_harm() -> None:
    async def work(gateway: Gateway) -> Outcome:
        await gateway.submit(messages(1))
        there.say(pdu(0x0B, 1), pdu(0x102, 2, b"\0" * 6), pdu(0x99, 3), pdu(0x80000099, 4))
        return (await gateway.submit([message(number=2)]))[0]

    with Smsc() as there:
        assert with_gateway(there, work).verdict is Verdict.ACCEPTED
        nacks = [(status, sequence) for command, status, sequence in there.pdus if command == 0x80000000]
    assert nacks == [(3, 3)]


@pytest.mark.parametrize("status", [0x0E, 0x0F])
def test_a_refused_account_stops_the_run_and_is_not_knocked_at(status: int) -> None:
    async def work(gateway: Gateway) -> Outcome:
        (outcome,) = await gateway.submit(messages(1))
        await asyncio.sleep(0.3)
        return outcome

    with Smsc(bind_status=status) as there:
        outcome = with_gateway(there, work)
        assert len(there.binds) == 1
    assert (outcome.verdict, outcome.cause, outcome.code) == (
        Verdict.NOT_SENT,
        Cause.ACCOUNT,
        f"0x{status:02X}",
    )


@pytest.mark.parametrize("status", [0x05, 0x0D])
def test_a_bind_that_is_still_open_after_a_crash_is_waited_for(status: int) -> None:
    async def work(gateway: Gateway) -> list[Outcome]:
        first = (await gateway.submit(messages(1)))[0]
        there.bind_status = 0
        return [first, (await gateway.submit([message(number=2)]))[0]]

    with Smsc(bind_status=status) as there:
        first, second = with_gateway(there, work)
    assert (first.verdict, first.cause) == (Verdict.NOT_SENT, Cause.UNREACHABLE)
    assert second.verdict is Verdict.ACCEPTED


def test_it_comes_back_by_itself_while_nobody_sends(caplog: pytest.LogCaptureFixture) -> None:
    async def work(gateway: Gateway) -> None:
        await gateway.submit(messages(1))
        there.hang_up()
        await until(lambda: len(there.binds) == 2)

    with Smsc() as there, caplog.at_level(logging.WARNING):
        with_gateway(there, work)
    assert "the connection broke (transceiver); connecting again" in caplog.text or (
        "gateway operator: the operator closed the connection (transceiver); connecting again" in caplog.text
    )
    assert "4477" not in caplog.text


def test_several_connections_share_the_messages() -> None:
    async def work(gateway: Gateway) -> list[Outcome]:
        assert (await gateway.check()).ok
        return await all_of(gateway, messages(60))

    with Smsc(lambda one: Answer(id=f"m{one.number}", after=0.03)) as there:
        found = with_gateway(there, work, connections="3", window="10")
        assert len(there.binds) == 3
        assert 10 < there.most_open <= 30
    assert verdicts(found) == {"accepted": 60}


def test_separate_binds_a_transmitter_and_a_receiver() -> None:
    async def work(gateway: Gateway) -> Health:
        await gateway.submit(messages(1))
        return await gateway.check()

    with Smsc() as there:
        health = with_gateway(there, work, bind="separate", system_type="A2P")
        assert sorted(there.binds) == [
            ("receiver", "campaigns", "s3cret", "A2P"),
            ("transmitter", "campaigns", "s3cret", "A2P"),
        ]
    assert health.ok
    assert health.detail.startswith("bound as transmitter, receiver")


def test_leaving_is_told_before_the_first_octet_and_only_of_what_leaves() -> None:
    told: list[int] = []

    async def work(gateway: Any) -> list[Outcome]:
        gateway.leaving = lambda batch: told.extend(one.id for one in batch)
        return await all_of(gateway, messages(10))

    def answer(one: Submitted) -> Answer:
        assert int(one.to[-5:]) in told
        return accept(one)

    with Smsc(answer) as there:
        assert verdicts(with_gateway(there, work, window="2")) == {"accepted": 10}
    assert sorted(told) == list(range(1, 11))


def test_where_leaving_cannot_be_noted_nothing_leaves() -> None:
    async def work(gateway: Any) -> list[Outcome]:
        def full(_batch: Sequence[Message]) -> None:
            raise OSError("disk full")

        gateway.leaving = full
        return await all_of(gateway, messages(2))

    with Smsc() as there:
        assert verdicts(with_gateway(there, work)) == {"not_sent": 2}
        assert there.received == []


def test_time_in_which_the_process_stood_still_does_not_count_against_the_operator() -> None:
    """As after SIGSTOP or a suspended laptop: an answer that comes soon after it went on is in time."""

    async def work(gateway: Gateway) -> list[Outcome]:
        await gateway.submit(messages(1))
        sending = asyncio.ensure_future(all_of(gateway, messages(6)[1:]))
        await until(lambda: len(there.received) == 6)
        time.sleep(1.5)  # noqa: ASYNC251 - nothing of this process runs meanwhile
        return await sending

    with Smsc(lambda one: Answer(id=f"m{one.number}", after=1.65 if one.number > 1 else 0)) as there:
        found = with_gateway(there, work, timeout="0.8")
    assert verdicts(found) == {"accepted": 5}


@pytest.fixture
def own_ca() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_tls_is_verified_by_the_operators_own_roots(own_ca: ssl.SSLContext) -> None:
    roots = str(CERTIFICATE)
    with Smsc(tls=own_ca) as there:
        found = with_gateway(
            there, lambda gateway: all_of(gateway, messages(2)), host="localhost", tls="true", ca=roots
        )
        assert verdicts(found) == {"accepted": 2}
        (stranger,) = with_gateway(
            there, lambda gateway: all_of(gateway, messages(1)), host="localhost", tls="true"
        )
        (misnamed,) = with_gateway(
            there,
            lambda gateway: all_of(gateway, messages(1)),
            host="localhost", tls="true", ca=roots, server_name="smpp.example.net",
        )  # fmt: skip
        assert len(there.received) == 2
    for outcome in (stranger, misnamed):
        assert (outcome.verdict, outcome.cause, outcome.code) == (
            Verdict.NOT_SENT,
            Cause.UNREACHABLE,
            "tls",
        )


def test_roots_that_are_none_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for name, why in (("no.pem", "no certificates in it"), ("missing.pem", "No such file or directory")):
        gateway = create("operator", {**smpp_block(2775), "tls": "true", "ca": name, "folder": tmp_path})
        with pytest.raises(InvalidInput) as caught:
            asyncio.run(gateway.open())
        assert str(caught.value.problems[0].message) == (
            f"gateways.operator.ca: {tmp_path / name} cannot be read: {why}"
        )


def test_a_check_that_fails_says_why() -> None:
    with Smsc(password="other") as there:
        health = with_gateway(there, lambda gateway: gateway.check())
    assert health == Health(False, "the operator refused the password (0x0E)")
    with Smsc(answers_enquire=False) as there:
        health = with_gateway(there, lambda gateway: gateway.check(), timeout="0.1")
    assert health == Health(False, "connected and bound, but the operator gives no sign of life")
