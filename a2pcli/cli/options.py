"""Options and arguments that several commands have: one declaration of each, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Ledger = Annotated[
    str | None, typer.Option("--ledger", help="Ledger path or URL; else the settings'.", metavar="PATH")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else there.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

Campaign = Annotated[Path, typer.Argument(help="The campaign file.", metavar="CAMPAIGN", readable=False)]
Run = Annotated[
    str, typer.Argument(help="A run's id, or a campaign's name for its newest run.", metavar="RUN")
]
Occurrence = Annotated[
    str | None, typer.Option(help="Name this occurrence instead of the campaign's rule.", metavar="NAME")
]

Number = Annotated[
    str,
    typer.Argument(metavar="NUMBER", help="A phone number, an email address or a chat id (telegram:@name)."),
]
Numbers = Annotated[
    list[str],
    typer.Argument(metavar="NUMBER...", help="Phone numbers, email addresses or chat ids, one or more."),
]
Region = Annotated[
    str | None, typer.Option(metavar="GB", help="Region of numbers without +; else the settings'.")
]

TableToRead = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV, .xlsx, .parquet or .jsonl; - reads standard input.")
]
Column = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column with the addresses, where it is not found.")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Character encoding, where the detected one is wrong.")
]
Delimiter = Annotated[
    str | None, typer.Option(metavar="CHAR", help="What separates the cells: a character, or tab.")
]
Sheet = Annotated[str | None, typer.Option(metavar="NAME", help="The sheet of a workbook; else its first.")]

ListFile = Annotated[
    Path, typer.Argument(metavar="FILE", help=".csv, .jsonl or .parquet; - is standard output, as CSV.")
]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="JSON lines, whatever the file's name.")]

Scope = Annotated[
    str | None,
    typer.Option(metavar="SCOPE", help="programme=NAME, sender=NAME or channel=sms; else every message."),
]
Sender = Annotated[str | None, typer.Option(metavar="NAME", help="Short for --scope sender=NAME.")]
