"""Where one contact may be by state and postcode, and together with the number."""

from __future__ import annotations

import pytest
from onezonekit import CHICAGO, DENVER, LA, NY, zones

from a2pcli.addresses.zones.data import states
from a2pcli.addresses.zones.locate import Place, locate

NOWHERE = "+18005550123"
"""A toll-free number: whatever is known then comes from the cells."""


def test_the_time_zone_cell_wins_and_both_states_stay() -> None:
    place = locate("+12125550123", "US", timezone="Pacific", state="WA")
    assert (place.zones, place.regions) == ((LA,), ("US-NY", "US-WA"))


US_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan",
    "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas",
    "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin",
    "WY": "Wyoming", "PR": "Puerto Rico", "VI": "Virgin Islands", "GU": "Guam", "AS": "American Samoa",
    "MP": "Northern Mariana Islands",
}  # fmt: skip


EASTERN = "CT DE DC FL GA IN KY ME MD MA MI NH NJ NY NC OH PA RI SC TN VT VA WV"


CENTRAL = "AL AR FL IL IN IA KS KY LA MI MN MS MO NE ND OK SD TN TX WI"


MOUNTAIN = "AZ CO ID KS MT NE NV NM ND OR SD TX UT WY"


PACIFIC = "CA ID NV OR WA"


@pytest.mark.parametrize(("code", "name"), US_STATES.items())
def test_every_state_is_known_by_name_abbreviation_and_code_with_all_its_zones(code: str, name: str) -> None:
    others = {
        "AZ": {"America/Phoenix"}, "AK": {"America/Anchorage", "America/Adak"}, "HI": {"Pacific/Honolulu"},
        "PR": {"America/Puerto_Rico"}, "VI": {"America/St_Thomas"}, "GU": {"Pacific/Guam"},
        "AS": {"Pacific/Pago_Pago"}, "MP": {"Pacific/Saipan"},
    }  # fmt: skip
    expected = set(others.get(code, set()))
    for members, zone in ((EASTERN, NY), (CENTRAL, CHICAGO), (MOUNTAIN, DENVER), (PACIFIC, LA)):
        expected |= {zone} if code in members.split() else set()
    for cell in (code, code.lower(), f" {code} ", f"US-{code}", name, name.upper(), f"{name}."):
        place = locate(NOWHERE, "US", state=cell)
        assert (set(place.zones), place.regions, place.problems) == (expected, (f"US-{code}",), None), cell


@pytest.mark.parametrize(
    ("number", "country", "state", "expected"),
    [
        ("+14165550123", "CA", "ON", "CA-ON"),
        ("+14165550123", "CA", "Québec", "CA-QC"),
        ("+14165550123", "CA", "quebec", "CA-QC"),
        ("+14165550123", "CA", "PEI", "CA-PE"),
        ("+12125550123", "US", "Ontario", "CA-ON"),
        ("+12125550123", "US", "Florida, USA", "US-FL"),
        ("+12125550123", "US", "us_fl", "US-FL"),
        ("+14165550123", "CA", "New Mexico", "US-NM"),
        ("+14165550123", "CA", "Florida", "US-FL"),
        ("+17875550123", "PR", "PR", "US-PR"),
        ("+61412345678", "AU", "nsw", "AU-NSW"),
        ("+61412345678", "AU", "WA", "AU-WA"),
        ("+61412345678", "AU", "South Australia", "AU-SA"),
        ("+5511961234567", "BR", "São Paulo", "BR-SP"),
        ("+5511961234567", "BR", "sao paulo", "BR-SP"),
        ("+5511961234567", "BR", "PR", "BR-PR"),
        ("+525512345678", "MX", "Nuevo León", "MX-NLE"),
        ("+34612345678", "ES", "Sevilla", "ES-SE"),
        ("+34612345678", "ES", "Islas Canarias", "ES-CN"),
        ("+351912345678", "PT", "Azores", "PT-20"),
        ("+6281234567890", "ID", "Bali", "ID-BA"),
        ("+525512345678", "MX", "Texas", "US-TX"),
        ("+447911123456", "GB", "US-TX", "US-TX"),
    ],
)
def test_a_state_is_one_of_the_numbers_country_or_plainly_another(
    number: str, country: str, state: str, expected: str
) -> None:
    place = locate(number, country, state=state)
    assert expected in place.regions
    assert place.problems is None


