"""A run that goes by a route: nobody gets it from two providers, everybody who can gets it from one, and a provider
that fails loses its share and gets it back."""

from __future__ import annotations

import pytest
from routekit import ILL, WELL, Provider, Way, judged, routed_run, send_through, share_of, switches

from a2pcli.config.quotas import parse_quota
from a2pcli.ledger.quota_values import SharedQuota
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


@pytest.mark.parametrize("how", ["reset"])
def test_a_provider_that_fails_for_a_while_loses_its_share_and_gets_it_back(ledger: Ledger, how: str) -> None:
    fails_for_a_while(ledger, how)


@pytest.mark.slow
@pytest.mark.parametrize("how", [one for one in ILL if one != "reset"])
def test_so_does_one_that_fails_in_any_other_way(ledger: Ledger, how: str) -> None:
    fails_for_a_while(ledger, how)


def test_what_is_unknown_stays_with_its_provider_for_reconcile(ledger: Ledger) -> None:
    a, b = Provider("a", lambda _now: ILL["reset"]), Provider("b")
    run = routed_run(ledger, 120)
    send_through(ledger, run, [a, b], 4)
    found = judged(ledger, run, [a, b], 120)
    assert found["unknown"] == len(a.took)
    counts = {one.gateway: dict(one.states) for one in ledger.attempts.by_gateway(run)}
    assert counts == {"a": {"unknown": len(a.took)}, "b": {"accepted": len(b.took)}}


def test_costs_are_those_of_the_provider_that_took_the_message(ledger: Ledger) -> None:
    a, b = Provider("a", lambda _now: ILL["401"]), Provider("b")
    run = routed_run(ledger, 40)
    send_through(ledger, run, [a, b], 4)
    assert ledger.runs.totals(run).states["accepted"].cost == {"GBP": 40 * 50_000_000}


def test_a_dearer_provider_stands_in_only_within_the_budget(ledger: Ledger) -> None:
    a, b = Provider("a", lambda now: ILL["no connection"] if now > 5 else WELL), Provider("b")
    run = routed_run(ledger, 100)
    budget = 100 * 40_000_000
    result, _ = send_through(ledger, run, [a, b], 4, max_cost={"GBP": budget})
    assert result.ended is not Ended.FINISHED
    spent = ledger.runs.totals(run).states["accepted"].cost["GBP"]
    assert budget - 50_000_000 < spent <= budget
    again = Provider("a"), Provider("b")
    result, _ = send_through(ledger, run, list(again), 4, max_cost={"GBP": budget})
    assert ledger.runs.totals(run).states["accepted"].cost["GBP"] <= budget


def test_a_provider_without_a_known_price_does_not_stand_in_where_there_is_a_budget(ledger: Ledger) -> None:
    a, b = Provider("a", lambda _now: ILL["401"]), Provider("b")
    run = routed_run(ledger, 20, costs=(40_000_000, None))
    result, _ = send_through(ledger, run, [a, b], 4, max_cost={"GBP": 10**12})
    assert (result.ended, len(b.took)) == (Ended.PAUSED, 0)
    assert judged(ledger, run, [a, b], 20) == {"planned": 20}


def test_where_all_providers_are_down_the_run_is_paused_and_everybody_is_left(ledger: Ledger) -> None:
    a, b = (Provider(name, lambda _now: ILL["no connection"]) for name in "ab")
    run = routed_run(ledger, 60)
    result, seconds = send_through(ledger, run, [a, b], 4)
    assert (result.ended, judged(ledger, run, [a, b], 60)) == (Ended.PAUSED, {"planned": 60})
    assert seconds < 120
    assert result.reason is not None
    assert "gateway a" in result.reason.message
    assert "gateway b" in result.reason.message
    again = [Provider("a"), Provider("b")]
    assert send_through(ledger, run, again, 20)[0].ended is Ended.FINISHED
    assert judged(ledger, run, again, 60) == {"accepted": 60}


