"""Simulated weeks: nobody gets a message they should not, and nobody is kept from one without a reason.

The world (``week_world``) lets the real planner, ledger and sender work through weeks in which clocks change and
holidays fall, while people leave, come back, agree and withdraw, also while a run is on. The oracle
(``week_oracle``) judges every message, exclusion and hold from the rules' text.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
import week_facts as rules
from postgreskit import running_postgres
from test_law_hours import STATES
from week_campaigns import SENDERS, write
from week_facts import HOUR, Contact, Fault
from week_oracle import Oracle
from week_rules import Campaign
from week_world import World, world

from a2pcli.ledger import asking_again, caps, one_claim, plan_cursor, refusals
from a2pcli.ledger.store import Ledger
from a2pcli.planning import clocks as planned_clocks
from a2pcli.rules.clock import Clock

WEEKS = {
    "2026-03-06": "the United States go forward",
    "2026-03-27": "Europe goes forward, then Good Friday",
    "2026-04-02": "Easter; Australia goes back, Lord Howe by half an hour",
    "2026-07-01": "Independence Day, observed on a Friday in some states",
    "2026-10-02": "Australia and Lord Howe go forward",
    "2026-10-23": "Europe goes back",
    "2026-10-30": "the United States go back; All Saints' in France",
    "2026-11-24": "Thanksgiving",
    "2026-12-23": "Christmas",
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "ledger.db")) as opened:
        yield opened


def judged(lived: World) -> tuple[Oracle, list[Fault]]:
    oracle = Oracle(lived.campaigns, lived.log)
    return oracle, oracle.faults()


def told(faults: list[Fault]) -> str:
    return "\n".join(map(str, faults[:5]))


def check(lived: World) -> Counter[str]:
    lived.live()
    oracle, faults = judged(lived)
    assert not faults, told(faults)
    return Counter(oracle.judged)


@pytest.mark.parametrize(
    ("start", "seed"),
    [
        ("2026-03-07T15:00", 1),
        ("2026-04-04T06:00", 2),
        pytest.param("2026-10-31T15:00", 3, marks=pytest.mark.slow),
    ],
)
def test_some_days_pass_without_a_wrongful_send_or_exclusion(
    tmp_path: Path, ledger: Ledger, start: str, seed: int
) -> None:
    counted = check(world(tmp_path, ledger, seed, start, days=1.1, size=16))
    assert counted["left"] > 20
    assert counted["held"] > 20
    assert counted["excluded no-consent"]
    assert counted["excluded opted-out"] + counted["skipped opted-out"]


@pytest.mark.slow
@pytest.mark.parametrize("start", WEEKS)
@pytest.mark.parametrize("seed", range(5))
def test_a_week_passes_without_a_wrongful_send_or_exclusion(
    tmp_path: Path, ledger: Ledger, start: str, seed: int
) -> None:
    counted = check(world(tmp_path, ledger, 100 + seed, start, days=7, size=80))
    assert counted["left"] > 300


@pytest.mark.slow
def test_some_days_pass_on_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over the other database."""
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "7" * 64)
    with running_postgres() as server, Ledger.open(server.get_uri()) as ledger:
        counted = check(world(tmp_path, ledger, 5, "2026-10-24T06:00", days=2, size=30))
    assert counted["left"] > 50


def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    for name in ("week_facts", "week_rules", "week_oracle"):
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text())
        froms = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        plain = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
        assert not {module for module in froms | plain if module.startswith(("a2pcli", "week_world"))}


# ------------------------------------------------------------------------------------- the oracle can find faults


def an_hour_off(lived: World, _patch: pytest.MonkeyPatch) -> None:
    lived.slip = HOUR


def an_ignored_opt_out(_lived: World, patch: pytest.MonkeyPatch) -> None:
    for module in (one_claim, asking_again):
        patch.setattr(module, "binds", lambda _purpose: False)


def consent_never_asked_again(_lived: World, patch: pytest.MonkeyPatch) -> None:
    honest = refusals.parameters
    patch.setattr(refusals, "parameters", lambda run: honest(run) | {"consent_binds": False})