def test_a_number_that_stands_in_the_wrong_column_is_not_repeated() -> None:
    problems = locate("+12125550123", "US", timezone="+1 212 555 0123", state="2125550123").problems or ""
    assert "0123" in problems
    assert "555" not in problems
    assert "212" not in problems


def test_where_it_is_known_from_is_said() -> None:
    """For `explain`."""
    assert locate("+12125550123", "US").because == "the number's area code"
    assert locate("+447911123456", "GB").because == "the number's country"
    assert locate("+12125550123", "US", state="NY").because == "the contact's state or postcode"
    assert locate(NOWHERE, "US").because == "neither the contact nor the number says where"


def test_a_state_nobody_knows_is_said_where_states_are_known() -> None:
    assert (
        locate("+12125550123", "US", state="Bavaria").problems
        == "'Bavaria' is no state or province known in US"
    )
    assert locate("+4915112345678", "DE", state="Bavaria").problems is None


@pytest.mark.parametrize(
    ("postcode", "state", "expected"),
    [
        ("90210", "CA", {LA}),
        ("90210-1234", "CA", {LA}),
        ("902101234", "CA", {LA}),
        ("02134", "MA", {NY}),
        ("2134", "MA", {NY}),  # a spreadsheet took the zero
        ("2134.0", "MA", {NY}),
        ("2134-5678", "MA", {NY}),
        ("21345678", "MA", {NY}),
        ("501", "NY", {NY}),
        ("00901", "PR", {"America/Puerto_Rico"}),
        ("00802", "VI", {"America/St_Thomas"}),
        ("96910", "GU", {"Pacific/Guam"}),
        ("96950", "MP", {"Pacific/Saipan"}),
        ("96799", "AS", {"Pacific/Pago_Pago"}),
        ("96813", "HI", {"Pacific/Honolulu"}),
        ("06390", "NY", {NY}),  # Fishers Island, among Connecticut's
        ("06320", "CT", {NY}),
        ("20101", "VA", {NY}),  # Dulles, among Washington's
        ("73301", "TX", {CHICAGO}),  # Austin, among Oklahoma's
        ("32501", "FL", {CHICAGO}),
        ("32301", "FL", {NY}),
        ("32456", "FL", {NY, CHICAGO}),
        ("37201", "TN", {CHICAGO}),
        ("37902", "TN", {NY}),
        ("37347", "TN", {NY, CHICAGO}),
        ("40202", "KY", {NY}),
        ("42001", "KY", {CHICAGO}),
        ("47701", "IN", {CHICAGO}),
        ("46204", "IN", {NY}),
        ("49801", "MI", {NY, CHICAGO}),
        ("79901", "TX", {DENVER}),
        ("75201", "TX", {CHICAGO}),
        ("79830", "TX", {CHICAGO, DENVER}),
        ("57701", "SD", {DENVER}),
        ("57104", "SD", {CHICAGO}),
        ("83814", "ID", {LA}),
        ("83702", "ID", {DENVER}),
        ("97914", "OR", {LA, DENVER}),
        ("89883", "NV", {DENVER}),
        ("89501", "NV", {LA}),
        ("86503", "AZ", {"America/Phoenix", DENVER}),
        ("85001", "AZ", {"America/Phoenix"}),
        ("99546", "AK", {"America/Adak"}),
        ("99501", "AK", {"America/Anchorage"}),
    ],
)
def test_a_zip_code_tells_the_state_and_the_side_of_a_zone_line(
    postcode: str, state: str, expected: set[str]
) -> None:
    place = locate(NOWHERE, "US", postcode=postcode)
    assert (set(place.zones), place.regions, place.problems) == (expected, (f"US-{state}",), None)


