"""``check`` and ``schema`` know events.yaml, replies.yaml and surveys."""

from __future__ import annotations

import pytest
import yaml
from clikit import Project
from jsonschema import Draft7Validator

CAMPAIGN = """\
name: order
objective: Tell people that their order was paid
purpose: transactional
contacts: sample.csv
sender: Shop
message: "Hi {{ first_name }}, order {{ order }} is paid."
"""
EVENTS = """\
events:
  paid:
    campaign: order.yaml
    map: {phone: customer.phone, order: id}
  gone: {campaign: nowhere.yaml, map: {phone: p}}
  odd:
    campaign: order.yaml
    key: "id[["
    expires: soon
    map: {phone: p, first_name: f, order: o}
  shop: {campaign: order.yaml, source: shopify, secret: "${SHOP_SECRET}"}
"""
REPLIES = """\
rules:
  hours: {keyword: hours, answer: "We open {{ at "}
"""
GOOD = """\
events:
  paid:
    campaign: order.yaml
    digest: 10 mins
    map: {phone: phone, first_name: name, order: id, events: id}
  shop: {campaign: order.yaml, source: shopify, secret: ["${A}", "${B}"]}
  many: {campaign: order.yaml, digest: {every: 1 h, key: id}, map: {phone: p, order: o, first_name: f, events: x}}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("sample.csv", "phone,first_name,order\n07911123456,Ann,7\n")
    project.write("order.yaml", CAMPAIGN)
    project.write("events.yaml", EVENTS)
    return project


def test_every_problem_of_events_and_replies_is_told_at_its_place(shop: Project) -> None:
    shop.write("replies.yaml", REPLIES)
    ran = shop.run("check")
    assert ran.status == 3
    found = [line.partition(" (")[0] for line in ran.err.splitlines()]
    assert found == [
        "events.yaml:5:20: nowhere.yaml: no such file",
        "events.yaml:9:14: 'soon' is not a time from 1 s to 31 days",
        "events.yaml:11:58: warning: the environment variable SHOP_SECRET is not set",
        "order.yaml:6:17: unknown column 'first_name', for the event 'paid'",
        "replies.yaml:2:44: unexpected end of template, expected '}}'",
        "1 campaign, events.yaml and replies.yaml checked: 4 errors, 1 warning",
    ]
    shop.write("events.yaml", EVENTS.replace("soon", "1 h"))
    assert "events.yaml:8:10: not a JMESPath expression" in shop.run("check", "events.yaml").err
    assert not (shop.folder / ".a2pcli").exists()


def test_good_events_pass_and_folders_with_them_are_checked(shop: Project) -> None:
    shop.write("events.yaml", GOOD)
    environ = {"A": "hush-hush-hush", "B": "hush-hush-hush"}
    ran = shop.run("check", ".", "--strict", **environ)
    assert (ran.status, ran.err.splitlines()[-1]) == (
        0, "1 campaign and events.yaml checked: 0 errors, 0 warnings"
    ), ran.err  # fmt: skip


@pytest.mark.parametrize("kind", ["events", "survey", "replies"])
def test_the_schema_of_each_file_is_one(shop: Project, kind: str) -> None:
    Draft7Validator.check_schema(shop.run("schema", kind).json)


def test_the_schema_of_events_takes_what_is_right_and_nothing_else(shop: Project) -> None:
    schema = Draft7Validator(shop.run("schema", "events").json)
    assert list(schema.iter_errors(yaml.safe_load(GOOD))) == []
    for wrong in ("campaign: 1\n    colour: red", "map: {}\n    source: shopware", "digest: [1]"):
        text = f"events:\n  paid:\n    {wrong}\n"
        assert list(schema.iter_errors(yaml.safe_load(text))), wrong
