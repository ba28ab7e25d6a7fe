"""Where one recipient is: the evidence, its order, and what is never guessed."""

from __future__ import annotations

import pytest

from a2pcli.addresses.zones.data import states
from a2pcli.addresses.zones.locate import Place, locate

NY, CHICAGO, DENVER, LA = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
NOWHERE = "+18005550123"
"""A toll-free number: whatever is known then comes from the cells."""


def zones(number: str, country: str = "US", **cells: str) -> set[str]:
    return set(locate(number, country, **cells).zones)


def regions(number: str, country: str = "US", **cells: str) -> set[str]:
    return set(locate(number, country, **cells).regions)


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ("212", {NY}),
        ("850", {NY, CHICAGO}),  # Florida: Tallahassee and Pensacola
        ("448", {NY, CHICAGO}),  # its overlay
        ("305", {NY}),
        ("605", {CHICAGO, DENVER}),  # South Dakota
        ("701", {CHICAGO, DENVER}),  # North Dakota
        ("812", {NY, CHICAGO}),  # southern Indiana
        ("930", {NY, CHICAGO}),
        ("219", {NY, CHICAGO}),
        ("317", {NY}),
        ("270", {NY, CHICAGO}),  # western Kentucky
        ("364", {NY, CHICAGO}),
        ("423", {NY, CHICAGO}),  # Chattanooga and the counties west of it
        ("615", {CHICAGO}),
        ("906", {NY, CHICAGO}),  # Michigan's Upper Peninsula
        ("308", {CHICAGO, DENVER}),
        ("402", {CHICAGO}),
        ("208", {DENVER, LA}),  # Idaho
        ("986", {DENVER, LA}),
        ("541", {LA, DENVER}),  # Oregon with Malheur County
        ("458", {LA, DENVER}),
        ("503", {LA}),
        ("775", {LA, DENVER}),  # Nevada with West Wendover
        ("702", {LA}),
        ("915", {DENVER}),  # El Paso
        ("512", {CHICAGO}),
        ("928", {"America/Phoenix", DENVER}),  # Arizona with the Navajo Nation
        ("602", {"America/Phoenix"}),
        ("907", {"America/Anchorage", "America/Adak"}),
        ("808", {"Pacific/Honolulu"}),
        ("787", {"America/Puerto_Rico"}),
        ("340", {"America/St_Thomas"}),
        ("671", {"Pacific/Guam"}),
        ("684", {"Pacific/Pago_Pago"}),
        ("670", {"Pacific/Saipan"}),
        ("689", {NY}),  # Orlando's overlay: the library says Central
    ],
)
def test_an_area_code_has_every_zone_it_reaches_into(area: str, expected: set[str]) -> None:
    assert zones(f"+1{area}2345678") == expected


@pytest.mark.parametrize(
    ("area", "country", "expected"),
    [
        ("850", "US", {"US-FL"}),
        ("201", "US", {"US-NJ"}),
        ("202", "US", {"US-DC"}),
        ("718", "US", {"US-NY"}),
        ("203", "US", {"US-CT"}),
        ("787", "PR", {"US-PR"}),
        ("340", "VI", {"US-VI"}),
        ("902", "CA", {"CA-NS", "CA-PE"}),
        ("867", "CA", {"CA-NT", "CA-NU", "CA-YT"}),
        ("257", "CA", {"CA-BC"}),
        ("876", "JM", set()),
    ],
)
def test_an_area_code_has_the_states_it_lies_in(area: str, country: str, expected: set[str]) -> None:
    assert regions(f"+1{area}2345678", country) == expected


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+447911123456", "GB", {"Europe/London"}),
        ("+447700900123", "GB", {"Europe/London"}),  # for drama: in no plan, but a mobile
        ("+34612345678", "ES", {"Europe/Madrid", "Atlantic/Canary"}),
        ("+34922123456", "ES", {"Atlantic/Canary"}),
        ("+351912345678", "PT", {"Europe/Lisbon", "Atlantic/Azores"}),
        ("+6281234567890", "ID", {"Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"}),
        ("+5511961234567", "BR", {"America/Sao_Paulo"}),
        ("+5581961234567", "BR", {"America/Recife", "America/Noronha"}),
        ("+5597991234567", "BR", {"America/Manaus", "America/Eirunepe"}),
        ("+5568991234567", "BR", {"America/Rio_Branco"}),
        ("+525512345678", "MX", {"America/Mexico_City"}),
        ("+526561234567", "MX", {"America/Ciudad_Juarez"}),
        ("+526141234567", "MX", {"America/Chihuahua"}),
        ("+529981234567", "MX", {"America/Cancun"}),
        ("+8613812345678", "CN", {"Asia/Shanghai"}),
        ("+919812345678", "IN", {"Asia/Kolkata"}),
        ("+56961234567", "CL", {"America/Santiago", "America/Coyhaique", "Pacific/Easter"}),
        ("+64211234567", "NZ", {"Pacific/Auckland", "Pacific/Chatham"}),
    ],
)
def test_elsewhere_a_number_has_every_zone_it_may_be_in(
    number: str, country: str, expected: set[str]
) -> None:
    assert zones(number, country) == expected


