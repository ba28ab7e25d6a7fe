"""The JSON Schema that editors use says the same as the loader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.config.schema import json_schema, schema_text
from a2pcli.config.settings import Settings
from a2pcli.errors import InvalidInput

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "a2pcli" / "actions" / "starter"

CAMPAIGNS = [
    *(path for path in sorted((ROOT / "campaigns").glob("*.yaml")) if path.name != "a2pcli.yaml"),
    STARTER / "campaigns" / "welcome.yaml",
    Path(__file__).parent / "full_campaign.yaml",
]
SETTINGS = [ROOT / "campaigns" / "a2pcli.yaml", STARTER / "a2pcli.yaml"]


class EditorLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: no dates, no ``yes`` and ``no``."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


EditorLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(true|false|True|False|TRUE|FALSE)$"), list("tfTF")
)
EditorLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))
EditorLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)$"), list("-+.0123456789")
)
EditorLoader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile("(~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)

VALIDATORS = {kind: Draft7Validator(json_schema(kind)) for kind in ("campaign", "settings")}  # type: ignore[arg-type]


def fits(kind: str, text: str) -> bool:
    return bool(VALIDATORS[kind].is_valid(yaml.load(text, Loader=EditorLoader)))


def loads(kind: str, text: str, folder: Path) -> bool:
    file = folder / ("campaign.yaml" if kind == "campaign" else "a2pcli.yaml")
    file.write_text(text, encoding="utf-8")
    try:
        load_campaign(file) if kind == "campaign" else load_settings(file)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("kind", ["campaign", "settings"])
def test_the_schema_is_a_schema(kind: Any) -> None:
    Draft7Validator.check_schema(json_schema(kind))


@pytest.mark.parametrize("path", CAMPAIGNS, ids=lambda path: path.name)
def test_every_campaign_that_is_shipped_loads_and_fits_the_schema(path: Path) -> None:
    load_campaign(path)
    assert fits("campaign", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.parent.name)
def test_the_settings_that_are_shipped_load_and_fit_the_schema(path: Path) -> None:
    load_settings(path)
    assert fits("settings", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [*CAMPAIGNS, *SETTINGS], ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_file_that_is_shipped_names_its_schema_for_editors(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    kind = "settings" if path.name == "a2pcli.yaml" else "campaign"
    assert re.fullmatch(rf"# yaml-language-server: \$schema=(\.\./)?\.schema/{kind}\.json", first)


@pytest.mark.parametrize("kind", ["campaign", "settings"])
def test_the_schemas_beside_the_campaigns_are_up_to_date(kind: Any) -> None:
    """Where this fails: a2pcli schema campaign --out campaigns/.schema/campaign.json, and settings likewise."""
    assert (ROOT / "campaigns" / ".schema" / f"{kind}.json").read_text(encoding="utf-8") == schema_text(kind)


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.parent.name)
def test_the_settings_that_are_shipped_explain_every_key(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for key in Settings.model_fields:
        assert re.search(rf"^(# )?{key}:", text, re.MULTILINE), key


def broken(file: str) -> list[Any]:
    cases = []
    for case in (Path(__file__).parent / file).read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, rest = case.split("\n", 1)
        cases.append(pytest.param(re.split(r"^-->\n", rest, flags=re.MULTILINE)[0], id=name))
    return cases


SEEN_BY_THE_LOADER_ALONE = {
    # Not a matter of shape: calendars, zones, currencies, several keys at once, the same key twice.
    "duplicate-key", "duplicate-key-inside", "moment-not-in-the-calendar", "moment-at-hour-25",
    "moment-that-the-clocks-skip", "expires-before-it-starts", "expires-before-it-starts-in-utc",
    "zone-misspelt", "zone-a-city", "zone-of-the-recipient-where-none-is-known",
    "frequencies-one-of-which-is-none",
    "hours-of-what-is-never-held",
    "recipients-time-with-an-end-before-its-start", "region-uk", "locale-unknown",
    "cost-in-a-currency-that-is-none", "rate-with-a-strange-unit", "rate-zero", "media-by-sms",
    "sender-number-without-plus", "sender-number-too-short", "sender-without-a-letter", "delimiter-of-two-characters",
    "encoding-unknown", "refuse-below-warn", "warn-above-the-default", "gateway-without-type",
    "gateway-type-as-a-list", "gateway-pace", "gateway-folder", "gateway-named-twice",
    "route-of-the-cheapest-without-prices",
    "sender-by-a-region-that-is-none", "missing-in-a-variant",
}  # fmt: skip


def test_what_the_loader_refuses_for_its_shape_the_schema_refuses_too() -> None:
    seen = set()
    for kind, file in (("campaign", "broken_campaigns.txt"), ("settings", "broken_settings.txt")):
        for case in broken(file):
            try:
                fitting = fits(kind, case.values[0])
            except (yaml.YAMLError, TypeError, ValueError):
                continue  # not even YAML
            if fitting:
                seen.add(case.id)
    assert seen == SEEN_BY_THE_LOADER_ALONE


BASE = "name: a\nobjective: b\npurpose: otp\ncontacts: c.csv\nmessage: d\n"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("campaign", BASE + "sender: 60155\n"),
        ("campaign", BASE + "sender: +447700900123\n"),
        ("campaign", BASE + "sender: [ACME, 60155]\n"),
        ("campaign", BASE + "sender: {US: ['+14155550100', 60155], default: ACME}\n"),
        ("campaign", BASE + "waive: {shortener: our own}\ndlt: {template: 1107, text: 'Hi {#var#}'}\n"),
        ("settings", "rules: {all-caps: off, shortener: error}\n"),
        (
            "settings",
            "senders: {'+14155550100': {registrations: {10dlc: C1}, rate: 1/s}, ACME: {countries: [gb]}}\n",
        ),
        ("campaign", BASE + "smart: yes\nlocale: fr\n"),
        ("campaign", BASE + "where: true\n"),
        ("campaign", BASE + "occurrence: 2026\n"),
        ("campaign", BASE + "limits: {parts: 3, recipients: '10', rate: 0.5/s}\n"),
        ("campaign", BASE + "schedule: {not_before: 2026-03-01 09:00, expires: 2026-03-02T09:00:00Z}\n"),
        ("campaign", BASE + "holdout: 12.5%\nlimits: {cost: EUR 10}\n"),
        ("campaign", BASE + "channel: mms\nmedia: [https://acme.example/a.jpg]\n"),
        ("campaign", BASE.replace("c.csv", "{file: c.csv, columns: {phone: 2}, region: gb, sheet: 1}")),
        ("campaign", BASE.replace("message: d", "variants: {a: {message: 1, weight: 2}, b: {message: x}}")),
        ("campaign", BASE.replace("name: a", "name: 2026")),
        ("settings", "{}"),
        ("settings", "parts: {warn: 2}\nnumbers: {allow_fictional: on}\n"),
        ("settings", "gateways: {a: {type: http, rate: 5, url: x}}\n".replace("rate: 5, ", "")),
    ],
)
def test_what_the_loader_takes_the_schema_takes_too(kind: str, text: str, tmp_path: Path) -> None:
    assert loads(kind, text, tmp_path)
    assert fits(kind, text)
