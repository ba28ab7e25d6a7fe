"""What PostgreSQL does for one claim must not grow with what is left of the run, nor with what was sent."""

from __future__ import annotations

import pytest
from ledgerkit import ACCEPTED, NOT_SENT, NOW, Make, claim, settle
from sqlalchemy import event
from sqlalchemy.engine import Connection

from a2pcli.ledger import intents, refusals
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.store import Ledger


@pytest.mark.parametrize("generic", [False, True], ids=["once", "prepared"])
def test_a_claim_reads_only_the_rows_that_it_claims(postgres_url: str, generic: bool) -> None:
    """Of those that wait for another try; of the plan, one chunk is read in one piece."""
    with Ledger.open(postgres_url) as ledger:
        run = Make(ledger).sending(6000)
        for turn in range(15):
            outcome = ACCEPTED if turn < 10 else NOT_SENT
            settle(ledger, run, claim(ledger, run, 400), outcome, due_at=None if turn < 10 else NOW + turn)
        parameters = {
            **{"run": run.number, "now": NOW + 100, "want": 100},
            **refusals.parameters(run),
            "binds": binds(run.purpose),
        }
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE attempts")
            if generic:
                connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
            compiled = intents.WAITED.compile(dialect=ledger.engine.dialect)
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF, FORMAT JSON) {compiled}"
            (plan,) = connection.exec_driver_sql(explain, compiled.construct_params(parameters)).scalar_one()
    assert max(rows_of(plan["Plan"])) <= 400 + 100


def rows_of(node: dict[str, object]) -> list[float]:
    """Rows that each step of the plan gave in all."""
    here = float(node["Actual Rows"]) * float(node["Actual Loops"])  # type: ignore[arg-type]
    return [here, *(rows for child in node.get("Plans", []) for rows in rows_of(child))]  # type: ignore[union-attr]


def test_a_transaction_of_sending_makes_few_journeys_to_the_server(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        run = Make(ledger).sending(1000)
        ids = claim(ledger, run, 100)
        statements: list[str] = []

        @event.listens_for(ledger.engine, "before_cursor_execute")
        def _seen(
            _connection: Connection,
            _cursor: object,
            statement: str,
            _values: object,
            _context: object,
            many: bool,
        ) -> None:
            assert not many
            statements.append(statement)

        settle(ledger, run, ids)
        claim(ledger, run, 100)
        assert not [statement for statement in statements if "SAVEPOINT" in statement]
        assert len(statements) <= 8