def caps_that_count_nothing(_lived: World, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(caps.Caps, "over", lambda *_: {})


def caps_that_count_double(_lived: World, patch: pytest.MonkeyPatch) -> None:
    honest = caps.Caps._why_over
    patch.setattr(
        caps.Caps, "_why_over", lambda self, before, clock, now: honest(self, [*before, *before], clock, now)
    )


def a_zone_too_few(_lived: World, patch: pytest.MonkeyPatch) -> None:
    honest = planned_clocks.Hours.clock
    patch.setattr(
        planned_clocks.Hours,
        "clock",
        lambda self, country, regions, zones: honest(self, country, regions, zones[:1]),
    )


def openings_that_are_told_too_late(_lived: World, patch: pytest.MonkeyPatch) -> None:
    honest = Clock.next_opening

    def an_hour_later(self: Clock, ms: int) -> int | None:
        opening = honest(self, ms)
        return opening if opening in (None, ms) else opening + HOUR

    patch.setattr(Clock, "next_opening", an_hour_later)


def a_clock_that_is_passed_over(_lived: World, patch: pytest.MonkeyPatch) -> None:
    honest = plan_cursor.PlanCursor.take
    patch.setattr(
        plan_cursor.PlanCursor,
        "take",
        lambda self, connection, most, goes: honest(
            self, connection, most, lambda kind: kind[0] != 2 and goes(kind)
        ),
    )


@pytest.mark.parametrize(
    ("broken", "found", "days"),
    [
        (an_hour_off, "out-of-hours", 0.8),
        (an_ignored_opt_out, "opted-out", 0.8),
        pytest.param(openings_that_are_told_too_late, "wrong-until", 0.8, marks=pytest.mark.slow),
        pytest.param(a_clock_that_is_passed_over, "left-behind", 0.8, marks=pytest.mark.slow),
        pytest.param(consent_never_asked_again, "no-consent", 2, marks=pytest.mark.slow),
        pytest.param(caps_that_count_nothing, "over-cap", 2, marks=pytest.mark.slow),
        pytest.param(caps_that_count_double, "wrongly-skipped", 2, marks=pytest.mark.slow),
        pytest.param(a_zone_too_few, "out-of-hours", 2, marks=pytest.mark.slow),
    ],
)
def test_the_oracle_finds_a_rule_that_is_broken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[World, pytest.MonkeyPatch], None],
    found: str,
    days: float,
) -> None:
    size = 24 if days < 1 else 40
    kinds: set[str] = set()
    for seed in (4, 7, 1):  # not everything that is wrong does harm in every world
        (tmp_path / str(seed)).mkdir()
        with Ledger.open(str(tmp_path / str(seed) / "ledger.db")) as ledger, monkeypatch.context() as patch:
            lived = world(
                tmp_path / str(seed), ledger, seed, "2026-03-06T14:00", days=days, size=size, unrest=0.6
            )
            broken(lived, patch)
            lived.live()
        kinds |= {fault.kind for fault in judged(lived)[1]}
        if found in kinds:
            return
    raise AssertionError(kinds)


# ------------------------------------------------------------------------------ every state's window at its edges

