"""``a2pcli init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2pcli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("init")(init)


def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder, created if it does not exist.", metavar="DIR")
    ] = Path(),
    as_json: options.Json = False,
) -> None:
    """Create a starter project that works right away: settings, a campaign, contacts, prices.

    Existing files are kept. The contacts are fictional and the gateway writes to a file, so nothing is sent to
    anybody.

    Example:  a2pcli init my-campaigns
    """
    from a2pcli.actions.projects import advice_on, make_project
    from a2pcli.cli.terminal.output import print_json, say

    created, kept = make_project(folder)
    following = _next_commands(folder)
    if as_json:
        print_json({"folder": str(folder), "created": created, "kept": kept, "next": following})
        return
    for name in created:
        print(f"created  {folder / name}")
    for name in kept:
        print(f"kept     {folder / name}")
    for advice in advice_on(folder, kept):
        say(advice)
    print("\nNext:")
    for command in following:
        print(f"  {command}")


def _next_commands(folder: Path) -> list[str]:
    import shlex

    enter = [] if folder == Path() else [f"cd {shlex.quote(str(folder))}"]
    campaign = "campaigns/welcome.yaml"
    return [*enter, *(f"a2pcli {command} {campaign}" for command in ("check", "preview", "plan", "send"))]
