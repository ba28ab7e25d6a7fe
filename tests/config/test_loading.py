"""Campaigns and settings that are right: what they mean once read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from a2pcli.config.campaign import Campaign, ContactsSource
from a2pcli.config.load import (
    at_gateway_key,
    gateway_pace,
    gateway_settings,
    ledger_url,
    load_campaign,
    load_settings,
    occurrence_of,
    parse_rate,
    parse_share,
)
from a2pcli.errors import InvalidInput, Problem

HERE = Path(__file__).parent

CAMPAIGN = """\
name: spring-sale
objective: Gold customers try the spring collection
purpose: marketing
contacts: people.csv
message: Hi
"""


def campaign(tmp_path: Path, extra: str = "", text: str = CAMPAIGN) -> Campaign:
    file = tmp_path / "campaign.yaml"
    file.write_text(text + extra, encoding="utf-8")
    return load_campaign(file).campaign


def test_a_campaign_with_every_key_is_read_as_written() -> None:
    loaded = load_campaign(HERE / "full_campaign.yaml")
    read = loaded.campaign
    assert loaded.folder == HERE
    assert isinstance(read.contacts, ContactsSource)
    assert read.contacts.columns == {"phone": "Mobile No.", "first_name": "First name"}
    assert read.variants is not None
    assert {name: arm.weight for name, arm in read.variants.items()} == {"a": 2, "b": 1}
    assert read.variants["a"].message.startswith("Hi {{ first_name")
    assert read.variants["a"].message.endswith("opt out")
    assert read.variants["b"].message == "Hello ’ there"
    assert read.limits.cost == "50 GBP"
    assert read.schedule.starts_at == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_contacts_have_one_long_form(tmp_path: Path) -> None:
    assert campaign(tmp_path).source == ContactsSource(file="people.csv")


def test_a_message_keeps_its_first_spaces_and_loses_its_last_line_end(tmp_path: Path) -> None:
    text = CAMPAIGN.replace("message: Hi\n", "message: |2\n    Hi\n\n")
    assert campaign(tmp_path, text=text).message == "  Hi"


@pytest.mark.parametrize(
    ("typed", "sender"),
    [
        ("ACME", "ACME"),
        ("+44 7700 900-123", "+447700900123"),
        ("60155", "60155"),
        ("007", "007"),
        ("Tom & Co", "Tom & Co"),
        ("NO", "NO"),
        ("4U", "4U"),
    ],
)
def test_senders_are_numbers_short_codes_or_names(tmp_path: Path, typed: str, sender: str) -> None:
    assert campaign(tmp_path, f"sender: {typed}\n").sender == sender


@pytest.mark.parametrize(
    ("typed", "smart"), [("yes", True), ("On", True), ("TRUE", True), ("no", False), ("off", False)]
)
def test_truth_is_written_the_yaml_way(tmp_path: Path, typed: str, smart: bool) -> None:
    assert campaign(tmp_path, f"smart: {typed}\n").smart is smart


@pytest.mark.parametrize(
    ("typed", "delimiter"), [("tab", "\t"), ("';'", ";"), ("semicolon", ";"), ('"\\t"', "\t"), ("'|'", "|")]
)
def test_delimiters_have_names(tmp_path: Path, typed: str, delimiter: str) -> None:
    text = CAMPAIGN.replace("people.csv", f"{{file: people.csv, delimiter: {typed}}}")
    assert campaign(tmp_path, text=text).source.delimiter == delimiter


@pytest.mark.parametrize(
    ("typed", "zone", "utc"),
    [
        ("2026-03-01 09:00", "Europe/London", "2026-03-01T09:00"),
        ("2026-07-01 9:00", "Europe/London", "2026-07-01T08:00"),
        ("2026-07-01T09:00:30", "UTC", "2026-07-01T09:00:30"),
        ("2026-07-01 09:00+02:00", "America/New_York", "2026-07-01T07:00"),
        ("2026-07-01 09:00Z", "Asia/Tokyo", "2026-07-01T09:00"),
    ],
)
def test_moments_are_read_in_the_schedules_zone_unless_they_have_an_offset(
    tmp_path: Path, typed: str, zone: str, utc: str
) -> None:
    read = campaign(tmp_path, f"schedule: {{not_before: {typed}, timezone: {zone}}}\n")
    assert read.schedule.starts_at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_an_hour_that_comes_twice_never_starts_early_nor_ends_late(tmp_path: Path) -> None:
    """On 25 October 2026 London's clocks show 01:30 at 00:30 UTC and again at 01:30 UTC."""
    read = campaign(tmp_path, "schedule: {not_before: 2026-10-25 01:30, timezone: Europe/London}\n")
    assert read.schedule.starts_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    read = campaign(tmp_path, "schedule: {expires: 2026-10-25 01:30, timezone: Europe/London}\n")
    assert read.schedule.ends_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "zone"),
    [("europe/london", "Europe/London"), ("utc", "UTC"), ("America/New York", "America/New_York")],
)
def test_zones_are_found_whatever_their_case_and_spaces(tmp_path: Path, typed: str, zone: str) -> None:
    assert campaign(tmp_path, f"schedule: {{timezone: {typed}}}\n").schedule.timezone == zone