AREA_OF_STATE = {
    # A state: an area code that lies in one zone, and that zone.
    "AL": ("205", rules.C), "AK": ("907", "America/Anchorage"), "AR": ("501", rules.C),
    "AZ": ("602", "America/Phoenix"), "CA": ("213", rules.P), "CO": ("303", rules.M), "CT": ("860", rules.E),
    "DC": ("202", rules.E), "DE": ("302", rules.E), "FL": ("305", rules.E), "GA": ("404", rules.E),
    "HI": ("808", "Pacific/Honolulu"), "IA": ("515", rules.C), "ID": ("208", rules.M), "IL": ("312", rules.C),
    "IN": ("317", rules.E), "KS": ("316", rules.C), "KY": ("502", rules.E), "LA": ("504", rules.C),
    "MA": ("617", rules.E), "MD": ("410", rules.E), "ME": ("207", rules.E), "MI": ("313", rules.E),
    "MN": ("612", rules.C), "MO": ("314", rules.C), "MS": ("601", rules.C), "MT": ("406", rules.M),
    "NC": ("704", rules.E), "ND": ("701", rules.C), "NE": ("402", rules.C), "NH": ("603", rules.E),
    "NJ": ("732", rules.E), "NM": ("505", rules.M), "NV": ("702", rules.P), "NY": ("212", rules.E),
    "OH": ("216", rules.E), "OK": ("405", rules.C), "OR": ("503", rules.P), "PA": ("412", rules.E),
    "RI": ("401", rules.E), "SC": ("803", rules.E), "SD": ("605", rules.C), "TN": ("615", rules.C),
    "TX": ("512", rules.C), "UT": ("801", rules.M), "VA": ("804", rules.E), "VT": ("802", rules.E),
    "WA": ("206", rules.P), "WI": ("414", rules.C), "WV": ("304", rules.E), "WY": ("307", rules.M),
}  # fmt: skip
FEDERAL = ("", "08:00-21:00", "08:00-21:00", "08:00-21:00")
WEDNESDAY = datetime(2026, 2, 4)


def people_of_all_states() -> tuple[Contact, ...]:
    # The zone of the row, because an area code alone may keep a neighbouring zone as well.
    return tuple(
        Contact(f"+1{area}5552{number:03d}", timezone=zone)
        for number, (area, zone) in enumerate(AREA_OF_STATE.values())
    )


def hours_of(state: str, day: datetime) -> tuple[int, int] | None:
    """The state's hours on a day, in UTC milliseconds; typed from the rules' text in ``test_law_hours``."""
    weekdays, saturday, sunday = (STATES.get(f"US-{state}") or FEDERAL)[1:]
    typed = saturday if day.weekday() == 5 else sunday if day.weekday() == 6 else weekdays
    if typed is None:
        return None
    zone = ZoneInfo(AREA_OF_STATE[state][1])
    first, last = (
        day.replace(hour=int(bound[:2]), minute=int(bound[3:]), tzinfo=zone) for bound in typed.split("-")
    )
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def edges(day: datetime) -> list[int]:
    """Every moment of the day at which a state's hours begin or end."""
    return sorted({edge for state in AREA_OF_STATE for edge in hours_of(state, day) or ()})


@pytest.mark.parametrize(
    "day",
    [WEDNESDAY, *(pytest.param(WEDNESDAY + timedelta(days=n), marks=pytest.mark.slow) for n in (3, 4))],
    ids=["Wednesday", "Saturday", "Sunday"],
)
def test_each_states_hours_begin_and_end_to_the_second(tmp_path: Path, ledger: Ledger, day: datetime) -> None:
    """Sent a second before each edge, and at it: whoever is not due to the second gets nothing."""
    states, contacts = list(AREA_OF_STATE), people_of_all_states()
    campaign = Campaign("edges", senders=SENDERS, occurrence="once", contacts=contacts)
    lived = World(tmp_path, ledger, [campaign], 0, 1, Random(1), unrest=0)
    write(tmp_path, [campaign])
    with (tmp_path / "a2pcli.yaml").open("a") as file:  # everybody is messaged many times in these hours
        off = ", ".join(
            f"us-{state}-cap: {{off: true, reason: a test}}" for state in ("fl", "ok", "md", "or")
        )
        file.write(f"law: {{{off}}}\n")
    for edge in edges(day):
        for start in (edge - 1000, edge):
            left = lived.send_once(campaign, start)
            for state, contact in zip(states, contacts, strict=True):
                open_hours = hours_of(state, day)
                opens, closes = open_hours or (start + HOUR, start + HOUR)
                due = max(opens, start)
                # A second early nobody is waited for: send ends, and says until when to wait.
                if due <= start and due < closes:
                    assert contact.number in left, (state, day, edge, start, opens, closes)
                    assert due <= left[contact.number] < due + 500, (state, day, edge, start)
                else:
                    assert contact.number not in left, (state, day, edge, start)
