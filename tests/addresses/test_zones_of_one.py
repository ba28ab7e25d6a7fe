"""Where one number and one time zone cell may be, by name."""

from __future__ import annotations

import pytest
from onezonekit import CHICAGO, DENVER, LA, NY, zones

from a2pcli.addresses.zones.locate import locate


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
