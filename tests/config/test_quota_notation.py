"""Quotas as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from a2pcli.config.quotas import Quota, lowest, parse_quota, parse_quotas

M = "messages"


@pytest.mark.parametrize(
    ("typed", "meant", "shown"),
    [
        ("10,000/day", Quota(10_000, M, 86_400, "UTC"), "10,000/day"),
        ("10 000 / day", Quota(10_000, M, 86_400, "UTC"), "10,000/day"),
        ("10000 per day", Quota(10_000, M, 86_400, "UTC"), "10,000/day"),
        ("100k/day", Quota(100_000, M, 86_400, "UTC"), "100,000/day"),
        ("1.5k messages/h", Quota(1500, M, 3600), "1,500/h"),
        ("2M/day", Quota(2_000_000, M, 86_400, "UTC"), "2,000,000/day"),
        ("5k parts/24h", Quota(5000, "parts", 86_400), "5,000 parts/24h"),
        ("500/10 min", Quota(500, M, 600), "500/10 min"),
        ("1000/minute", Quota(1000, M, 60), "1,000/min"),
        ("80/s", Quota(80, M, 1), "80/s"),
        ("9/day in europe/london", Quota(9, M, 86_400, "Europe/London"), "9/day in Europe/London"),
        ("9/day America/New_York", Quota(9, M, 86_400, "America/New_York"), "9/day in America/New_York"),
    ],
)
def test_a_quota_is_read_and_shown(typed: str, meant: Quota, shown: str) -> None:
    assert parse_quota(typed) == meant
    assert str(meant) == shown
    assert parse_quota(shown) == meant


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("fast", "is not a quota"),
        ("10,00/day", "is not a quota"),
        ("1,000", "is not a quota"),
        ("10/fortnight", "is not a quota"),
        ("0/day", "the quota is zero"),
        ("1.5/day", "whole messages"),
        ("10/40 days", "1 second to 31 days"),
        ("10/h in Europe/London", "a quota of a day only"),
        ("10/24h Europe/London", "a quota of a day only"),
        ("10/day in Londn", "unknown time zone"),
        ("-5/day", "is not a quota"),
    ],
)
def test_what_is_no_quota_is_told(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_quota(typed)


@pytest.mark.parametrize("typed", [[], {}, [["1/day"]], 7, {"day": "5"}])
def test_a_quota_is_a_text_or_a_list_of_texts(typed: object) -> None:
    with pytest.raises(ValueError, match="text"):
        parse_quotas(typed)


def test_of_each_kind_the_lowest_holds() -> None:
    found = lowest(
        map(parse_quota, ("9/day", "5/min", "7/day", "8/24h", "6/day in Asia/Tokyo", "4 parts/day"))
    )
    assert found[0] == parse_quota("5/min")
    assert {str(one) for one in found} == {"5/min", "7/day", "8/24h", "6/day in Asia/Tokyo", "4 parts/day"}


def test_a_day_is_as_long_as_its_zone_makes_it() -> None:
    london = parse_quota("9/day in Europe/London")

    def at(text: str) -> int:
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)

    assert london.begins(at("2026-03-29T12:00")) == at("2026-03-29T00:00")
    assert london.resets(at("2026-03-29T00:30")) == at("2026-03-29T23:00")
    assert london.begins(at("2026-10-25T23:30")) == at(
        "2026-10-24T23:00"
    )  # 25 hours: it ends at midnight GMT
    assert london.resets(at("2026-10-25T00:30")) == at("2026-10-26T00:00")
