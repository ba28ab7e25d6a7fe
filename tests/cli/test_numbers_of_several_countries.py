"""A number without a country code is read in the country of its row: in another, it is somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from clikit import Project
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.addresses.by_region import UNREADABLE
from a2pcli.addresses.columns import read_column
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise

CAMPAIGN = """\
name: sale
objective: Tell everybody about the sale
purpose: transactional
contacts: people.csv
message: "Hi {{ first_name }}"
"""


@pytest.fixture
def french(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: FR\n")
    project.write("sale.yaml", CAMPAIGN)
    project.run("ledger", "create")
    return project


def sent(project: Project) -> dict[str, str]:
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status in (0, 5), ran.err
    return {one["body"].removeprefix("Hi "): one["to"] for one in project.outbox()}


def reasons(project: Project) -> list[tuple[int, str, str]]:
    ran = project.run("contacts", "check", "people.csv", "--json")
    return [(row["line"], row["reason"], row["detail"]) for row in ran.json["rows"] if row["reason"]]


def test_a_number_as_written_at_home_reaches_the_person_of_its_row(french: Project) -> None:
    french.write(
        "people.csv",
        "mobile,first_name,country\n06 12 34 56 78,Anne,FR\n06-12345678,Bas,Netherlands\n0171 2345678,Cem,Deutschland\n"
        "087 123 4567,Dara,IE\n06 12 34 56 79,Eve,\n+31612345679,Fleur,FR\n",
    )
    assert sent(french) == {
        "Anne": "+33612345678",
        "Bas": "+31612345678",
        "Cem": "+491712345678",
        "Dara": "+353871234567",
        "Eve": "+33612345679",
        "Fleur": "+31612345679",
    }


def test_a_country_is_read_by_its_names_codes_and_calling_codes(french: Project) -> None:
    written = ["DE", "DEU", "Deutschland", "Allemagne", "49", "+49", "0049", "germany ", "49.0"]
    rows = [f"0171 23456{place:02},{cell}\n" for place, cell in enumerate(written)]
    french.write("people.csv", "mobile,country code\n" + "".join(rows))
    read = french.run("contacts", "check", "people.csv", "--json").json["rows"]
    assert [row["country"] for row in read] == ["DE"] * len(written)


def test_a_number_that_its_country_does_not_have_is_nobodys(french: Project) -> None:
    french.write(
        "people.csv", "mobile,first_name,country\n06 12 34 56 78,Anne,US\n0612345678,Ben,Elsewhere\n"
    )
    assert reasons(french) == [
        (2, "invalid-number", "no such number in the numbering plan of US, the country in its row"),
        (3, "invalid-number", "it has no country code, and the country in its row cannot be read"),
    ]
    assert french.run("send", "sale.yaml", "--yes").status != 0
    assert french.outbox() == []


def test_a_number_that_holds_its_country_code_is_read_as_before(french: Project) -> None:
    french.write(
        "people.csv",
        "mobile,first_name,country\n0049 171 2345678,Anne,NL\n33612345678,Ben,DE\n33612345679,Cid,Elsewhere\n",
    )
    assert sent(french) == {"Anne": "+491712345678", "Ben": "+33612345678", "Cid": "+33612345679"}


def test_a_country_column_that_is_to_be_ignored_says_nothing_of_numbers(french: Project) -> None:
    french.write("sale.yaml", CAMPAIGN.replace("people.csv", "{file: people.csv, ignore: [Country]}"))
    french.write("people.csv", "mobile,first_name,Country\n0612345678,Anne,NL\n")
    assert sent(french) == {"Anne": "+33612345678"}


def test_a_no_in_another_spelling_of_the_number_binds_the_person(french: Project) -> None:
    french.write(
        "people.csv",
        "mobile,first_name,country,opted_out\n+31612345678,Bas,,no\n06-12345678,Bas,NL,yes\n06-12345679,Cees,NL,no\n",
    )
    assert sent(french) == {"Cees": "+31612345679"}


@pytest.mark.parametrize("how", ["list", "excluded", "consent"])
def test_lists_of_people_who_said_no_are_read_by_the_country_of_each_row(french: Project, how: str) -> None:
    french.write("people.csv", "mobile,first_name\n+31612345678,Bas\n+31612345679,Cees\n")
    french.write("no.csv", "mobile,country,consent,consent_at\n06-12345678,NL,no,2026-01-01\n")
    if how == "list":
        assert french.run("optout", "import", "no.csv").status == 0
    elif how == "consent":
        french.write("sale.yaml", CAMPAIGN.replace("transactional", "marketing"))
        ran = french.run("consent", "import", "no.csv", "--source", "form")
        assert ran.status == 0, ran.err
    else:
        french.write("sale.yaml", CAMPAIGN + "exclude: {file: no.csv}\n")
    assert "Bas" not in sent(french)


def test_who_says_no_is_found_even_if_the_country_in_the_row_is_wrong(french: Project) -> None:
    french.write("no.csv", "mobile,country\n06 12 34 56 78,US\n06 12 34 56 79,Elsewhere\n")
    assert french.run("optout", "import", "no.csv").status == 0
    french.write("people.csv", "mobile,first_name\n+33612345678,Anne\n+33612345679,Eve\n")
    assert sent(french) == {}


def test_contacts_check_says_whose_numbers_they_are_read_as(french: Project) -> None:
    french.write("people.csv", "mobile,first_name,country\n06-12345678,Bas,NL\n")
    out = french.run("contacts", "check", "people.csv").out
    assert "numbers without + are read as those of the row's country, else of FR" in " ".join(out.split())
    assert "NL 1" in out


CELLS = [
    "0612345678",
    "0171 2345678",
    "07911123456",
    "+31612345678",
    "0049 171 2345678",
    "415 555 2671",
    "",
    "x",
]
REGIONS = [None, "NL", "DE", "GB", "FR", "US", "AQ"]


@given(st.lists(st.tuples(st.sampled_from(CELLS), st.sampled_from(REGIONS)), max_size=90))
def test_a_column_says_of_each_number_what_its_country_says_of_it_alone(
    rows: list[tuple[str, str | None]],
) -> None:
    policy = PhonePolicy(region="FR", allow_fictional=True)
    cells, regions = (
        pa.array(list(values), pa.string()) for values in (zip(*rows, strict=True) if rows else ([], []))
    )
    found = read_column(cells, Kind.PHONE, policy, regions=regions)["@address"].to_pylist()
    for (cell, region), address in zip(rows, found, strict=True):
        own = normalise(cell, policy if region in (None, "AQ") else replace(policy, region=region))
        other = normalise(cell, policy)
        assert address == (own.number or (other.number if "international-prefix" in other.repairs else None))


def test_a_country_that_cannot_be_read_leaves_numbers_with_their_code() -> None:
    whole = ["+33612345678", "0033612345678", "tel:+33612345678", "＋33612345678", "'+33612345678"]
    cells = pa.array(["0612345678", "+0612345678", *whole])
    found = read_column(cells, Kind.PHONE, PhonePolicy(region="FR"), regions=pa.array([UNREADABLE] * 7))
    assert found["@address"].to_pylist() == [None, None, *["+33612345678"] * 5]
