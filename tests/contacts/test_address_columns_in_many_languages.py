"""The column of phone numbers is found in whatever language and spelling its header is."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from a2pcli.contacts.table import ReadOptions, address_column, open_table
from a2pcli.errors import InvalidInput

HEADERS = [
    "PhoneNumber", "MobileNo", "ContactNumber", "MobilePhoneNumber", "CustomerMobileNo", "Teléfono", "Móvil",
    "Téléphone portable", "N° de téléphone", "Mobiltelefon", "Handy-Nr.", "Kunden-Handynummer", "Telefone", "Telemóvel",
    "Telefono cellulare", "Телефон", "Мобильный телефон", "Номер телефона клиента", "手机号", "客户手机号", "携帯電話",
    "携帯電話番号", "휴대폰 번호", "رقم الجوال", "טלפון נייד", "मोबाइल नंबर", "เบอร์โทรศัพท์", "Số điện thoại", "No. HP",
    "Κινητό τηλέφωνο", "Puhelinnumero", "Numer telefonu", "Telefonszám", "ＰＨＯＮＥ", "Phone\u200b Number", "phone#",
]  # fmt: skip


def read(folder: Path, header: str, **options: str) -> str:
    (folder / "c.csv").write_text(f"name,{header}\nAnn,+447911123456\n", "utf-8")
    table = open_table("c.csv", base=folder, options=ReadOptions(columns=options))
    return table.header[table.columns.index(address_column(table))]


@pytest.mark.parametrize("header", HEADERS)
def test_the_header_is_found_composed_and_decomposed(tmp_path: Path, header: str) -> None:
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, header)
        assert read(tmp_path, written) == written


@pytest.mark.parametrize(
    "header", ["Phone type", "phone_country_code", "TelefonTyp Status", "Photo", "amount", "Fax"]
)
def test_what_is_about_something_else_is_not(tmp_path: Path, header: str) -> None:
    with pytest.raises(InvalidInput, match="no column with phone numbers"):
        read(tmp_path, header)


def test_a_mapping_finds_its_column_in_any_spelling(tmp_path: Path) -> None:
    for typed in ("Número Málaga", "numero malaga", "NumeroMalaga", "Nu\u0301mero_Ma\u0301laga"):
        assert read(tmp_path, "Nu\u0301mero Ma\u0301laga", phone=typed).startswith("N")


def test_cells_come_composed(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("phone,ville\n1,Ma\u0301laga\n2,Málaga\n3,\n", "utf-8")
    frames = list(open_table("c.csv", base=tmp_path).chunks())
    assert frames[0]["ville"].to_pylist() == ["Málaga", "Málaga", ""]


def test_headers_of_indic_scripts_keep_their_vowels(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("phone,नाम,नीम\n1,a,b\n", "utf-8")
    assert open_table("c.csv", base=tmp_path).columns == ("phone", "नाम", "नीम")
