"""Which gateway of a route a plan means for each message, and what it costs: by place, price, share and order."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.errors import InvalidInput
from a2pcli.ledger.route_legs import MessageRoute, route_of_text
from a2pcli.ledger.store import Ledger
from a2pcli.planning.plan import Plan, make_plan
from a2pcli.planning.prepare import Choices, prepare

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
message: "Your order is on its way{{ more | default('') }}"
gateway: world
"""
SETTINGS = """\
region: GB
rates: rates.csv
numbers: {allow_fictional: true}
gateways:
  a: {type: http, url: "http://127.0.0.1:1/a"}
  b: {type: http, url: "http://127.0.0.1:1/b"}
  c: {type: http, url: "http://127.0.0.1:1/c"}
routes:
"""
CARD = "gateway,country,prefix,unit,price,currency\n"
GB, GB_TOO, GG, DE, FR = (f"+{one}" for one in ("447712", "447911", "4477811", "49151", "33612"))
DIGITS = {GB: 6, GB_TOO: 6, GG: 5, DE: 8, FR: 6}


def number(prefix: str, at: int) -> str:
    return f"{prefix}{at:0{DIGITS[prefix]}d}"


def write(
    folder: Path, route: str, prices: str, people: list[tuple[str, str]], more: str = "", settings: str = ""
) -> None:
    (folder / "order.yaml").write_text(CAMPAIGN + more)
    (folder / "a2pcli.yaml").write_text(f"{SETTINGS}  world: {route}\n{settings}")
    (folder / "rates.csv").write_text(CARD + prices)
    with (folder / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("phone", "more"), *people])


def planned(folder: Path) -> tuple[Plan, dict[str, MessageRoute], dict[str, str | None]]:
    """The plan, the route of each number that gets a message, and why others get none."""
    loaded, given = load_campaign(folder / "order.yaml"), load_settings(folder)
    (folder / "ledger.db").unlink(missing_ok=True)
    with Ledger.open(str(folder / "ledger.db")) as ledger:
        plan = make_plan(prepare(loaded, given, ledger, Choices(today=date(2026, 3, 1))), ledger, rate=None)
        rows = [row for some in ledger.messages.rows(plan.run) for row in some]
    found = {row["address"]: route_of_text(row["route"]) for row in rows if row["state"] == "planned"}
    costs = {row["address"]: (row["cost"], row["currency"]) for row in rows if row["state"] == "planned"}
    for address, route in found.items():
        assert costs[address] == (route.legs[0].cost, route.legs[0].currency)
    return plan, found, {row["address"]: row["detail"] for row in rows if row["state"] == "skipped"}


def gateways(route: MessageRoute) -> str:
    return "".join(leg.gateway for leg in route.legs)


PRICES = "a,GB,,part,0.04,GBP\na,DE,,part,0.07,GBP\nb,GB,,part,0.03,GBP\nb,DE,,part,0.08,GBP\n"


def test_the_longest_prefix_decides_then_the_country_then_the_rest(tmp_path: Path) -> None:
    route = '{countries: {DE: a, "+44 77": [b, a], "+447712": c, GB: [a, c], other: {cheapest: [a, b]}}}'
    numbers = [number(one, 3) for one in (GB, GB_TOO, GG, DE, FR)]
    write(
        tmp_path, route, PRICES + "c,,,part,0.09,GBP\n*,FR,,part,0.05,GBP\n", [(one, "") for one in numbers]
    )
    _, found, _ = planned(tmp_path)
    assert {one: (found[one].place, gateways(found[one])) for one in numbers} == {
        number(GB, 3): ("+447712", "c"),
        number(GB_TOO, 3): ("GB", "ac"),
        number(GG, 3): ("+4477", "ba"),
        number(DE, 3): ("DE", "a"),
        number(FR, 3): ("other", "ab"),
    }


def test_a_country_means_the_islands_that_share_its_numbers_too(tmp_path: Path) -> None:
    write(tmp_path, "{countries: {GB: a, other: b}}", PRICES, [(number(GG, 3), "")])
    assert gateways(planned(tmp_path)[1][number(GG, 3)]) == "a"


def test_whose_country_no_gateway_sends_to_gets_no_message_and_is_told_why(tmp_path: Path) -> None:
    write(tmp_path, "{countries: {GB: a}}", PRICES, [(number(GB, 1), ""), (number(FR, 1), "")])
    plan, found, out = planned(tmp_path)
    assert list(found) == [number(GB, 1)]
    assert out == {number(FR, 1): "the route world has no gateway for FR"}
    assert plan.summary["excluded"] == {"no-gateway": 1}


