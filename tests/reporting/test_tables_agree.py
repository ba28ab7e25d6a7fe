"""Every table of a report is a cut through the same rows: each sums to the others, on the screen and in files."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clikit import Project

CAMPAIGN = """\
name: spring-sale
objective: Which text sells
purpose: transactional
contacts: people.csv
sender: {{GB: [ACME, ACME2], default: '+447911000000'}}
variants:
  short: {{message: 'Hi {{{{ first_name }}}}, sale', weight: 2}}
  long: {{message: '{long} {{{{ first_name }}}}'}}
holdout: 10%
"""
SETTINGS = """\
region: GB
rates: rates.csv
gateway: sim
gateways: {sim: {type: simulator, seed: "7", mix: {unknown: "20%", permanent: "20%", content: "10%"}, latency: {}}}
"""
RATES = """\
gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to
*,sms,GB,,,part,0.04,,GBP,,
*,sms,IE,,,part,0.07,,EUR,,
"""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("agree"))
    project.write("a2pcli.yaml", SETTINGS)
    project.write("rates.csv", RATES)
    project.write("sale.yaml", CAMPAIGN.format(long="x" * 200))
    numbers = ["+447911123{:03}", "+353861234{:03}", "+336123450{:02}"]
    people = "".join(f"{numbers[n % 3].format(n)},P{n}\n" for n in range(90))
    project.write("people.csv", f"phone,first_name\n{people}not a number,X\n+447911123456,\n")
    assert project.run("send", "sale.yaml", "--yes").status == 4
    return project


def money(parts: dict[str, Any]) -> Counter[tuple[str, str]]:
    """(state, currency) -> cost."""
    return Counter(
        {(state, currency): Decimal(text) for state, of in parts.items() for currency, text in of.items()}
    )


def without_zeros(counts: Counter[Any]) -> dict[Any, Any]:
    return {key: count for key, count in counts.items() if count}


@pytest.mark.parametrize("cut", ["countries", "arms", "senders"])
def test_each_cut_of_the_report_sums_to_the_states(sent: Project, cut: str):
    report = sent.run("report", "--json").json
    assert len(report[cut]) > 1
    for key in ("states", "parts_by_state", "unpriced_by_state"):
        summed: Counter[str] = Counter()
        for one in report[cut].values():
            summed.update(one[key])
        whole = {state: count for state, count in report[key].items() if state != "skipped" and count}
        assert {state: count for state, count in summed.items() if state != "skipped" and count} == whole, key
    together: Counter[tuple[str, str]] = Counter()
    for one in report[cut].values():
        together.update(money(one["cost_by_state"]))
    assert without_zeros(together) == without_zeros(money(report["cost_by_state"]))


def test_states_reasons_and_codes_sum_to_the_rows(sent: Project):
    report = sent.run("report", "--json").json
    assert sum(report["states"].values()) == report["rows"] == 92
    assert sum(report["excluded"].values()) == report["states"]["skipped"]
    assert sum(report["codes"]["rejected"].values()) == report["states"]["rejected"]
    assert report["variants"] == {arm: one["states"] for arm, one in report["arms"].items()}


def test_the_rows_in_a_file_sum_to_the_report(sent: Project):
    report = sent.run("report", "--json").json
    rows = list(csv.DictReader(io.StringIO(sent.run("report", "--csv", "-").out)))
    states = Counter(row["state"] for row in rows)
    assert dict(states) == report["states"]
    parts: Counter[tuple[str, str]] = Counter()
    cost: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        if row["state"] != "skipped":
            parts[row["variant"], row["state"]] += int(row["parts"])
            if row["cost"]:
                cost[row["variant"], row["state"], row["currency"]] += Decimal(row["cost"])  # type: ignore[assignment]
    told = {
        (arm, state): count
        for arm, one in report["arms"].items()
        for state, count in one["parts_by_state"].items()
    }
    assert dict(parts) == told
    priced = {
        (arm, *where): amount
        for arm, one in report["arms"].items()
        for where, amount in money(one["cost_by_state"]).items()
    }
    assert dict(cost) == priced


def test_the_tables_on_the_screen_agree(sent: Project):
    screen = sent.run("report", COLUMNS="160").out
    report = sent.run("report", "--json").json
    parts = sum(report["parts_by_state"].get(state, 0) for state in ("accepted", "unknown"))
    for name in ("country", "variant", "sender"):
        head = re.search(rf"^{name} .*\n((?:\S.*\n)+)", screen, flags=re.M)
        assert head, screen
        columns = head[0].splitlines()[0].split()
        lines = [line.split() for line in head[1].splitlines()]
        at = columns.index("parts")
        assert sum(int(line[at]) for line in lines) == parts, name
        assert all(line[-1] in ("GBP", "EUR", "unpriced") for line in lines), name


def test_a_count_of_an_earlier_version_whose_rows_are_gone_is_still_read(tmp_path: Path):
    from a2pcli.ledger.counting import _totals

    old = {
        "shape": 1,
        "states": {"accepted": [2, 4, {"GBP": 8}, 0]},
        "reasons": {},
        "codes": {},
        "sentences": {},
        "countries": {"GB": {"accepted": [2, 4, {"GBP": 8}, 0]}},
        "variants": {"a": {"accepted": 2}},
    }
    assert _totals(old).by_variant == {"a": {"accepted": 2}}
