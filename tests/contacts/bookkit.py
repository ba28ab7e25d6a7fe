"""Workbooks of every kind made in code: the same people, with hidden rows and formats."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

import openpyxl
import xlwt


@dataclass(frozen=True)
class Cell:
    """A number and the format that shows it; `shown` is what a program that writes its text shows."""

    value: float
    code: str
    shown: str = ""


Row = list[str | Cell | None]


def xlsx(rows: list[Row], hidden: tuple[int, ...] = (), hidden_columns: str = "") -> bytes:
    """By openpyxl. `hidden` are row numbers."""
    book = openpyxl.Workbook()
    sheet = book.active
    for down, row in enumerate(rows, 1):
        for right, cell in enumerate(row, 1):
            if isinstance(cell, Cell):
                sheet.cell(down, right, cell.value).number_format = cell.code
            elif cell is not None:
                sheet.cell(down, right, cell)
    for row in hidden:
        sheet.row_dimensions[row].hidden = True
    for letter in hidden_columns:
        sheet.column_dimensions[letter].hidden = True
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def xls(rows: list[Row], hidden: tuple[int, ...] = (), hidden_columns: str = "") -> bytes:
    """By xlwt."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("People")
    for down, row in enumerate(rows):
        for right, cell in enumerate(row):
            if isinstance(cell, Cell):
                sheet.write(down, right, cell.value, xlwt.easyxf(num_format_str=cell.code))
            elif cell is not None:
                sheet.write(down, right, cell)
    for row in hidden:
        sheet.row(row - 1).hidden = True
    for letter in hidden_columns:
        sheet.col(ord(letter) - 65).hidden = True
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


_ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="People">{}</table:table></office:spreadsheet></office:body></office:document-content>'
)


def ods(rows: list[Row], hidden: tuple[int, ...] = (), hidden_columns: str = "") -> bytes:
    """As LibreOffice writes it: a text for each cell beside its value, filters as `filter`."""
    columns = "".join(
        f"<table:table-column{_unseen(chr(65 + place) in hidden_columns, 'collapse')}/>" for place in range(8)
    )
    body = columns + "".join(
        f"<table:table-row{_unseen(number in hidden, 'filter')}>{''.join(map(_ods_cell, row))}</table:table-row>"
        for number, row in enumerate(rows, 1)
    )
    return archive({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
                    "content.xml": _ODS.format(body).encode()})  # fmt: skip


def _unseen(unseen: bool, how: str) -> str:
    return f' table:visibility="{how}"' if unseen else ""


def _ods_cell(cell: str | Cell | None) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, Cell):
        kind = "percentage" if "%" in cell.code else "float"
        return (
            f'<table:table-cell office:value-type="{kind}" office:value="{cell.value!r}">'
            f"<text:p>{escape(cell.shown or f'{cell.value:g}')}</text:p></table:table-cell>"
        )
    return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'


def xlsb(rows: list[Row], hidden: tuple[int, ...] = (), hidden_columns: str = "") -> bytes:
    """The few records of MS-XLSB that a sheet needs."""
    codes = list(dict.fromkeys(cell.code for row in rows for cell in row if isinstance(cell, Cell)))
    texts = list(dict.fromkeys(cell for row in rows for cell in row if isinstance(cell, str)))
    styles = b"".join(
        _record(44, struct.pack("<H", 164 + place) + _text(code)) for place, code in enumerate(codes)
    )
    xfs = [0, *(164 + place for place in range(len(codes)))]
    styles += _record(617, struct.pack("<I", len(xfs)))
    styles += b"".join(_record(47, struct.pack("<HH", 0, number) + bytes(12)) for number in xfs) + _record(
        618
    )
    sheet = b"".join(
        _record(60, struct.pack("<IIIIH", ord(letter) - 65, ord(letter) - 65, 2048, 0, 1))
        for letter in hidden_columns
    )
    sheet = _record(129) + _record(148, struct.pack("<IIII", 0, 9, 0, 9)) + sheet + _record(145)
    for number, row in enumerate(rows):
        flags = 0x10 if number + 1 in hidden else 0
        sheet += _record(0, struct.pack("<IIHBBB", number, 0, 300, 0, flags, 0) + bytes(4))
        for column, cell in enumerate(row):
            if isinstance(cell, Cell):
                style = 1 + codes.index(cell.code)
                sheet += _record(5, struct.pack("<IId", column, style, cell.value))
            elif cell is not None:
                sheet += _record(7, struct.pack("<III", column, 0, texts.index(cell)))
    sheet += _record(146) + _record(130)
    main = (
        _record(131) + _record(143) + _record(156, struct.pack("<II", 0, 1) + _text("r1") + _text("People"))
    )
    main += _record(144) + _record(132)
    shared = b"".join(_record(19, b"\0" + _text(text)) for text in texts)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{kind}/{what}" Target="{target}"/>'
        for number, (what, target) in enumerate(
            [
                ("worksheet", "worksheets/sheet1.bin"),
                ("styles", "styles.bin"),
                ("sharedStrings", "sharedStrings.bin"),
            ],
            1,
        )
    )
    return archive({
        "xl/workbook.bin": main, "xl/worksheets/sheet1.bin": sheet, "xl/styles.bin": styles,
        "xl/sharedStrings.bin": _record(159, struct.pack("<II", len(texts), len(texts))) + shared + _record(160),
        "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="x">{relations}</Relationships>'.encode(),
    })  # fmt: skip


def _record(kind: int, data: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, left = b"", len(data)
    while True:
        size += bytes([left & 0x7F | (0x80 if left > 0x7F else 0)])
        left >>= 7
        if not left:
            return head + size + data


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")


def archive(parts: Mapping[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with these parts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", packing) as target:
        for name, data in parts.items():
            target.writestr(name, data)
    return content.getvalue()


KINDS: dict[str, Callable[..., bytes]] = {"xlsx": xlsx, "xls": xls, "ods": ods, "xlsb": xlsb}

_NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def sheet_xml(data: str, *, shared: bytes = b"", head: str = "", dimension: str = "") -> bytes:
    """An .xlsx around the inside of `<sheetData>`."""
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{_NS}" xmlns:r="r"><sheets><sheet name="P" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" Type="x/worksheet" Target="sheet.xml"/>'
        '<Relationship Id="r2" Type="x/sharedStrings" Target="strings.xml"/></Relationships>',
        "xl/sheet.xml": f'{head}<worksheet xmlns="{_NS}">{dimension}<sheetData>{data}</sheetData></worksheet>',
    }  # fmt: skip
    encoded = {name: text.encode() for name, text in parts.items()}
    if shared:
        encoded["xl/strings.xml"] = b"<sst>" + shared + b"</sst>"
    return archive(encoded)


def text_cell(place: str, text: str) -> str:
    """A cell with its text inside."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'
