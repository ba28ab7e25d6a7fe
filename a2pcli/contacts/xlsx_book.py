"""Excel workbooks in XML (.xlsx, .xlsm), row by row in constant memory but for the shared strings."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from a2pcli.contacts.archive import Archive
from a2pcli.contacts.shared_strings import SharedStrings
from a2pcli.contacts.sheets import Formats, Seen, Sheet, SheetRow, whole_number
from a2pcli.contacts.source import Source
from a2pcli.contacts.xlsx_sheet import SheetParser
from a2pcli.contacts.xml_parts import small_part

_SMALL = 64 << 20
"""Bytes that the list of sheets and the styles may have."""


class XlsxBook:
    """A workbook whose parts are XML. ``addresses``: columns of phone numbers, whose digits stay."""

    format = "xlsx"

    def __init__(self, source: Source, archive: Archive, locale: str) -> None:
        """Raises InvalidInput for a broken workbook."""
        self._source, self._archive = source, archive
        self._main = main_part(source, archive, "xl/workbook.xml")
        self._targets = relationships(source, archive, self._main)
        self._sheets: list[Sheet] = []
        self._epoch_1904 = False
        self._read_workbook()
        self._formats = Formats(locale, epoch_1904=self._epoch_1904)
        self._conditional = self._read_styles()
        self._special = self._formats.special()
        self._strings: SharedStrings | None = None
        self.addresses: frozenset[int] = frozenset()

    def sheets(self) -> list[Sheet]:
        """The sheets that contain cells, in the order of the workbook."""
        return self._sheets

    def rows(self, sheet: Sheet, seen: Seen) -> Iterator[SheetRow]:
        """The rows of a sheet that are not blank. Raises InvalidInput."""
        seen.conditional = seen.conditional or self._conditional
        if self._strings is None:
            self._strings = self._shared_strings()
        return SheetParser(self._source, sheet.key, self._strings, self._special, seen, self.addresses).rows(
            self._archive.pieces(sheet.key)
        )

    def _read_workbook(self) -> None:
        for _, name, attributes in self._part(self._main):
            if name == "workbookPr":
                self._epoch_1904 = attributes.get("date1904") in ("1", "true", "on")
            elif name == "sheet":
                kind, target = self._targets.get(attributes.get("id", ""), ("", ""))
                if kind == "worksheet" or (not kind and target):
                    state = attributes.get("state", "visible")
                    self._sheets.append(Sheet(attributes.get("name", ""), state == "visible", target))

    def _read_styles(self) -> bool:
        """Take in the formats. Whether some are for numbers that meet a condition."""
        target = next((target for kind, target in self._targets.values() if kind == "styles"), None)
        conditional = False
        inside = ""
        if target is None or target not in self._archive:
            return False
        for depth, name, attributes in self._part(target):
            if depth == 2:
                inside = name
            elif name == "numFmt" and inside == "numFmts":
                self._formats.define(
                    whole_number(attributes.get("numFmtId")), attributes.get("formatCode", "")
                )
            elif name == "numFmt" and inside == "dxfs":
                conditional = True
            elif name == "xf" and inside == "cellXfs":
                self._formats.add_style(whole_number(attributes.get("numFmtId")))
        return conditional

    def _part(self, name: str) -> list[tuple[int, str, dict[str, str]]]:
        return small_part(self._source, name, self._archive.whole(name, _SMALL))

    def _shared_strings(self) -> SharedStrings:
        strings = SharedStrings(self._source)
        target = next((target for kind, target in self._targets.values() if kind == "sharedStrings"), None)
        if target is not None and target in self._archive:
            strings.read(target, self._archive)
        return strings


def main_part(source: Source, archive: Archive, usual: str) -> str:
    """The workbook's own part, as the package names it."""
    if "_rels/.rels" in archive:
        content = archive.whole("_rels/.rels", _SMALL)
        for _, name, attributes in small_part(source, "_rels/.rels", content):
            if name == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
                target = attributes.get("Target", "").lstrip("/")
                if target in archive:
                    return target
    return usual


def relationships(source: Source, archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """The parts that a part refers to: id to (kind, part)."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}
    if path not in archive:
        return found
    for _, element, attributes in small_part(source, path, archive.whole(path, _SMALL)):
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "").replace("\\", "/")
            whole = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[attributes.get("Id", "")] = (kind, posixpath.normpath(whole))
    return found