def test_a_mobile_of_a_wide_country_may_be_anywhere_in_it() -> None:
    """Russia from Kaliningrad to Kamchatka, Australia from Perth to Lord Howe and its islands in the Indian Ocean."""
    russia = zones("+79161234567", "RU")
    assert {"Europe/Kaliningrad", "Europe/Moscow", "Asia/Kamchatka", "Asia/Vladivostok"} <= russia
    assert not any(zone in russia for zone in ("Asia/Almaty", "Europe/Bucharest"))
    assert zones("+61412345678", "AU") == {
        "Australia/Adelaide", "Australia/Brisbane", "Australia/Darwin", "Australia/Eucla", "Australia/Lord_Howe",
        "Australia/Perth", "Australia/Sydney", "Indian/Christmas", "Indian/Cocos",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+18005550123", "US"),  # toll-free
        ("+18885550123", "US"),
        ("+19005550123", "US"),  # premium
        ("+15005550006", "US"),  # personal communications
        ("+19995550123", "US"),  # an area code that does not exist
        ("+448001111111", "GB"),
        ("+443001234567", "GB"),  # a company number
        ("+80012345678", "001"),  # freephone of no country
        ("+870773111632", "001"),  # Inmarsat
        ("+881612345678", "001"),  # Iridium
        ("+447911123456", ""),  # no country known
        ("+447911123456", "FR"),  # a country that is not the number's
        ("", "US"),
        ("+1", "US"),
        ("hello", "US"),
    ],
)
def test_what_has_no_place_is_unknown(number: str, country: str) -> None:
    place = locate(number, country)
    assert (place.zones, place.regions, place.problems) == ((), (), None)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("America/New_York", {NY}),
        ("america/new_york", {NY}),
        (" America/New York ", {NY}),
        ("AMERICA/INDIANA/KNOX", {"America/Indiana/Knox"}),
        ("US/Pacific", {LA}),
        ("Asia/Calcutta", {"Asia/Kolkata"}),
        ("Europe/Kiev", {"Europe/Kyiv"}),
        ("America/Buenos_Aires", {"America/Argentina/Buenos_Aires"}),
        ("America/Godthab", {"America/Nuuk"}),
        ("Pacific/Truk", {"Pacific/Chuuk"}),
        ("Europe/Oslo", {"Europe/Oslo"}),  # a link in the database, and the name of a country's zone
        ("GB", {"Europe/London"}),
        ("Japan", {"Asia/Tokyo"}),
        ("London", {"Europe/London"}),
        ("New York", {NY}),
        ("EST", {NY}),
        ("e.s.t.", {NY}),
        ("EDT", {NY}),
        ("Eastern", {NY}),
        ("eastern time", {NY}),
        ("Eastern Standard Time", {NY}),
        ("Eastern Time (US & Canada)", {NY}),
        ("(GMT-05:00) Eastern Time (US & Canada)", {NY}),
        ("America_slash_Chicago", {CHICAGO}),
        ("America/Chicago (CST)", {CHICAGO}),
        ("EST5EDT", {NY}),
        ("CST", {CHICAGO}),
        ("PT", {LA}),
        ("MST", {DENVER, "America/Phoenix"}),  # Arizona writes MST too
        ("MDT", {DENVER}),
        ("US Mountain Standard Time", {"America/Phoenix"}),  # Windows' name of Arizona
        ("W. Europe Standard Time", {"Europe/Berlin"}),
        ("CET", {"Europe/Berlin"}),
    ],
)
def test_a_time_zone_cell_is_read_as_people_write_it(cell: str, expected: set[str]) -> None:
    place = locate("+13105550123", "US", timezone=cell)
    assert (set(place.zones), place.problems) == (expected, None)


