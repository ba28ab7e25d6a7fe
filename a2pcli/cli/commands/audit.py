"""``a2pcli audit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli.options import Json, Ledger

if TYPE_CHECKING:
    from a2pcli.actions.audit import AuditEntry, Verified


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(audit)
    commands.command("list")(list_entries)
    commands.command("verify")(verify)
    app.add_typer(commands, name="audit")


def audit() -> None:
    """Show the audit trail: who planned, sent, imported, waived, exported and erased, and when.

    The trail is append-only, and each entry is chained to the previous one by a hash. It contains no phone numbers.

    Example:  a2pcli audit list
    """


def list_entries(
    limit: Annotated[int, typer.Option(min=1, help="Show the newest N entries.", metavar="N")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Show all entries.")] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Show the trail, newest first.

    Example:  a2pcli audit list --limit 20
    """
    from a2pcli.actions.audit import newest_entries
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.listing import Listing
    from a2pcli.cli.terminal.output import print_json, printable, say, show

    entries = newest_entries(project_at(ledger), None if everything else limit)
    if as_json:
        print_json({"entries": [_document(entry) for entry in entries]})
        return
    if not entries:
        say("the audit trail is empty")
        return
    columns = ("no", "when", "who", "what", "to", "detail")
    rows = [tuple(map(printable, _cells(entry))) for entry in entries]
    show(Listing(columns, rows, lead=4, whole=frozenset({"no", "when", "what"}), right=frozenset({"no"})))
    if entries[-1].number > 1:
        say(f"… and {entries[-1].number - 1:,} more; --all shows all")


def _document(entry: AuditEntry) -> dict[str, Any]:
    from a2pcli.reporting.values import iso

    return {
        "number": entry.number,
        "at": iso(entry.at),
        "who": entry.who,
        "host": entry.host,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.facts,
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    from a2pcli.reporting.values import local

    subject = entry.subject or ""
    short = subject[:13] + "…" if subject.startswith("#") else subject
    facts = ", ".join(f"{name} {_plain(value)}" for name, value in entry.facts.items() if name != "hashes")
    return str(entry.number), local(entry.at), f"{entry.who}@{entry.host}", entry.action, short, facts


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_plain(one)}" for name, one in value.items())
    if isinstance(value, str):
        # A digest is known by its beginning.
        return value[:12] if len(value) == 64 and value.isalnum() else value
    return json.dumps(value)


def verify(
    head: Annotated[str | None, typer.Option(help="Head hash saved earlier.", metavar="HASH")] = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Check that no entry was changed, removed or inserted.

    Removed last entries, or a trail that was recreated, can only be detected with a hash saved elsewhere: save the
    head that this command prints, and pass it to --head next time.

    Example:  a2pcli audit verify --head 3f1c…

    Exit status: 0 the trail is intact, 3 it was tampered with.
    """
    from a2pcli.actions.audit import verify_trail
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say

    found, name = verify_trail(project_at(ledger), head)
    if as_json:
        broken = [{"entry": one.number, "problem": one.what} for one in found.broken]
        print_json(
            {"sound": found.sound, "entries": found.entries, "head": found.head, "number": found.last,
             "broken": broken}
        )  # fmt: skip
    _raise_broken(found, name)
    if as_json:
        return
    if not found.entries:
        say("the audit trail is empty: nothing to verify")
        return
    entries = "1 entry" if found.entries == 1 else f"{found.entries:,} entries"
    print(f"the audit trail is intact: {entries}")
    print(f"head: entry {found.last}, {found.head}")
    if head is None:
        say(
            "save this head elsewhere; `audit verify --head HASH` then detects removed entries or a recreated trail"
        )


def _raise_broken(found: Verified, name: str | None) -> None:
    from a2pcli.errors import LedgerError, Problem

    if found.broken:
        raise LedgerError(
            *(
                Problem(f"entry {one.number}: {one.what}", path=name, code="audit-broken")
                for one in found.broken
            )
        )
