"""The law as data, and what a project changes of it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from a2pcli.config.document import read_document
from a2pcli.config.examine import examine
from a2pcli.config.law import LawFile
from a2pcli.config.load import load_settings
from a2pcli.errors import InvalidInput
from a2pcli.rules.calendars import has_calendar
from a2pcli.rules.facts import HoursRule, Rule, SenderRule
from a2pcli.rules.law import Law, law_of

LAW = Law.load()
DATA = sorted(Path(str(files("a2pcli.rules").joinpath("data", "law"))).glob("*.yaml"))
EU = (
    *(
        "AT",
        "BE",
        "BG",
        "HR",
        "CY",
        "CZ",
        "DK",
        "EE",
        "FI",
        "FR",
        "DE",
        "GR",
        "HU",
        "IE",
        "IT",
        "LV",
        "LT",
        "LU",
    ),
    *("MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"),
)


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_the_packaged_data_is_sound(path: Path) -> None:
    """Through the loader that tells every problem with its line."""
    assert examine(read_document(path), LawFile, lambda _: iter(())).problems == ()


def test_no_rule_is_packaged_twice() -> None:
    ids = [
        rule for path in DATA for rule in examine(read_document(path), LawFile, lambda _: iter(())).sound.law
    ]
    assert len(ids) == len(set(ids)) == len(LAW.rules)


@pytest.mark.parametrize("rule", LAW.rules.values(), ids=lambda rule: rule.id)
def test_every_rule_says_what_from_where_and_how_sure(rule: Rule) -> None:
    assert rule.says.endswith(".")
    assert len(rule.says) > 20
    assert rule.source
    assert rule.confidence in ("H", "M", "L")
    assert rule.countries
    assert rule.reason is None
    assert re.fullmatch(r"[a-z][a-z0-9-]+", rule.id)
    if isinstance(rule, HoursRule) and rule.avoid_holidays:
        assert all(has_calendar(country) for country in rule.countries)


@pytest.mark.parametrize("country", EU)
def test_every_member_of_the_european_union_wants_provable_consent(country: str) -> None:
    rules = LAW.consent(country)
    assert [rule.id for rule in rules] == ["eu-consent"]
    assert rules[0].required
    assert rules[0].proof
    assert rules[0].soft_opt_in


def test_implied_consent_in_canada_lasts_24_and_6_months() -> None:
    assert LAW.consent("CA")[0].implied == (("purchase", 24), ("enquiry", 6))


@pytest.mark.parametrize("region", ["US-FL", "US-OK", "US-MD"])
def test_three_a_day_on_one_subject(region: str) -> None:
    cap = LAW.caps("US", (region,))[0]
    assert (cap.count, cap.seconds, cap.per) == (3, 86400, "subject")
    assert LAW.caps("US", ("US-TX",)) == ()


def test_what_a_message_must_say_differs_by_country() -> None:
    assert [rule.id for rule in LAW.copy("FR")] == ["eu-text", "fr-text"]
    pattern = LAW.copy("FR")[1].must_contain
    assert pattern is not None
    for good in ("STOP au 36180", "stop 36 180", "STOP SMS au 36111", "STOP=36180"):
        assert re.search(pattern, good, re.IGNORECASE), good
    for bad in ("STOP", "STOP au 31000", "au 36180"):
        assert not re.search(pattern, bad, re.IGNORECASE), bad
    assert LAW.copy("IN", (), "otp")[0].template
    assert [rule.id for rule in LAW.copy("BR")] == ["default-text"]
    assert LAW.copy("GB", (), "transactional") == ()


def test_every_rule_says_when_its_source_was_read() -> None:
    rules = {rule.id: rule for rule in LAW.rules.values()}
    assert {name for name, rule in rules.items() if rule.checked is None} == {"default-hours", "default-text"}


def test_switzerland_wants_the_sender_and_a_way_out_in_each_message() -> None:
    (rule,) = LAW.copy("CH")
    assert (rule.id, rule.optout, rule.identify) == ("ch-text", True, True)


def test_consent_in_brazil_has_to_be_proven_and_customers_may_be_told_of_similar_things() -> None:
    (rule,) = LAW.consent("BR")
    assert (rule.required, rule.soft_opt_in, rule.proof) == (True, True, True)
    assert "LGPD" in rule.source
    assert rule.checked is not None


def test_who_may_send_differs_by_country() -> None:
    assert [rule.alphanumeric for rule in LAW.senders("US")] == [None, False]
    assert [(rule.prefix, rule.suffix) for rule in LAW.senders("AE")] == [(None, None), ("AD-", None)]
    assert [(rule.prefix, rule.suffix) for rule in LAW.senders("SA")] == [(None, None), (None, "-AD")]
    assert [rule.id for rule in LAW.senders("SA", "otp")] == ["sender-name"]
    assert LAW.senders("SG")[1].registrations == ("ssir",)
    assert LAW.senders("IN")[1].registrations == ("dlt-entity", "dlt-header")


def test_words_that_mean_stop_are_those_of_the_regulator() -> None:
    words = LAW.revocation("US")[1].keywords
    assert words == ("stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe")


def project(folder: Path, text: str) -> Law:
    (folder / "a2pcli.yaml").write_text(text, encoding="utf-8")
    return law_of(load_settings(folder))


def refusals(folder: Path, text: str) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        project(folder, text)
    return [str(problem).partition("a2pcli.yaml:")[2] for problem in raised.value.problems]


def test_a_project_without_rules_of_its_own_has_the_packaged_law(tmp_path: Path) -> None:
    assert project(tmp_path, "region: GB\n") is LAW
    assert LAW.changed == ()


def test_a_rule_can_be_switched_off_with_the_reason(tmp_path: Path) -> None:
    law = project(tmp_path, "law:\n  us-wa-hours: {off: yes, reason: not for texts}\n")
    assert [window.rule for window in law.windows("US", ("US-WA",))] == ["us-federal-hours"]
    assert [(rule.id, rule.reason) for rule in law.changed] == [("us-wa-hours", "not for texts")]
    assert law.rule("us-wa-hours") is None


def test_a_default_can_leave_one_country_alone(tmp_path: Path) -> None:
    law = project(tmp_path, "law:\n  default-hours: {exempt: [DE], reason: no statutory hours}\n")
    assert law.windows("DE") == ()
    assert [window.rule for window in law.windows("ES")] == ["default-hours"]


def test_a_window_can_be_changed_and_the_rest_of_the_rule_stays(tmp_path: Path) -> None:
    law = project(
        tmp_path, "law:\n  fr-hours: {hours: {mon-sat: 08:00-22:00}, reason: our networks allow it}\n"
    )
    rule = law.rule("fr-hours")
    assert isinstance(rule, HoursRule)
    assert rule.week == (((28800, 79200),),) * 6 + ((),)
    assert rule.avoid_holidays
    assert rule.reason == "our networks allow it"
    assert [changed.id for changed in law.changed] == ["fr-hours"]


def test_a_senders_terms_are_changed_key_by_key(tmp_path: Path) -> None:
    law = project(tmp_path, "law:\n  ae-sender: {sender: {max_length: 8}, reason: our network}\n")
    rule = law.rule("ae-sender")
    assert isinstance(rule, SenderRule)
    assert (rule.max_length, rule.prefix) == (8, "AD-")


def test_a_project_adds_rules_of_its_own(tmp_path: Path) -> None:
    text = """\
