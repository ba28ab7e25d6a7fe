"""Headers as people write them, names as templates use them, and the column with the numbers."""

from __future__ import annotations

import pytest
from tablekit import rows_of, written

from a2pcli.contacts.columns import canonical
from a2pcli.contacts.table import ReadOptions, Table, address_column, open_table
from a2pcli.errors import InvalidInput


def table(folder, header: str, **mapping: str) -> Table:
    row = ",".join(str(number) for number in range(header.count(",") + 1))
    return open_table(written(folder, f"{header}\n{row}\n"), options=ReadOptions(columns=mapping))


@pytest.mark.parametrize(
    ("written_name", "name"),
    [
        ("First Name", "first_name"),
        ("  first-name ", "first_name"),
        ("FIRST__NAME", "first_name"),
        ("Mobile No.", "mobile_no"),
        ("Größe (cm)", "grösse_cm"),
        ("имя", "имя"),
        ("2nd address", "2nd_address"),
        ("...", ""),
    ],
)
def test_a_header_becomes_the_name_templates_use(written_name, name):
    assert canonical(written_name) == name


def test_names_are_found_whatever_case_spaces_underscores_and_dashes(tmp_path):
    found = table(tmp_path, "First Name,E-Mail,phone")
    assert found.columns == ("first_name", "e_mail", "phone")
    assert found.header == ("First Name", "E-Mail", "phone")
    assert {found.column(name) for name in ("first_name", "FIRST-NAME", "FirstName", "first name")} == {
        "first_name"
    }
    assert found.column("email") == "e_mail"
    assert found.column("surname") is None


def test_a_mapping_names_a_column_whatever_else_had_that_name(tmp_path):
    found = table(tmp_path, "Phone,Mobile No.,Name", phone="mobile no")
    assert found.columns == ("phone_2", "phone", "name")
    assert rows_of(found, ["phone"])[0].cells == ("1",)
    assert address_column(found) == "phone"


def test_every_wrong_mapping_is_told_at_once_with_the_near_column(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        table(tmp_path, "Mobile No.,Name,name", phone="Mobil No", who="Name", x="Vorname", y="NAME")
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 3
    assert "no column 'Mobil No' (did you mean 'Mobile No.'?)" in told[0]
    assert "no column 'Vorname'" in told[1]
    assert "2 columns are called 'NAME'" in told[2]


def test_of_columns_with_one_name_the_first_keeps_it_and_it_is_said(tmp_path):
    found = table(tmp_path, "phone,Name,NAME,name_2,name")
    assert found.columns == ("phone", "name", "name_3", "name_2", "name_4")
    assert [note.code for note in found.notes] == ["duplicate-header"]
    assert "3 columns are called 'Name'" in str(found.notes[0])


def test_columns_without_a_name_are_known_by_their_place(tmp_path):
    assert table(tmp_path, "phone,,name,...").columns == ("phone", "column_2", "name", "column_4")


@pytest.mark.parametrize(
    "header",
    ["Phone", "MOBILE", "msisdn", "Cell", "telephone", "Number", "phone_number", "Mobile No.", "tel", "to",
     "Recipient", "Customer Mobile Number", "Handynummer", "Teléfono móvil,mobile", "WhatsApp"],
)  # fmt: skip
def test_the_column_with_the_numbers_is_found_by_its_name(tmp_path, header):
    found = table(tmp_path, f"id,name,{header}")
    assert address_column(found) == found.columns[-1]


def test_phone_wins_over_other_names_and_they_are_mentioned(tmp_path):
    found = table(tmp_path, "mobile,phone,to")
    assert address_column(found) == "phone"
    assert "'mobile' may contain numbers too" in str(found.notes[0])
    mapped = table(tmp_path, "mobile,tel", phone="tel")
    assert address_column(mapped) == "phone"
    assert mapped.notes == []


def test_two_columns_with_the_numbers_name_are_an_error(tmp_path):
    """Which of them is meant nobody but the user can say."""
    found = table(tmp_path, "Phone,name,phone ")
    with pytest.raises(InvalidInput, match=r"2 columns are called 'Phone' \(columns 1, 3\)"):
        address_column(found)
    assert address_column(table(tmp_path, "Phone,name,phone,Mobile", phone="Mobile")) == "phone"


def test_a_file_without_such_a_column_says_how_to_name_it(tmp_path):
    with pytest.raises(
        InvalidInput,
        match=r"--column on the command line; the columns are id, Name, phone type, mobile consent",
    ):
        address_column(table(tmp_path, "id,Name,phone type,mobile consent"))


def test_a_file_without_a_header_says_so(tmp_path):
    with pytest.raises(InvalidInput, match="looks like a contact, not a header"):
        address_column(table(tmp_path, "Ann,+44 7911 123456"))
