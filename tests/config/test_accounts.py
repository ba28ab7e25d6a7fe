"""Gateways of one account share its pace, whatever the settings call them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from a2pcli.config import accounts
from a2pcli.config.accounts import account_findings, account_pace
from a2pcli.config.load import LoadedSettings, load_settings
from a2pcli.config.values import Rate
from a2pcli.gateways.registry import BUILT_IN

SID = "AC" + "0" * 32
URL = "https://api.example/v1/messages"
SECRET = "s3cret-token"


def loaded(tmp_path: Path, blocks: dict[str, object]) -> LoadedSettings:
    plain = json.loads(json.dumps({"gateways": blocks}))  # the same value twice would become an alias
    (tmp_path / "a2pcli.yaml").write_text(yaml.safe_dump(plain))
    (tmp_path / "campaign.yaml").write_text("")
    return load_settings(tmp_path / "campaign.yaml")


def twilio(**more: object) -> dict[str, object]:
    return {"type": "twilio", "account_sid": SID, "auth_token": "${TOKEN}", **more}


def http(**more: object) -> dict[str, object]:
    return {"type": "http", "url": URL, "json": {"to": "{{ to }}"}, **more}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (twilio(), twilio(sender="ACME", concurrency=3)),
        (twilio(), twilio(messaging_service_sid="MG" + "1" * 32)),
        (twilio(account_sid="${SID}"), twilio(account_sid="${SID}")),
        (twilio(account_sid="${SET_SID}"), twilio()),
        (twilio(account_sid="${NOT_SET:-" + SID + "}"), twilio()),
        (http(), http()),
        (http(), http(url="https://API.example:443/v1/messages/")),
        (http(), http(json={"to": "{{ to }}", "flash": "yes"})),
        (http(auth={"bearer": "${TOKEN}"}), http(auth={"bearer": "${TOKEN}"}, batch=1)),
        (
            http(auth={"basic": {"username": "me", "password": "a"}}),
            http(auth={"basic": {"username": "me", "password": "b"}}),
        ),
        (http(headers={"X-Api-Key": "1"}), http(headers={"x-api-key": "1", "Accept": "*/*"})),
        ({"type": "pigeon", "loft": "1"}, {"type": "pigeon", "loft": "1", "timeout": "3"}),
        ({"type": "vonage", "api_key": "k"}, {"type": "vonage", "api_key": "k", "api": "messages"}),
        (
            {"type": "infobip", "base_url": URL, "api_key": "k"},
            {"type": "infobip", "base_url": URL, "api_key": "k", "batch": "7", "status_callback": URL},
        ),
    ],
)
def test_blocks_of_one_account_are_bound_by_its_lowest_pace(
    tmp_path: Path, one: dict[str, object], other: dict[str, object]
) -> None:
    blocks = {"a": {**one, "rate": "3/s"}, "b": {**other, "rate": "10/s"}, "c": other}
    settings = loaded(tmp_path, blocks)
    found = [account_pace(settings, name, {"SET_SID": SID}) for name in blocks]
    assert {pace.key for pace in found} == {found[0].key}
    assert [pace.rates for pace in found] == [(Rate(3, "messages"),)] * 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (twilio(), twilio(account_sid="AC" + "1" * 32)),
        (twilio(), {**http(), "url": "https://api.twilio.com/"}),
        (http(), http(url="https://api.example/v1/other")),
        (http(), http(url="https://other.example/v1/messages")),
        (http(auth={"bearer": "a"}), http(auth={"bearer": "b"})),
        (http(auth={"bearer": "${ONE}"}), http(auth={"bearer": "${TWO}"})),
        (http(url=URL + "?api_key=1"), http(url=URL + "?api_key=2")),
        (http(json={"auth": {"user": "a"}}), http(json={"auth": {"user": "b"}})),
        ({"type": "pigeon", "loft": "1"}, {"type": "pigeon", "loft": "2"}),
    ],
)
def test_other_accounts_have_their_own(
    tmp_path: Path, one: dict[str, object], other: dict[str, object]
) -> None:
    settings = loaded(tmp_path, {"a": {**one, "rate": "3/s"}, "b": {**other, "rate": "10/s"}})
    first, second = account_pace(settings, "a", {}), account_pace(settings, "b", {})
    assert first.key != second.key
    assert (first.rates, second.rates) == ((Rate(3, "messages"),), (Rate(10, "messages"),))
    assert not list(account_findings(settings, "a"))


def test_a_pace_in_messages_and_one_in_parts_both_hold(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"a": twilio(rate="3/s"), "b": twilio(rate="5 parts/s")})
    assert account_pace(settings, "b", {}).rates == (Rate(3, "messages"), Rate(5, "parts"))


def test_check_says_which_pace_holds(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"a": twilio(rate="3/s"), "b": twilio(rate="10/s"), "c": twilio()})
    for name in "abc":
        (found,) = account_findings(settings, name)
        assert "a (3/s), b (10/s); 3/s holds for all of them together" in found.message
        assert (found.code, found.line is not None) == ("account-pace", True)
    same = loaded(tmp_path, {"a": twilio(rate="3/s"), "b": twilio(rate="180/min")})
    assert not list(account_findings(same, "a"))


def test_what_names_an_account_in_the_ledger_holds_no_secret(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"a": http(url=f"{URL}/{SECRET}", auth={"bearer": SECRET}, rate="3/s")})
    key = account_pace(settings, "a", {}).key
    assert key.startswith("account http api.example ")
    assert SECRET not in key
    assert len(key.split()[-1]) == 4


def test_a_gateway_without_a_block_has_no_pace(tmp_path: Path) -> None:
    assert account_pace(loaded(tmp_path, {}), "outbox", {}).rates == ()


def test_every_provider_with_an_account_says_what_identifies_it() -> None:
    ours = {name for name, (target, _) in BUILT_IN.items() if "providers." in target}
    assert set(accounts._ACCOUNT) == ours
    for name, keys in accounts._ACCOUNT.items():
        module, _, attribute = BUILT_IN[name][0].partition(":")
        model = getattr(import_module(module), attribute)
        block = getattr(model, "block_model", None)
        assert block is not None, name
        assert set(keys) <= set(block.model_fields), name


def test_quotas_of_an_account_are_those_of_all_its_blocks_of_each_kind_the_lowest(tmp_path: Path) -> None:
    blocks = {
        "a": twilio(quota=["80/s", "1000/min", "9k/day"]),
        "b": twilio(quota="5,000/day", rate="90/s"),
        "c": http(quota="1/day"),
    }
    settings = loaded(tmp_path, blocks)
    for name in ("a", "b"):
        pace = account_pace(settings, name)
        assert pace.rates == (Rate(80, "messages"),)
        assert [str(one) for one in pace.quotas] == ["1,000/min", "5,000/day"]
        assert set(pace.blocks) == {"a", "b"}
