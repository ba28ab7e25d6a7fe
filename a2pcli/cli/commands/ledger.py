"""``a2pcli ledger``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.ledger_option import LEDGER_HELP
from a2pcli.cli.terminal.output import JSON_HELP

LedgerOption = Annotated[str | None, typer.Option(help=LEDGER_HELP, metavar="PATH")]
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(ledger)
    commands.command("create")(create)
    commands.command("accept")(accept)
    commands.command("encrypt")(encrypt)
    commands.command("decrypt")(decrypt)
    commands.command("rekey")(rekey)
    app.add_typer(commands, name="ledger")


def ledger() -> None:
    """Make a ledger, or encrypt it at rest.

    A project's first ledger is made by its first plan, so few people need `create`. A project
    remembers its ledger in the file .a2pcli-ledger.json beside the settings: where that ledger
    is gone, or is another or an older one, nothing is planned or sent until a person decides.

    Encryption: SQLite ledgers only, by SQLCipher: pip install 'a2pcli[encryption]'. The key is in the
    variable A2PCLI_LEDGER_KEY, or the one that ledger_key: of the settings names. Without the
    key nobody opens the ledger again: keep it apart from the backups. A ledger that does not
    exist yet is made encrypted where a key is set.

    Example:  a2pcli ledger encrypt
    """


def create(ledger: LedgerOption = None, as_json: AsJson = False) -> None:
    """Make a new, empty ledger, also where the project's ledger is gone.

    Nobody has been messaged and nobody has opted out, as far as a new ledger knows: bring the
    old one back if you can.

    Example:  a2pcli ledger create
    """
    from a2pcli.cli.ledger_work import create_ledger

    create_ledger(ledger, as_json=as_json)


def accept(ledger: LedgerOption = None, as_json: AsJson = False) -> None:
    """Use the ledger that is here, though the project knew another one, or a newer state of it.

    After a backup was restored, or the project was moved to another ledger on purpose. What the
    other one knew (who was messaged, who opted out) is not in this one.

    Example:  a2pcli ledger accept
    """
    from a2pcli.cli.ledger_work import accept_ledger

    accept_ledger(ledger, as_json=as_json)


def encrypt(ledger: LedgerOption = None, as_json: AsJson = False) -> None:
    """Encrypt an existing ledger under the key.

    64 hex digits are taken as the key itself (`openssl rand -hex 32`), anything else as a
    passphrase. The file is written anew; blocks of the old one stay on the disk until they are
    used again.

    Example:  a2pcli ledger encrypt
    """
    from a2pcli.cli.ledger_work import encrypt_ledger

    encrypt_ledger(ledger, as_json=as_json)


def decrypt(ledger: LedgerOption = None, as_json: AsJson = False) -> None:
    """Take the encryption back. The key must be set.

    Example:  a2pcli ledger decrypt
    """
    from a2pcli.cli.ledger_work import decrypt_ledger

    decrypt_ledger(ledger, as_json=as_json)


def rekey(ledger: LedgerOption = None, as_json: AsJson = False) -> None:
    """Encrypt the ledger under another key.

    The old key is in A2PCLI_LEDGER_KEY, the new one in A2PCLI_LEDGER_NEW_KEY.

    Example:  a2pcli ledger rekey
    """
    from a2pcli.cli.ledger_work import rekey_ledger

    rekey_ledger(ledger, as_json=as_json)
