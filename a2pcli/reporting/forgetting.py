"""Removes one person from files that a2pcli wrote: plans, reports, exported lists; CSV, JSON lines, Parquet.

The person's row stays, so that counts hold; what tells who it was, and what they were sent, becomes blank. The
new file takes the old one's place only when it is whole.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from a2pcli.ledger.erasure import Person
from a2pcli.reasons import Reason
from a2pcli.reporting.table_file import private

pc: Any = pyarrow.compute

TELLS_WHO = frozenset({"number", "address", "cell", "detail", "gateway_id"})
"""Columns in which a row names its person."""

BLANKED = TELLS_WHO | {"body", "content", "repairs", "reference", "source", "wording"}
"""Columns that go blank in the person's row; ``reason`` becomes ``erased``."""

_ROWS = 20_000


def forget_in(path: Path, person: Person) -> int:
    """Blank the person's rows in the file; gives how many. The file is left alone where there are none.

    Raises ``OSError`` where it cannot be read or written, ``ValueError`` where it is not of its kind any more.
    """
    work = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    draft = path.with_name(path.name + ".part")
    try:
        try:
            count = work.get(path.suffix.lower(), _csv)(path, draft, person)
        except (csv.Error, pa.ArrowException, UnicodeDecodeError) as error:
            raise ValueError("the file was changed") from error
        if count:
            draft.replace(path)
            _flush_folder(path.parent)
        return count
    finally:
        draft.unlink(missing_ok=True)


def _is_of(row: Mapping[str, Any], person: Person) -> bool:
    return any(isinstance(row.get(name), str) and person.stands_in(row[name]) for name in TELLS_WHO)


def _csv(path: Path, draft: Path, person: Person) -> int:
    csv.field_size_limit(sys.maxsize)
    count = 0
    with (
        path.open(encoding="utf-8-sig", newline="") as source,
        private(draft, encoding="utf-8-sig", newline="") as target,
    ):
        rows = csv.DictReader(source)
        written = csv.DictWriter(target, rows.fieldnames or [], extrasaction="ignore")
        written.writeheader()
        for row in rows:
            if _is_of(row, person):
                row = _blank(row, "")
                count += 1
            written.writerow(row)
        _flush(target)
    return count


def _json_lines(path: Path, draft: Path, person: Person) -> int:
    count = 0
    with path.open(encoding="utf-8") as source, private(draft, encoding="utf-8", newline="\n") as target:
        for line in source:
            row = json.loads(line) if person.stands_in(line) else None
            if isinstance(row, dict) and _is_of(row, person):
                line = json.dumps(_blank(row, None), ensure_ascii=False) + "\n"
                count += 1
            target.write(line)
        _flush(target)
    return count


def _blank(row: Mapping[str, Any], nothing: Any) -> dict[str, Any]:
    changed = {name: nothing if name in BLANKED else value for name, value in row.items()}
    return changed | ({"reason": str(Reason.ERASED)} if "reason" in row else {})


def _parquet(path: Path, draft: Path, person: Person) -> int:
    count = 0
    with pq.ParquetFile(path) as source, private(draft, binary=True) as target:
        schema = source.schema_arrow
        with pq.ParquetWriter(target, schema) as written:
            for batch in source.iter_batches(_ROWS):
                rows = pa.Table.from_batches([batch], schema)
                found = _found(rows, person)
                if pc.any(found).as_py():
                    count += pc.sum(found).as_py()
                    rows = _blanked(rows, found)
                written.write_table(rows)
        _flush(target)
    return count


def _found(rows: pa.Table, person: Person) -> Any:
    mask: Any = pa.array([False] * len(rows))
    for name in TELLS_WHO & set(rows.column_names):
        bare = rows[name].combine_chunks()
        for mark in person.traces.ignored:
            bare = pc.replace_substring(bare, mark, "")
        mask = pc.or_(mask, pc.fill_null(pc.match_substring_regex(bare, person.traces.pattern), False))
    return mask


def _blanked(rows: pa.Table, found: Any) -> pa.Table:
    for place, field in enumerate(rows.schema):
        if field.name in BLANKED or field.name == "reason":
            value = str(Reason.ERASED) if field.name == "reason" else None
            blank = pc.if_else(found, pa.scalar(value, field.type), rows[field.name])
            rows = rows.set_column(place, field, blank)
    return rows


def _flush_folder(folder: Path) -> None:
    """A name that is lost with the power would bring the old file back, and the person with it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
