"""``a2pcli ledger``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli.options import Json, JsonLines, Ledger

if TYPE_CHECKING:
    from a2pcli.actions.ledgers import Checked
    from a2pcli.actions.project import Project


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(ledger)
    commands.command("create")(create)
    commands.command("accept")(accept)
    commands.command("check")(check)
    commands.command("query")(query)
    commands.command("encrypt")(encrypt)
    commands.command("decrypt")(decrypt)
    commands.command("rekey")(rekey)
    app.add_typer(commands, name="ledger")


def ledger() -> None:
    """Create, check, query or encrypt a ledger.

    A project's first plan creates its ledger, so `create` is rarely needed. The project remembers its ledger in
    .a2pcli-ledger.json beside the settings: if that ledger is missing, or a different or older one is found, nothing
    is planned or sent until a person decides.

    Encryption is for SQLite ledgers, with SQLCipher: pip install 'a2pcli[encryption]'. The key is in the variable
    A2PCLI_LEDGER_KEY, or the one named by ledger_key: in the settings. Without the key the ledger cannot be opened:
    keep it apart from the backups. A new ledger is encrypted if a key is set.

    Example:  a2pcli ledger encrypt
    """


def create(ledger: Ledger = None, as_json: Json = False) -> None:
    """Create a new, empty ledger, even if the project's ledger is missing.

    A new ledger knows neither who was messaged nor who opted out: restore the old one if you can.

    Example:  a2pcli ledger create
    """
    from a2pcli.actions.ledgers import create_ledger
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import say

    _do(create_ledger, ledger, "created", "created ledger {0}", as_json)
    if project_at(ledger).known_ledgers() is None:
        say("no settings here use this ledger: pass --ledger, or set A2PCLI_LEDGER")


def accept(ledger: Ledger = None, as_json: Json = False) -> None:
    """Use the ledger found here, although the project knew a different one or a newer state of it.

    Use it after restoring a backup, or after moving to another ledger on purpose. What the other ledger knew (who was
    messaged, who opted out) is not in this one.

    Example:  a2pcli ledger accept
    """
    from a2pcli.actions.ledgers import accept_ledger

    _do(accept_ledger, ledger, "accepted", "{0} is now this project's ledger", as_json)


def check(
    sample: Annotated[
        str | None, typer.Option(help="Read only a share of the plans, chosen at random.", metavar="5%")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Choose the same share as an earlier check.", metavar="N")
    ] = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Check that the ledger is intact, and list everything that is wrong.

    Checks the database file and its schema, the audit trail, that every plan is what was recorded when it was made,
    that every message sent belongs to its plan, that nobody was messaged twice, and that sums, opt-outs and consent
    records are valid. Nothing is changed. For large ledgers, --sample reads only a share of the plans; everything
    else is still checked in full.

    Example:  a2pcli ledger check --sample 5%

    Exit status: 0 nothing is wrong, 3 something is.
    """
    from a2pcli.actions.ledgers import check_ledger
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.errors import LedgerError, Problem, UsageError

    if seed is not None and sample is None:
        raise UsageError(Problem("--seed needs --sample", hint="for example --sample 5% --seed 7"))
    name, found = check_ledger(project_at(ledger), _share(sample), seed)
    if as_json:
        print_json(_checked_document(name, found))
    elif found.sound:
        print(f"{name}: no problems found")
    if not as_json:
        for line in _looked_at(found):
            say(line)
    if not found.sound:
        raise LedgerError(
            *(
                Problem(
                    f"run {one.run}: {one.message}" if one.run else one.message,
                    path=name,
                    hint=one.advice,
                    code=one.code,
                )
                for one in found.findings
            )
        )


def _share(text: str | None) -> Decimal | None:
    """``5%`` as 0.05. Raises ``UsageError`` for what is no share."""
    from a2pcli.errors import Problem, UsageError

    if text is None:
        return None
    number, sign = text.strip().removesuffix("%"), text.strip()[-1:]
    try:
        share = Decimal(number) / 100 if sign == "%" else None
    except InvalidOperation:
        share = None
    if share is None or not share.is_finite() or not 0 < share <= 1:
        raise UsageError(Problem(f"--sample {text}: not a share", hint="give a percentage, such as 5%"))
    return share


