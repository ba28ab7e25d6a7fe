"""Filters that messages need: names, money, numbers, dates, parts."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from babel.numbers import format_currency, format_decimal, get_currency_precision
from hypothesis import given, settings
from hypothesis import strategies as st
from templatekit import render

from a2pcli.content.filters_text import truncate_parts
from a2pcli.content.numbers_text import money, no_odd_spaces, number
from a2pcli.content.parts import measure
from a2pcli.content.templates import TemplateFailure


@pytest.mark.parametrize(
    ("name", "titled"),
    [
        ("ann o'neil", "Ann O'Neil"),
        ("ANN O’NEIL", "Ann O’Neil"),
        ("sam's shop", "Sam's Shop"),
        ("McDonald", "McDonald"),
        ("anne-marie", "Anne-Marie"),
        ("éric d'arcy", "Éric D'Arcy"),
        ("3rd street", "3rd Street"),
        ("jean-luc PICARD", "Jean-Luc Picard"),
    ],
)
def test_title_writes_names_as_people_do(name: str, titled: str) -> None:
    assert render("{{ first_name | title }}", first_name=name) == titled


@pytest.mark.parametrize(
    ("cell", "locale", "shown"),
    [
        ("1234.5", "en_GB", "£1,234.50"),
        ("1,234.50", "en_GB", "£1,234.50"),
        ("1234,5", "en_GB", "£1,234.50"),
        ("1 234,50", "en_GB", "£1,234.50"),
        ("1'234.50", "en_GB", "£1,234.50"),
        ("1,23,456.50", "en_IN", "£1,23,456.50"),
        ("£12.50", "en_GB", "£12.50"),
        ("12.50 GBP", "en_GB", "£12.50"),
        ("-3", "en_GB", "-£3.00"),
        ("−3", "sv", "-3,00 GBP"),
        (".5", "en_GB", "£0.50"),
        ("0.125", "en_GB", "£0.13"),
        ("1234.5", "de", "1.234,50 £"),
        ("1.234,50", "de", "1.234,50 £"),
        ("1234.5", "fr", "1 234,50 £GB"),
        ("1234.5", "es", "1.234,50 GBP"),
        ("٣", "en_GB", "£3.00"),
    ],
)
def test_money_is_read_as_typed_and_written_for_the_locale(cell: str, locale: str, shown: str) -> None:
    """Without no-break spaces and typographic signs, each of which would turn the SMS to UCS-2."""
    assert render("{{ amount | money('GBP') }}", locale=locale, amount=cell) == shown


@pytest.mark.parametrize(
    ("cell", "locale", "why"),
    [
        ("1.234", "de", "'1.234' may be a fraction or a thousand times as much: write it without '.'"),
        ("$5", "en_GB", "the cell says $, the template GBP"),
        ("5 EUR", "en_GB", "the cell says EUR, the template GBP"),
        ("1e5", "en_GB", "'1e5' is not a number"),
        ("NaN", "en_GB", "'NaN' is not a number"),
        ("1,2,3", "en_GB", "'1,2,3' is not a number"),
        ("(3)", "en_GB", "'(3)' is not a number"),
        ("soon", "en_GB", "'soon' is not a number"),
        ("9" * 31, "en_GB", "is not a number"),
        ("447911123456789", "xx_YY", "'xx_YY' is not a locale"),
    ],
)
def test_an_amount_that_could_be_wrong_is_refused(cell: str, locale: str, why: str) -> None:
    with pytest.raises(TemplateFailure) as caught:
        render("{{ amount | money('GBP') }}", locale=locale, amount=cell)
    assert str(caught.value).startswith("line 10: money: ")
    assert why in str(caught.value)


def test_a_long_number_is_masked_where_it_is_told_about() -> None:
    with pytest.raises(TemplateFailure) as caught:
        render("{{ amount | number }}", amount="+44 7911 123456 x")
    assert "7911" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ '1234.5' | number }}", "1,234.5"),
        ("{{ '1234.565' | number(2) }}", "1,234.57"),
        ("{{ '1234.5' | number(0) }}", "1,235"),
        ("{{ '1234.5' | number(2, 'de') }}", "1.234,50"),
        ("{{ ('1234.5' | float * 2) | number }}", "2,469"),
        ("{{ '5' | money('JPY') }}", "JP¥5"),
        ("{{ '5' | money('KWD', locale='en') }}", "KWD5.000"),
        ("{{ '5.5' | money('GBP', 0) }}", "£6"),
        ("{{ '42.7' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '0x1f' | int(0, 16) }}", "42 0 7 31"),
        ("{{ 7 // 2 }} {{ 7 % 2 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ -3 | abs }}", "3 1 1024 3.5 3"),
        ("{{ 42.55 | round(1, 'floor') }}", "42.5"),
        ("{{ '%.2f' | format(3.14159) }} {{ '%5s|%d%%' | format('a', 5) }}", "3.14     a|5%"),
        ("{{ 'a b&c/d=é' | urlencode }}", "a%20b%26c/d%3D%C3%A9"),
        ("{{ 'The quick brown fox jumps' | truncate(13) }}", "The quick..."),
        ("{{ 'abc def' | capitalize }} {{ ' x ' | trim }} {{ 'a,b' | replace(',', ';') }}", "Abc def x a;b"),
        ("{{ [3, 1, 2] | sort | join(',') }} {{ ['a', 'a'] | unique | list | length }}", "1,2,3 1"),
        ("{{ ['b', 'a'] | max }} {{ [1, 2] | sum }} {{ 'abc' | reverse }} {{ 'abc' | first }}", "b 3 cba a"),
        ("{{ 'a-b'.split('-') | last }} {{ 'x'.upper() }} {{ 'ab'.startswith('a') }}", "b X True"),
        ("{% for pair in [1, 2, 3] | batch(2) %}{{ pair | join('+') }};{% endfor %}", "1+2;3;"),
        ("{{ {'GB': 'UK'}.get('GB') }} {{ {'a': 1}['a'] }} {{ 'abc'[1] }} {{ 'abc'[:2] }}", "UK 1 b ab"),
    ],
)
def test_filters_write_what_their_authors_expect(source: str, shown: str) -> None:
    assert render(source) == shown


@pytest.mark.parametrize(
    ("cell", "locale", "shown"),
    [
        ("2026-04-03", "en", "3 April 2026"),
        ("2026-04-03T14:30:00Z", "en", "3 April 2026"),
        ("20260403", "en", "3 April 2026"),
        ("2026/4/3", "de", "3 April 2026"),
        ("03/04/2026", "en_GB", "3 April 2026"),
        ("03/04/2026", "en_US", "4 March 2026"),
        ("03/04/2026", "fr", "3 avril 2026"),
        ("3/4/26", "en_US", "4 March 2026"),
        ("13/04/2026", "en_US", "13 April 2026"),
        ("3.4.2026", "en_US", "3 April 2026"),
        ("April 3rd, 2026", "en", "3 April 2026"),
        ("Fri, 3 Apr 2026 14:30", "en", "3 April 2026"),
        ("3. März 2026", "de", "3 März 2026"),
        ("3 de abril de 2026", "es", "3 abril 2026"),
    ],
)
def test_dates_are_read_in_the_forms_people_use(cell: str, locale: str, shown: str) -> None:
    assert render("{{ due | date('d MMMM yyyy') }}", locale=locale, due=cell) == shown


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("EEEE d MMMM", "Friday 3 April"),
        ("h:mm a", "2:30 pm"),
        ("d 'of' MMMM", "3 of April"),
        ("short", "03/04/2026"),
        ("full", "Friday, 3 April 2026"),
    ],
)
def test_dates_are_written_in_any_pattern(pattern: str, shown: str) -> None:
    assert render(f'{{{{ due | date("{pattern}") }}}}', due="2026-04-03 14:30") == shown


@pytest.mark.parametrize(
    ("cell", "pattern", "why"),
    [
        ("03/04/2026", "d MMMM", "may be day/month or month/day: say locale: en_GB or en_US"),
        (
            "46115",
            "d MMMM",
            "'46115' is not a date: a spreadsheet wrote the number of the day (give its column a",
        ),
        ("2026-02-30", "d MMMM", "'2026-02-30' is not a date"),
        ("soon", "d MMMM", "'soon' is not a date"),
        ("2026-04-03 25:00", "d MMMM", "'2026-04-03 25:00' is not a time"),
        ("2026-04-03", "HH:mm", "'2026-04-03' has no time of day"),
        ("2026-04-03 14:30", "HH:mm z", "'2026-04-03 14:30' has no time zone"),
        ("2026-04-03", "%d/%m", "a date's format is written 'd MMMM yyyy', not with %"),
    ],
)
def test_a_date_that_could_be_wrong_is_refused(cell: str, pattern: str, why: str) -> None:
    with pytest.raises(TemplateFailure) as caught:
        render(f"{{{{ due | date('{pattern}') }}}}", locale="en", due=cell)
    assert why in str(caught.value)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab cé€я😀\n"), min_size=1, max_size=600), st.integers(1, 3))
def test_truncate_parts_gives_as_much_as_fits(text: str, parts: int) -> None:
    kept = truncate_parts(text, parts)
    if measure(text).parts <= parts:
        assert kept == text
    else:
        assert measure(kept).parts <= parts
        assert kept.endswith("...")
        assert text.startswith(kept.removesuffix("..."))


def test_truncate_parts_cuts_between_words() -> None:
    assert truncate_parts("word " * 50) == "word " * 30 + "word..."
    assert len(truncate_parts("x" * 500)) == 160


@settings(deadline=None, max_examples=60)
@given(
    st.decimals(-(10**7), 10**10, places=4),
    st.sampled_from(
        ["en_GB", "en_US", "de", "de_CH", "fr", "es", "pt_PT", "pl", "hi_IN", "ar_EG", "sv", "ja", "fa"]
    ),
    st.sampled_from(["GBP", "EUR", "JPY", "KWD", "INR"]),
)
def test_the_fast_way_to_write_money_is_babels_way(amount: Decimal, locale: str, currency: str) -> None:
    digits = get_currency_precision(currency)
    rounded = amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    assert money(amount, currency, locale) == no_odd_spaces(format_currency(rounded, currency, locale=locale))
    plain = format_decimal(amount.quantize(Decimal("0.01"), ROUND_HALF_UP), "#,##0.00", locale=locale)
    assert number(amount, locale, 2) == no_odd_spaces(plain)
