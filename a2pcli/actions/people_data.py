"""What contacts files say of the people who get answers: each file is read once, however many people answer."""

from __future__ import annotations

import mmap
import tempfile
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.addresses.any_address import any_address
from a2pcli.errors import A2PError
from a2pcli.regular import open_regular

if TYPE_CHECKING:
    import pyarrow as pa

    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

LARGEST_FILE = 200_000_000
"""Bytes of a contacts file that is searched for a person's row."""
LARGEST_TABLE = 2_000_000_000
"""Bytes of its rows, unpacked."""
REMEMBERED, FILES = 500, 4
"""People and files that are remembered."""
ROWS = 5_000
"""Rows of a piece, of which one row is taken."""

Version = tuple[str, int, int]
"""A file's path, time of change and size."""


class PeopleData:
    """What the contacts file of the newest message to a person says of them, while that file is as it was planned."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, int], dict[str, str]] = OrderedDict()
        self._files: OrderedDict[Version, _File] = OrderedDict()

    def of(self, address: str, until: int) -> dict[str, str]:
        """Return the columns of the person's row; nothing if it cannot be found any more."""
        found = self._ledger.replies.row_of_newest(address, until)
        return {} if found is None else self.of_row(*found, address)

    def of_row(self, run: Run, line: int, address: str) -> dict[str, str]:
        """Return the columns of a row; nothing if the file is no longer as it was planned, or the row not theirs."""
        key = (run.id, line)
        with self._lock:
            found = self._known.get(key)
            if found is None:
                found = self._read(run.contacts_file, run.contacts_fingerprint, line, address)
            if found:
                self._known[key] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return found

    def _read(self, file: str | None, fingerprint: str | None, line: int, address: str) -> dict[str, str]:
        if not file or file == "-":
            return {}
        try:
            about = Path(file).stat()
            if about.st_size > LARGEST_FILE:
                return {}
            found = self._file((file, about.st_mtime_ns, about.st_size))
        except OSError:
            return {}
        row = found.row(line) if found.fingerprint == fingerprint else {}
        return row if _is_of(row, address) else {}

    def _file(self, version: Version) -> _File:
        """Return the file in this version. Raises ``OSError``."""
        if version not in self._files:
            self._files[version] = _File(version)
            while len(self._files) > FILES:
                self._files.popitem(last=False)
        self._files.move_to_end(version)
        return self._files[version]


class _File:
    """The rows of a contacts file, in a temporary file that nobody else can open, so that they take no memory. Raises
    ``OSError``."""

    def __init__(self, version: Version) -> None:
        path = Path(version[0])
        with open_regular(path) as file:
            self.fingerprint = file_digest(file, "sha256").hexdigest()
        self._ends: list[int] = []
        self._rows = self._kept(version[0])
        about = path.stat()
        if (about.st_mtime_ns, about.st_size) != version[1:]:
            raise OSError("it changed while it was read")

    def _kept(self, path: str) -> pa.RecordBatchFileReader | None:
        import pyarrow as pa

        writer = None
        with tempfile.TemporaryFile(prefix="a2pcli-") as kept:
            # Up to what cannot be read with these options, which may not be the campaign's.
            with suppress(A2PError):
                for batch in _batches(path):
                    writer = writer or pa.ipc.new_file(kept, batch.schema)
                    writer.write_batch(batch)
                    self._ends.append(batch["@line"][-1].as_py())
                    if kept.tell() > LARGEST_TABLE:
                        break
            if writer is None:
                return None
            writer.close()
            kept.flush()
            mapped = mmap.mmap(kept.fileno(), 0, access=mmap.ACCESS_READ)
        return pa.ipc.open_file(pa.py_buffer(mapped))

    def row(self, line: int) -> dict[str, str]:
        """Return the columns of a row; nothing if there is none that begins in this line."""
        piece = bisect_left(self._ends, line)
        if self._rows is None or piece == len(self._ends):
            return {}
        batch = self._rows.get_batch(piece)
        lines = batch["@line"].to_pylist()
        if line not in lines:
            return {}
        place = lines.index(line)
        return {name: batch[name][place].as_py() or "" for name in batch.schema.names[1:]}


def _batches(path: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a contacts file: the line in which each begins, and its columns as text."""
    import pyarrow as pa

    from a2pcli.contacts.rows import ReadOptions
    from a2pcli.contacts.table import open_table

    for frame in open_table(path, options=ReadOptions(trim=True)).chunks(rows=ROWS):
        names = [name for name in frame.names if not name.startswith("@")]
        cells = [frame[name].cast(pa.large_string()) for name in names]
        if len(frame):
            yield pa.RecordBatch.from_arrays([frame["@line"].cast(pa.int64()), *cells], ["@line", *names])


def _is_of(row: Mapping[str, str], address: str) -> bool:
    """Whether a row has the address: it may have been read with other options than the campaign's."""
    country = any_address(address, None).country
    return any(any_address(cell, country).address == address for cell in row.values() if cell)
