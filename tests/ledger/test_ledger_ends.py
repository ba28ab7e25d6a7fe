"""Unknown messages settled by decision, and runs that end, expire or are cancelled."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make, claim, number, settle, states

from a2pcli.errors import LedgerError
from a2pcli.ledger.records import RunState, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State


def test_unknown_settled_as_not_sent_is_sent_by_the_next_send(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    ids = claim(ledger, run)
    settle(ledger, run, ids, UNKNOWN)
    ledger.runs.set_state(run, RunState.FINISHED)
    assert ledger.runs.unfinished(run.occasion) is None
    assert ledger.attempts.settle_unknown(run, ids[:1], State.PLANNED, "not in the provider's list", NOW) == 1
    found = ledger.runs.unfinished(run.occasion)
    assert found is not None
    assert found.id == run.id
    assert ledger.messages.reached(run.occasion).tolist() == [1, 2]
    ledger.attempts.start(run, NOW + 1)
    again = ledger.attempts.exchange(run, [], 10, NOW + 1)
    assert [claimed.message.id for claimed in again.claimed] == ids[:1]
    assert again.claimed[0].attempts == 2


def test_unknown_cannot_become_anything_else(make: Make, ledger: Ledger) -> None:
    run = make.sending(1)
    with pytest.raises(ValueError, match="cannot become"):
        ledger.attempts.settle_unknown(run, None, State.SUBMITTING, "no", NOW)


def test_what_has_not_left_by_the_end_never_leaves(make: Make, ledger: Ledger) -> None:
    run = make.sending(4, expires_at=NOW + 10)
    settle(ledger, run, claim(ledger, run, 1))
    settle(ledger, run, claim(ledger, run, 1), NOT_SENT, due_at=NOW + 50)
    assert ledger.runs.expire(run, NOW + 9) == 0
    assert ledger.runs.expire(run, NOW + 10) == 3
    assert states(ledger, run) == {"accepted": 1, "expired": 3}
    last = ledger.attempts.exchange(run, [], 10, NOW + 100)
    assert (last.claimed, last.left, last.next_due) == ([], 0, None)
    assert ledger.runs.totals(run).by_reason == {"expired": 3}


def test_a_run_without_an_end_never_expires(make: Make, ledger: Ledger) -> None:
    run = make.sending(2)
    assert ledger.runs.expire(run, 2**62) == 0


def test_a_refused_country_is_left_out_and_the_others_go_on(make: Make, ledger: Ledger) -> None:
    run = make.sending(4, columns={"country": ["GB", "FR", "GB", "FR"]})
    assert ledger.runs.refuse_country(run, "FR", NOW) == 2
    found = ledger.attempts.exchange(run, [], 10, NOW)
    assert [claimed.message.country for claimed in found.claimed] == ["GB", "GB"]
    assert found.left == 0
    assert ledger.runs.totals(run).by_reason == {"country-refused": 2}


def test_a_cancelled_run_sends_nothing_more(make: Make, ledger: Ledger, url: str) -> None:
    """By another process, while a sender is at work."""
    run = make.sending(4)
    ids = claim(ledger, run, 1)
    with Ledger.open(url) as other:
        assert other.runs.cancel(other.runs.get(run.id), NOW) == 3
    found = ledger.attempts.exchange(run, [Settled(ids[0], ACCEPTED, State.ACCEPTED)], 10, NOW)
    assert found.claimed == []
    assert states(ledger, run) == {"accepted": 1, "cancelled": 3}
    assert ledger.runs.get(run.id).state == RunState.CANCELLED
    with pytest.raises(LedgerError, match="it is cancelled"):
        ledger.attempts.start(run, NOW)


def test_the_states_of_a_run_and_their_moments_are_kept(make: Make, ledger: Ledger) -> None:
    run = make.plan(1)
    ledger.attempts.start(run, NOW)
    ledger.runs.set_state(run, RunState.PAUSED, "Ctrl-C", NOW + 1)
    ledger.attempts.start(run, NOW + 2)
    ledger.runs.set_state(run, RunState.FINISHED, None, NOW + 3)
    again = ledger.runs.get(run.id)
    assert (again.started_at, again.finished_at) == (NOW, NOW + 3)
    assert [(event.at, event.code, event.detail) for event in ledger.runs.events(run)] == [
        (NOW, "sending", None),
        (NOW + 1, "paused", "Ctrl-C"),
        (NOW + 2, "sending", None),
        (NOW + 3, "finished", None),
    ]


def test_a_test_message_is_an_event_and_counts_nowhere(make: Make, ledger: Ledger) -> None:
    run = make.plan(2)
    before = ledger.runs.totals(run)
    ledger.runs.record_test(run, "+447700900123", ACCEPTED, NOW)
    ledger.runs.record_test(None, "+447700900123", REJECTED, NOW)
    assert ledger.runs.totals(run) == before
    assert ledger.messages.reached(run.occasion).tolist() == []
    (event,) = ledger.runs.events(run)
    assert (event.kind, event.detail) == ("test", "accepted to +4477…23")
    with ledger.engine.connect() as connection:
        assert "7700900" not in str(connection.execute(sa.text("SELECT * FROM events")).all())


def test_a_row_is_marked_as_claimed_in_the_claimed_states_and_no_other(make: Make, ledger: Ledger) -> None:
    """The table itself refuses a row that says otherwise: the once-only index hangs on it."""
    run = make.sending(1)
    settle(ledger, run, claim(ledger, run), NOT_SENT)
    with pytest.raises(sa.exc.IntegrityError), ledger.engine.begin() as connection:
        connection.execute(sa.update(attempts).where(attempts.c.run == run.number).values(state="accepted"))
    with pytest.raises(sa.exc.IntegrityError), ledger.engine.begin() as connection:
        connection.execute(sa.update(attempts).where(attempts.c.run == run.number).values(claimed_at=1))


def test_an_exchange_never_searches_the_whole_ledger(tmp_path: Path) -> None:
    """Every statement of an exchange is answered by an index or a range of the primary key."""
    asked: list[str] = []
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        ledger.engine.dispose()
        # From the driver, since not every statement of sending goes through SQLAlchemy; values stand in the text.
        sa.event.listen(ledger.engine, "connect", lambda made, _record: made.set_trace_callback(asked.append))
        run = Make(ledger).sending(9)
        settle(ledger, run, claim(ledger, run, 3), NOT_SENT, due_at=NOW)
        ledger.optouts.add(number(4), source="test")
        asked.clear()
        ids = claim(ledger, run, 5)
        settled = [Settled(id, NOT_SENT, State.PLANNED, NOW + 5) for id in ids]
        settled[0] = Settled(ids[0], ACCEPTED, State.ACCEPTED)
        ledger.attempts.exchange(run, settled, 100, NOW)
        ledger.attempts.release(run, ids)
        words = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
        sent = [sql for sql in asked if sql.lstrip().upper().startswith(words)]
        with ledger.engine.connect() as connection:
            plans = {
                sql: [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
                for sql in sent
            }
    assert len(plans) >= 9
    # The values that a statement brings along are gone through one by one.
    assert [sql for sql, steps in plans.items() if any(map(_is_search_of_all, steps))] == []


def _is_search_of_all(step: str) -> bool:
    return step.startswith("SCAN") and step != "SCAN v" and "CONSTANT ROW" not in step