def test_a_number_that_is_refused_for_good_is_not_offered_to_another(ledger: Ledger) -> None:
    a, b = Provider("a", lambda now: Way(takes=False, status=400) if now < 1 else WELL), Provider("b")
    run = routed_run(ledger, 40)
    send_through(ledger, run, [a, b], 4)
    found = judged(ledger, run, [a, b], 40)
    assert found == {"accepted": 40 - found["rejected"], "rejected": found["rejected"]}
    assert (len(b.took), found["rejected"] > 2) == (0, True)


def test_a_message_that_only_one_provider_may_take_waits_for_it_and_the_run_does_not_go_on_for_ever(
    ledger: Ledger,
) -> None:
    a, b = Provider("a", lambda _now: ILL["no connection"]), Provider("b")
    run = routed_run(ledger, 20, "a", (40_000_000,))
    run = ledger.runs.get(run.id)
    result, seconds = send_through(ledger, run, [a, b], 4)
    assert (result.ended, len(b.took)) == (Ended.PAUSED, 0)
    assert judged(ledger, run, [a, b], 20) == {"planned": 20}
    assert seconds < 200


def test_the_quota_of_one_provider_sends_the_rest_by_the_other(ledger: Ledger) -> None:
    quota = SharedQuota("account a", parse_quota("30/day"), "gateway a", gateways=("a",), via=frozenset("a"))
    a, b = Provider("a"), Provider("b")
    run = routed_run(ledger, 100)
    result, _ = send_through(ledger, run, [a, b], 10, quotas=[quota])
    assert (len(a.took), len(b.took), result.ended) == (30, 70, Ended.FINISHED)


def test_what_one_account_may_not_send_to_a_country_goes_by_the_other(ledger: Ledger) -> None:
    a = Provider("a", lambda _now: Way(takes=False, status=451))
    b = Provider("b")
    a.statuses = {"451": "country"}
    run = routed_run(ledger, 60)
    result, _ = send_through(ledger, run, [a, b], 10)
    assert result.ended is Ended.FINISHED
    assert judged(ledger, run, [a, b], 60) == {"accepted": 60}
    assert len(b.took) == 60


@pytest.mark.slow
def test_a_day_in_which_a_provider_fails_in_every_way(ledger: Ledger) -> None:
    """Every hour it fails for five minutes, each time in another way."""
    ways = [way for how, way in ILL.items() if how != "half of a batch"]

    def way(now: float) -> Way:
        hour, within = divmod(now, 3600)
        return ways[int(hour) % len(ways)] if 600 <= within < 900 and now < 23 * 3600 else WELL

    a, b = Provider("a", way), Provider("b")
    count = 17_000
    run = routed_run(ledger, count, chunk=5_000)
    result, seconds = send_through(ledger, run, [a, b], 0.2)
    found = judged(ledger, run, [a, b], count)
    assert result.ended is Ended.FINISHED
    assert seconds > 23 * 3600
    assert found["accepted"] > 0.98 * count
    told = switches(ledger, run)
    assert told.count("a has its share again") >= 18
    for hour in range(2, 22):
        assert share_of(a, b, hour * 3600 + 1800, hour * 3600 + 3600) > 0.95, hour


def test_a_provider_that_asks_to_wait_a_moment_loses_a_part_of_its_share_and_it_is_said(
    ledger: Ledger,
) -> None:
    waits = Way(takes=False, status=429, headers={"Retry-After": "2"})
    a, b = Provider("a", lambda now: waits if 20 <= now < 21 else WELL), Provider("b")
    run = routed_run(ledger, COUNT)
    send_through(ledger, run, [a, b], PER_SECOND)
    assert judged(ledger, run, [a, b], COUNT) == {"accepted": COUNT}
    lost, back = switches(ledger, run)
    assert lost.startswith("a lost a part of its share: ")
    assert back == "a has its share again"
