"""Console and simulator: what a rehearsal shows, and that it is the same one each time."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import message, messages

from a2pcli.errors import InvalidInput
from a2pcli.gateways.console import ConsoleGateway
from a2pcli.gateways.simulator import SimulatorGateway
from a2pcli.messages import Message, Outcome, Verdict

QUICK = {"latency": {"median": "0", "p95": "0"}}


def submit(made: Any, *batches: list[Message]) -> list[Outcome]:
    async def whole() -> list[Outcome]:
        await made.open()
        try:
            return [outcome for batch in batches for outcome in await made.submit(batch)]
        finally:
            await made.close()

    return asyncio.run(whole())


def one_by_one(made: Any, sent: list[Message]) -> list[Outcome]:
    return submit(made, *[[one] for one in sent])


# Console


def test_the_console_shows_the_message_on_stderr_and_says_it_is_not_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = message(body="Hi Ada\nReply STOP", sender="ACME", parts=2, media=("https://a.example/x",))
    (outcome,) = submit(ConsoleGateway("console", {}), [one])
    assert outcome.verdict is Verdict.ACCEPTED
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "[not sent] r7k2m9qd-000001 to +12025550143 from ACME (sms, 2 parts)\n"
        "    Hi Ada\n    Reply STOP\n    with https://a.example/x\n"
    )


def test_no_text_drives_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    submit(ConsoleGateway("console", {}), [message(body="a\x1b[2J\x9b\x07\u202e\r b\ud83d", sender="X\ny")])
    shown = capsys.readouterr().err
    assert "\\x1b[2J\\x9b\\x07\\u202e\\x0d b\\ud83d" in shown
    assert "X\\x0ay" in shown


def test_a_closed_stderr_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as closed:
        monkeypatch.setattr("sys.stderr", closed)
    (outcome,) = submit(ConsoleGateway("console", {}), messages(1))
    assert outcome.verdict is Verdict.NOT_SENT


# Simulator

MIX = {"temporary": "10%", "rate_limited": "5%", "permanent": "0.08", "opted_out": "2%", "unknown": "5%"}


def simulator(**more: Any) -> SimulatorGateway:
    return SimulatorGateway("sim", {**QUICK, **more})


def test_the_same_seed_is_the_same_rehearsal_in_any_order() -> None:
    sent = messages(300)
    first = one_by_one(simulator(mix=MIX, seed="7"), sent)
    backwards = one_by_one(simulator(mix=MIX, seed="7"), sent[::-1])[::-1]
    batched = submit(simulator(mix=MIX, seed="7", batch="100"), sent[:100], sent[100:])
    assert first == backwards == batched
    assert first != one_by_one(simulator(mix=MIX, seed="8"), sent)


def test_the_same_rehearsal_under_another_run_gives_the_same_errors_to_the_same_people() -> None:
    sent = [message(number, to=f"+1202555{number:04d}") for number in range(1, 301)]
    again = [replace(one, reference=one.reference.replace("r7k2m9qd", "rzzzzzzz")) for one in sent]
    ends, others = (
        one_by_one(simulator(mix=MIX, seed="7"), sent),
        one_by_one(simulator(mix=MIX, seed="7"), again),
    )
    assert [(one.verdict, one.code) for one in ends] == [(one.verdict, one.code) for one in others]


def test_the_shares_are_kept() -> None:
    """Within five standard deviations of a binomial distribution."""
    count = 4000
    found = Counter(str(one.cause) for one in one_by_one(simulator(mix=MIX), messages(count)))
    wanted = {
        "temporary": 0.1,
        "rate": 0.05,
        "permanent": 0.08,
        "opted-out": 0.02,
        "ambiguous": 0.05,
        "none": 0.7,
    }
    for cause, share in wanted.items():
        assert abs(found[cause] - share * count) < 5 * (share * (1 - share) * count) ** 0.5
    assert sum(found.values()) == count


def test_another_attempt_is_another_draw() -> None:
    """A temporary error passes when it is tried again."""
    made = simulator(mix={"temporary": "50%"})
    first = one_by_one(made, messages(40))
    failed = [one for one, end in zip(messages(40), first, strict=True) if end.verdict is Verdict.NOT_SENT]
    assert failed
    assert {one.verdict for one in one_by_one(made, failed)} == {Verdict.ACCEPTED, Verdict.NOT_SENT}


def test_rate_limits_say_how_long() -> None:
    (outcome,) = submit(simulator(mix={"rate_limited": "100%"}, retry_after="3.5"), messages(1))
    assert (outcome.cause, outcome.retry_after) == ("rate", 3.5)


def test_down_from_the_start_and_outages() -> None:
    assert {one.cause for one in one_by_one(simulator(down="true"), messages(3))} == {"unreachable"}
    made = simulator(outages=[{"after": "2", "seconds": "60"}])
    assert [one.verdict for one in one_by_one(made, messages(4))] == ["accepted"] * 2 + ["not_sent"] * 2


def test_the_credit_ends() -> None:
    made = simulator(account_stops_after="2")
    assert [(one.verdict, one.cause) for one in one_by_one(made, messages(3))][2] == ("not_sent", "credit")


def test_receipts_and_what_they_let_reconcile_know(tmp_path: Path) -> None:
    more = {
        "folder": tmp_path,
        "mix": {"unknown": "40%", "permanent": "10%"},
        "receipts": {"file": "r/receipts.jsonl", "undelivered": "30%", "silent": "10%"},
    }
    sent = messages(200)
    outcomes = one_by_one(simulator(**more), sent)
    lines = [json.loads(line) for line in (tmp_path / "r/receipts.jsonl").read_text().splitlines()]
    states = Counter(line["state"] for line in lines)
    assert states["delivered"] > states["undelivered"] > 0
    assert states["accepted"] > states["delivered"] + states["undelivered"]
    taken = {line["reference"]: line["gateway_id"] for line in lines}
    accepted = {
        one.reference: outcome.gateway_id
        for one, outcome in zip(sent, outcomes, strict=True)
        if outcome.verdict is Verdict.ACCEPTED
    }
    assert accepted.items() <= taken.items()
    unknown = [
        one.reference for one, end in zip(sent, outcomes, strict=True) if end.verdict is Verdict.UNKNOWN
    ]
    later = simulator(**more)
    assert later.capabilities.durable_lookup
    told = asyncio.run(later.lookup(unknown))
    assert set(told) == set(unknown)
    assert {one.verdict for one in told.values()} == {Verdict.ACCEPTED, Verdict.NOT_SENT}
    assert all((told[one].verdict is Verdict.ACCEPTED) == (one in taken) for one in unknown)


def test_latencies_follow_the_two_points_given() -> None:
    from a2pcli.gateways.simulator import Latency, _latency

    given = Latency(median=0.05, p95=0.2)
    assert _latency(given, 0.5) == pytest.approx(0.05)
    assert _latency(given, 0.95) == pytest.approx(0.2)
    assert _latency(given, 0.0) > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"mix": {"permanent": "90%", "unknown": "20%"}},
        {"mix": {"permanent": "x%"}},
        {"mix": {"lost": "1%"}},
        {"latency": "5"},
    ],
)
def test_a_mix_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"gateways\.sim\."):
        simulator(**wrong)


def test_a_single_value_in_place_of_keys_is_told_with_the_keys() -> None:
    with pytest.raises(InvalidInput, match="must hold 'key: value' lines") as caught:
        simulator(latency="5")
    assert caught.value.problems[0].hint == "keys: median, p95"
