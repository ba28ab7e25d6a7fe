"""A run that goes by a route: nobody gets it from two providers, everybody who can gets it from one, and a provider
that fails loses its share and gets it back."""

from __future__ import annotations

import pytest
from routekit import ILL, WELL, Provider, judged, routed_run, send_through, share_of, switches

from a2pcli.ledger.store import Ledger
from a2pcli.sending.options import Ended

BEGINS, ENDS, LAST = 20.0, 50.0, 200.0
PER_SECOND = 4
COUNT = int(LAST * PER_SECOND)


def ill(how: str, begins: float = BEGINS, ends: float = ENDS) -> Provider:
    batch = 4 if how == "half of a batch" else 1
    return Provider("a", lambda now: ILL[how] if begins <= now < ends else WELL, batch)


def fails_for_a_while(ledger: Ledger, how: str) -> None:
    a, b = ill(how), Provider("b")
    run = routed_run(ledger, COUNT)
    result, _ = send_through(ledger, run, [a, b], PER_SECOND)
    found = judged(ledger, run, [a, b], COUNT)
    assert result.ended is Ended.FINISHED
    assert set(found) <= {"accepted", "unknown", "rejected"}
    assert found["unknown"] + found["rejected"] < 40
    assert share_of(a, b, 0, BEGINS) > 0.95, "before, the first has them all"
    assert share_of(a, b, BEGINS + 10, ENDS) < 0.4, "the other one takes over"
    assert share_of(a, b, LAST - 40, LAST) > 0.9, "it is back"
    told = switches(ledger, run)
    assert told[0].startswith("a lost its share: ")
    assert told[0].endswith("; b stands in")
    assert told[-1] == "a has its share again"


@pytest.mark.parametrize("how", ["503 with Retry-After", "reset"])
def test_a_provider_that_fails_for_a_while_loses_its_share_and_gets_it_back(ledger: Ledger, how: str) -> None:
    fails_for_a_while(ledger, how)


@pytest.mark.slow
@pytest.mark.parametrize("how", [one for one in ILL if one not in ("503 with Retry-After", "reset")])
def test_so_does_one_that_fails_in_any_other_way(ledger: Ledger, how: str) -> None:
    fails_for_a_while(ledger, how)
