"""Quotas at the command line: said before anything is sent, kept, and told at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project

GATEWAY = (
    "gateway: prov\ngateways:\n  prov: {{type: simulator, latency: {{median: 0, p95: 0}}, quota: {quota}}}\n"
)
CAMPAIGN = (
    "name: sale\nobjective: Try quotas\npurpose: transactional\ncontacts: {file: people.csv, region: GB}\n"
    "message: Your parcel arrives today.\n"
)


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("people.csv", "phone\n" + "".join(f"+4479111{n:05}\n" for n in range(30)))
    made.write("sale.yaml", CAMPAIGN)
    return made


def test_a_plan_says_what_a_quota_leaves_and_when_it_ends(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAY.format(quota="20/24h"))
    told = shop.run("plan", "sale.yaml")
    assert told.status == 0
    assert "has room for 20 of 30 messages at the start; the others wait, the last until about" in told.err
    assert "20/24h of gateway prov: 0 used, 20 left" in told.out
    assert "24 h" in told.out
    assert "(20/24h)" in told.out
    capacity = shop.run("plan", "sale.yaml", "--json").json["capacity"]
    assert capacity["quotas"][0]["left"] == 20
    assert capacity["finishes_at"] is not None


def test_what_a_quota_has_no_room_for_waits_and_other_campaigns_see_it(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAY.format(quota="[20/24h, 1000/min]"))
    sent = shop.run("send", "sale.yaml", "--yes")
    assert sent.status == 0
    assert "10 messages wait until" in sent.out
    assert "(quota of 20/24h of gateway prov)" in sent.out
    again = shop.run("send", "sale.yaml", "--yes")
    assert "note: the quota of 20/24h of gateway prov has room for 0 more now" in again.err
    shop.write("other.yaml", CAMPAIGN.replace("sale", "other"))
    other = shop.run("plan", "other.yaml")
    assert "20/24h of gateway prov: 20 used, 0 left" in other.out
    assert "10 messages of other runs use the same quota" in other.out


@pytest.mark.parametrize("quota", ["fast", "[]", "10/day in Londn", "[10/h, nothing]", "{day: 7}"])
def test_a_wrong_quota_is_told_with_its_place(shop: Project, quota: str) -> None:
    shop.write("a2pcli.yaml", GATEWAY.format(quota=quota))
    told = shop.run("plan", "sale.yaml")
    assert told.status == 3
    assert "a2pcli.yaml:3:" in told.err
    assert "Traceback" not in told.err


def test_a_senders_quota_is_kept_over_campaigns(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAY.format(quota="1000/min") + "senders:\n  ACME: {quota: 8/24h}\n")
    shop.write("sale.yaml", CAMPAIGN + "sender: ACME\n")
    told = shop.run("plan", "sale.yaml")
    assert "8/24h of sender ACME: 0 used, 8 left" in told.out
    sent = shop.run("send", "sale.yaml", "--yes")
    assert "22 messages wait until" in sent.out
    assert "(quota of 8/24h of sender ACME)" in sent.out


def test_a_quota_of_a_later_channel_does_not_bind_those_who_go_by_the_first(tmp_path: Path) -> None:
    shop = Project(tmp_path)
    shop.write(
        "people.csv", "phone,email\n" + "".join(f"+4479111234{n},p{n}@example.org\n" for n in range(10, 40))
    )
    shop.write(
        "a2pcli.yaml",
        "region: GB\ngateways:\n  mail: {type: outbox}\n  text: {type: simulator, quota: 20/day}\n",
    )
    shop.write(
        "order.yaml",
        "name: order\nobjective: Tell people\npurpose: transactional\ncontacts: people.csv\n"
        "channels: {email: {gateway: mail, sender: a@example.org}, sms: {gateway: text, sender: ACME}}\n"
        "message: On its way\nemail: {subject: Order}\nwaive: {no-reply: a test}\n",
    )
    plan = shop.run("plan", "order.yaml")
    assert plan.status == 0, plan.err
    assert "has room for" not in plan.err
    shop.write(
        "order.yaml",
        (tmp_path / "order.yaml")
        .read_text()
        .replace(
            "{email: {gateway: mail, sender: a@example.org}, sms: {gateway: text, sender: ACME}}",
            "{sms: {gateway: text, sender: ACME}, email: {gateway: mail, sender: a@example.org}}",
        ),
    )
    assert "has room for 20 of 30 messages" in shop.run("plan", "order.yaml").err


def test_test_messages_count_in_the_quotas_of_account_and_sender(shop: Project) -> None:
    shop.write(
        "a2pcli.yaml",
        GATEWAY.format(quota="20/24h") + 'senders:\n  "+447700900000": {quota: 10/day}\n',
    )
    shop.write("sale.yaml", CAMPAIGN + 'sender: "+447700900000"\n')
    assert shop.run("send", "sale.yaml", "--test-to", "07911123456", "--yes").status == 0
    assert shop.run("gateways", "test", "prov", "--to", "+447911123456", "--yes").status == 0
    told = shop.run("plan", "sale.yaml").out
    assert "20/24h of gateway prov: 2 used, 18 left" in told
    assert "10/day of sender +447700900000: 1 used, 9 left" in told
    assert shop.run("send", "sale.yaml", "--yes").status == 0
    again = shop.run("plan", "sale.yaml").out
    assert "20/24h of gateway prov: 11 used, 9 left" in again


def test_a_test_that_was_not_sent_counts_nowhere(shop: Project) -> None:
    block = GATEWAY.format(quota="20/24h").replace("simulator,", "simulator, down: true,")
    shop.write("a2pcli.yaml", block)
    shop.run("send", "sale.yaml", "--test-to", "07911123456", "--yes")
    shop.run("gateways", "test", "prov", "--to", "+447911123456", "--yes")
    assert "20/24h of gateway prov: 0 used, 20 left" in shop.run("plan", "sale.yaml").out


def test_gateways_lists_quotas(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAY.format(quota='[1000/min, "10,000/day"]'))
    assert "1000/min and 10,000/day" in shop.run("gateways", COLUMNS="200").out
    (mine,) = [one for one in shop.run("gateways", "--json").json["gateways"] if one["name"] == "prov"]
    assert mine["quotas"] == ["1000/min", "10,000/day"]


ROUTE = """\
region: GB
gateways:
  a: {{type: simulator, account: "1", latency: {{median: 0, p95: 0}}, quota: 20/day}}
  b: {{type: simulator, seed: "2", latency: {{median: 0, p95: 0}}}}
  mail: {{type: simulator, account: "{account}", latency: {{median: 0, p95: 0}}{mail}}}
