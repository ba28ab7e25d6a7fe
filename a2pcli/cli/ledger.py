"""``a2pcli ledger``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.ledger_option import LEDGER_HELP

LedgerOption = Annotated[str | None, typer.Option(help=LEDGER_HELP, metavar="PATH")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(ledger)
    commands.command("encrypt")(encrypt)
    commands.command("decrypt")(decrypt)
    commands.command("rekey")(rekey)
    app.add_typer(commands, name="ledger")


def ledger() -> None:
    """Encrypt the ledger at rest, change its key, or take the encryption back.

    SQLite ledgers only, by SQLCipher: pip install 'a2pcli[encryption]'. The key is in the
    variable A2PCLI_LEDGER_KEY, or the one that ledger_key: of the settings names. Without the
    key nobody opens the ledger again: keep it apart from the backups. A ledger that does not
    exist yet is made encrypted where a key is set.

    Example:  a2pcli ledger encrypt
    """


def encrypt(ledger: LedgerOption = None) -> None:
    """Encrypt an existing ledger under the key.

    64 hex digits are taken as the key itself (`openssl rand -hex 32`), anything else as a
    passphrase. The file is written anew; blocks of the old one stay on the disk until they are
    used again.

    Example:  a2pcli ledger encrypt
    """
    from a2pcli.cli.ledger_work import encrypt_ledger

    encrypt_ledger(ledger)


def decrypt(ledger: LedgerOption = None) -> None:
    """Take the encryption back. The key must be set.

    Example:  a2pcli ledger decrypt
    """
    from a2pcli.cli.ledger_work import decrypt_ledger

    decrypt_ledger(ledger)


def rekey(ledger: LedgerOption = None) -> None:
    """Encrypt the ledger under another key.

    The old key is in A2PCLI_LEDGER_KEY, the new one in A2PCLI_LEDGER_NEW_KEY.

    Example:  a2pcli ledger rekey
    """
    from a2pcli.cli.ledger_work import rekey_ledger

    rekey_ledger(ledger)