def _looked_at(found: Checked) -> list[str]:
    """Sentences that say how many runs, rows and entries were checked."""
    counted = (
        (found.runs, "run"), (found.rows_read, "row of plans"), (found.attempts, "attempt"),
        (found.audit_entries, "audit entry"),
    )  # fmt: skip
    plural = {"row of plans": "rows of plans", "audit entry": "audit entries"}
    lines = [
        "checked: "
        + ", ".join(f"{many:,} {one if many == 1 else plural.get(one, one + 's')}" for many, one in counted)
    ]
    if found.sample is not None:
        lines.append(
            f"sample: {found.chunks_read:,} of {found.chunks:,} chunks of plans, {found.rows_read:,} of"
            f" {found.rows:,} rows (--seed {found.seed} reads the same ones)"
        )
    return lines + found.notes


def _checked_document(name: str, found: Checked) -> dict[str, Any]:
    names = ("sound", "runs", "chunks", "chunks_read", "rows", "rows_read", "attempts", "audit_entries")
    return {
        "ledger": name,
        **{one: getattr(found, one) for one in names},
        "sample": None if found.sample is None else f"{(found.sample * 100).normalize():f}%",
        "seed": found.seed,
        "notes": found.notes,
        "findings": [
            {"code": one.code, "run": one.run, "problem": one.message, "advice": one.advice}
            for one in found.findings
        ],
    }


def query(
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", help="A query; - reads it from standard input.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="RUN", help="Fill `messages` from this run only. Can be repeated."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_lines: JsonLines = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=86_400, metavar="SECONDS", help="Stop a query that takes longer.")
    ] = 60.0,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Query the ledger in SQL, read-only, through documented views.

    Without SQL, lists the views (runs, messages, attempts, receipts) and their columns. Times are UTC, money is decimal
    text. The SQL is that of the database: SQLite, or PostgreSQL with the rights of the ledger's user. Filling
    `messages` unpacks the plans: --run and naming only the columns you need make it faster.

    Nothing can be changed, and nothing is written to the audit trail. Results contain phone numbers and messages in
    full, as the ledger does: treat files of them accordingly.

    Example:  a2pcli ledger query "SELECT state, count(*) AS messages FROM messages GROUP BY state"

    Exit status: 0 the query was answered, 2 it is not a query, is refused, or takes too long.
    """
    from a2pcli.actions.ledgers import ask_ledger
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens import answers
    from a2pcli.errors import Problem, UsageError

    if as_csv + as_lines + as_json > 1:
        raise UsageError(Problem("choose one of --csv, --jsonl and --json"))
    if sql is None:
        answers.show_views(as_json=as_json)
        return
    text = sys.stdin.read() if sql == "-" else sql
    with ask_ledger(project_at(ledger), text, run or (), timeout) as answer:
        if as_json:
            answers.print_document(answer)
        elif as_csv:
            answers.print_csv(answer)
        elif as_lines:
            answers.print_lines(answer)
        else:
            answers.show_table(answer)


def encrypt(ledger: Ledger = None, as_json: Json = False) -> None:
    """Encrypt an existing ledger with the key.

    64 hex digits are used as the key itself (`openssl rand -hex 32`), anything else as a passphrase. The file is
    rewritten; blocks of the old file stay on the disk until they are reused.

    Example:  a2pcli ledger encrypt
    """
    from a2pcli.actions.ledgers import encrypt_ledger

    _do(
        encrypt_ledger,
        ledger,
        "encrypted",
        "{0} is encrypted: every command now needs the key",
        as_json,
    )


def decrypt(ledger: Ledger = None, as_json: Json = False) -> None:
    """Remove the encryption. The key must be set.

    Example:  a2pcli ledger decrypt
    """
    from a2pcli.actions.ledgers import decrypt_ledger

    _do(
        decrypt_ledger,
        ledger,
        "decrypted",
        "{0} is no longer encrypted; unset A2PCLI_LEDGER_KEY, or remove ledger_key: from the settings",
        as_json,
    )


def rekey(ledger: Ledger = None, as_json: Json = False) -> None:
    """Change the key of an encrypted ledger.

    Reads the old key from A2PCLI_LEDGER_KEY and the new one from A2PCLI_LEDGER_NEW_KEY.

    Example:  a2pcli ledger rekey
    """
    from a2pcli.actions.ledgers import rekey_ledger

    _do(rekey_ledger, ledger, "rekeyed", "{0} now has the new key: set A2PCLI_LEDGER_KEY to it", as_json)


def _do(action: Callable[[Project], str], ledger: str | None, done: str, text: str, as_json: bool) -> None:
    """Call the action and say what was done, as a document or as a sentence about the ledger it names."""
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say

    name = action(project_at(ledger))
    if as_json:
        print_json({"ledger": name, "done": done})
    else:
        say(text.format(name))
