"""A sender whose hold on the run is tried: its sessions are ended, its lock file is taken away, it falls silent."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import gateway_block
from sendkit import ACCEPTED, ScriptedGateway, plan_run, send, states
from sqlalchemy import text

from a2pcli.errors import LedgerError, RunBusy, SenderLost
from a2pcli.ledger import holds
from a2pcli.ledger.attempts import Attempts
from a2pcli.ledger.lock import live_sender, sender_lock
from a2pcli.ledger.records import Run, Settled, now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, State, Verdict
from a2pcli.sending.ledger_writer import LedgerWriter
from a2pcli.sending.reconcile import settle_by_decision
from a2pcli.sending.stop import StopRequest

HERE = Path(__file__).parent


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return str(request.getfixturevalue("server").get_uri())


@pytest.fixture
def provider() -> Iterator[int]:
    """A provider in a process of its own, slow enough for much to be in flight; gives its port."""
    command = [sys.executable, str(HERE / "loopback.py"), "300", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def taken(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/taken") as answer:
        return list(json.load(answer)["taken"])


def sender(url: str, run: Run, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, str(HERE / "sender_process.py"), url, run.id),
            *(json.dumps(gateway_block(port)), json.dumps({"drain_deadline": 5})),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_sessions(url: str) -> int:
    """End every session of every sender, as an administrator, a proxy or a failover would."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name LIKE 'a2pcli %' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert found is not None
    return int(found[0])


def restart(server: Any) -> None:
    """End the server as a power cut does, and start it again."""
    data, user = str(server.pgdata), server.system_user
    sockets = f'-h "" -k {server.get_postmaster_info().socket_dir}'
    for how in (("-m", "immediate", "stop"), ("-o", sockets, "-l", str(server.log), "start")):
        command = [str(server.bin_path / "pg_ctl"), "-w", "-D", data, *how]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user)


def wait_until_it_sends(port: int, more_than: int = 0) -> None:
    until = time.monotonic() + 30
    while len(taken(port)) <= more_than:
        assert time.monotonic() < until, "nothing is sent"
        time.sleep(0.02)


def try_everything(url: str, run: Run) -> list[str]:
    """What another process would do that takes the first one for dead; gives what it was told."""
    told = []
    with Ledger.open(url) as other:
        for attempt in (
            lambda: settle_by_decision(other, run, sent=False),
            lambda: other.attempts.start(run, now_ms()),
            lambda: other.attempts.settle_unknown(run, None, State.PLANNED, "not sent"),
            lambda: send(other, run, ScriptedGateway()),
        ):
            try:
                attempt()
            except RunBusy as busy:
                told.append(str(busy))
    return told


def kill_sessions_while_it_sends(server: Any, port: int, count: int, kills: int, restarts: int) -> None:
    url = server.get_uri()
    with Ledger.open(url) as ledger:
        run = plan_run(ledger, count, campaign=f"kills-{time.time_ns()}")
    process = sender(url, run, port)
    wait_until_it_sends(port)
    refused, told = 0, [""]
    for kill in range(kills):
        end_sessions(url)
        process.send_signal(signal.SIGSTOP)  # so that it cannot end while others try
        if process.poll() is None:
            told = try_everything(url, run)
            process.send_signal(signal.SIGCONT)
            if len(told) < 4:  # it had sent everything and let go of the run, and was stopped on its way out
                with Ledger.open(url) as ledger:
                    assert set(states(ledger, ledger.runs.get(run.id))) <= {"accepted", "unknown"}
                break
            refused += 4
        time.sleep(0.25)
        if restarts and kill % (kills // restarts) == 0:
            restart(server)
    out, err = process.communicate(timeout=120)
    assert told or json.loads(out)["ended"] == "finished", err
    while process.returncode != 0:  # it gave up while the server was away: as a person would, run it again
        process = sender(url, run, port)
        out, err = process.communicate(timeout=120)
    assert json.loads(out)["ended"] == "finished", err
    counts = Counter(taken(port))
    assert not [number for number, times in counts.items() if times > 1]
    with Ledger.open(url) as ledger:
        found = states(ledger, ledger.runs.get(run.id))
        assert sum(found.values()) == count
        assert set(found) <= {"accepted", "unknown"}
        assert count >= len(counts) >= found["accepted"]
    assert refused


def test_a_sender_whose_sessions_are_ended_goes_on_alone_and_nobody_gets_it_twice(
    server: Any, provider: int
) -> None:
    kill_sessions_while_it_sends(server, provider, 1500, kills=6, restarts=0)


@pytest.mark.slow
def test_many_ended_sessions_and_restarts_of_the_server_send_nothing_twice(
    server: Any, provider: int
) -> None:
    kill_sessions_while_it_sends(server, provider, 8000, kills=60, restarts=6)


def silent(ledger: Ledger, run: Run, *, on_another_machine: bool = True) -> None:
    """As if the run's holder had not been heard of for long, and could not be looked at from here."""
    seconds = holds.LAPSES_AFTER + 1
    with ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE senders SET seen_at = seen_at - :ms WHERE run = :run"),
            {"ms": int(seconds * 1000), "run": run.number},
        )
        if on_another_machine:
            connection.execute(
                text("UPDATE senders SET host = 'elsewhere', process = 'another/pid:[1]/5' WHERE run = :run"),
                {"run": run.number},
            )