routes: {{main: {route}}}
"""


def by_gateway(shop: Project) -> dict[tuple[str, str, str | None], int]:
    asked = "SELECT coalesce(gateway, 'a') AS gateway, state, reason, count(*) AS n FROM attempts GROUP BY 1, 2, 3"
    rows = shop.run("ledger", "query", asked, "--json").json["rows"]
    return {(gateway, state, reason): many for gateway, state, reason, many in rows}


def test_where_no_other_gateway_of_a_route_may_stand_in_messages_wait_for_the_quota(shop: Project) -> None:
    """It says so, instead of blaming the gateway, and a raised quota sends them at once."""
    shop.write("a2pcli.yaml", ROUTE.format(route="{countries: {GB: a, GG: a, other: b}}", account=3, mail=""))
    shop.write("sale.yaml", CAMPAIGN + "gateway: main\n")
    sent = shop.run("send", "sale.yaml", "--yes")
    assert sent.status == 0, sent.err
    assert "10 messages wait for a quota, the first until" in sent.out
    assert "did not accept" not in sent.out + sent.err
    assert by_gateway(shop) == {("a", "accepted", None): 20, ("a", "planned", "quota"): 10}
    again = shop.run("send", "sale.yaml", "--yes")
    assert "room for 0 more now" in again.err
    assert by_gateway(shop) == {("a", "accepted", None): 20, ("a", "planned", "quota"): 10}
    settings = (shop.folder / "a2pcli.yaml").read_text().replace("20/day", "100/day")
    shop.write("a2pcli.yaml", settings)
    raised = shop.run("send", "sale.yaml", "--yes")
    assert raised.status == 0, raised.err
    assert "room for" not in raised.err
    assert by_gateway(shop)["a", "accepted", None] == 30


@pytest.mark.parametrize(
    ("account", "mail", "told", "used"),
    [
        (1, "", "quota of 20/day of gateway mail has room for 20 of 60 messages", {"a", "mail"}),
        (3, ", quota: 20/day", "quota of 20/day of gateway mail has room for 20 of 30 messages", {"mail"}),
    ],
    ids=["the account of a gateway of the route", "an account of its own"],
)
def test_the_quota_of_a_channels_gateway_beside_a_route_is_kept(
    tmp_path: Path, account: int, mail: str, told: str, used: set[str]
) -> None:
    """It binds the channel, and the route's gateways of the same account; the others stand in."""
    shop = Project(tmp_path)
    phones = "".join(f"+4479111{n:05},\n" for n in range(30))
    shop.write("people.csv", "phone,email\n" + phones + "".join(f",p{n}@example.org\n" for n in range(30)))
    shop.write("a2pcli.yaml", ROUTE.format(route="{order: [a, b]}", account=account, mail=mail))
    shop.write(
        "sale.yaml",
        CAMPAIGN + "email: {subject: Parcel}\nwaive: {no-reply: a test}\n"
        "channels: {email: {gateway: mail, sender: a@example.org}, sms: {gateway: main, sender: ACME}}\n",
    )
    plan = shop.run("plan", "sale.yaml")
    assert plan.status == 0, plan.err
    assert told in plan.err
    assert shop.run("plan", "sale.yaml", "--json").json["capacity"]["finishes_at"] is not None
    sent = shop.run("send", "sale.yaml", "--yes")
    assert sent.status == 0, sent.err
    assert "wait for a quota" in sent.out
    found = by_gateway(shop)
    assert sum(many for (name, state, _), many in found.items() if state == "accepted" and name in used) == 20
    assert {(state, why) for name, state, why in found if state != "accepted"} == {("planned", "quota")}
    assert {name for name, state, _ in found if state == "planned"} == {"mail"}
    assert sum(many for (name, state, _), many in found.items() if name in "ab") == 30


def test_a_quota_that_other_runs_will_need_too_is_said_before_the_first_is_sent(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAY.format(quota="50/day").replace("simulator,", "simulator, down: true,"))
    assert shop.run("send", "sale.yaml", "--yes").status == 5
    shop.write("other.yaml", CAMPAIGN.replace("sale", "other"))
    told = shop.run("plan", "other.yaml").err
    assert "50/day of gateway prov has room for 50 messages at the start" in told
    assert "30 of this plan and up to 30 of other runs need it" in told
