"""Routes at the command line: what plan, send, report and explain say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project
from test_prune_commands import aged

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
gateway: main
message: "Your order is on its way"
"""
SETTINGS = """\
region: GB
rates: rates.csv
gateways:
  first: {type: simulator, latency: {median: 0, p95: 0}, mix: {}}
  second: {type: simulator, latency: {median: 0, p95: 0}, mix: {}}
routes:
  main: {cheapest: [first, second]}
"""
RATES = """\
gateway,country,unit,price,currency
first,GB,part,0.04,GBP
second,GB,part,0.03,GBP
first,DE,part,0.07,GBP
second,DE,part,0.08,GBP
"""
ANN, UTE = "+447712345678", "+4915112345678"


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("order.yaml", CAMPAIGN)
    project.write("people.csv", f"phone\n{ANN}\n{UTE}\n")
    project.write("a2pcli.yaml", SETTINGS)
    project.write("rates.csv", RATES)
    project.run("ledger", "create")
    return project


def test_a_plan_says_who_goes_by_which_gateway_and_why_and_the_most_it_costs(shop: Project) -> None:
    plan = shop.run("plan", "order.yaml", "--json").json
    told = plan["routes"]["sms"]["gateways"]
    assert {name: (one["recipients"], one["cost"]) for name, one in told.items()} == {
        "first": (1, {"GBP": "0.07"}),
        "second": (1, {"GBP": "0.03"}),
    }
    assert plan["most"] == {"GBP": "0.12"}
    shown = shop.run("plan", "order.yaml").out
    assert "route main (first, second)" in shown
    assert "at most" in shown
    assert "0.12 GBP, if dearer gateways of the route stand in" in shown


def test_each_message_goes_by_its_gateway_and_report_and_explain_tell_which(shop: Project) -> None:
    sent = shop.run("send", "order.yaml", "--yes", "--json")
    assert sent.status == 0, sent.err
    assert sent.json["attempts_by_gateway"] == [
        {
            "gateway": "first",
            "attempts": 1,
            "states": {"accepted": 1},
            "cost": {"GBP": "0.07"},
            "unpriced": 0,
        },
        {
            "gateway": "second",
            "attempts": 1,
            "states": {"accepted": 1},
            "cost": {"GBP": "0.03"},
            "unpriced": 0,
        },
    ]
    assert shop.run("report", "--json").json["attempts_by_gateway"] == sent.json["attempts_by_gateway"]
    assert "second" in shop.run("report").out
    (message,) = shop.run("explain", ANN, "--json").json["messages"]
    assert message["route"] == ["planned to go by second: route main, cheapest"]
    assert shop.run("ledger", "check").status == 0


def test_messages_of_a_gateway_without_a_known_price_are_not_said_to_cost_nothing(shop: Project) -> None:
    shop.write("a2pcli.yaml", SETTINGS.replace("cheapest", "order"))
    shop.write("rates.csv", RATES.replace("first,GB,part,0.04,GBP\n", ""))
    assert shop.run("send", "order.yaml", "--yes").status == 0
    first, second = shop.run("report", "--json").json["attempts_by_gateway"]
    assert (first["cost"], first["unpriced"], second["unpriced"]) == ({"GBP": "0.07"}, 1, 0)
    assert "first 2 2 0 0 0.07 GBP + 1 unpriced" in " ".join(shop.run("report").out.split())


def test_the_counts_by_gateway_stay_when_the_people_are_removed(shop: Project) -> None:
    """Of the older of two occurrences no row is kept."""
    sent = [
        shop.run("send", "order.yaml", "--yes", "--json", "--occurrence", name).json
        for name in ("march", "april")
    ]
    with (shop.folder / "a2pcli.yaml").open("a") as settings:
        settings.write("retention: {default: 1 year}\n")
    aged(shop, 500)
    pruned = shop.run("prune", "--yes", "--json").json
    assert [one["what"] for one in pruned["runs"]] == ["people", "people"]
    for one in sent:
        report = shop.run("report", one["run"], "--json").json
        assert report["attempts_by_gateway"] == one["attempts_by_gateway"]
    assert shop.run("ledger", "check").status == 0


def test_people_who_opted_out_of_the_sender_of_any_gateway_of_the_route_get_nothing(shop: Project) -> None:
    assert shop.run("optout", "add", ANN, "--sender", "gateway first").status == 0
    plan = shop.run("plan", "order.yaml", "--json").json
    assert (plan["recipients"], plan["excluded"]) == (1, {"opted-out": 1})


def test_a_route_that_has_no_gateway_for_a_country_of_the_campaign_is_told_at_its_place(
    shop: Project,
) -> None:
    shop.write("a2pcli.yaml", SETTINGS.replace("{cheapest: [first, second]}", "{countries: {GB: first}}"))
    shop.write("order.yaml", CAMPAIGN + "countries: [GB, DE]\n")
    done = shop.run("check", "order.yaml")
    assert done.status == 3
    assert "order.yaml:5:10: the route 'main' has no gateway for DE" in done.out + done.err


def test_the_routes_of_the_documentation_load(shop: Project) -> None:
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
    routes = page.split("```yaml\n")[1].split("```")[0]
    shop.write("a2pcli.yaml", SETTINGS.split("routes:")[0] + routes)
    for name in ("main", "by-price", "in-shares", "by-country"):
        shop.write("order.yaml", CAMPAIGN.replace("gateway: main", f"gateway: {name}"))
        assert shop.run("plan", "order.yaml").status == 0, name
    told = {one["name"]: one["rules_in_words"] for one in shop.run("gateways", "--json").json["routes"]}
    assert told["by-country"]["+4477"] == "second, then first"
