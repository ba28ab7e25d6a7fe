"""A column of recipients is located as each of them alone would be."""

from __future__ import annotations

from functools import cache

import phonenumbers
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.addresses.zones.data import areas, countries, postcodes, prefixes, rows
from a2pcli.addresses.zones.locate import LONGEST, Places, locate, locate_column

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TYPES = list(phonenumbers.PhoneNumberType.values())


@cache
def examples(region: str) -> list[str]:
    """A number of each type of a region."""
    found = (phonenumbers.example_number_for_type(region, kind) for kind in TYPES)
    return sorted(
        {phonenumbers.format_number(each, phonenumbers.PhoneNumberFormat.E164) for each in found if each}
    )


american = st.builds("+1{}{:07d}".format, st.sampled_from(sorted(areas())), st.integers(2000000, 9999999))
placed = st.builds("+{}{:08d}".format, st.sampled_from(sorted(prefixes())), st.integers(0, 99999999))
known = st.sampled_from(REGIONS).flatmap(lambda region: st.sampled_from(examples(region)))
odd = st.sampled_from(
    [
        "",
        "+",
        "+1",
        "+18005550123",
        "+870773111632",
        "5551234",
        "+44 7911",
        "+é1234567",
        "+1²²²5551234",
        "+44791112345²",
        "+1212555",
    ]
)
numbers = st.one_of(known, american, placed, odd)
homes = st.one_of(
    st.sampled_from(["US", "CA", "AU", "BR", "MX", "ES", "PT", "ID", "RU", "GB", "PR"]), st.none()
)
typed = st.one_of(st.none(), st.text(max_size=12))
zone_cells = st.one_of(
    typed, st.sampled_from([row[0] for name in ("names.csv", "spoken.csv") for row in rows(name)])
)
state_cells = st.one_of(
    typed, st.sampled_from([cell for row in rows("states.csv") for cell in (row[1], *row[3].split("|"))])
)
digits = st.text("0123456789- .", min_size=2, max_size=10)
borders = st.sampled_from(
    sorted({edge for found in postcodes().values() for entry in found for edge in (entry.first, entry.last)})
).flatmap(
    lambda edge: st.builds(
        edge.__add__, st.sampled_from(["", "0", "9", "00", "99", "1A1", "00-123", "99123"])
    )
)
postcode_cells = st.one_of(typed, digits, borders)


@st.composite
def contacts(draw: st.DrawFn) -> tuple[str, str | None, str | None, str | None, str | None]:
    number = draw(numbers)
    try:
        own = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        own = None
    country = own if draw(st.integers(0, 9)) else draw(homes)
    return number, country, draw(zone_cells), draw(state_cells), draw(postcode_cells)


def columns(people: list[tuple[str, str | None, str | None, str | None, str | None]]) -> Places:
    number, country, zone, state, postcode = (
        pa.array([person[i] for person in people], pa.string()) for i in range(5)
    )
    return locate_column(number, country, timezone=zone, state=state, postcode=postcode)


@settings(max_examples=100, deadline=None)
@given(st.lists(contacts(), min_size=1, max_size=30))
def test_a_column_says_what_each_row_alone_says(
    people: list[tuple[str, str | None, str | None, str | None, str | None]],
) -> None:
    found = columns(people)
    for row, (number, country, zone, state, postcode) in enumerate(people):
        alone = locate(number, country, timezone=zone, state=state, postcode=postcode)
        assert found.zones[row].as_py() == ",".join(alone.zones)
        assert found.regions[row].as_py() == ",".join(alone.regions)
        assert found.country[row].as_py() == alone.country
        assert found.problems[row].as_py() == alone.problems


def test_a_trunk_prefix_after_the_country_code_says_nothing_in_a_column_and_alone() -> None:
    for number, country in (("+784710000000", "RU"), ("+4401212345678", "GB"), ("+490301234567", "DE")):
        assert columns([(number, country, None, None, None)]).zones.to_pylist() == [
            ",".join(locate(number, country).zones)
        ]
    assert locate("+784710000000", "RU").zones == ()


def test_every_postcode_of_five_digits_is_the_same_in_a_column() -> None:
    """The column reads three digits where they tell all: no border may be missed."""
    everywhere = [f"{number:05d}" for number in range(0, 100000, 7)]
    for country, number in (("US", "+12125550123"), ("BR", "+5511961234567"), ("ES", "+34612345678")):
        cells = pa.array(everywhere)
        found = locate_column(
            pa.array([number] * len(cells)), pa.array([country] * len(cells)), postcode=cells
        )
        alone = [locate(number, country, postcode=cell) for cell in everywhere[::13]]
        assert found.zones.to_pylist()[::13] == [",".join(each.zones) for each in alone]
        assert found.regions.to_pylist()[::13] == [",".join(each.regions) for each in alone]


def test_every_known_kind_of_number_of_every_country_is_the_same_in_a_column() -> None:
    people = [(number, region) for region in REGIONS for number in examples(region)]
    found = locate_column(
        pa.array([number for number, _ in people]), pa.array([region for _, region in people])
    )
    alone = [locate(number, region) for number, region in people]
    assert found.zones.to_pylist() == [",".join(each.zones) for each in alone]
    assert found.regions.to_pylist() == [",".join(each.regions) for each in alone]


def test_a_mobile_of_every_country_has_a_zone() -> None:
    """Each country's example mobile is somewhere; nothing else is unknown by oversight."""
    unknown = []
    for region in REGIONS:
        mobile = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if mobile is not None:
            number = phonenumbers.format_number(mobile, phonenumbers.PhoneNumberFormat.E164)
            here = phonenumbers.region_code_for_number(mobile)
            if not locate(number, here).zones:
                unknown.append(region)
    assert unknown == []


def test_columns_may_be_absent_empty_chunked_or_null() -> None:
    nothing = locate_column(pa.array([], pa.string()), pa.array([], pa.string()))
    assert len(nothing.zones) == len(nothing.problems) == 0
    assert nothing.zones.type == nothing.problems.type == pa.string()
    chunks = pa.chunked_array([["+18505550123"], [None, "+447911123456"]])
    found = locate_column(
        chunks, pa.chunked_array([["US", "US"], [None]]), state=pa.array([None, "FL", None], pa.string())
    )
    both = "America/Chicago,America/New_York"
    assert found.zones.to_pylist() == [both, both, ""]
    assert found.regions.to_pylist() == ["US-FL", "US-FL", ""]
    assert found.country.to_pylist() == ["US", "US", ""]
    assert found.problems.to_pylist() == [None, None, None]


def test_a_slice_of_a_column_is_read_from_where_it_begins() -> None:
    whole = pa.array(["+12125550123", "+13105550123", "+447911123456", "+61412345678"])
    homes_of = pa.array(["US", "US", "GB", "AU"])
    part = locate_column(whole.slice(1, 2), homes_of.slice(1, 2))
    assert part.zones.to_pylist() == ["America/Los_Angeles", "Europe/London"]


def test_a_very_long_cell_is_a_problem_and_no_more() -> None:
    long = "9" * 5000
    place = locate("+12125550123", "US", timezone=long, state=long, postcode=long)
    found = columns([("+12125550123", "US", long, long, long)])
    assert place.zones == ()
    assert found.problems[0].as_py() == place.problems
    assert len(place.problems or "") < 300
    assert LONGEST < 5000


def test_every_country_with_numbers_has_zones() -> None:
    assert set(phonenumbers.SUPPORTED_REGIONS) <= set(countries())
