"""Which command lives in which module, and the Typer app made of them.

Only the module of the command that was asked for is imported; ``a2pcli --help`` needs none of them. So the
first screen stays instant however heavy a command is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module

import typer

from a2pcli import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a starter project that runs at once."),
    "check": ("check", "Find problems of campaigns, settings, templates and contacts."),
    "preview": ("preview", "See a message as the person sees it."),
    "plan": ("plan", "See who gets what, and at what cost; freeze it in the ledger."),
    "send": ("send", "Plan, show, ask, send; run again, it resumes."),
    "runs": ("runs", "List the runs in the ledger."),
    "report": ("report", "Account for every row of a run."),
    "explain": ("explain", "Why someone got a message, did not, or will."),
    "retry": ("retry", "Plan again what the gateway rejected, by code."),
    "reconcile": ("reconcile", "Settle messages whose outcome is unknown."),
    "cancel": ("cancel", "Drop what a run or a plan has not sent yet."),
    "optout": ("optout", "Keep the suppression list."),
    "consent": ("consent", "Keep the proof of consent."),
    "people": ("people", "Export or erase everything held about one person."),
    "prune": ("prune", "Let go of texts and people that are old enough."),
    "audit": ("audit", "Read and verify who did what, and when."),
    "ledger": ("ledger", "Make a ledger, encrypt it, or change its key."),
    "contacts": ("contacts", "Check a contacts file."),
    "count": ("count", "Count encoding, units and parts of a text."),
    "gateways": ("gateways", "List gateways; test one."),
    "schema": ("schema", "Print the JSON Schema of files and of --json."),
}
"""Command name: module in ``a2pcli.cli.commands`` (which has ``register(app)``), and the line ``--help`` shows. At
most 65 characters and one sentence: a terminal of 80 columns shows no more."""


def _version(shown: bool) -> None:
    if shown:
        from a2pcli.timezones import ZONE_DATA

        typer.echo(f"a2pcli {__version__}\ntime zone data {ZONE_DATA}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False,
        "--version",
        help="Show the version, and that of the time zone data.",
        callback=_version,
        is_eager=True,
    ),
) -> None:
    """Bulk messaging campaigns: plan exactly, send once to each, account for every row.

    Start with:  a2pcli init my-campaigns
    """


def build_app(asked: Sequence[str] | None = None) -> typer.Typer:
    """The Typer app: the commands named in ``asked`` (default: all) for real, a bare line for the others."""
    app = typer.Typer(
        name="a2pcli",
        callback=_root,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for name, (module, line) in COMMANDS.items():
        if asked is None or name in asked:
            import_module(f"a2pcli.cli.commands.{module}").register(app)
        else:
            app.command(name, help=line)(_nothing)
    return app


def _nothing() -> None:
    """Stands for a command whose module this call does not need."""


def asked_for(arguments: Sequence[str]) -> list[str] | None:
    """The command the arguments name, none for the first screen; None (all) for the completion of what
    comes after a command."""
    if any(key.startswith("_A2PCLI_") for key in os.environ):
        return None
    words = [word for word in arguments if not word.startswith("-")]
    return [word for word in words[:1] if word in COMMANDS]
