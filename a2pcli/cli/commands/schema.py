"""``a2pcli schema``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from a2pcli.cli.terminal.output import JSON_HELP


class SchemaKind(StrEnum):
    """The files that have a schema."""

    campaign = "campaign"
    settings = "settings"
    replies = "replies"
    events = "events"
    survey = "survey"
    output = "output"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("schema")(schema)


def schema(
    kind: Annotated[
        SchemaKind,
        typer.Argument(
            help="Which schema: a file's, or `output` for --json.",
            metavar="campaign|settings|replies|events|survey|output",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write to this file instead of stdout.", metavar="FILE")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Print the JSON Schema of campaign or settings files, of replies.yaml, events.yaml or a survey, or of the output
    of --json.

    A file that starts with `# yaml-language-server: $schema=PATH` is checked by VS Code (with the
    YAML extension), Neovim, Zed and others; PATH is relative to the file. `a2pcli init` sets this up.

    Example:  a2pcli schema campaign --out .schema/campaign.json
    """
    from a2pcli.cli.terminal.output import print_json, say

    document = _document(kind)
    if out is None:
        print_json(document)
        return
    from a2pcli.errors import not_written

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise not_written(error, str(out), "unwritable") from None
    if as_json:
        print_json({"file": str(out)})
    else:
        say(f"wrote {out}")


def _document(kind: SchemaKind) -> dict[str, Any]:
    if kind is SchemaKind.output:
        from a2pcli.cli.documents import output_schema

        return output_schema()
    from a2pcli.config.schema import events_schema, json_schema, replies_schema, survey_schema

    others = {"replies": replies_schema, "events": events_schema, "survey": survey_schema}
    if kind in others:
        return others[kind]()
    return json_schema("campaign" if kind is SchemaKind.campaign else "settings")