def disconnected(ledger: Ledger, run: Run) -> None:
    """Its connection to the server breaks. A SQLite ledger has none."""
    if ledger.engine.dialect.name == "sqlite":
        return
    assert ledger._sending is not None
    ledger._sending.invalidate()
    until = time.monotonic() + 10
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while any(one.has_session for one in holds.holders_of(connection, run)):
            assert time.monotonic() < until
            time.sleep(0.01)


def unlocked(url: str, run: Run) -> None:
    """Take the folder of lock files away, as a cleaning job might."""
    if "://" not in url:
        shutil.rmtree(f"{url}-locks")


def test_a_lock_file_that_was_taken_away_lets_nobody_in_while_the_first_sender_lives(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = plan_run(ledger, 5, campaign=f"unlocked-{time.time_ns()}")
        with sender_lock(ledger, run):
            unlocked(url, run)
            assert len(try_everything(url, run)) == 4
            silent(ledger, run, on_another_machine=False)
            assert len(try_everything(url, run)) == 4  # it may be asleep, but it lives
        assert live_sender(ledger, run) is None


def test_who_was_silent_for_too_long_is_taken_over_and_may_write_nothing_more(url: str) -> None:
    with Ledger.open(url) as first, Ledger.open(url) as second:
        run = plan_run(first, 5, campaign=f"silent-{time.time_ns()}")
        with sender_lock(first, run) as hold:
            first.attempts.start(run, now_ms())
            claimed = first.attempts.exchange(run, [], 5, now_ms()).claimed
            silent(first, run)
            disconnected(first, run)
            unlocked(url, run)
            holds.forget(hold)  # for the other process, this one would not be itself
            with sender_lock(second, run):
                second.attempts.start(run, now_ms())
                assert states(second, run) == {"unknown": 5}
                with pytest.raises(SenderLost):
                    first.attempts.exchange(run, [], 5, now_ms())
                with pytest.raises(SenderLost):
                    first.attempts.release(run, [claimed[0].message.id])
                assert states(second, run) == {"unknown": 5}


def test_silence_alone_takes_a_run_from_nobody_whose_connection_to_the_server_is_there(server: Any) -> None:
    url = str(server.get_uri())
    with Ledger.open(url) as ledger:
        run = plan_run(ledger, 5, campaign=f"asleep-{time.time_ns()}")
        with sender_lock(ledger, run) as hold:
            ledger.attempts.start(run, now_ms())
            ledger.attempts.exchange(run, [], 5, now_ms())
            silent(ledger, run)
            holds.forget(hold)
            told = try_everything(url, run)
            assert len(told) == 4
            assert "still connected to the database" in told[0]
            disconnected(ledger, run)
            assert not try_everything(url, run)


def test_what_a_sender_learns_after_it_was_taken_over_is_recorded_but_never_over_what_came_since(
    url: str,
) -> None:
    with Ledger.open(url) as first, Ledger.open(url) as second:
        run = plan_run(first, 4, campaign=f"late-{time.time_ns()}")
        with sender_lock(first, run) as hold:
            first.attempts.start(run, now_ms())
            claimed = first.attempts.exchange(run, [], 4, now_ms()).claimed
            silent(first, run)
            disconnected(first, run)
            unlocked(url, run)
            holds.forget(hold)
            with sender_lock(second, run):
                second.attempts.start(run, now_ms())
                ids = [one.message.id for one in claimed]
                second.attempts.settle_unknown(run, ids[2:], State.PLANNED, "not sent")
                again = second.attempts.exchange(run, [], 1, now_ms()).claimed[0].message.id
                late = [
                    Settled(ids[0], ACCEPTED, State.ACCEPTED, attempts=1),
                    Settled(ids[1], Outcome(Verdict.NOT_SENT), State.PLANNED, counted=False, attempts=1),
                    Settled(ids[2], ACCEPTED, State.ACCEPTED, attempts=1),
                    Settled(ids[3], ACCEPTED, State.ACCEPTED, attempts=1),
                ]
                assert first.attempts.settle_late(run, late, now_ms()) == 2
                assert states(second, run) == {"accepted": 1, "planned": 2, "submitting": 1}
                second.attempts.exchange(run, [Settled(again, ACCEPTED, State.ACCEPTED)], 0, now_ms())
                assert states(second, run) == {"accepted": 2, "planned": 2}


def test_an_opt_out_that_a_sender_learns_after_it_was_taken_over_is_kept(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = plan_run(ledger, 1)
        with sender_lock(ledger, run):
            ledger.attempts.start(run, now_ms())
            (one,) = ledger.attempts.exchange(run, [], 1, now_ms()).claimed
        refused = Outcome(Verdict.REJECTED, cause=Cause.OPTED_OUT)
        late = [Settled(one.message.id, refused, State.REJECTED, attempts=1)]
        writer = LedgerWriter(ledger, run, now_ms, StopRequest())
        assert asyncio.run(writer.write_late(late, [one.message.id])) == 1
        writer.close()
        assert [entry.address for entry in ledger.optouts.all()] == [one.message.to]


def test_a_sender_that_cannot_be_heard_hands_nothing_more_to_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ledger does not answer for longer than a sender may be silent: what is claimed waits, and goes after."""
    monkeypatch.setattr(holds, "FRESH", 0.3)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = plan_run(ledger, 60)
        left_at: list[float] = []

        def answer(_message: Message, _n: int) -> Outcome:
            left_at.append(ledger.holds[run.number].age)
            return ACCEPTED

        real, slow = Attempts.exchange, [True]

        def exchange(*args: Any, **more: Any) -> Any:
            found = real(*args, **more)
            if slow and len(left_at) > 10:
                slow.pop()
                time.sleep(1.5)
            return found

        monkeypatch.setattr(Attempts, "exchange", exchange)
        monkeypatch.setattr("a2pcli.sending.engine.RENEWS_AFTER", 0.1)
        send(ledger, run, ScriptedGateway(answer, seconds=0.02, concurrency=4))
        assert states(ledger, run) == {"accepted": 60}
        assert max(left_at) < 1.5  # what that exchange gave out would leave later than that


def test_a_ledger_that_was_put_back_to_an_earlier_state_stops_the_sender(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = plan_run(ledger, 5, campaign=f"back-{time.time_ns()}")
        with sender_lock(ledger, run):
            ledger.attempts.start(run, now_ms())
            ledger.attempts.exchange(run, [], 2, now_ms())
            with ledger.engine.begin() as connection:
                connection.execute(text("UPDATE senders SET beat = beat - 1"))
            with pytest.raises(LedgerError) as caught:
                ledger.attempts.exchange(run, [], 2, now_ms())
            assert caught.value.problems[0].code == "ledger-set-back"


def test_claims_whose_commit_was_never_heard_of_go_back(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks after the server committed: nobody has these messages, so they are sent, once."""
    from sqlalchemy.engine import Connection

    with Ledger.open(server.get_uri()) as ledger:
        run = plan_run(ledger, 300, campaign=f"unheard-{time.time_ns()}")
        real, commits = Connection._commit_impl, [0]

        def commit(connection: Connection) -> None:
            real(connection)
            if connection is ledger._sending:
                commits[0] += 1
                if commits[0] in (5, 6, 9):
                    end_sessions(server.get_uri())
                    connection.exec_driver_sql("SELECT 1")

        monkeypatch.setattr(Connection, "_commit_impl", commit)
        monkeypatch.setattr("a2pcli.sending.insisting.LEDGER_PAUSES", (0.01, 0.02, 0.05))
        monkeypatch.setattr("a2pcli.sending.timing.LEDGER_PAUSES", (0.01, 0.02, 0.05))
        gateway = ScriptedGateway(seconds=0.02, concurrency=10)
        send(ledger, run, gateway)
        assert commits[0] > 9
        assert states(ledger, run) == {"accepted": 300}
        assert len(gateway.numbers) == len(set(gateway.numbers)) == 300


def test_a_stopped_sender_is_known_to_live_and_a_killed_one_to_be_gone(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.db")
    with Ledger.open(url) as ledger:
        run = plan_run(ledger, 5)
    hold = (
        "import sys\nfrom a2pcli.ledger.lock import sender_lock\nfrom a2pcli.ledger.store import Ledger\n"
        "with Ledger.open(sys.argv[1]) as ledger, sender_lock(ledger, ledger.runs.get(sys.argv[2])):\n"
        "    print(1, flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, url, run.id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        unlocked(url, run)
        with Ledger.open(url) as ledger:
            silent(ledger, run, on_another_machine=False)
            assert live_sender(ledger, run) == f"process {process.pid} on {socket.gethostname()[:64]}"
            assert len(try_everything(url, run)) == 4
            process.kill()
            process.wait()
            assert live_sender(ledger, run) is None
            assert not try_everything(url, run)