def test_the_cheapest_gateway_comes_first_for_each_number_and_the_most_is_by_the_dearest(
    tmp_path: Path,
) -> None:
    people = [(number(GB, 1), ""), (number(DE, 1), ""), (number(DE, 2), "x" * 200)]
    write(tmp_path, "{cheapest: [a, b]}", PRICES, people)
    plan, found, _ = planned(tmp_path)
    assert [gateways(found[one]) for one, _ in people] == ["ba", "ab", "ab"]
    assert plan.summary["cost"] == {"GBP": 30_000_000 + 70_000_000 * 3}
    assert plan.summary["most"] == {"GBP": 40_000_000 + 80_000_000 * 3}
    told = plan.summary["routes"]["sms"]["gateways"]
    assert {name: (one["recipients"], one["cost"], one["stands_in_for"]) for name, one in told.items()} == {
        "a": (2, {"GBP": 210_000_000}, 1),
        "b": (1, {"GBP": 30_000_000}, 2),
    }


def test_of_the_same_price_the_one_that_is_named_first_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "{cheapest: [b, a]}", "*,GB,,part,0.04,GBP\n", [(number(GB, 1), "")])
    assert gateways(planned(tmp_path)[1][number(GB, 1)]) == "ba"


def test_a_gateway_without_a_price_comes_last_and_may_not_stand_in_where_prices_must_be_known(
    tmp_path: Path,
) -> None:
    prices = "a,DE,,part,0.07,GBP\nb,GB,,part,0.03,GBP\nc,GB,,part,0.02,GBP\n"
    people = [(number(GB, 1), ""), (number(FR, 1), "")]
    write(tmp_path, "{cheapest: [a, b, c]}", prices, people)
    plan, found, _ = planned(tmp_path)
    assert gateways(found[number(GB, 1)]) == "cba"
    assert (plan.summary["unpriced"], plan.summary["routes"]["sms"]["unpriced_stand_ins"]) == (1, 1)
    write(tmp_path, "{order: [a, b, c]}", prices, people, "limits: {unpriced: exclude}\n")
    plan, found, _ = planned(tmp_path)
    assert {one: gateways(route) for one, route in found.items()} == {number(GB, 1): "bc"}
    assert plan.summary["excluded"] == {"unpriced": 1}


def test_prices_in_another_currency_are_not_compared(tmp_path: Path) -> None:
    prices = "a,GB,,part,0.04,GBP\nb,GB,,part,0.01,EUR\n"
    write(tmp_path, "{cheapest: [a, b]}", prices, [(number(GB, 1), "")])
    with pytest.raises(InvalidInput) as raised:
        planned(tmp_path)
    (problem,) = raised.value.problems
    assert problem.message == "prices in different currencies cannot be compared: a (GBP), b (EUR)"
    assert (Path(problem.path or "").name, problem.line) == ("a2pcli.yaml", 9)


def test_shares_are_kept_over_many_people_and_each_person_stays_with_a_gateway(tmp_path: Path) -> None:
    people = [(number(GB, at), "") for at in range(6000)]
    write(tmp_path, "{shares: {a: 60%, b: 30%, c: 10%}}", PRICES, people)
    found = {one: gateways(route) for one, route in planned(tmp_path)[1].items()}
    first = Counter(order[0] for order in found.values())
    assert {name: round(count / 60) for name, count in first.items()} == {
        "a": pytest.approx(60, abs=3),
        "b": pytest.approx(30, abs=3),
        "c": pytest.approx(10, abs=2),
    }
    # Whoever loses the first gateway goes by the others in their own shares: 3 to 1.
    second = Counter(order[1] for order in found.values() if order[0] == "a")
    assert 2.4 < second["b"] / second["c"] < 3.8
    write(tmp_path, "{shares: {a: 60%, b: 30%, c: 10%}}", PRICES, people[:4000:7])
    again = {one: gateways(route) for one, route in planned(tmp_path)[1].items()}
    assert again.items() <= found.items()
    # A share that is given up goes to the others; nobody else is moved.
    write(tmp_path, "{shares: {a: 60%, b: 30%}}", PRICES, people)
    without = {one: gateways(route) for one, route in planned(tmp_path)[1].items()}
    assert {one: order.replace("c", "") for one, order in found.items()} == without


