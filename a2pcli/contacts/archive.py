"""The parts of a zip archive, unpacked in pieces and within bounds, whatever its directory says of their sizes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import IO

from a2pcli.contacts.source import FREE_TO_UNPACK, MOST_UNPACKED, Source

MOST_PARTS = 10_000
LARGEST_PART = 4 << 30
"""Bytes that one part may unpack to: a sheet with every row and twenty columns has about one gigabyte."""
_PIECE = 1 << 18
_LOCAL_HEADER = 30


class Archive:
    """A zip archive that holds a workbook."""

    def __init__(self, source: Source) -> None:
        """Raises InvalidInput for an archive that is broken or built to harm."""
        self._source = source
        try:
            self._zip = zipfile.ZipFile(source.path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self._broken(str(error)) from error
        entries = self._zip.infolist()
        if len(entries) > MOST_PARTS:
            raise source.problem(
                f"the workbook has {len(entries):,} parts: too many for a valid one", code="broken-workbook"
            )
        if any(entry.flag_bits & 1 for entry in entries):
            raise protected(source)
        self._refuse_overlaps(entries)
        self._parts: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            name = _folded(entry.filename)
            if name in self._parts:
                raise self._broken(f"it has two parts called {entry.filename[:60]!r}")
            self._parts[name] = entry

    def __contains__(self, name: str) -> bool:
        return _folded(name) in self._parts

    def pieces(self, name: str) -> Iterator[bytes]:
        """A part's bytes, piece by piece. Raises InvalidInput where it is missing, broken or unpacks to too much."""
        entry = self._parts.get(_folded(name))
        if entry is None:
            raise self._broken(f"{name} is missing")
        most = min(LARGEST_PART, max(FREE_TO_UNPACK, entry.compress_size * MOST_UNPACKED))
        unpacked = 0
        try:
            with self._opened(entry) as stream:
                while piece := stream.read(_PIECE):
                    unpacked += len(piece)
                    if unpacked > most:
                        raise self._too_much(entry, unpacked)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
            raise self._broken(f"{name}: {error}") from error

    def whole(self, name: str, most: int) -> bytes:
        """A part's bytes. Raises InvalidInput also where there are more than ``most``."""
        kept = bytearray()
        for piece in self.pieces(name):
            kept += piece
            if len(kept) > most:
                raise self._too_much(self._parts[_folded(name)], len(kept))
        return bytes(kept)

    def _opened(self, entry: zipfile.ZipInfo) -> IO[bytes]:
        try:
            return self._zip.open(entry)
        except NotImplementedError as error:
            raise self._broken(f"{entry.filename}: {error}") from error
        except RuntimeError as error:  # zipfile's word for a password
            raise protected(self._source) from error

    def _refuse_overlaps(self, entries: list[zipfile.ZipInfo]) -> None:
        """Parts that share bytes multiply what a small file unpacks to."""
        spans = sorted(
            (entry.header_offset, entry.header_offset + _LOCAL_HEADER + entry.compress_size)
            for entry in entries
        )
        if any(end > start for (_, end), (start, _) in pairwise(spans)):
            raise self._broken("its parts overlap")

    def _too_much(self, entry: zipfile.ZipInfo, unpacked: int) -> Exception:
        return self._source.problem(
            f"the workbook's part {entry.filename[:60]} has {entry.compress_size:,} bytes"
            f" and unpacks to more than {unpacked >> 20:,} MB",
            hint="if the file is genuine, save it as CSV", code="too-large",
        )  # fmt: skip

    def _broken(self, why: str) -> Exception:
        return self._source.problem(f"the workbook is damaged: {why}", code="broken-workbook")


def protected(source: Source) -> Exception:
    """The error for a workbook that only a password opens."""
    return source.problem(
        "the workbook is protected by a password", hint="save a copy without it", code="protected-workbook"
    )


def _folded(name: str) -> str:
    """Part names ignore case (ECMA-376 part 2, 6.2.2.3); some programs write them with ``\\`` or a ``/`` in front."""
    return name.replace("\\", "/").lstrip("/").casefold()