@pytest.mark.parametrize(
    ("typed", "occurrence"),
    [
        ("once", "once"),
        ("daily", "2027-01-01"),
        ("weekly", "2026-W53"),
        ("monthly", "2027-01"),
        ("yearly", "2027"),
        ("launch party", "launch party"),
    ],
)
def test_occurrences_name_the_day_week_month_or_year(tmp_path: Path, typed: str, occurrence: str) -> None:
    read = campaign(tmp_path, f"occurrence: {typed}\n")
    assert occurrence_of(read, date(2027, 1, 1)) == occurrence


@pytest.mark.parametrize(
    ("typed", "per_second", "unit"),
    [
        ("20/s", 20, "messages"),
        ("600/min", 10, "messages"),
        ("20 parts/s", 20, "parts"),
        ("1 message per second", 1, "messages"),
        ("3600 / hour", 1, "messages"),
        ("0.5/s", 0.5, "messages"),
        ("30 Parts per Minute", 0.5, "parts"),
    ],
)
def test_paces(typed: str, per_second: float, unit: str) -> None:
    rate = parse_rate(typed)
    assert (rate.per_second, rate.unit) == (per_second, unit)


@pytest.mark.parametrize("typed", ["20", "fast", "20/x", "-1/s", "0/s", "1e3/s", "20//s", "", "٣/s"])
def test_what_is_no_pace(typed: str) -> None:
    with pytest.raises(ValueError):
        parse_rate(typed)


def test_shares() -> None:
    assert [parse_share(typed) for typed in ("5%", "12.5 %", "0%")] == [0.05, 0.125, 0.0]


# Settings ---------------------------------------------------------------------------------------------