def test_a_gateway_whose_own_sender_may_not_message_a_country_does_not_take_it(tmp_path: Path) -> None:
    settings = "senders:\n  ACME: {countries: [DE]}\n  Shop: {}\n"
    write(tmp_path, "{order: [a, b]}", PRICES, [(number(GB, 1), ""), (number(DE, 1), "")], "", settings)
    text = (tmp_path / "a2pcli.yaml").read_text()
    text = text.replace('1/a"}', '1/a", sender: ACME}').replace('1/b"}', '1/b", sender: Shop}')
    (tmp_path / "a2pcli.yaml").write_text(text)
    _, found, _ = planned(tmp_path)
    assert {one: gateways(route) for one, route in found.items()} == {number(GB, 1): "b", number(DE, 1): "ab"}
    (tmp_path / "a2pcli.yaml").write_text(text.replace("Shop: {}", "Shop: {countries: [DE]}"))
    plan, _, out = planned(tmp_path)
    assert plan.summary["excluded"] == {"no-sender": 1}
    assert out == {number(GB, 1): "'ACME' is for DE only (senders: in the settings)"}


def test_a_campaign_of_one_time_codes_cannot_go_by_a_route(tmp_path: Path) -> None:
    write(tmp_path, "{order: [a, b]}", PRICES, [(number(GB, 1), "")])
    (tmp_path / "order.yaml").write_text(CAMPAIGN.replace("transactional", "otp"))
    with pytest.raises(InvalidInput, match="one-time codes go by one gateway"):
        planned(tmp_path)


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)
rules = st.one_of(
    names.map(lambda found: ("order", found)),
    names.map(lambda found: ("cheapest", found)),
    names.map(lambda found: ("shares", found)),
)
places = st.dictionaries(
    st.sampled_from(["GB", "DE", "FR", "+447", "+447712", "+49", "other"]), rules, min_size=1, max_size=5
)
cards = st.dictionaries(
    st.tuples(st.sampled_from("*abc"), st.sampled_from(["GB", "DE", "", "FR"])), st.integers(1, 9), max_size=8
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places, cards, st.sampled_from(["", "limits: {unpriced: exclude}\n"]))
def test_every_row_goes_by_gateways_of_its_rule_in_its_order_or_is_left_out(
    tmp_path: Path, places: dict, cards: dict, more: str
) -> None:
    told = {
        place: f"{{shares: {{{', '.join(f'{name}: 2' for name in found)}}}}}"
        if kind == "shares"
        else f"{{{kind}: [{', '.join(found)}]}}"
        for place, (kind, found) in places.items()
    }
    route = "{countries: {" + ", ".join(f'"{place}": {rule}' for place, rule in told.items()) + "}}"
    prices = "".join(
        f"{gateway},{country},,part,0.0{price},GBP\n" for (gateway, country), price in cards.items()
    )
    numbers = {number(one, at): one for one in (GB, GB_TOO, DE, FR) for at in (1, 2)}
    write(tmp_path, route, prices or "*,US,,part,1,GBP\n", [(one, "") for one in numbers], more)
    countries = {GB: "GB", GB_TOO: "GB", DE: "DE", FR: "FR"}

    def price(gateway: str, country: str) -> int | None:
        for key in ((gateway, country), ("*", country), (gateway, ""), ("*", "")):
            if key in cards:
                return cards[key] * 10_000_000
        return None

    named = {gateway for gateway, _ in cards} or {"*"}
    priceless = any(
        kind == "cheapest" and not named & {name, "*"} for kind, listed in places.values() for name in listed
    )
    if priceless:
        with pytest.raises(InvalidInput, match="has no sms price of gateway"):
            planned(tmp_path)
        return
    _, found, out = planned(tmp_path)
    assert found.keys() | out.keys() == numbers.keys()
    for one, prefix in numbers.items():
        country = countries[prefix]
        fitting = [place for place in places if place.startswith("+") and one.startswith(place)]
        place = max(fitting, key=len) if fitting else country if country in places else "other"
        if place not in places:
            assert out[one] == f"the route world has no gateway for {country}"
            continue
        kind, listed = places[place]
        known = [name for name in listed if price(name, country) is not None]
        allowed = known if more else listed
        if not allowed:
            assert one in out
            continue
        legs = {leg.gateway: leg.cost for leg in found[one].legs}
        assert legs == {name: price(name, country) for name in allowed}
        if kind == "order":
            assert list(legs) == allowed
        if kind == "cheapest":
            dear = 10**12
            assert list(legs) == sorted(allowed, key=lambda name: price(name, country) or dear)