@pytest.mark.parametrize(
    ("number", "country", "postcode", "region", "expected"),
    [
        ("+16135550123", "CA", "K1A 0B1", "CA-ON", {"America/Toronto"}),
        ("+16135550123", "CA", "k1a0b1", "CA-ON", {"America/Toronto"}),
        ("+13065550123", "CA", "S9V 0A1", "CA-SK", {"America/Edmonton"}),
        ("+17095550123", "CA", "A1C 5S7", "CA-NL", {"America/St_Johns"}),
        ("+17095550123", "CA", "A0P 1C0", "CA-NL", {"America/St_Johns", "America/Goose_Bay"}),
        ("+14185550123", "CA", "G4T 1A1", "CA-QC", {"America/Halifax"}),
        ("+18075550123", "CA", "P9N 1A1", "CA-ON", {"America/Winnipeg"}),
        ("+61412345678", "AU", "2000", "AU-NSW", {"Australia/Sydney"}),
        ("+61412345678", "AU", "2880", "AU-NSW", {"Australia/Broken_Hill"}),
        ("+61412345678", "AU", "800", "AU-NT", {"Australia/Darwin"}),
        ("+61412345678", "AU", "2600", "AU-ACT", {"Australia/Sydney"}),
        ("+5511961234567", "BR", "01310-100", "BR-SP", {"America/Sao_Paulo"}),
        ("+5511961234567", "BR", "1310100", "BR-SP", {"America/Sao_Paulo"}),
        ("+525512345678", "MX", "06000", "MX-CMX", {"America/Mexico_City"}),
        ("+34612345678", "ES", "35001", "ES-GC", {"Atlantic/Canary"}),
        ("+351912345678", "PT", "9500-123", "PT-20", {"Atlantic/Azores"}),
        ("+351912345678", "PT", "9500123", "PT-20", {"Atlantic/Azores"}),
    ],
)
def test_postcodes_of_other_countries(
    number: str, country: str, postcode: str, region: str, expected: set[str]
) -> None:
    place = locate(number, country, postcode=postcode)
    assert region in place.regions
    assert (set(place.zones), place.problems) == (expected, None)


def test_a_postcode_of_nowhere_is_a_problem_and_the_number_is_asked() -> None:
    """Military post can be anywhere; letters are no ZIP code. The postcode itself is not repeated."""
    military = locate("+12125550123", "US", postcode="09012")
    letters = locate("+12125550123", "US", postcode="SW1A 1AA")
    assert military.zones == letters.zones == (NY,)
    assert military.problems == "the postcode is of military post or abroad: it names no state"
    assert letters.problems == "the postcode is none of the United States"


def test_a_mobile_of_one_state_with_a_zip_of_another_must_suit_both() -> None:
    place = locate("+12125550123", "US", postcode="90210")
    assert place == Place(
        (LA, NY),
        ("US-CA", "US-NY"),
        "US",
        None,
        "the contact's state or postcode, and the number, which is of another place",
    )


def test_a_state_of_several_zones_is_narrowed_by_an_area_code_of_that_state_only() -> None:
    """A Miami number in Florida is Eastern; a New York number there says nothing about where in Florida."""
    assert zones("+13055550123", state="FL") == {NY}
    assert zones("+12125550123", state="FL") == {NY, CHICAGO}
    assert zones("+18505550123", state="FL") == {NY, CHICAGO}
    assert zones("+18505550123", state="FL", postcode="32501") == {CHICAGO}
    assert zones("+13055550123", state="FL", postcode="32501") == {CHICAGO}


def test_a_number_that_may_be_at_the_contacts_place_adds_nothing() -> None:
    assert zones("+61412345678", "AU", state="VIC") == {"Australia/Melbourne"}
    assert zones("+34612345678", "ES", postcode="28001") == {"Europe/Madrid"}
    assert zones("+16055550123", postcode="57701") == {DENVER}
    assert zones("+61882123456", "AU", state="VIC") >= {"Australia/Melbourne", "Australia/Perth"}


def test_state_and_postcode_that_disagree_both_bind() -> None:
    place = locate(NOWHERE, "US", state="TX", postcode="10001")
    assert set(place.zones) == {NY, CHICAGO, DENVER}
    assert set(place.regions) == {"US-TX", "US-NY"}


def test_every_zone_of_every_state_is_in_the_tables_own_names() -> None:
    """Whatever state is typed, its zones are current names."""
    for country in ("CA", "AU", "BR", "MX", "ES", "PT", "ID"):
        for region, expected in states().zones.items():
            if region.startswith(country):
                assert set(locate("+80012345678", country, state=region).zones) == set(expected)
