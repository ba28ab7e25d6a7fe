"""Which sender may message a country, and who of a pool messages whom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.config.senders import SenderChoices, choices
from a2pcli.rules.law import Law
from a2pcli.rules.senders import Known, SenderKind, Senders, kind_of, sticky

LAW = Law.load()
COUNTRIES = ("AE", "AU", "CA", "CN", "DE", "FR", "GB", "IE", "IN", "SA", "SG", "US")


def senders(typed: object, purpose: str = "marketing", **more: object) -> Senders:
    """The senders of ``sender:`` as typed, under the packaged law."""
    rules = {country: LAW.senders(country, purpose, "sms") for country in COUNTRIES}
    return Senders(choices(typed), rules=rules, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("+447700900100", SenderKind.NUMBER),
        ("60155", SenderKind.SHORT_CODE),
        ("ACME", SenderKind.NAME),
        ("4ACME", SenderKind.NAME),
    ],
)
def test_a_sender_is_a_number_a_short_code_or_a_name(sender: str, kind: SenderKind) -> None:
    assert kind_of(sender) is kind


@pytest.mark.parametrize("country", ["US", "CA", "CN"])
def test_names_cannot_send_where_networks_do_not_know_them(country: str) -> None:
    refused = senders("ACME").verdict(country)
    assert refused.senders == ()
    assert refused.rule == f"{country.lower()}-sender"
    assert refused.detail == (
        f"the sender name 'ACME' is not supported in {country}; set a number or short code (sender: {country}: …)"
    )


@pytest.mark.parametrize(
    ("country", "sender", "wrong"),
    [
        ("AE", "ACME", "start with 'AD-'"),
        ("AE", "+447700900100", "numbers such as"),
        ("AE", "AD-ACME", None),
        ("SA", "ACME", "end with '-AD'"),
        ("SA", "ACME-AD", None),
        ("GB", "ACME Shop", "has characters"),
        ("GB", "ACME-Shop_1", None),
        ("DE", "ACME Shop", None),
        ("SG", "ACME", "set its id ssir"),
        ("SG", "+6591234567", None),
        ("AU", "ACME", "set its id acma"),
        ("IN", "ACMEIN", "set its ids dlt-entity, dlt-header"),
        ("US", "+14155550100", "set its id 10dlc"),
        ("US", "+18005550100", None),
        ("US", "60155", None),
        ("US", "+447700900100", None),
        ("CA", "+14155550100", None),
    ],
)
def test_each_country_takes_its_own_senders(country: str, sender: str, wrong: str | None) -> None:
    verdict = senders(sender).verdict(country)
    assert bool(verdict.senders) == (wrong is None)
    assert wrong is None or wrong in str(verdict.detail)


def test_names_of_promotions_may_be_plain_in_other_messages() -> None:
    """The prefix AD- marks advertising, and nothing else."""
    assert senders("ACME", "transactional").verdict("AE").senders == ("ACME",)


def test_a_registration_that_the_settings_state_lets_the_sender_in() -> None:
    known = {"ACME": Known(registrations=frozenset({"ssir"}))}
    assert senders("ACME", known=known).verdict("SG").senders == ("ACME",)


def test_a_sender_is_used_only_where_the_settings_say_it_may() -> None:
    known = {"ACME": Known(countries=("FR",))}
    assert senders("ACME", known=known).verdict("DE").rule == "sender-countries"
    assert senders("ACME", known=known).verdict("FR").senders == ("ACME",)


def test_a_sender_of_a_country_is_that_of_its_territories() -> None:
    """Numbers of Guernsey and of the United Kingdom look alike: 07911 is Guernsey's."""
    chosen = senders({"GB": "ACME", "default": "60155"})
    assert chosen.verdict("GG").senders == chosen.verdict("GB").senders == ("ACME",)
    assert chosen.verdict("DE").senders == ("60155",)


def test_without_a_default_other_countries_have_no_sender() -> None:
    refused = senders({"GB": "ACME"}).verdict("DE")
    assert (refused.senders, refused.rule) == ((), "sender-by-country")
    assert refused.detail == "sender: has no entry for DE, and no default"


def test_of_a_pool_only_those_that_are_permitted_are_used() -> None:
    assert senders(["ACME", "60155"]).verdict("US").senders == ("60155",)
    assert senders(["ACME", "60155"]).verdict("DE").senders == ("ACME", "60155")


def test_an_account_that_chooses_by_itself_is_left_alone() -> None:
    assert senders(None).verdict("US").senders == (None,)
    assert senders(None).verdict("IN").senders == (None,)


def test_a_name_in_the_gateways_settings_is_judged_like_the_campaigns() -> None:
    refused = senders(None, account="ACME").verdict("US")
    assert (refused.senders, refused.rule) == ((), "us-sender")
    assert senders(None, account="ACME").verdict("DE").senders == (None,)


def test_the_runs_own_sender_is_a_single_one_or_the_mappings_default() -> None:
    assert choices("ACME").own == "ACME"
    assert choices({"US": "60155", "default": "ACME"}).own == "ACME"
    assert choices(["ACME", "60155"]).own is None
    assert choices(None).own is None
    assert SenderChoices().all == ()


POOLS = st.lists(
    st.integers(10**9, 10**10 - 1).map(lambda digits: f"+{digits}"), min_size=2, max_size=6, unique=True
)
PEOPLE = np.arange(447_911_000_000, 447_911_004_000, dtype=np.int64)


@settings(max_examples=30, deadline=None)
@given(POOLS)
def test_a_sender_that_joins_takes_people_and_moves_nobody_else(pool: list[str]) -> None:
    before = np.array(pool[:-1])[sticky(PEOPLE, pool[:-1])]
    after = np.array(pool)[sticky(PEOPLE, pool)]
    moved = before != after
    assert set(after[moved]) == {pool[-1]}
    assert 0.5 < moved.mean() * len(pool) < 1.5


@settings(max_examples=30, deadline=None)
@given(POOLS, st.randoms(use_true_random=False))
def test_a_persons_sender_does_not_depend_on_the_order_of_the_pool(pool: list[str], dice: object) -> None:
    shuffled = list(pool)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(np.array(pool)[sticky(PEOPLE, pool)]) == list(np.array(shuffled)[sticky(PEOPLE, shuffled)])


def test_everybodys_sender_is_the_same_for_ever() -> None:
    """Frozen: a change here would give people another number than the one they know."""
    pool = ["+14155550100", "+14155550101", "+14155550102"]
    people = np.array([14152011234, 14152011235, 14152011236, 14152011237, 447911123456], dtype=np.int64)
    assert sticky(people, pool).tolist() == [2, 2, 2, 0, 2]
