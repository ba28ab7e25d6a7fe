"""``a2pcli templates``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.templates import TemplatesFile, TemplatesSynced


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(templates)
    commands.command("sync")(sync)
    commands.command("list")(list_templates)
    app.add_typer(commands, name="templates")


def templates() -> None:
    """Fetch or list the WhatsApp templates of an account.

    Example:  a2pcli templates sync whatsapp
    """


def sync(
    gateway: Annotated[str, typer.Argument(help="Gateway name in a2pcli.yaml.", metavar="GATEWAY")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write. Default: templates.GATEWAY.yaml beside a2pcli.yaml.", metavar="FILE"
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Fetch the WhatsApp templates of a gateway's account, and keep them in a file.

    Campaigns are checked against the file, and plans take the texts from it: keep it under version control. Sends
    nothing.

    Example:  a2pcli templates sync whatsapp

    Exit status: 0, 2 if the gateway has no templates, 3 if its settings are invalid, 5 if it is unavailable.
    """
    from a2pcli.actions.templates import sync_templates
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json

    done = sync_templates(project_at(None), gateway, out)
    if as_json:
        print_json(
            {
                "gateway": gateway,
                "file": str(done.path),
                "templates": done.templates,
                "added": list(done.added),
                "changed": list(done.changed),
                "removed": list(done.removed),
                "unusable": list(done.unusable),
            }
        )
        return
    _say(done)


def _say(done: TemplatesSynced) -> None:
    count = "1 template" if done.templates == 1 else f"{done.templates:,} templates"
    print(f"{count} in {done.path}")
    for word, names in (("added", done.added), ("changed", done.changed), ("removed", done.removed)):
        if names:
            print(f"  {word}: {', '.join(names)}")
    if not (done.added or done.changed or done.removed):
        print("  nothing has changed")
    if done.unusable:
        print(f"  cannot be sent now: {', '.join(done.unusable)}")


def list_templates(
    gateway: Annotated[
        str | None, typer.Argument(help="Gateway name. Default: all files.", metavar="GATEWAY")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="File to read, instead of templates.GATEWAY.yaml.", metavar="FILE")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the WhatsApp templates in the file that `templates sync` wrote.

    Example:  a2pcli templates list whatsapp

    Exit status: 0, or 3 if there is no such file or it cannot be used.
    """
    from a2pcli.actions.templates import listed_templates
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, show

    files = listed_templates(project_at(None), gateway, file)
    if as_json:
        print_json({"files": [_document(one) for one in files]})
        return
    from a2pcli.cli.screens.templates import templates_screen

    show(templates_screen(files))


def _document(file: TemplatesFile) -> dict[str, Any]:
    return {
        "gateway": file.gateway,
        "file": str(file.path),
        "fetched": file.fetched and file.fetched.isoformat(),
        "templates": [
            {
                "name": one.name,
                "language": one.language,
                "category": one.category,
                "status": one.status,
                "header": one.header or None,
                "placeholders": list(one.body_places),
                "text": one.text,
                "buttons": [button.text or button.type for button in one.buttons],
            }
            for one in file.by_key.values()
        ],
    }