law:
  house-cap:
    says: Nobody hears from us twice a day.
    source: House rule
    countries: [any]
    cap: 1 per day
  house-de-hours:
    says: In Germany we keep office hours.
    source: House rule
    countries: [de]
    hours: {mon-fri: "09:00-12:00, 13:00-17:00"}
    holidays: avoid
"""
    law = project(tmp_path, text)
    assert [(cap.id, cap.count, cap.seconds, cap.per) for cap in law.caps("JP")] == [
        ("house-cap", 1, 86400, "person")
    ]
    (window,) = law.windows("DE", ("DE-BY",))
    assert window.rule == "house-de-hours"
    assert window.closed_on == ("DE", "DE-BY")
    assert [rule.id for rule in law.changed] == ["house-cap", "house-de-hours"]


def test_the_rules_of_a_project_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "law.yaml").write_text(
        "law:\n  us-wa-hours: {off: yes, reason: not for texts}\n", encoding="utf-8"
    )
    law = project(tmp_path, "law: law.yaml\n")
    assert [rule.id for rule in law.switched_off] == ["us-wa-hours"]


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("us-ff-hours: {off: yes, reason: x}", ["2:3: no rule 'us-ff-hours' (did you mean 'us-fl-hours'?)"]),
        (
            "us-wa-hours: {off: yes}",
            ["2:3: 'reason' is missing (why the project changes a built-in rule; `explain` shows it)"],
        ),
        (
            "us-wa-hours: {off: yes, reason: x, hours: none}",
            ["2:38: a rule that is switched off cannot be changed"],
        ),
        (
            "us-fl-cap: {hours: none, reason: x}",
            ["2:15: 'us-fl-cap' is a rule of cap, not of hours (add a rule of your own)"],
        ),
        (
            "mine: {hours: 09:00-17:00, cap: 1 per day, says: x, source: y, countries: [FR]}",
            ["2:30: one rule cannot hold both hours and cap (make it two rules)"],
        ),
        (
            "mine: {hours: 09:00-17:00}",
            [
                "2:3: 'says' is missing (what the rule says, in a sentence)",
                "2:3: 'source' is missing (its source: a law, a contract, a decision of yours)",
                "2:3: 'countries' or 'regions' is missing (where it applies, like [FR]; or [any])",
            ],
        ),
        (
            "fr-hours: {hours: {mon-fri: 9-17}, reason: x}",
            ["2:21: '9-17' is not a window of hours (write it like 09:00-17:30, local time)"],
        ),
        (
            "fr-hours: {hours: {mon-fri: 09:00-17:00, fri: none}, reason: x}",
            ["2:21: fri is given twice (name each day once)"],
        ),
        (
            "us-fl-cap: {cap: often, reason: x}",
            ["2:20: 'often' is not a cap (write it like 3 per 24 hours per subject)"],
        ),
        (
            "us-fl-cap: {cap: 0 per day, reason: x}",
            ["2:20: '0 per day' would allow no messages (switch the campaign off instead)"],
        ),
        (
            "fr-hours: {countries: [France], reason: x}",
            ["2:26: 'France' is not a country (two letters of ISO 3166-1, like FR; or any)"],
        ),
        (
            "us-fl-hours: {regions: [FL], reason: x}",
            ["2:27: 'FL' is not a state or region (an ISO 3166-2 code, like US-FL)"],
        ),
        (
            "fr-text: {text: {must_contain: '('}, reason: x}",
            ["2:34: '(' is not a regular expression (for a plain text, escape . * + ?)"],
        ),
        ("fr-hours: {hour: none, reason: x}", ["2:14: unknown key 'hour' (did you mean 'hours'?)"]),
        (
            "fr-hours: {checked: 2026-13-01, reason: x}",
            ["2:23: '2026-13-01' is not a date (write it like 2026-11-22)"],
        ),
    ],
)
def test_a_broken_change_is_told_at_its_place(tmp_path: Path, lines: str, problems: list[str]) -> None:
    assert refusals(tmp_path, f"law:\n  {lines}\n") == problems


def test_a_file_of_rules_that_is_broken_is_told_at_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "law.yaml").write_text("law:\n  us-wa-hours: {off: yes}\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as raised:
        project(tmp_path, "law: law.yaml\n")
    (problem,) = raised.value.problems
    assert (Path(str(problem.path)).name, problem.line, problem.column) == ("law.yaml", 2, 3)