def test_letters_mean_what_they_mean_in_the_numbers_country() -> None:
    """EST is Sydney's or Brisbane's in Australia; IST is India's, Ireland's or Israel's; GMT is London's own."""
    assert zones("+61412345678", "AU", timezone="EST") == {"Australia/Sydney", "Australia/Brisbane"}
    assert zones("+919812345678", "IN", timezone="IST") == {"Asia/Kolkata"}
    assert zones("+353851234567", "IE", timezone="IST") == {"Europe/Dublin"}
    assert zones("+447911123456", "GB", timezone="GMT") == {"Europe/London"}
    assert zones("+17875550123", "PR", timezone="AST") == {"America/Puerto_Rico"}
    assert zones("+14035550123", "CA", timezone="Mountain") == {"America/Edmonton"}


@pytest.mark.parametrize(
    ("number", "country", "cell", "expected"),
    [
        ("+13105550123", "US", "-08:00", {LA}),
        ("+13105550123", "US", "UTC-8", {LA}),
        ("+13105550123", "US", "GMT-07:00", {LA}),
        ("+13105550123", "US", "-8", {LA}),
        ("+13105550123", "US", "8", {LA}),
        ("+13105550123", "US", "(UTC-08:00)", {LA}),
        ("+18505550123", "US", "-06:00", {CHICAGO}),
        ("+18505550123", "US", "-05:00", {NY, CHICAGO}),
        ("+12125550123", "US", "-08:00", {NY, LA, "America/Anchorage"}),
        ("+12125550123", "US", "Etc/GMT+5", {NY}),
        ("+12125550123", "US", "-0500", {NY}),
        ("+12125550123", "US", "UTC", {NY, "Etc/UTC"}),
        ("+12125550123", "US", "Z", {NY, "Etc/UTC"}),
        ("+12125550123", "US", "GMT", {NY, "Etc/UTC"}),
        ("+12125550123", "US", "+05:30", {NY, "Asia/Colombo"}),
        ("+919812345678", "IN", "GMT+5:30", {"Asia/Kolkata"}),
        ("+919812345678", "IN", "+5.5", {"Asia/Kolkata"}),
        ("+447911123456", "GB", "UTC", {"Europe/London"}),
        ("+447911123456", "GB", "+01:00", {"Europe/London"}),
        ("+447911123456", "GB", "+02:00", {"Europe/London", "Etc/GMT-2"}),
        ("+61412345678", "AU", "+10:00", {"Australia/Brisbane", "Australia/Sydney"}),
        (
            "+447911123456",
            "GB",
            "Eastern",
            {"Europe/London", NY, "America/Nassau", "Australia/Brisbane", "Australia/Sydney"},
        ),
    ],
)
def test_an_offset_or_a_foreign_name_waits_for_all_that_it_may_mean(
    number: str, country: str, cell: str, expected: set[str]
) -> None:
    """Never the number's zone alone in silence: what fits it is taken, else everything counts together."""
    place = locate(number, country, timezone=cell)
    assert expected <= set(place.zones)
    assert set(place.zones) - expected <= {"Australia/Lord_Howe"}
    assert place.problems is not None
    assert "messages wait for every zone that it may mean" in place.problems


@pytest.mark.parametrize(
    ("number", "country", "cell", "expected"),
    [
        ("+61412345678", "AU", "Eastern", {"Australia/Sydney", "Australia/Brisbane"}),
        ("+61412345678", "AU", "Eastern Standard Time", {"Australia/Sydney", "Australia/Brisbane"}),
        ("+447911123456", "GB", "Pacific Standard Time", {LA}),
        ("+12125550123", "US", "PST", {LA}),
        ("+12125550123", "US", "(UTC-08:00) Pacific Time (US & Canada)", {LA}),
        ("+12125550123", "US", "EST", {NY}),
    ],
)
def test_a_name_is_plain(number: str, country: str, cell: str, expected: set[str]) -> None:
    place = locate(number, country, timezone=cell)
    assert (set(place.zones), place.problems) == (expected, None)


@pytest.mark.parametrize("cell", ["Mars/Olympus", "noon", "99", "UTC+25", "office"])
def test_somebody_whose_time_zone_nobody_understands_is_held(cell: str) -> None:
    place = locate("+12125550123", "US", timezone=cell)
    assert place.zones == ()
    assert "is no time zone" in (place.problems or "")


