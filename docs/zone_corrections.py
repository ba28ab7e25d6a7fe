"""What puts right the library's zones of numbers, and old names of zones, when the tables are made; each with why."""

from __future__ import annotations

WHOLE_STATE = frozenset(
    {
        "306",
        "639",
        "474",
        "250",
        "236",
        "257",
        "672",
        "778",
        "709",
        "879",
        "867",
        "807",
        "418",
        "581",
        "367",
        "907",
        "928",
    }
)
"""Area codes that reach into every zone of their state; the library knows some of it, exchange by exchange.
Saskatchewan with Lloydminster; British Columbia outside Vancouver, and its overlays; Newfoundland with Labrador; the
territories; Ontario's northwest; Quebec with the Magdalen Islands; Alaska with the Aleutians; Arizona with the Navajo
Nation."""

AREA_ZONES = {
    "364": "America/Chicago America/New_York",  # overlay of 270, which lies in both
    "448": "America/Chicago America/New_York",  # overlay of 850: the Florida panhandle
    "930": "America/Chicago America/New_York",  # overlay of 812: southern Indiana
    "458": "America/Denver America/Los_Angeles",  # overlay of 541: Oregon with Malheur County
    "604": "America/Vancouver",  # the Lower Mainland; Fort Nelson keeps the same time but is 250
    "689": "America/New_York",  # overlay of 407: Orlando; the library says Central
}

PREFIX_ZONES: dict[str, tuple[str, str]] = {
    # prefix: zones, regions
    "740": ("Europe/Kaliningrad", ""),  # the library says Bucharest, which has summer time
    "7411": ("Asia/Yakutsk Asia/Vladivostok Asia/Magadan", ""),  # Yakutia has three zones
    "7840": ("Europe/Moscow", ""),  # Abkhazia's old code
    "7845": ("Europe/Samara", ""),  # Saratov moved an hour in 2016
    "5632": ("America/Santiago Pacific/Easter", ""),
    "5661": ("America/Punta_Arenas", ""),
    "5667": ("America/Punta_Arenas", ""),  # Aysén keeps Magallanes' time since 2025
    "612": ("Australia/Lord_Howe Australia/Sydney", "AU-ACT AU-NSW"),
    "613": ("Australia/Hobart Australia/Melbourne", "AU-TAS AU-VIC"),
    "617": ("Australia/Brisbane Australia/Sydney", "AU-QLD"),  # with towns of northern New South Wales
    "618": (
        "Australia/Adelaide Australia/Broken_Hill Australia/Darwin Australia/Eucla Australia/Perth",
        "AU-NT AU-SA AU-WA",
    ),
    "5255": ("America/Mexico_City", "MX-CMX MX-MEX"),
    "5256": ("America/Mexico_City", "MX-CMX MX-MEX"),  # overlay of 55
    "52626": ("America/Chihuahua America/Ojinaga", "MX-CHH"),
    "52656": ("America/Ciudad_Juarez", "MX-CHH"),
    "52657": ("America/Ciudad_Juarez", "MX-CHH"),
    "52663": (
        "America/Mexico_City America/Tijuana",
        "MX-BCN",
    ),  # new overlay of 664; the library says Mexico City
    "52664": ("America/Tijuana", "MX-BCN"),
    "52867": ("America/Matamoros America/Monterrey", "MX-NLE MX-TAM"),  # Nuevo Laredo
    "52987": ("America/Cancun", "MX-ROO"),  # Cozumel; the library says Querétaro
    "52427": ("America/Mexico_City", "MX-HID MX-MEX MX-QUE"),  # "Mexico/Quintana Roo", meant Querétaro
}

# Brazil: Anatel, Plano Geral de Códigos Nacionais. Codes at a border are given to all their states.
BRAZIL = {
    "SP": "11 12 13 14 15 16 17 18 19",
    "RJ": "21 22 24",
    "ES": "27 28",
    "MG": "31 32 33 34 35 37 38",
    "PR": "41 42 43 44 45 46",
    "SC": "42 47 48 49",
    "RS": "51 53 54 55",
    "DF": "61",
    "GO": "61 62 64",
    "TO": "63",
    "MT": "65 66",
    "MS": "67",
    "AC": "68",
    "RO": "69",
    "BA": "71 73 74 75 77",
    "SE": "79",
    "PE": "81 87",
    "AL": "82",
    "PB": "83",
    "RN": "84",
    "CE": "85 88",
    "PI": "86 89",
    "PA": "91 93 94",
    "AM": "92 97",
    "RR": "95",
    "AP": "96",
    "MA": "98 99",
}
BRAZIL_ZONES = {"87": "America/Recife", "92": "America/Manaus"}

NOT_ASKED = {
    "Asia/Urumqi": "China has one legal time",
    "Europe/Simferopol": "numbers of +380 do not work there",
    "America/Danmarkshavn": "a weather station",
    "Antarctica/Macquarie": "a research station",
}
NO_COUNTRY = {"XK": "Europe/Belgrade", "AC": "Atlantic/St_Helena", "TA": "Atlantic/St_Helena"}
"""Regions with numbers that the zone database's table of countries does not have."""

CURRENT = {
    "Africa/Asmera": "Africa/Asmara",
    "Africa/Timbuktu": "Africa/Bamako",
    "America/Virgin": "America/St_Thomas",
    "America/Coral_Harbour": "America/Atikokan",
    "Atlantic/Jan_Mayen": "Arctic/Longyearbyen",
    "Iceland": "Atlantic/Reykjavik",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
    "Pacific/Yap": "Pacific/Chuuk",
}
"""Old spellings whose link in the database goes to a larger zone that keeps the same time."""

NO_PLACE = frozenset(
    {
        "CET",
        "MET",
        "EET",
        "WET",
        "EST",
        "MST",
        "HST",
        "Factory",
        "UCT",
        "UTC",
        "Universal",
        "Zulu",
        "Greenwich",
    }
)
"""Names of the database for fixed hours, or for what people mean by letters: `spoken.csv` has them by country."""
