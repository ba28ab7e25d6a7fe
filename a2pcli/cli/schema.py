"""``a2pcli schema``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """The files that have a schema."""

    campaign = "campaign"
    settings = "settings"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("schema")(schema)


def schema(
    kind: Annotated[Kind, typer.Argument(help="Which file's schema.", metavar="campaign|settings")],
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file instead of stdout.", metavar="FILE")
    ] = None,
) -> None:
    """Print the JSON Schema of campaign or settings files, for completion and checks in editors.

    A file that starts with `# yaml-language-server: $schema=PATH` is checked by VS Code (with the
    YAML extension), Neovim, Zed and others; PATH is relative to the file. `a2pcli init` sets this up.

    Example:  a2pcli schema campaign --out .schema/campaign.json
    """
    from a2pcli.cli.output import print_json, say
    from a2pcli.config.schema import json_schema, schema_text

    if out is None:
        print_json(json_schema(kind.value))
        return
    from a2pcli.errors import InvalidInput, Problem

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(schema_text(kind.value), encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidInput(Problem(f"cannot be written: {reason}", str(out), code="unwritable")) from None
    say(f"wrote {out}")