@pytest.mark.parametrize(
    ("number", "country", "cells", "zones_there", "regions"),
    [
        ("+4915112345678", "DE", {"state": "BY"}, {"Europe/Berlin"}, {"DE-BY"}),
        ("+4915112345678", "DE", {"state": "Bavaria"}, {"Europe/Berlin"}, {"DE-BY"}),
        ("+375291234567", "BY", {"state": "BY"}, {"Europe/Minsk"}, set()),
        (
            "+12125550123",
            "US",
            {"residence": "Deutschland", "state": "BY"},
            {NY, "Europe/Berlin"},
            {"DE", "DE-BY", "US-NY"},
        ),
        ("+33612345678", "FR", {"postcode": "97400"}, {"Indian/Reunion"}, {"FR-974"}),
        ("+33612345678", "FR", {"postcode": "97110"}, {"America/Guadeloupe"}, {"FR-971"}),
        ("+33612345678", "FR", {"postcode": "97300"}, {"America/Cayenne"}, {"FR-973"}),
        (
            "+33612345678",
            "FR",
            {"postcode": "98714"},
            {"Pacific/Gambier", "Pacific/Marquesas", "Pacific/Tahiti"},
            {"FR-987"},
        ),
        ("+33612345678", "FR", {"state": "La Réunion"}, {"Indian/Reunion"}, {"FR-974"}),
        ("+33612345678", "FR", {"postcode": "75001"}, {"Europe/Paris"}, set()),
        ("+33612345678", "FR", {"postcode": "1000"}, {"Europe/Paris"}, set()),
        ("+33612345678", "FR", {"postcode": "67000"}, {"Europe/Paris"}, {"FR-6AE"}),
        ("+33612345678", "FR", {"residence": "Réunion"}, {"Europe/Paris", "Indian/Reunion"}, {"RE"}),
        ("+34612345678", "ES", {"postcode": "35001"}, {"Atlantic/Canary"}, {"ES-GC"}),
        ("+351912345678", "PT", {"postcode": "9500-150"}, {"Atlantic/Azores"}, {"PT-20"}),
        ("+13105550123", "US", {"state": "HI"}, {LA, "Pacific/Honolulu"}, {"US-CA", "US-HI"}),
        ("+12125550123", "US", {"postcode": "00901"}, {NY, "America/Puerto_Rico"}, {"US-NY", "US-PR"}),
        ("+447911123456", "GB", {"postcode": "JE2 3AB"}, {"Europe/London", "Europe/Jersey"}, {"JE"}),
        ("+447911123456", "GB", {"postcode": "G1 1AA"}, {"Europe/London"}, {"GB-SCT"}),
        ("+447911123456", "GB", {"postcode": "GL1 1AA"}, {"Europe/London"}, set()),
        (
            "+447911123456",
            "GB",
            {"residence": "España"},
            {"Europe/London", "Atlantic/Canary", "Europe/Madrid"},
            {"ES"},
        ),
        (
            "+447911123456",
            "GB",
            {"residence": "United States", "postcode": "90001"},
            {"Europe/London", LA},
            {"US", "US-CA"},
        ),
        ("+12125550123", "US", {"residence": "USA"}, {NY}, {"US-NY"}),
        ("+12125550123", "US", {"postcode": "90001"}, {NY, LA}, {"US-NY", "US-CA"}),
        ("+64211234567", "NZ", {"state": "Chatham Islands"}, {"Pacific/Chatham"}, {"NZ-CIT"}),
        ("+41791234567", "CH", {"state": "Genf"}, {"Europe/Zurich"}, {"CH-GE"}),
    ],
)
def test_a_place_is_a_country_and_its_part_together(
    number: str, country: str, cells: dict[str, str], zones_there: set[str], regions: set[str]
) -> None:
    place = locate(number, country, **cells)
    assert (set(place.zones), set(place.regions), place.problems) == (zones_there, regions, None)


@pytest.mark.parametrize("cell", ["Mars/Olympus", "noon", "../../etc/passwd", "America/", "/", "\x1b[31m"])
def test_what_is_no_zone_is_said_and_the_next_evidence_counts(cell: str) -> None:
    place = locate("+12125550123", "US", timezone=cell, state="Texas")
    assert set(place.zones) == {NY, CHICAGO, DENVER}
    assert place.problems is not None
    assert "is no time zone" in place.problems
    assert "\x1b" not in place.problems


@pytest.mark.parametrize("cell", ["", " ", "-", "N/A", "null", "Unknown", "nan"])
def test_empty_cells_say_nothing_and_are_no_problem(cell: str) -> None:
    assert locate("+12125550123", "US", timezone=cell, state=cell, postcode=cell) == locate(
        "+12125550123", "US"
    )


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
