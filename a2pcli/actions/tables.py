"""Reads tables from files, and writes lists of the ledger to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from a2pcli.actions.audit import record_export
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from a2pcli.actions.project import Project
    from a2pcli.contacts.table import Table as Table
    from a2pcli.ledger.store import Ledger

Progress = Callable[[int], None]
"""Told how many rows are done."""

Counting = Callable[[], AbstractContextManager[Progress]]
"""Entered when the rows begin to be read, once nobody is asked anything any more; left when they are done."""


def uncounted() -> AbstractContextManager[Progress]:
    """Ignores progress: the default where no caller shows it."""
    return nullcontext(lambda rows: None)


@contextmanager
def half_done(saved: Callable[[], str | None]) -> Iterator[None]:
    """An error that a file ends with says beside itself what of the file was ``saved`` before; None for nothing."""
    try:
        yield
    except A2PError as error:
        done = saved()
        if done is None:
            raise
        text = f"{done} before; fix the file and run the same command again"
        raise type(error)(*error.problems, Problem(text, code="half-imported")) from error


@dataclass(frozen=True, slots=True)
class InputTable:
    """A file with a row a person, and what the user says of how it is read; ``-`` is standard input.

    ``column`` holds the addresses, ``text_column`` what people wrote, where the names do not tell.
    """

    file: str
    column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    text_column: str | None = None

    @property
    def name(self) -> str:
        """The file's name, for the entries that are made of it."""
        return "standard input" if self.file == "-" else Path(self.file).name

    def open(
        self,
        address: str = "phone",
        *,
        empty: bool = False,
        is_row: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> Table:
        """The table, with ``column`` named as the ``address`` that it holds; ``empty``: it may have no row.

        With ``is_row`` (``ReadOptions``) the file may be gzip or one JSON document.

        Raises ``InvalidInput`` where the file cannot be used.
        """
        from a2pcli.contacts.table import ReadOptions, open_table

        named = {address: self.column, "text": self.text_column}
        columns = {name: column for name, column in named.items() if column}
        options = ReadOptions(self.encoding, self.delimiter, self.sheet, columns, empty=empty, is_row=is_row)
        return open_table(self.file, options=options)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a list goes: a file, or an open text stream (``newline=""``) in its place. ``form`` is csv, jsonl or
    parquet; None asks the file's extension, and is CSV on a stream."""

    file: Path
    stream: TextIO | None = None
    form: str | None = None

    @property
    def as_lines(self) -> bool:
        """Whether JSON lines were asked for."""
        return self.form == "jsonl"


def export_list(
    project: Project,
    target: Target,
    tables: Callable[[Ledger | None], Iterable[pa.Table]],
    schema: pa.Schema,
    *,
    what: str,
) -> int:
    """Write a list of the ledger (of None where there is none yet); gives its rows. ``what`` names it in the audit
    trail. Audit: ``export``."""
    from a2pcli.reporting.table_file import TableFile, write_rows

    with project.existing_ledger() as ledger:
        if target.stream is not None:
            count = write_rows(target.stream, tables(ledger), schema, as_lines=target.as_lines)
        else:
            count = 0
            with TableFile(target.file, schema, option="FILE", form=target.form) as file:
                for table in tables(ledger):
                    file.add(table)
                    count += table.num_rows
    with project.existing_ledger(to_write=True) as ledger:
        if ledger is not None:
            record_export(ledger, what, target.file if target.stream is None else "-", count)
    return count


def spare(option: str, target: Path, inputs: Mapping[str, Path | None]) -> None:
    """Refuse to write results over what they are made from. ``inputs`` says what each file is."""
    for what, path in inputs.items():
        with suppress(OSError, ValueError):
            if path is not None and target.samefile(path):
                raise UsageError(f"{option} {target}: that is {what}, which would be overwritten")
