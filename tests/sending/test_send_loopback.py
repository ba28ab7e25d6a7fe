"""Sending over real sockets, through the declarative HTTP gateway, to a provider on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback import Loopback, Receipt, Reply, accept, gateway_block
from sendkit import number_of, open_ledger, plan_run, send, states

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.registry import create
from a2pcli.ledger.store import Ledger
from a2pcli.sending.options import BreakerOptions, Ended, Rate, SendOptions

QUICK = SendOptions(
    concurrency=20, backoff_base=0.05, breaker=BreakerOptions(waits=(0.05, 0.1, 0.2)), drain_deadline=5
)


def gateway_to(server: Loopback, **more: object) -> Gateway:
    return create("test", gateway_block(server.port, **more))


def test_each_person_is_received_once_with_the_runs_reference(ledger: Ledger) -> None:
    with Loopback() as server:
        run = plan_run(ledger, 500)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.FINISHED
    assert sorted(server.numbers) == [number_of(row) for row in range(1, 501)]
    assert {one.reference for one in server.received} == {run.reference(row) for row in range(1, 501)}
    assert server.provider.most_at_once <= 20
    (row, *_) = next(iter(ledger.messages.rows(run)))
    assert row["gateway_id"].startswith("m")


def test_429_with_retry_after_makes_everybody_wait(ledger: Ledger) -> None:
    refused: list[float] = []

    def answer(receipt: Receipt, n: int) -> Reply:
        if n == 40:
            refused.append(receipt.at)
            return Reply(429, headers={"Retry-After": "1"})
        return accept(receipt, n)

    with Loopback(answer) as server:
        run = plan_run(ledger, 80)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 80}
    # What was under way when the answer came may still arrive; then nobody for a second.
    late = [one.at - refused[0] for one in server.received if one.at > refused[0]]
    assert [gap for gap in late if 0.25 < gap < 0.99] == []
    assert len([gap for gap in late if gap <= 0.25]) < 40
    assert server.numbers.count(server.received[40].to) == 2


def test_some_503_are_tried_again_and_all_arrive(ledger: Ledger) -> None:
    def answer(receipt: Receipt, n: int) -> Reply:
        return Reply(503, headers={"Retry-After": "0"}) if n % 10 == 5 else accept(receipt, n)

    with Loopback(answer) as server:
        run = plan_run(ledger, 200)
        result = send(ledger, run, gateway_to(server, statuses={"503": "temporary"}), QUICK)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 200}


def test_a_run_that_pauses_over_503_says_how_they_can_be_tried_again(ledger: Ledger) -> None:
    with Loopback(lambda receipt, n: Reply(503)) as server:
        run = plan_run(ledger, 100)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert "add `statuses: {503: temporary}` to its block" in (result.reason.hint or "")
    assert states(ledger, run)["planned"] > 50


def test_a_500_is_unknown_and_received_only_once(ledger: Ledger) -> None:
    with Loopback(lambda receipt, n: Reply(500) if n == 30 else accept(receipt, n)) as server:
        run = plan_run(ledger, 100)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 99, "unknown": 1}
    assert len(server.received) == 100


def test_only_500s_pause_the_run_after_a_few(ledger: Ledger) -> None:
    with Loopback(lambda _receipt, _n: Reply(500)) as server:
        run = plan_run(ledger, 300)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.PAUSED
    assert states(ledger, run)["unknown"] <= 15
    assert len(server.received) == states(ledger, run)["unknown"]


def test_a_provider_down_from_the_start_leaves_everything_planned_and_a_later_send_completes_it(
    ledger: Ledger,
) -> None:
    with Loopback() as server:
        run = plan_run(ledger, 200)
        server.stop()
        result = send(ledger, run, gateway_to(server), QUICK)
        assert result.ended is Ended.PAUSED
        assert states(ledger, run) == {"planned": 200}
        server.start()
        result = send(ledger, ledger.runs.get(run.id), gateway_to(server), QUICK)
    assert result.ended is Ended.FINISHED
    assert sorted(server.numbers) == [number_of(row) for row in range(1, 201)]


def test_a_provider_that_goes_down_in_the_middle_and_comes_back_gets_everybody_once(ledger: Ledger) -> None:
    def answer(receipt: Receipt, n: int) -> Reply:
        if n == 150:
            server.stop_soon()
            server.start_in(0.3)
        return Reply(body={"id": f"m{n}"}, after=0.002)

    with Loopback(answer) as server:
        run = plan_run(ledger, 400)
        options = SendOptions(concurrency=20, breaker=BreakerOptions(waits=(0.1, 0.2, 0.4, 1.0, 2.0)))
        result = send(ledger, run, gateway_to(server), options)
    assert result.ended is Ended.FINISHED
    assert len(server.numbers) == len(set(server.numbers))
    found = states(ledger, run)
    assert set(found) <= {"accepted", "unknown"}
    assert found.get("unknown", 0) <= 20
    assert found["accepted"] <= len(server.numbers) <= 400


def test_connections_dropped_in_the_middle_of_an_answer_are_unknown_never_resent(ledger: Ledger) -> None:
    with Loopback(lambda r, n: Reply(drop=True) if n % 25 == 3 else accept(r, n)) as server:
        run = plan_run(ledger, 200)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 192, "unknown": 8}
    assert len(server.numbers) == len(set(server.numbers)) == 200


def test_a_slow_provider_is_used_with_all_the_concurrency(ledger: Ledger) -> None:
    with Loopback(lambda _r, n: Reply(body={"id": str(n)}, after=0.05)) as server:
        run = plan_run(ledger, 400)
        send(ledger, run, gateway_to(server), SendOptions(concurrency=50))
    assert server.provider.most_at_once == 50


def test_an_account_error_in_the_middle_stops_at_once(ledger: Ledger) -> None:
    with Loopback(lambda r, n: Reply(401) if n >= 100 else accept(r, n)) as server:
        run = plan_run(ledger, 400)
        result = send(ledger, run, gateway_to(server), QUICK)
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert result.reason.code == "gateway-account"
    assert states(ledger, run) == {"accepted": 100, "planned": 300}
    assert len(server.received) <= 120


def test_a_wrong_address_is_told_as_one_and_not_as_a_refused_account(ledger: Ledger) -> None:
    with Loopback(lambda r, n: Reply(404)) as server:
        result = send(ledger, plan_run(ledger, 3), gateway_to(server), QUICK)
    assert result.reason is not None
    assert "accepts no messages at its URL: the provider answered 404 (Not Found)" in result.reason.message
    assert "check its url" in str(result.reason.hint)


@pytest.mark.parametrize("unit", ["messages", "parts"])
def test_the_pace_as_the_provider_sees_it(ledger: Ledger, unit: str) -> None:
    """Measured on its side; bounds leave room for a busy machine, which can only bunch what is under way."""
    with Loopback() as server:
        run = plan_run(ledger, 60 if unit == "messages" else 30, parts=(1, 3) if unit == "parts" else (1,))
        result = send(ledger, run, gateway_to(server), SendOptions(rate=Rate(30, unit)))  # type: ignore[arg-type]
    assert result.ended is Ended.FINISHED
    weight = {one.reference: one.parts if unit == "parts" else 1 for one in server.received}
    first, last = server.received[0].at, server.received[-1].at
    in_first_second = sum(weight[one.reference] for one in server.received if one.at - first < 1)
    assert in_first_second <= 30 * 1.15 + 3
    assert sum(weight.values()) == 60
    assert (60 - 4) / 30 <= last - first <= 60 / 30 * 1.5


def test_suppressions_of_another_process_are_honoured_while_the_run_is_on(ledger: Ledger) -> None:
    late = number_of(280)
    script = (
        "import sys; from a2pcli.ledger.store import Ledger; "
        "Ledger.open(sys.argv[1]).optouts.add(sys.argv[2], source='test')"
    )

    def answer(receipt: Receipt, n: int) -> Reply:
        if n == 5:
            command = [sys.executable, "-c", script, ledger.name, late]
            subprocess.run(command, check=True)  # the provider is slow meanwhile: nothing else goes on
        return accept(receipt, n)

    with Loopback(answer) as server:
        run = plan_run(ledger, 300)
        result = send(ledger, run, gateway_to(server), SendOptions(rate=Rate(100, "messages")))
    assert result.progress.skipped == 1
    assert late not in server.numbers
    assert states(ledger, run) == {"accepted": 299, "skipped": 1}


# -- Ctrl-C, to a process of its own ----------------------------------------------------------------


class Sender:
    """``sender_process.py`` at work on a run."""

    def __init__(
        self, folder: Path, run_id: str, server: Loopback, *, timeout: float = 30, **options: object
    ) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("sender_process.py")),
                str(folder / "ledger.db"),
                run_id,
                json.dumps(gateway_block(server.port, timeout=timeout)),
                json.dumps(options),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    def signal_when(self, server: Loopback, received: int, number: int = signal.SIGINT) -> None:
        while len(server.received) < received and self.process.poll() is None:
            time.sleep(0.005)
        os.kill(self.process.pid, number)

    def end(self, within: float = 120) -> dict[str, object]:
        output, _ = self.process.communicate(timeout=within)
        return dict(json.loads(output.splitlines()[-1]))


def test_ctrl_c_drains_what_is_in_flight_and_the_next_send_completes_the_run(tmp_path: Path) -> None:
    def answer(_receipt: Receipt, n: int) -> Reply:
        return Reply(body={"id": str(n)}, after=0.1 if n < 40 else 1)

    with open_ledger(tmp_path) as ledger, Loopback(answer) as server:
        run = plan_run(ledger, 300)
        sender = Sender(tmp_path, run.id, server, concurrency=10)
        sender.signal_when(server, 40)
        ended = sender.end()
        assert ended["ended"] == "interrupted"
        assert ended["reason"] == "interrupted"
        found = states(ledger, run)
        assert found == {"accepted": len(server.received), "planned": 300 - len(server.received)}
        assert len(server.received) < 300
        assert ledger.runs.get(run.id).state == "paused"
        server.provider.answer = accept
        again = Sender(tmp_path, run.id, server)
        assert again.end()["ended"] == "finished"
        assert states(ledger, run) == {"accepted": 300}
    assert len(server.numbers) == len(set(server.numbers)) == 300


def test_a_second_signal_stops_hard_and_what_was_in_flight_is_unknown(tmp_path: Path) -> None:
    def answer(receipt: Receipt, n: int) -> Reply:
        return accept(receipt, n) if n < 40 else Reply(after=1000)

    with open_ledger(tmp_path) as ledger, Loopback(answer) as server:
        run = plan_run(ledger, 300)
        patient = {"concurrency": 10, "submit_deadline": 600, "drain_deadline": 600}
        sender = Sender(tmp_path, run.id, server, timeout=100, **patient)
        sender.signal_when(server, 41)
        time.sleep(0.3)
        assert sender.process.poll() is None
        sender.signal_when(server, 41)
        assert sender.end(90)["ended"] == "interrupted"  # the connection itself would wait for 100
        found = states(ledger, run)
        in_flight = len(server.received) - 40
        assert 0 < in_flight <= 10
        assert found == {"accepted": 40, "unknown": in_flight, "planned": 260 - in_flight}


@pytest.mark.parametrize(
    ("timeout", "deadline", "stopped"),
    [(2, 60, 3.0), pytest.param(30, 6, 8.0, marks=pytest.mark.slow)],
)
def test_answers_that_came_while_the_process_was_stopped_are_not_called_late(
    tmp_path: Path, timeout: float, deadline: float, stopped: float
) -> None:
    """Neither by the connection's time limit nor by the sender's own."""
    with (
        open_ledger(tmp_path) as ledger,
        Loopback(lambda _r, n: Reply(body={"id": str(n)}, after=0.3)) as server,
    ):
        run = plan_run(ledger, 60)
        options = {"concurrency": 10, "submit_deadline": deadline}
        sender = Sender(tmp_path, run.id, server, timeout=timeout, **options)
        sender.signal_when(server, 20, signal.SIGSTOP)
        time.sleep(stopped)
        os.kill(sender.process.pid, signal.SIGCONT)
        assert sender.end()["ended"] == "finished"
        assert states(ledger, run) == {"accepted": 60}