def test_settings_are_found_beside_the_campaign_before_above(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a2pcli.yaml").write_text("region: US\n")
    assert load_settings(inner / "campaign.yaml").settings.region == "US"
    assert load_settings(inner).folder.resolve() == tmp_path.resolve()
    (inner / "a2pcli.yml").write_text("region: gb\n")
    assert load_settings(inner / "campaign.yaml").settings.region == "GB"


def test_without_settings_the_defaults_hold_and_the_folder_is_the_campaigns(tmp_path: Path) -> None:
    loaded = load_settings(tmp_path / "campaign.yaml")
    if loaded.path is None:  # nothing above the temporary folder
        assert loaded.folder == tmp_path
        assert loaded.settings.gateway == "outbox"


def test_two_settings_files_side_by_side_are_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a2pcli.yaml").touch()
    Path("a2pcli.yml").touch()
    with pytest.raises(InvalidInput) as caught:
        load_settings(Path("campaign.yaml"))
    assert str(caught.value) == "a2pcli.yaml: is beside a2pcli.yml; keep only one of them (remove the other)"


GATEWAYS = """\
gateways:
  mine:
    type: http
    headers: {Authorization: "Bearer ${TOKEN}", X-Region: "${REGION:-eu}"}
    body:
      - "${FROM:-}"
      - "$${not}"
  twilio:
    rate: 10/s
"""


def test_the_environment_fills_a_gateways_block(tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text(GATEWAYS)
    loaded = load_settings(tmp_path)
    assert gateway_settings(loaded, "mine", {"TOKEN": "s3cret"}) == {
        "type": "http",
        "headers": {"Authorization": "Bearer s3cret", "X-Region": "eu"},
        "body": ["", "${not}"],
        "folder": loaded.folder,
    }
    assert gateway_settings(loaded, "twilio", {})["type"] == "twilio"


def test_a_missing_variable_is_told_at_its_line_and_only_when_the_gateway_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a2pcli.yaml").write_text(GATEWAYS)
    loaded = load_settings(Path())
    with pytest.raises(InvalidInput) as caught:
        gateway_settings(loaded, "mine", {})
    assert str(caught.value) == (
        "a2pcli.yaml:4:38: the environment variable TOKEN is not set (export TOKEN=..., or write TOKEN=... into "
        ".env beside the settings)"
    )


def test_a_gateways_pace_is_known_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text(GATEWAYS)
    loaded = load_settings(tmp_path)
    pace = gateway_pace(loaded, "twilio", {})
    assert pace is not None
    assert pace.per_second == 10
    assert gateway_pace(loaded, "mine", {}) is None
    assert gateway_pace(loaded, "outbox", {}) is None
    with pytest.raises(InvalidInput):
        gateway_pace(loaded, "nobody", {})


def test_outbox_and_console_work_without_being_configured(tmp_path: Path) -> None:
    loaded = load_settings(tmp_path)
    assert gateway_settings(loaded, "outbox") == {"type": "outbox", "folder": loaded.folder}
    assert gateway_settings(loaded, "console")["type"] == "console"


def test_an_unknown_gateway_is_told_with_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a2pcli.yaml").write_text(GATEWAYS)
    with pytest.raises(InvalidInput) as caught:
        gateway_settings(load_settings(Path()), "twillio")
    assert str(caught.value) == (
        "a2pcli.yaml:2:3: no gateway 'twillio' in the settings (did you mean 'twilio'?)"
    )


def test_a_gateways_own_problem_is_placed_at_its_key(tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text(GATEWAYS)
    loaded = load_settings(tmp_path)
    placed = [
        at_gateway_key(loaded, Problem(f"gateways.{key}: wrong"))
        for key in ("mine.headers.X-Region", "mine.body.1", "mine.url", "twilio.(block)")
    ]
    assert [(problem.line, problem.column) for problem in placed] == [(4, 49), (7, 9), (2, 3), (8, 3)]


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        (".a2pcli/ledger.db", "{here}/.a2pcli/ledger.db"),
        ("/var/lib/led ger.db", "/var/lib/led ger.db"),
        ("sqlite:///x.db", "{here}/x.db"),
        ("postgres://u:p@host/db", "postgresql+psycopg://u:p@host/db"),
        ("postgresql://u:${PW}@host/db?sslmode=require", "postgresql+psycopg://u:x@host/db?sslmode=require"),
    ],
)
def test_ledger_urls(tmp_path: Path, typed: str, url: str) -> None:
    (tmp_path / "a2pcli.yaml").write_text(f"ledger: {typed}\n")
    assert ledger_url(load_settings(tmp_path), {"PW": "x"}) == url.format(here=tmp_path)


def test_a_ledger_in_a_database_that_is_not_supported_is_told_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a2pcli.yaml").write_text("ledger: mysql://host/db\n")
    with pytest.raises(InvalidInput) as caught:
        ledger_url(load_settings(Path()))
    assert str(caught.value) == (
        "a2pcli.yaml:1:9: the ledger cannot be a mysql database (a file's path, or postgresql://...)"
    )
