"""``a2pcli people``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli.options import Json, Ledger, Number, Region, Yes

if TYPE_CHECKING:
    from a2pcli.actions.people import ErasedPerson
    from a2pcli.errors import Problem


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(people)
    commands.command("export")(export)
    commands.command("erase")(erase)
    app.add_typer(commands, name="people")


def people() -> None:
    """Answer a person's request for their data, or to be forgotten.

    Example:  a2pcli people export '+44 7911 123456'
    """


def export(
    number: Number,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Annotated[bool, typer.Option("--json", help="Always on: the export is JSON.")] = False,
) -> None:
    """Print everything held about a person: messages with their texts, events, opt-outs, consents.

    Prints one JSON document to stdout. The export is recorded in the audit trail, without the number.

    Example:  a2pcli people export '+44 7911 123456' > request.json
    """
    from a2pcli.actions.people import export_person
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say

    held = export_person(project_at(ledger), number, region=region)
    print_json(_document(held))
    if held["erased"]:
        say("this person was erased: only a keyed hash is kept, so that they are not messaged again")


def _document(held: dict[str, Any]) -> dict[str, Any]:
    tables = (
        "messages",
        "suppressions",
        "consents",
        "contacted",
        "replies",
        "answers",
        "conversations",
        "codes",
        "verified",
        "survey_sessions",
        "survey_answers",
        "triggers",
        "reachability",
    )
    only_hash = "only a keyed hash is kept, so that they stay on the suppression list"
    return {
        "number": held["number"],
        "erased": held["erased"],
        **({"note": only_hash} if held["erased"] else {}),
        **{name: [_row(row) for row in held.get(name, ())] for name in tables},
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as people read it: moments in ISO 8601, money as decimal text, and nothing of the database's own."""
    from a2pcli.reporting.values import iso, money

    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name in ("number", "occasion", "run") and isinstance(value, int):
            continue
        if name == "cost" and value is not None:
            value = money(value)
        elif (name in ("at", "as_of") or name.endswith(("_at", "_until"))) and isinstance(value, int):
            value = iso(value)
        elif name == "events":
            value = [_row(event) for event in value]
        shown["run" if name == "run_id" else name] = value
    return shown


def erase(
    number: Number,
    yes: Yes = False,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Erase a person from the ledger, and from the files that a2pcli wrote.

    Message rows stay, without number and text, so that reports still add up; unsent messages are skipped. A keyed
    hash stays on the suppression list, so that the person is not messaged again from another contacts file. Rewritten
    files: those of plan --out, report --csv and --out, exported lists, and the outbox. Not touched: your contacts
    files, backups, copies, and the data of your gateways.

    Works during a run: from the first moment no new message to the person is sent, and one in flight is waited for
    (at most 30 seconds).

    The key comes from A2PCLI_ERASURE_KEY, or else from a file beside the SQLite ledger; keep it with your backups. A
    PostgreSQL ledger needs the variable.

    Example:  a2pcli people erase '+44 7911 123456'

    Exit status: 0 erased, 3 something could not be erased (it says what), 6 not confirmed, 7 a message to the person
    is in flight, or a plan is being made: run it again later.
    """
    from a2pcli.actions.people import erase_person
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, printable, result_of_what_is_done
    from a2pcli.errors import RunBusy

    done = erase_person(
        project_at(ledger), number, region=region, confirm=(lambda number: None) if yes else _confirm
    )
    with result_of_what_is_done():
        if as_json:
            print_json(_receipt(done))
        else:
            for line in _sentences(done):
                print(printable(line))
    problems = done.files.problems
    if done.ledger.in_flight:
        raise RunBusy(_still_flying(done.ledger.in_flight), *problems)
    if problems:
        raise done.files.kind(*problems)


def _confirm(number: str) -> None:
    from a2pcli.cli.terminal.output import confirm

    confirm(
        f"Erase {number} permanently?",
        refused="nothing was erased",
        without_terminal="use --yes to skip confirmation",
    )


def _still_flying(count: int) -> Problem:
    from a2pcli.errors import Problem

    what = "1 message of this person is" if count == 1 else f"{count:,} messages of this person are"
    text = f"{what} in flight and not erased yet; no other message will be sent to them"
    return Problem(text, hint="run the same command again in a minute", code="run-busy")


def _receipt(done: ErasedPerson) -> dict[str, Any]:
    receipt, files = done.ledger, done.files
    return {
        "erased": not receipt.nothing or bool(files.rewritten),
        "rows": receipt.changed,
        "skipped": receipt.skipped,
        "runs": list(receipt.runs),
        "files": files.rewritten,
        "files_gone": files.gone,
        "copies_removed": files.removed,
        "copies": files.copies,
        "contacts_files": list(receipt.contacts_files),
        "problems": [str(problem) for problem in files.problems],
        "in_flight": receipt.in_flight,
        "hash": receipt.hash,
    }


_TABLES = {
    "messages": ("message", "messages", ": number, text and answers removed; the rows stay for the totals"),
    "events": ("event", "events", " of these messages: details removed"),
    "receipts": ("delivery receipt", "delivery receipts", " removed"),
    "replies": ("reply", "replies", " removed"),
    "answers": ("answer", "answers", " sent outside of campaigns removed"),
    "conversations": ("conversation", "conversations", " removed"),
    "survey_sessions": ("survey", "surveys", " that the person was asked in removed"),
    "survey_answers": ("answer", "answers", " to surveys removed"),
    "reachability": ("record", "records", " about whom a channel reaches removed"),
    "contacted": ("entry", "entries", " about when they were messaged removed"),
    "consents": ("consent", "consents", " removed"),
    "suppressions": ("opt-out", "opt-outs", " replaced by a keyed hash"),
    "sentences": ("sentence", "sentences", " elsewhere that contained the number removed"),
    "runs": ("run", "runs", ": samples and notes about the person removed"),
}
"""What was changed in each table: one, several, and what became of them."""


def _sentences(done: ErasedPerson) -> Iterator[str]:
    receipt, files = done.ledger, done.files
    if not receipt.is_suppressed:
        yield "erased: the replies of this sender; it is not an address, so there is nobody to suppress"
    elif receipt.nothing and not files.rewritten:
        yield "the ledger had no data about this person; a keyed hash is now on the suppression list"
    else:
        yield "erased; a keyed hash stays on the suppression list"
    for table, (one, several, what) in _TABLES.items():
        if receipt.changed.get(table):
            count = receipt.changed[table]
            yield f"  {count:,} {one if count == 1 else several}{what}"
    if receipt.in_flight:
        yield f"  {receipt.in_flight:,} in flight: not erased yet"
    if receipt.skipped:
        were = "was" if receipt.skipped == 1 else "were"
        yield f"  {receipt.skipped:,} of the messages {were} not sent yet, and will not be"
    for path, count in files.rewritten.items():
        yield f"  {path}: rewritten, {count:,} row{'' if count == 1 else 's'} blanked"
    for path in files.gone:
        yield f"  {path}: no longer exists; if it was moved, the person is still in it"
    for path in files.removed:
        yield f"  {path}: removed; this copy of the ledger was left by an interrupted command"
    for path in files.copies:
        yield f"  not changed: {path} (looks like a copy of the ledger; the person is still in it)"
    for path in receipt.contacts_files:
        yield f"  not changed: {path} (your file; remove the person there)"
