"""A connection that the server ends while a run comes to its end: all is sent, and the result says so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sendkit import ScriptedGateway, plan_run, send, states

from a2pcli.ledger import sharing
from a2pcli.ledger.store import Ledger
from a2pcli.sending.options import Ended

_names = itertools.count(1)


@pytest.fixture
def ledger(server: Any) -> Iterator[Ledger]:
    schema = f"broken_{next(_names)}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    with Ledger.open(f"{server.get_uri()}&options=-csearch_path%3D{schema}") as opened:
        yield opened


def kill(url: str, pid: int) -> None:
    """End a session of the server, as an administrator or a failover does."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_session_ended_in_the_last_commit_of_a_sender_is_no_error(
    ledger: Ledger, server: Any, monkeypatch: pytest.MonkeyPatch, after_commit: bool
) -> None:
    """Whether or not the commit went through before the session ended: the sender cannot tell."""
    run = plan_run(ledger, 30)
    left: list[int] = []
    leave, commit = sharing.leave, ledger.engine.dialect.do_commit

    def leaves(connection: Any, *more: Any) -> Any:
        done = leave(connection, *more)
        if not left:
            left.append(connection.connection.driver_connection.info.backend_pid)
        return done

    def commits(driver: Any) -> None:
        if left and left[-1] == driver.driver_connection.info.backend_pid:
            left.append(0)
            if after_commit:
                commit(driver)
            kill(server.get_uri(), left[0])
            driver.driver_connection.execute("SELECT 1")
        commit(driver)

    monkeypatch.setattr(sharing, "leave", leaves)
    monkeypatch.setattr(ledger.engine.dialect, "do_commit", commits)
    result = send(ledger, run, ScriptedGateway())
    assert left[1:] == [0]
    assert (result.ended, result.is_last) == (Ended.FINISHED, True)
    assert states(ledger, run) == {"accepted": 30}
    found = ledger.runs.get(run.id)
    assert (found.state, found.state_reason) == ("finished", None)
