"""Rate cards: read exactly or refused whole; the most specific price; unknown is never nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.content import rate_card
from a2pcli.content.prices import RateCard, format_money, parse_budget, to_decimal
from a2pcli.content.rate_card import NANO, PriceEntry
from a2pcli.errors import InvalidInput

HEADER = "gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to"
CARD = f"""{HEADER}
*,sms,GB,,,part,0.0400,,GBP,,
*,sms,GB,+44 7624,,part,0.09,0.001,GBP,,
twilio,sms,US,,,part,0.0079,0.003,USD,2026-01-01,2026-06-30
twilio,sms,US,,,part,0.0083,0.003,USD,2026-07-01,
*,sms,US,,,part,0.02,,USD,,
*,mms,*,,,message,0.02,0.005,USD,,
*,*,,49,,part,0.0075,,EUR,,
*,*,,4917,,part,0.000000001,,EUR,,
meta,whatsapp,GB,,marketing,message,0.05,,USD,,
meta,whatsapp,GB,,,message,0.01,,USD,,
# a comment

"""
TODAY = date(2026, 3, 1)


def card(tmp_path: Path, text: str | bytes = CARD) -> RateCard:
    path = tmp_path / "rates.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return RateCard.load(path)


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        card(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("asked", "cost", "currency", "line"),
    [
        (("twilio", "sms", "GB", "+447911123456", 2, None), 80_000_000, "GBP", 2),
        (("twilio", "sms", "GB", "+447624123456", 2, None), 182_000_000, "GBP", 3),
        (("twilio", "sms", "US", "+14155550123", 1, None), 10_900_000, "USD", 4),
        (("vonage", "sms", "US", "+14155550123", 3, None), 60_000_000, "USD", 6),
        (("twilio", "mms", "FR", "+33612345678", 7, None), 25_000_000, "USD", 7),
        (("twilio", "sms", "DE", "+491511234567", 3, None), 22_500_000, "EUR", 8),
        (("twilio", "sms", "DE", "+491711234567", 3, None), 3, "EUR", 9),
        (("twilio", "sms", None, "+491711234567", 1, None), 1, "EUR", 9),
        (("meta", "whatsapp", "GB", "+447911123456", 1, "Marketing"), 50_000_000, "USD", 10),
        (("meta", "whatsapp", "GB", "+447911123456", 1, "utility"), 10_000_000, "USD", 11),
        (("meta", "whatsapp", "GB", "+447911123456", 1, None), 10_000_000, "USD", 11),
        (("twilio", "sms", "FR", "+33612345678", 1, None), None, None, None),
        (("twilio", "sms", None, "+447911123456", 1, None), None, None, None),
    ],
)
def test_the_most_specific_row_is_the_price(
    tmp_path: Path,
    asked: tuple[str, str, str | None, str, int, str | None],
    cost: int | None,
    currency: str | None,
    line: int | None,
) -> None:
    gateway, channel, country, number, parts, category = asked
    rates = card(tmp_path)
    price = rates.price(
        gateway=gateway,
        channel=channel,
        on=TODAY,
        country=country,
        number=number,
        parts=parts,
        category=category,
    )
    assert (price and price.cost, price and price.currency, price and price.rate.line) == (
        cost,
        currency,
        line,
    )
    column = rates.price_column(
        gateway=gateway,
        channel=channel,
        on=TODAY,
        countries=pa.array([country], pa.string()),
        numbers=pa.array([number]),
        parts=np.array([parts], dtype=np.int16),
        category=category,
    )
    assert column.known.tolist() == [cost is not None]
    assert column.cost.tolist() == [cost or 0]
    assert column.currency.to_pylist() == [currency]


@pytest.mark.parametrize(
    ("day", "cost"),
    [
        (date(2025, 12, 31), 20_000_000),
        (date(2026, 1, 1), 10_900_000),
        (date(2026, 6, 30), 10_900_000),
        (date(2026, 7, 1), 11_300_000),
        (date(2099, 1, 1), 11_300_000),
    ],
)
def test_a_price_holds_from_its_first_day_to_its_last(tmp_path: Path, day: date, cost: int) -> None:
    price = card(tmp_path).price(
        gateway="twilio", channel="sms", on=day, country="US", number="+14155550123", parts=1
    )
    assert price is not None
    assert price.cost == cost


@pytest.mark.parametrize(
    "text",
    [
        CARD.replace(",", ";"),
        CARD.replace(",", "\t"),
        "\ufeff" + CARD,
        CARD.encode("utf-16"),
        CARD.replace("\n", "\r\n"),
        CARD.replace("\n", "\r"),
        CARD.replace("valid_from", "Valid From").replace("gateway,", "Gateway ,"),
        CARD.replace("0.0400", '"0.0400"'),
        CARD.replace("*,sms,GB,,,part,0.0400,,GBP,,", "*, sms , gb ,,, Part , 0.04 ,, gbp ,,,,"),
    ],
)
def test_the_file_may_look_as_spreadsheets_write_it(tmp_path: Path, text: str | bytes) -> None:
    assert card(tmp_path, text).rates == card(tmp_path).rates


def test_columns_may_stand_in_any_order_and_most_may_be_missing(tmp_path: Path) -> None:
    (rate,) = card(tmp_path, "price,currency,unit\n0.01,EUR,message\n").rates
    assert (rate.price, rate.key, rate.per_part) == (10_000_000, (None, None, None, "", None), False)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("*,sms,UK,,,part,1,,GBP,,", "rates.csv:2:7: unknown country 'UK' (did you mean 'GB'?)"),
        ("*,sms,EUR,,,part,1,,GBP,,", "rates.csv:2:7: unknown country 'EUR' (two letters of ISO 3166, or *)"),
        ("*,smss,GB,,,part,1,,GBP,,", "rates.csv:2:3: unknown channel 'smss'"),
        ("*,sms,,0044,,part,1,,GBP,,", "rates.csv:2:8: prefix '0044' begins with 0"),
        ("*,sms,,44x,,part,1,,GBP,,", "rates.csv:2:8: '44x' is not the beginning of a number"),
        ("*,sms,,,,segment,1,,GBP,,", "rates.csv:2:10: unknown unit 'segment' (did you mean 'part'?)"),
        ("*,sms,,,,,1,,GBP,,", "rates.csv:2:10: no unit (write part or message)"),
        ("*,sms,,,,part,,,GBP,,", "rates.csv:2:15: no price (write 0 if it is free"),
        ("*,sms,,,,part,-1,,GBP,,", "rates.csv:2:15: '-1' is negative"),
        ("*,sms,,,,part,NaN,,GBP,,", "rates.csv:2:15: 'NaN' is not an amount"),
        ("*,sms,,,,part,inf,,GBP,,", "rates.csv:2:15: 'inf' is not an amount"),
        ("*,sms,,,,part,1e-3,,GBP,,", "rates.csv:2:15: '1e-3' is not an amount"),
        ('*,sms,,,,part,"0,04",,GBP,,', "rates.csv:2:15: '0,04' is not an amount (write it with a point"),
        ("*,sms,,,,part,0.1234567891,,GBP,,", "rates.csv:2:15: '0.1234567891' has more than 9 decimals"),
        ("*,sms,,,,part,1000001,,GBP,,", "rates.csv:2:15: '1000001' is too large for a price"),
        ("*,sms,,,,part,1,x,GBP,,", "rates.csv:2:17: 'x' is not an amount"),
        ("*,sms,,,,part,1,,GPB,,", "rates.csv:2:18: unknown currency 'GPB' (did you mean 'GBP'?)"),
        ("*,sms,,,,part,1,,£,,", "rates.csv:2:18: unknown currency '£' (did you mean 'GBP'?)"),
        ("*,sms,,,,part,1,,,,", "rates.csv:2:18: no currency"),
        ("*,sms,,,,part,1,,GBP,01/02/2026,", "rates.csv:2:22: '01/02/2026' is not a date (write it like"),
        ("*,sms,,,,part,1,,GBP,2026-02-30,", "rates.csv:2:22: '2026-02-30' is not a date"),
        ("*,sms,,,,part,1,,GBP,2026-02-02,2026-02-01", "rates.csv:2:33: valid_to is before valid_from"),
        ("*,sms,,,,part,1", "rates.csv:2:1: the row has 7 cells, the header 11"),
        ("*,sms,,,,part,1,,GBP,,,x", "rates.csv:2:1: the row has 12 cells, the header 11"),
        ('"a,b",smss,,,,part,1,,GBP,,', "rates.csv:2:7: unknown channel 'smss'"),
        ('*,"sms,,,,part,1,,GBP,,', "rates.csv:2: a quote is opened and never closed"),
        ("", "rates.csv: the rate card has no prices"),
    ],
)
def test_a_wrong_row_is_refused_at_its_cell(tmp_path: Path, row: str, expected: str) -> None:
    assert problems(tmp_path, f"{HEADER}\n{row}\n")[0].startswith(expected)


def test_every_wrong_cell_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, f"{HEADER}\n*,smss,UK,,,part,-1,,GBP,,\n\n*,sms,,,,x,1,,XXQ,,\n")
    assert [problem.split(": ")[0] for problem in found] == [
        "rates.csv:2:3",
        "rates.csv:2:8",
        "rates.csv:2:18",
        "rates.csv:4:10",
        "rates.csv:4:15",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("*,sms,GB,,,part,1,,GBP,,", "*,sms,GB,,,part,1,,GBP,,"),
        ("*,sms,GB,,,part,1,,GBP,,", ",sms,gb,*,,message,2,,USD,2026-01-01,2026-02-01"),
        ("*,sms,GB,,,part,1,,GBP,2026-01-01,2026-03-01", "*,sms,GB,,,part,1,,GBP,2026-03-01,"),
        ("*,sms,,+44,,part,1,,GBP,,2026-03-01", "*,sms,*,44,,part,1,,GBP,2020-01-01,"),
    ],
)
def test_two_prices_for_the_same_are_an_error_that_names_both_lines(
    tmp_path: Path, first: str, second: str
) -> None:
    (problem,) = problems(tmp_path, f"{HEADER}\n{first}\n*,sms,FR,,,part,1,,EUR,,\n{second}\n")
    assert problem.startswith("rates.csv:4:1: a second price for the same messages as line 2")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("unit,price", "rates.csv:1:1: no column 'currency'"),
        (
            "unit,price,currency,surchage",
            "rates.csv:1:21: unknown column 'surchage' (did you mean 'surcharge'?)",
        ),
        ("unit,price,currency,Price", "rates.csv:1:21: column 'price' is given twice"),
    ],
)
def test_a_wrong_header_is_an_error(tmp_path: Path, header: str, expected: str) -> None:
    assert problems(tmp_path, f"{header}\npart,1,GBP,1\n")[0].startswith(expected)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read the rate card: no such file"):
        RateCard.load(tmp_path / "none.csv")
    with pytest.raises(InvalidInput, match="cannot read the rate card"):
        RateCard.load(tmp_path)
    assert problems(tmp_path, f"{HEADER}\n\xff".encode("latin-1"))[0].startswith("rates.csv:2: not UTF-8")


RATES = st.lists(
    st.tuples(
        st.sampled_from([None, "g1", "g2"]),
        st.sampled_from([None, "sms", "mms"]),
        st.sampled_from([None, "GB", "US"]),
        st.sampled_from(["", "4", "44", "447", "4479", "1"]),
        st.sampled_from([None, "marketing"]),
    ),
    unique=True,
    max_size=12,
)
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([None, "GB", "US", "FR"]),
        st.sampled_from(["+447911123456", "+441", "+14155550123", "+33612345678"]),
        st.integers(1, 255),
    ),
    max_size=10,
)


@settings(deadline=None)
@given(RATES, MESSAGES, st.sampled_from([None, "marketing"]))
def test_a_priced_column_equals_priced_messages(
    keys: list[tuple[str | None, str | None, str | None, str, str | None]],
    messages: list[tuple[str | None, str, int]],
    category: str | None,
) -> None:
    rates = RateCard(
        PriceEntry(
            line, *key, bool(line % 2), line * 7, line, "GBP" if line % 3 else "USD", date.min, date.max
        )
        for line, key in enumerate(keys, start=2)
    )
    about = {"gateway": "g1", "channel": "sms", "on": TODAY, "category": category}
    column = rates.price_column(
        countries=pa.array([country for country, _, _ in messages], pa.string()),
        numbers=pa.array([number for _, number, _ in messages], pa.string()),
        parts=np.array([parts for _, _, parts in messages], dtype=np.int16),
        **about,
    )
    for row, (country, number, parts) in enumerate(messages):
        price = rates.price(country=country, number=number, parts=parts, **about)
        assert bool(column.known[row]) == (price is not None)
        assert column.cost[row] == (price.cost if price else 0)
        assert column.currency[row].as_py() == (price.currency if price else None)


@given(st.decimals(0, 10**6, places=9))
def test_money_survives_the_ledger_exactly(amount: Decimal) -> None:
    assert to_decimal(int(amount * NANO)) == amount
    assert "E" not in str(to_decimal(int(amount * NANO)).__format__("f"))


@pytest.mark.parametrize(
    ("nano", "currency", "locale", "shown"),
    [
        (7_500_000, "GBP", "en_GB", "£0.0075"),
        (12_345_678_900, "GBP", "en_GB", "£12.35"),
        (1_234_567_890_000_000, "EUR", "de", "1.234.567,89 €"),
        (500_000_000, "EUR", "en", "€0.50"),
        (5 * NANO, "JPY", "en", "¥5"),
        (0, "EUR", "en", "€0.00"),
    ],
)
def test_money_is_shown_for_people(nano: int, currency: str, locale: str, shown: str) -> None:
    assert format_money(nano, currency, locale) == shown


def test_a_budget_has_an_amount_and_a_currency() -> None:
    assert parse_budget("50 GBP") == (Decimal(50), "GBP")
    for wrong in ("50", "GBP", "-5 GBP", "50 XXQ", "fifty GBP", ""):
        with pytest.raises(InvalidInput):
            parse_budget(wrong)


def test_the_header_of_a_rate_card_is_read_in_any_spelling(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(
        "Gateway,Channel,COUNTRY,Unit,Price,Currency,ValidFrom,valid-to\n*,sms,GB,part,0.04,GBP,,\n"
    )
    assert len(RateCard.load(tmp_path / "rates.csv").rates) == 1


def test_every_country_with_phones_is_one_of_iso_3166() -> None:
    """Which is what spares most cards the table of all countries."""
    assert rate_card._regions() >= phonenumbers.SUPPORTED_REGIONS
