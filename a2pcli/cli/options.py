"""Options and arguments that several commands have: one declaration of each, so that they read alike everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogFormat(StrEnum):
    """Formats of ``--log-format``."""

    JSON = "json"


Ledger = Annotated[
    str | None,
    typer.Option("--ledger", help="Ledger path or URL. Default: from the settings.", metavar="PATH"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip confirmation.")]

Campaign = Annotated[Path, typer.Argument(help="The campaign file.", metavar="CAMPAIGN", readable=False)]
Run = Annotated[str, typer.Argument(help="Run id, or campaign name for its newest run.", metavar="RUN")]
Occurrence = Annotated[
    str | None, typer.Option(help="Occurrence name, instead of the campaign's `occurrence:`.", metavar="NAME")
]

Number = Annotated[
    str,
    typer.Argument(metavar="NUMBER", help="A phone number, an email address or a chat id (telegram:@name)."),
]
Numbers = Annotated[
    list[str],
    typer.Argument(metavar="NUMBER...", help="One or more phone numbers, email addresses or chat ids."),
]
Region = Annotated[
    str | None, typer.Option(metavar="GB", help="Region of numbers without +. Default: from the settings.")
]

TableToRead = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV, .xlsx, .parquet or .jsonl; - reads standard input.")
]
Column = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column with the addresses, if it is not detected.")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Character encoding, if detected wrongly.")
]
Delimiter = Annotated[
    str | None, typer.Option(metavar="CHAR", help="Field delimiter: a character, or `tab`.")
]
Sheet = Annotated[str | None, typer.Option(metavar="NAME", help="Sheet of a workbook. Default: the first.")]

ListFile = Annotated[
    Path, typer.Argument(metavar="FILE", help=".csv, .jsonl or .parquet; - writes CSV to standard output.")
]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="Write JSON lines, whatever the file name.")]

Scope = Annotated[
    str | None,
    typer.Option(metavar="SCOPE", help="programme=NAME, sender=NAME or channel=sms. Default: all messages."),
]
Sender = Annotated[str | None, typer.Option(metavar="NAME", help="Short for --scope sender=NAME.")]
