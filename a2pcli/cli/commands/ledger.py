"""``a2pcli ledger``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from a2pcli.cli.options import Json, Ledger

if TYPE_CHECKING:
    from a2pcli.actions.project import Project


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


def create(ledger: Ledger = None, as_json: Json = False) -> None:
    """Make a new, empty ledger, also where the project's ledger is gone.

    Nobody has been messaged and nobody has opted out, as far as a new ledger knows: bring the
    old one back if you can.

    Example:  a2pcli ledger create
    """
    from a2pcli.actions.ledgers import create_ledger
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import say

    _do(create_ledger, ledger, "created", "made the ledger {0}", as_json)
    if project_at(ledger).known_ledgers() is None:
        say("there are no settings here that name it: give --ledger, or set A2PCLI_LEDGER")


def accept(ledger: Ledger = None, as_json: Json = False) -> None:
    """Use the ledger that is here, though the project knew another one, or a newer state of it.

    After a backup was restored, or the project was moved to another ledger on purpose. What the
    other one knew (who was messaged, who opted out) is not in this one.

    Example:  a2pcli ledger accept
    """
    from a2pcli.actions.ledgers import accept_ledger

    _do(accept_ledger, ledger, "accepted", "{0} is this project's ledger from now on", as_json)


def encrypt(ledger: Ledger = None, as_json: Json = False) -> None:
    """Encrypt an existing ledger under the key.

    64 hex digits are taken as the key itself (`openssl rand -hex 32`), anything else as a
    passphrase. The file is written anew; blocks of the old one stay on the disk until they are
    used again.

    Example:  a2pcli ledger encrypt
    """
    from a2pcli.actions.ledgers import encrypt_ledger

    _do(
        encrypt_ledger,
        ledger,
        "encrypted",
        "{0} is encrypted: from now on every command needs its key",
        as_json,
    )


def decrypt(ledger: Ledger = None, as_json: Json = False) -> None:
    """Take the encryption back. The key must be set.

    Example:  a2pcli ledger decrypt
    """
    from a2pcli.actions.ledgers import decrypt_ledger

    _do(
        decrypt_ledger,
        ledger,
        "decrypted",
        "{0} is not encrypted any more; unset A2PCLI_LEDGER_KEY, or take ledger_key: out of the settings",
        as_json,
    )


def rekey(ledger: Ledger = None, as_json: Json = False) -> None:
    """Encrypt the ledger under another key.

    The old key is in A2PCLI_LEDGER_KEY, the new one in A2PCLI_LEDGER_NEW_KEY.

    Example:  a2pcli ledger rekey
    """
    from a2pcli.actions.ledgers import rekey_ledger

    _do(rekey_ledger, ledger, "rekeyed", "{0} has the new key: put it into A2PCLI_LEDGER_KEY", as_json)


def _do(action: Callable[[Project], str], ledger: str | None, done: str, text: str, as_json: bool) -> None:
    """Call the action and say what was done, as a document or as a sentence about the ledger it names."""
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say

    name = action(project_at(ledger))
    if as_json:
        print_json({"ledger": name, "done": done})
    else:
        say(text.format(name))
