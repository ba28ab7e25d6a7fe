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
    "init": ("init", "Create a starter project that works right away."),
    "check": ("check", "Find problems in campaigns, settings, templates and contacts."),
    "preview": ("preview", "Show messages as recipients will see them."),
    "draft": ("draft", "Have a bot propose other wordings, measured; nothing is sent."),
    "plan": ("plan", "Show who gets what and at what cost, and save it as a plan."),
    "send": ("send", "Plan, ask for confirmation, and send; run it again to resume."),
    "runs": ("runs", "List the runs in the ledger."),
    "report": ("report", "Show the result of every row of a run."),
    "explain": ("explain", "Explain why someone got a message, did not, or will."),
    "retry": ("retry", "Plan rejected messages again, by the gateway's error code."),
    "reconcile": ("reconcile", "Resolve messages whose outcome is unknown."),
    "cancel": ("cancel", "Cancel the messages that a run has not sent yet."),
    "receipts": ("receipts", "Fetch or import delivery receipts: what was delivered."),
    "replies": ("pulls", "Check and test the rules for replies; fetch replies."),
    "inbox": ("inbox", "Read and answer what people wrote."),
    "survey": ("survey", "Ask people questions, and see what they answered."),
    "trigger": ("trigger", "Report an event: send its campaign to the one it concerns."),
    "listen": ("listen", "Receive receipts and replies that providers send to your URL."),
    "otp": ("otp", "Send one-time passwords, and verify what people enter."),
    "optout": ("optout", "Manage opt-outs (the suppression list)."),
    "consent": ("consent", "Manage records of consent."),
    "people": ("people", "Export or erase everything stored about one person."),
    "prune": ("prune", "Delete data past its retention period."),
    "audit": ("audit", "Show and verify the audit trail: who did what, and when."),
    "ledger": ("ledger", "Create, check, query or encrypt a ledger."),
    "contacts": ("contacts", "Check a contacts file."),
    "count": ("count", "Show the encoding, units and parts of a text."),
    "gateways": ("gateways", "List, show, test or add gateways."),
    "templates": ("templates", "Fetch or list the WhatsApp templates of an account."),
    "schema": ("schema", "Print the JSON Schema of files and of --json output."),
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
        help="Show the version of a2pcli and of its time zone data.",
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
